//! The gate: every call to a server goes through here, whoever makes it and however it is named.
//!
//! A call that gets here has an exact server and an exact tool. It is judged by the policy and the lock, counted, sent,
//! and recorded. [`Upstreams`] knows nothing of this; whoever holds a gate cannot get at them.
//!
//! | module | one idea |
//! |---|---|
//! | [`caller`] | whose call it is |
//! | [`picture`] | what is left of the servers' lists, and what is known of each tool |
//! | `ticket` | the record of one call, written even if nobody waits for its end |

pub mod caller;
pub mod picture;
mod ticket;

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub use self::caller::Caller;
use self::picture::{Known, Noticed};
pub use self::picture::{Picture, Visible};
use self::ticket::Ticket;
use crate::audit::{Audit, Summary};
use crate::lock::Lock;
use crate::policy::{Hints, Policy, Refusal, Target};
use crate::result::Failed;
use crate::upstreams::{ToolLists, Upstreams};
use crate::{CallError, Forward, ProgressSink, ResourceWatch, ServerStatus, ToolResult};

/// A server that has just connected announces its list at once, if it has one.
const ANNOUNCED: Duration = Duration::from_millis(500);

/// How long the last records may take at the end.
const LAST_RECORDS: Duration = Duration::from_secs(3);

/// What the operator has decided.
#[derive(Debug, Default)]
pub struct Rules {
    /// Which calls are allowed.
    pub policy: Policy,
    /// Which definitions are approved.
    pub lock: Option<Lock>,
    /// Where calls are recorded.
    pub audit: Option<Audit>,
}

/// What is asked of a server. A tool is a tool, be it called `$readResource`.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Tool(&'a str),
    Operation(&'a str),
}

impl<'a> Asked<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Tool(name) | Self::Operation(name) => name,
        }
    }
}

/// The servers behind the operator's rules.
pub struct Gate {
    upstreams: Upstreams,
    lists: watch::Receiver<ToolLists>,
    rules: Rules,
    picture: RwLock<Arc<Picture>>,
    noticed: Noticed,
}

impl Gate {
    /// Puts `rules` before `upstreams`.
    pub fn new(upstreams: Upstreams, rules: Rules) -> Self {
        let lists = upstreams.watch();
        let noticed = Noticed::default();
        let picture = RwLock::new(Arc::new(Picture::of(&lists.borrow(), &rules, &noticed)));
        Self { upstreams, lists, rules, picture, noticed }
    }

    /// What is left of the servers' lists now.
    pub fn picture(&self) -> Arc<Picture> {
        let kept = self.picture.read().unwrap_or_else(PoisonError::into_inner).clone();
        let lists = {
            let lists = self.lists.borrow();
            if kept.generation == lists.generation {
                return kept;
            }
            // A copy of two words: whoever announces lists must not wait while this judges them.
            lists.clone()
        };
        let fresh = Arc::new(Picture::of(&lists, &self.rules, &self.noticed));
        let mut slot = self.picture.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster and have seen more.
        if slot.generation < fresh.generation {
            *slot = fresh;
        }
        slot.clone()
    }

    /// The servers' lists as they change, before any rule.
    pub fn watch(&self) -> watch::Receiver<ToolLists> {
        self.lists.clone()
    }

    /// Every server as it is now.
    pub fn statuses(&self) -> Vec<ServerStatus> {
        self.upstreams.statuses()
    }

    /// Waits until every server is ready or has failed, at most `within`.
    pub async fn settled(&self, within: Duration) {
        self.upstreams.settled(within).await;
    }

    /// Starts a server that waits for its first use.
    pub fn wake(&self, server: &str) {
        self.upstreams.wake(server);
    }

    /// The audit log, if there is one.
    pub fn audit(&self) -> Option<&Audit> {
        self.rules.audit.as_ref()
    }

    /// Stops all servers and writes the last records.
    pub async fn shutdown(&self) {
        self.upstreams.shutdown().await;
        if let Some(audit) = self.rules.audit.clone() {
            let written = tokio::task::spawn_blocking(move || audit.close(LAST_RECORDS)).await;
            if !written.unwrap_or(false) {
                tracing::error!("the last audit records could not be written");
            }
        }
    }

    /// Calls a tool, as [`Upstreams::call_tool_reporting`].
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn call_tool(
        &self,
        caller: &Caller,
        server: &str,
        tool: &str,
        arguments: &str,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<ToolResult, CallError> {
        let send =
            async |left| self.upstreams.call_tool_reporting(server, tool, arguments, left, progress).await;
        let ended = |result: &ToolResult| (Summary::of(result.raw_json_text().as_bytes()), result.is_error());
        self.pass(caller, server, Asked::Tool(tool), arguments, timeout, send, ended).await
    }

    /// The resources of a server, as [`Upstreams::list_resources`].
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn list_resources(
        &self,
        caller: &Caller,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let send = async |left| self.upstreams.list_resources(server, left).await;
        self.pass(caller, server, Asked::Operation("$resources"), "{}", timeout, send, bytes).await
    }

    /// The templates of a server's resources, as [`Upstreams::list_resource_templates`]. Rules know them as its resources.
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn list_resource_templates(
        &self,
        caller: &Caller,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let send = async |left| self.upstreams.list_resource_templates(server, left).await;
        self.pass(caller, server, Asked::Operation("$resources"), "{}", timeout, send, bytes).await
    }

    /// Hands on a request of a client, as [`Upstreams::forward`].
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn forward(
        &self,
        caller: &Caller,
        server: &str,
        request: Forward,
        timeout: Duration,
    ) -> Result<Box<RawValue>, CallError> {
        let (asked, arguments) = judged(&request);
        let asked = match &asked {
            Ok(tool) => Asked::Tool(tool),
            Err(operation) => Asked::Operation(operation),
        };
        let send = async |left| self.upstreams.forward(server, request, left).await;
        self.pass(caller, server, asked, &arguments, timeout, send, forwarded).await
    }

    /// The content of a resource, as [`Upstreams::read_resource`].
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn read_resource(
        &self,
        caller: &Caller,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let arguments = json!({ "uri": uri }).to_string();
        let send = async |left| self.upstreams.read_resource(server, uri, left).await;
        self.pass(caller, server, Asked::Operation("$readResource"), &arguments, timeout, send, bytes).await
    }

    /// Watches a resource, as [`Upstreams::watch_resource`]. To rules it is reading it, which is what a change is told for.
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn watch_resource(
        &self,
        caller: &Caller,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<ResourceWatch, CallError> {
        let arguments = json!({ "uri": uri }).to_string();
        let send = async |left| self.upstreams.watch_resource(server, uri, left).await;
        let ended = |_: &ResourceWatch| (Summary::of(b"{}"), false);
        self.pass(caller, server, Asked::Operation("$readResource"), &arguments, timeout, send, ended).await
    }

    /// The prompts of a server, as [`Upstreams::list_prompts`].
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn list_prompts(
        &self,
        caller: &Caller,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let send = async |left| self.upstreams.list_prompts(server, left).await;
        self.pass(caller, server, Asked::Operation("$prompts"), "{}", timeout, send, bytes).await
    }

    /// A prompt, as [`Upstreams::get_prompt`]. Rules see `{"name": …, "arguments": {…}}`.
    ///
    /// # Errors
    /// As there, and [`CallError::Refused`].
    pub async fn get_prompt(
        &self,
        caller: &Caller,
        server: &str,
        name: &str,
        arguments: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        // Text that is no JSON stays text here, so that it cannot add keys of its own; the upstream refuses it.
        let given = match serde_json::from_str::<&RawValue>(arguments) {
            Ok(_) => arguments.to_owned(),
            Err(_) => Value::from(arguments).to_string(),
        };
        let judged = format!("{{\"name\":{},\"arguments\":{given}}}", Value::from(name));
        let send = async |left| self.upstreams.get_prompt(server, name, arguments, left).await;
        self.pass(caller, server, Asked::Operation("$getPrompt"), &judged, timeout, send, bytes).await
    }

    /// Judges, counts, sends and records one call.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call has this many parts, and this is the one place that has all"
    )]
    async fn pass<T, F: Future<Output = Result<T, CallError>>>(
        &self,
        caller: &Caller,
        server: &str,
        asked: Asked<'_>,
        arguments: &str,
        timeout: Duration,
        send: impl FnOnce(Duration) -> F,
        ended: impl FnOnce(&T) -> (Summary, bool),
    ) -> Result<T, CallError> {
        let deadline = Instant::now() + timeout;
        let tool = asked.name();
        let ticket = match &self.rules.audit {
            None => None,
            Some(audit) => {
                let place = audit.reserve().await.map_err(|why| Refusal::unrecorded(server, tool, &why))?;
                Some(Ticket::new(place, audit.records_arguments(), caller, server, tool, arguments))
            }
        };
        let answer = match self.admit(caller, server, asked, arguments, deadline).await {
            Ok(()) => send(deadline.saturating_duration_since(Instant::now())).await,
            Err(error) => Err(error),
        };
        if let Some(ticket) = ticket {
            match &answer {
                Ok(result) => {
                    let (summary, failed) = ended(result);
                    ticket.answered(summary, failed);
                }
                Err(error) => ticket.failed(error),
            }
        }
        answer
    }

    async fn admit(
        &self,
        caller: &Caller,
        server: &str,
        asked: Asked<'_>,
        arguments: &str,
        deadline: Instant,
    ) -> Result<(), CallError> {
        let hints = match asked {
            Asked::Tool(tool) => Some(self.known(server, tool, deadline).await?),
            Asked::Operation(_) => None,
        };
        let target = Target { server, tool: asked.name(), hints };
        self.rules.policy.judge(target, arguments)?;
        self.rules.policy.count(target, caller.tenant())?;
        Ok(())
    }

    /// What the tool declares, once the lock has nothing against it.
    ///
    /// Without rules a server that has not listed its tools is called all the same. With rules a name that is in no list
    /// is not: a server might take it for another one.
    async fn known(&self, server: &str, tool: &str, deadline: Instant) -> Result<Hints, CallError> {
        let enforced = self.rules.lock.as_ref().is_some_and(|lock| lock.mode == crate::lock::Mode::Enforce);
        if self.rules.policy.is_open() && !enforced {
            return Ok(Hints::default());
        }
        let picture = self.picture();
        match picture.tool(server, tool) {
            Known::Tool(known) => return known.hints_if_approved().map_err(CallError::from),
            Known::NoTool => return Err(Refusal::unknown(server, tool).into()),
            Known::Unlisted => {}
        }
        // The attempt wakes it up, and says best what is wrong with it.
        self.upstreams.connect(server, deadline.saturating_duration_since(Instant::now())).await?;
        let mut lists = self.lists.clone();
        let patience = deadline.min(Instant::now() + ANNOUNCED);
        loop {
            match self.picture().tool(server, tool) {
                Known::Tool(known) => return known.hints_if_approved().map_err(CallError::from),
                Known::NoTool => break,
                Known::Unlisted => {}
            }
            match timeout_at(patience, lists.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Err(Refusal::unknown(server, tool).into())
    }
}

/// Which tool a client's request means, or else which operation, and the arguments that rules look at.
fn judged(request: &Forward) -> (Result<String, String>, String) {
    let params = &request.params;
    let named = || params.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments =
        || params.get("arguments").filter(|given| !given.is_null()).cloned().unwrap_or_else(|| json!({}));
    let (operation, judged) = match request.method {
        "tools/call" => return (Ok(named().to_owned()), arguments().to_string()),
        "prompts/get" => ("$getPrompt".to_owned(), json!({ "name": named(), "arguments": arguments() })),
        "resources/read" => ("$readResource".to_owned(), json!({ "uri": params.get("uri") })),
        other => (format!("${other}"), Value::Object(params.clone())),
    };
    (Err(operation), judged.to_string())
}

#[allow(clippy::borrowed_box, reason = "it is the type that comes back")]
fn forwarded(result: &Box<RawValue>) -> (Summary, bool) {
    let failed = serde_json::from_str::<Failed>(result.get()).is_ok_and(|result| result.is_error);
    (Summary::of(result.get().as_bytes()), failed)
}

/// Resources and prompts come as JSON text and say nothing of failures.
fn bytes(answer: &impl AsRef<[u8]>) -> (Summary, bool) {
    (Summary::of(answer.as_ref()), false)
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
