//! The state of one server, as its callers see it.
//!
//! The task in [`lifecycle`](super::lifecycle) connects the server; calls look at the state that it
//! announced last. A call that finds the server failed wakes the task up and waits for one attempt.

use std::sync::Arc;
use std::time::Duration;

use isolet_tsdefs::Offers;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt_memory::AttemptMemory;
use super::context::ServerContext;
use super::listed_tool::ListedTool;
use super::resource_watch::WatchedResources;
use super::status::{ServerState, ServerStatus};
use crate::config::Start;
use crate::connection::Connection;
use crate::error::CallError;
use crate::protocol::Handshake;
use crate::text::printable;

/// A call makes no new attempt within this time after one failed; it fails with the same reason.
const MIN_ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// One server, in any state.
pub(crate) struct Server {
    pub context: ServerContext,
    pub(super) now: watch::Sender<Snapshot>,
    /// Notified when a call needs a connection.
    pub(super) wanted: Notify,
    pub(super) stop: CancellationToken,
    pub(super) attempt_memory: Mutex<AttemptMemory>,
    /// The resources of this server with a subscription.
    pub(super) watched: tokio::sync::Mutex<WatchedResources>,
}

/// The state of a server at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub state: ServerState,
    /// The number of attempts to connect that have ended.
    pub attempts: u32,
    pub failed_at: Option<Instant>,
    pub connection: Option<Arc<Connection>>,
    /// The last list. It is kept while the server is away, so that declarations stay the same.
    pub tools: Option<Arc<Vec<ListedTool>>>,
    pub rejected: Vec<String>,
    pub about: Option<ServerAbout>,
    pub last_error: Option<String>,
    pub last_output: Option<String>,
    pub restarts: u32,
}

/// The description of a server in its answer to the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAbout {
    pub protocol_version: String,
    pub era: Handshake,
    pub name: Option<String>,
    pub title: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    pub instructions: Option<String>,
    pub offers: Offers,
}

impl Server {
    pub(crate) fn new(context: ServerContext) -> Self {
        let fault = context.config.fault().filter(|_| !context.config.disabled).map(str::to_owned);
        let state = match (context.config.disabled, context.config.start) {
            (true, _) => ServerState::Disabled,
            (false, _) if fault.is_some() => ServerState::Failed,
            (false, Start::Eager) => ServerState::Starting,
            (false, Start::Lazy) => ServerState::Idle,
        };
        let snapshot = Snapshot {
            state,
            attempts: 0,
            failed_at: None,
            connection: None,
            tools: None,
            rejected: Vec::new(),
            about: None,
            last_error: fault,
            last_output: None,
            restarts: 0,
        };
        Self {
            context,
            now: watch::Sender::new(snapshot),
            wanted: Notify::new(),
            stop: CancellationToken::new(),
            attempt_memory: Mutex::default(),
            watched: tokio::sync::Mutex::default(),
        }
    }

    /// The current state.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.now.borrow().clone()
    }

    /// Waits until no attempt to connect is under way.
    pub(crate) async fn settled(&self) {
        let mut watch = self.now.subscribe();
        let _stopped = watch.wait_for(|now| now.state.is_settled()).await;
    }

    /// Starts a server that waits for its first use.
    pub(crate) fn wake(&self) {
        if self.now.borrow().state == ServerState::Idle {
            self.wanted.notify_one();
        }
    }

    /// Makes the task of this server end.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn status(&self) -> ServerStatus {
        let now = self.now.borrow();
        let about = now.about.as_ref();
        ServerStatus {
            name: self.context.name.clone(),
            transport: self.context.config.transport.kind(),
            state: now.state,
            protocol_version: about.map(|about| about.protocol_version.clone()),
            era: about.map(|about| about.era),
            server_name: about.and_then(|about| about.name.clone()),
            server_version: about.and_then(|about| about.version.clone()),
            tools: now.tools.as_ref().map(|tools| tools.len()),
            rejected_tools: now.rejected.clone(),
            last_error: now.last_error.clone(),
            last_output: now.last_output.clone(),
            misconfigured: self.context.config.fault().is_some(),
            pid: now.connection.as_ref().and_then(|connection| connection.pid()),
            restarts: now.restarts,
            garbage_lines: now.connection.as_ref().map_or(0, |connection| connection.stray_output_lines()),
        }
    }

    /// Returns a live connection. Waits for one until `deadline` if an attempt is under way or
    /// possible.
    pub(crate) async fn connection(&self, deadline: Instant) -> Result<Arc<Connection>, CallError> {
        if let (Some(reason), false) = (self.context.config.fault(), self.context.config.disabled) {
            return Err(CallError::Unusable { server: self.context.name.clone(), reason: reason.to_owned() });
        }
        let mut watch = self.now.subscribe();
        let mut asked_at = None;
        loop {
            let now = {
                let now = watch.borrow_and_update();
                // Every call comes here, so the rest of the snapshot, which may be long, is not
                // copied.
                if let (ServerState::Ready, Some(connection)) = (now.state, &now.connection)
                    && !connection.has_ended()
                {
                    return Ok(connection.clone());
                }
                now.clone()
            };
            match (now.state, now.connection) {
                // The end of the session is known but not yet announced, or an attempt is under
                // way.
                (ServerState::Ready | ServerState::Starting | ServerState::Restarting, _) => {}
                (ServerState::Idle, _) => {
                    if asked_at.is_none() {
                        asked_at = Some(now.attempts);
                        self.wanted.notify_one();
                    }
                }
                (ServerState::Failed, _) => {
                    let just_failed = now.failed_at.is_some_and(|at| at.elapsed() < MIN_ATTEMPT_INTERVAL);
                    let attempted = asked_at.is_some_and(|attempts| now.attempts > attempts);
                    if attempted || just_failed {
                        return Err(self.not_ready(ServerState::Failed, now.last_error));
                    }
                    if asked_at.is_none() {
                        asked_at = Some(now.attempts);
                        self.wanted.notify_one();
                    }
                }
                (state @ (ServerState::Stopped | ServerState::Disabled), _) => {
                    return Err(self.not_ready(state, None));
                }
            }
            match tokio::time::timeout_at(deadline, watch.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(self.not_ready(ServerState::Stopped, None)),
                Err(_) => {
                    let now = self.snapshot();
                    return Err(self.not_ready(now.state, now.last_error));
                }
            }
        }
    }

    fn not_ready(&self, state: ServerState, last_error: Option<String>) -> CallError {
        let reason = last_error.unwrap_or_else(|| match state {
            ServerState::Starting => "it has not answered the handshake yet".to_owned(),
            ServerState::Disabled => "its configuration says \"disabled\": true".to_owned(),
            ServerState::Stopped => "isolet is shutting down".to_owned(),
            _ => "it is not connected".to_owned(),
        });
        CallError::NotReady { server: self.context.name.clone(), state, reason }
    }
}

impl Snapshot {
    /// Replaces the tools. An equal list is not replaced, so that callers who compare pointers see
    /// no change. Returns whether the list changed.
    pub(super) fn replace_tools(&mut self, new: Option<Vec<ListedTool>>) -> bool {
        let Some(new) = new.filter(|new| self.tools.as_deref() != Some(new)) else { return false };
        self.tools = Some(Arc::new(new));
        true
    }
}

impl ServerAbout {
    pub(super) fn of(connection: &Connection) -> Self {
        let info = connection.info();
        let server = info.server_info.as_ref();
        Self {
            // The text comes from the server and may be anything.
            protocol_version: printable(info.protocol_version.as_str().as_bytes(), 40),
            era: connection.revision().handshake(),
            name: server.map(|server| server.name.clone()),
            title: server.and_then(|server| server.title.clone()),
            version: server.map(|server| server.version.clone()),
            description: server.and_then(|server| server.description.clone()),
            instructions: info.instructions.clone(),
            offers: Offers {
                resources: info.capabilities.resources.is_some(),
                prompts: info.capabilities.prompts.is_some(),
            },
        }
    }
}
