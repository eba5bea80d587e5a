//! The admission of one call: it is judged by policy and lock, counted, sent and recorded.

use std::future::Future;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::Gate;
use super::pending_record::PendingRecord;
use super::visible_tools::ToolLookup;
use crate::audit::Summary;
use crate::caller::Caller;
use crate::error::CallError;
use crate::lock::{DefinitionKind, Difference, Lock, LockMode};
use crate::policy::{CallTarget, Refusal, ToolHints};
use crate::text::shortened;

/// The time that a server that has just connected has to announce its tool list.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_millis(500);

/// The operation that is requested of a server. A tool may have any name, also `$readResource`.
#[derive(Clone, Copy)]
pub(super) enum Operation<'a> {
    /// A tool, by its exact name.
    Tool(&'a str),
    /// Another request, such as `$readResource`.
    Method(&'a str),
}

impl<'a> Operation<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Tool(name) | Self::Method(name) => name,
        }
    }
}

impl Gate {
    /// Judges, counts, sends and records one call.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call has this many parts, and this is the one place that has all"
    )]
    pub(super) async fn run<T, F: Future<Output = Result<T, CallError>>>(
        &self,
        caller: &Caller,
        server: &str,
        asked: Operation<'_>,
        arguments: &str,
        timeout: Duration,
        send: impl FnOnce(Duration) -> F,
        ended: impl FnOnce(&T) -> (Summary, bool),
    ) -> Result<T, CallError> {
        let deadline = Instant::now() + timeout;
        let tool = asked.name();
        let record = match &self.rules.audit {
            None => None,
            Some(audit) => {
                let place = audit.reserve().await.map_err(|why| Refusal::unrecorded(server, tool, &why))?;
                Some(PendingRecord::new(place, audit.records_arguments(), caller, server, tool, arguments))
            }
        };
        let answer = match self.admit(caller, server, asked, arguments, deadline).await {
            Ok(()) => send(deadline.saturating_duration_since(Instant::now())).await,
            Err(error) => Err(error),
        };
        if let Some(record) = record {
            match &answer {
                Ok(result) => {
                    let (summary, failed) = ended(result);
                    record.answered(summary, failed);
                }
                Err(error) => record.failed(error),
            }
        }
        answer
    }

    async fn admit(
        &self,
        caller: &Caller,
        server: &str,
        asked: Operation<'_>,
        arguments: &str,
        deadline: Instant,
    ) -> Result<(), CallError> {
        if let Operation::Tool(tool) = asked {
            self.rules.tool_selections.check(server, tool)?;
        }
        let hints = match asked {
            Operation::Tool(tool) => Some(self.known(server, tool, deadline).await?),
            Operation::Method(_) => None,
        };
        let target = CallTarget { server, tool: asked.name(), hints };
        self.rules.policy.judge(target, arguments)?;
        if let (Operation::Method("$getPrompt"), Some(lock)) = (asked, self.enforced()) {
            self.prompt_is_approved(lock, server, arguments, deadline).await?;
        }
        self.rules.policy.count(target, caller.tenant())?;
        Ok(())
    }

    fn enforced(&self) -> Option<&Lock> {
        self.rules.lock.as_ref().filter(|lock| lock.mode == LockMode::Enforce)
    }

    /// Removes from a list of prompts or resources what the lock has not approved.
    pub(super) fn approved(&self, server: &str, kind: DefinitionKind, listed: Vec<u8>) -> Vec<u8> {
        let Some(lock) = &self.rules.lock else { return listed };
        let Ok(mut items) = serde_json::from_slice::<Vec<Value>>(&listed) else {
            return if lock.mode == LockMode::Enforce { b"[]".to_vec() } else { listed };
        };
        let differences: Vec<Difference> =
            items.iter().filter_map(|item| lock.file.difference(server, kind, item)).collect();
        self.judged.reported().differences(lock, &differences, self.rules.audit.as_ref());
        if lock.mode == LockMode::Warn {
            return listed;
        }
        items.retain(|item| lock.file.check(server, kind, item).is_ok());
        items.iter_mut().for_each(|item| kind.strip(item));
        serde_json::to_vec(&items).unwrap_or_else(|_| b"[]".to_vec())
    }

    /// Lists the server's prompts, and checks that the requested one is as it was approved.
    async fn prompt_is_approved(
        &self,
        lock: &Lock,
        server: &str,
        arguments: &str,
        deadline: Instant,
    ) -> Result<(), CallError> {
        let asked: Value = serde_json::from_str(arguments).unwrap_or_default();
        let name = asked["name"].as_str().unwrap_or_default();
        let left = deadline.saturating_duration_since(Instant::now());
        let listed = self.upstreams.list_prompts(server, left).await?;
        let prompts: Vec<Value> = serde_json::from_slice(&listed).unwrap_or_default();
        // If several prompts have the name, any of them may be meant.
        let mut named =
            prompts.iter().filter(|prompt| DefinitionKind::Prompt.name(prompt) == Some(name)).peekable();
        let what = match named.peek() {
            None => Some("is not listed by the server".to_owned()),
            Some(_) => {
                named.find_map(|prompt| match lock.file.check(server, DefinitionKind::Prompt, prompt) {
                    Ok(()) => None,
                    Err(None) => Some("is not in isolet.lock".to_owned()),
                    Err(Some(fields)) => {
                        Some(format!("has changed since it was approved ({})", fields.join(", ")))
                    }
                })
            }
        };
        match what {
            None => Ok(()),
            Some(what) => {
                let prompt = format!("the prompt {}", shortened(name, 200));
                Err(Refusal::unapproved(server, &prompt, &what).into())
            }
        }
    }

    /// Returns the hints of a tool that the lock has approved.
    ///
    /// Without rules, a server that has not listed its tools is called nevertheless. With rules, a
    /// tool that is not in a list is not called: the server might take its name for another tool.
    async fn known(&self, server: &str, tool: &str, deadline: Instant) -> Result<ToolHints, CallError> {
        if self.rules.policy.is_open() && self.enforced().is_none() {
            return Ok(ToolHints::default());
        }
        let visible = self.visible_tools();
        match visible.tool(server, tool) {
            ToolLookup::Tool(known) => return known.hints_if_approved().map_err(CallError::from),
            ToolLookup::NoTool => return Err(Refusal::unknown(server, tool).into()),
            ToolLookup::Unlisted => {}
        }
        // The attempt to connect wakes the server up, and its error is the best explanation.
        self.upstreams.connect(server, deadline.saturating_duration_since(Instant::now())).await?;
        let mut lists = self.lists.clone();
        let patience = deadline.min(Instant::now() + ANNOUNCEMENT_TIMEOUT);
        loop {
            match self.visible_tools().tool(server, tool) {
                ToolLookup::Tool(known) => return known.hints_if_approved().map_err(CallError::from),
                ToolLookup::NoTool => break,
                ToolLookup::Unlisted => {}
            }
            match timeout_at(patience, lists.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Err(Refusal::unknown(server, tool).into())
    }
}
