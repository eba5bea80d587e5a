//! One session with a server, from the handshake to its end.
//!
//! | module | one idea |
//! |---|---|
//! | `open` | starts the transport, does the handshake |
//! | `request` | a request with its answer, its timeout and its cancellation |
//! | `list_changes` | the subscription to changes of the tool list |
//! | `session_end` | how a session ended, for messages |
//! | `client_handler` | requests and notifications that the server sends |
//! | `resource_updates` | the subscriptions to resources |
//! | `elicitation` | answers to what servers ask the user |
//! | `progress` | progress notifications, by request |
//! | `logs` | log notifications, by request |

pub(crate) mod client_handler;
pub(crate) mod elicitation;
mod list_changes;
pub(crate) mod logs;
mod open;
pub(crate) mod progress;
mod request;
mod resource_updates;
mod session_end;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::model::{ClientRequest, DiscoverRequest, DiscoverRequestParams, PingRequest, ServerPeerInfo};
use rmcp::service::{Peer, RoleClient};
use tokio_util::sync::CancellationToken;

use self::logs::Logs;
use self::progress::ProgressSinks;
pub(crate) use self::request::{RequestError, request_error};
use self::resource_updates::ResourceUpdates;
pub(crate) use self::session_end::SessionEnd;
use crate::child::Child;
use crate::protocol::Revision;
use crate::transport::http::param_headers::ParamHeaders;
use crate::transport::stdio::StrayOutput;

/// The time that a failed call waits for the exit status and the last output of a child whose
/// output has just ended.
const EXIT_TIMEOUT: Duration = Duration::from_millis(300);

/// The time that closing the session of an HTTP server may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A session that was opened and that isolet has not closed.
pub(crate) struct Connection {
    peer: Peer<RoleClient>,
    info: Arc<ServerPeerInfo>,
    revision: Revision,
    child: Option<Child>,
    stray_output: Arc<StrayOutput>,
    params: ParamHeaders,
    progress: ProgressSinks,
    logs: Logs,
    updates: ResourceUpdates,
    /// True if a subscription to changes of the tool list is open.
    listening: Arc<AtomicBool>,
    in_flight: AtomicUsize,
    /// Why isolet ended the session.
    close_reason: OnceLock<String>,
    /// True if a request over HTTP could not be delivered.
    unreachable: Arc<AtomicBool>,
    /// Cancelled when the session is over, on either side.
    ended: CancellationToken,
    /// Cancelled to end the session.
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
}

impl Connection {
    /// The revision of MCP that both sides speak.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns whether the server announces changes of its tool list over a subscription.
    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// The arguments that are repeated in HTTP headers.
    pub(crate) fn params(&self) -> &ParamHeaders {
        &self.params
    }

    /// Returns whether a request is under way. A server that works on one may not answer a ping.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Returns whether the server still answers; an error is an answer too. Revisions without
    /// `ping` have `server/discover`, which every server of theirs implements.
    pub(crate) async fn ping(&self, timeout: Duration) -> bool {
        let request = match self.revision.has_ping() {
            true => ClientRequest::PingRequest(PingRequest::default()),
            false => ClientRequest::DiscoverRequest(DiscoverRequest::new(DiscoverRequestParams {})),
        };
        !matches!(
            self.request(request, timeout, None).await,
            Err(RequestError::Timeout { .. } | RequestError::Ended)
        )
    }

    /// Ends a session whose server does not answer any more.
    pub(crate) fn give_up(&self, reason: String) {
        let _first = self.close_reason.set(reason);
        self.ended.cancel();
        self.stop.cancel();
    }

    /// The server's answer to the handshake.
    pub(crate) fn info(&self) -> &ServerPeerInfo {
        &self.info
    }

    /// The process id of the child.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::pid)
    }

    /// The number of lines on stdout that were not messages.
    pub(crate) fn stray_output_lines(&self) -> u64 {
        self.stray_output.count()
    }

    /// The first lines on stdout that were not messages; for the operator only.
    pub(crate) fn quoted_stray_output(&self) -> Option<String> {
        self.stray_output.quoted()
    }

    /// Returns whether the session is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits for the end of the session.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Closes the session as the specification describes: the server's input ends, then the server
    /// gets SIGTERM, then SIGKILL.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        match &self.child {
            Some(child) => child.stop().await,
            // HTTP servers expire sessions by themselves, so the request that ends one may be lost.
            None => drop(tokio::time::timeout(CLOSE_TIMEOUT, self.ended.cancelled()).await),
        }
    }

    /// The handle of rmcp that sends requests.
    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// The subscriptions to resources in this session, for revisions that have
    /// `resources/subscribe`.
    pub(crate) fn updates(&self) -> &ResourceUpdates {
        &self.updates
    }

    /// The runtime, for work that goes on after its caller is gone.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// The log messages of this session.
    pub(crate) fn logs(&self) -> &Logs {
        &self.logs
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
