//! The handshake over pipes.
//!
//! rmcp's own automatic mode gives up on a silent server after a fixed time, and takes a late
//! answer to its probe for an error of the next message, so a slow `npx` would fail. Here both
//! handshakes may be under way at once. Then the answer to `initialize` decides: a server that
//! takes it has opened a session, whatever it answered to `server/discover` before, and would send
//! half of its messages in another revision than isolet expects.

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{
    ClientConfig, ClientJsonRpcMessage, ClientNotification, ClientRequest, ClientResult, DiscoverRequest,
    DiscoverRequestParams, InitializeRequest, InitializedNotification, JsonRpcMessage, RequestId,
    RequestMetaObject, ServerJsonRpcMessage, ServerPeerInfo, ServerRequest, ServerResult,
};
use rmcp::transport::Transport;
use tokio::time::{Instant, sleep, sleep_until};

use super::error::is_of_discover;
use super::{HandshakeError, HandshakePlan, discover_version};
use crate::protocol::Handshake;
use crate::transport::http::transport_error_text;
use crate::transport::same_id;

/// The time that a server may leave the first handshake unanswered before it gets the other one
/// too. Long enough for a server that is running; one that is still starting finds both and answers
/// each.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time that a server that has accepted `server/discover` may leave an `initialize` unanswered
/// that it got afterwards. It reads both from one pipe, so the second answer follows the first, if
/// it comes.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The ids of the two requests. They are far from those of rmcp, which counts from zero, so that a
/// late answer to a handshake is never taken for an answer to a call; and they fit into 32 bits.
const DISCOVER_ID: RequestId = RequestId::Number(2_000_000_001);
const INITIALIZE_ID: RequestId = RequestId::Number(2_000_000_002);

/// Messages of the server that are kept until the session is open.
const MAX_EARLY_MESSAGES: usize = 64;

/// A transport that can take back messages that came before the session was open.
pub(crate) trait EarlyMessages: Transport<RoleClient> {
    /// Makes these the next messages to be received.
    fn put_back(&mut self, messages: Vec<ServerJsonRpcMessage>);
}

/// The state of one handshake.
#[derive(Debug)]
enum Attempt {
    Unsent,
    Sent,
    Accepted,
    Failed(HandshakeError),
}

/// The two handshakes with one server.
struct Attempts {
    discover: Attempt,
    initialize: Attempt,
}

/// The meaning of a message for the handshake.
enum Step {
    /// Nothing; wait for the next one.
    Continue,
    /// This handshake is done.
    Done(ServerPeerInfo, Handshake),
    /// `server/discover` is accepted, while `initialize` is under way.
    Settling(ServerPeerInfo),
    /// A handshake failed.
    Failed,
}

/// Does the handshake with a server over pipes.
pub(crate) async fn over_stdio<T: EarlyMessages>(
    transport: &mut T,
    config: &ClientConfig,
    plan: HandshakePlan,
) -> Result<(ServerPeerInfo, Handshake), HandshakeError> {
    let mut attempts = Attempts { discover: Attempt::Unsent, initialize: Attempt::Unsent };
    let mut early = Vec::new();
    let second = plan.first().fallback();
    attempts.send(transport, plan.first(), config).await?;
    let probe = sleep(PROBE_TIMEOUT);
    tokio::pin!(probe);
    // An accepted `server/discover`, and how long it waits for the answer to `initialize`.
    let mut settling: Option<(ServerPeerInfo, Instant)> = None;
    let done = loop {
        let settled_at = settling.as_ref().map(|(_, until)| *until);
        let message = tokio::select! {
            message = transport.receive() => message.ok_or(HandshakeError::Ended)?,
            () = until(settled_at) => break settled(settling)?,
            () = &mut probe, if plan.is_guess() && attempts.is_unsent(second) => {
                attempts.send(transport, second, config).await?;
                continue;
            }
        };
        match attempts.take(transport, message, &mut early).await? {
            Step::Continue => {}
            Step::Done(info, handshake) => break (info, handshake),
            Step::Settling(info) => settling = Some((info, Instant::now() + SETTLE_TIMEOUT)),
            Step::Failed if settling.is_some() => break settled(settling)?,
            Step::Failed if plan.has_fallback() && attempts.is_unsent(second) => {
                attempts.send(transport, second, config).await?;
            }
            Step::Failed => {
                if let Some(error) = attempts.take_failure() {
                    return Err(error);
                }
            }
        }
    };
    transport.put_back(early);
    Ok(done)
}

/// Waits until `time`; without one, forever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Ends with the answer to `server/discover`.
fn settled(
    settling: Option<(ServerPeerInfo, Instant)>,
) -> Result<(ServerPeerInfo, Handshake), HandshakeError> {
    settling.map(|(info, _)| (info, Handshake::Discover)).ok_or(HandshakeError::NotMcp)
}

impl Attempts {
    fn get(&self, handshake: Handshake) -> &Attempt {
        match handshake {
            Handshake::Discover => &self.discover,
            Handshake::Initialize => &self.initialize,
        }
    }

    fn set(&mut self, handshake: Handshake, attempt: Attempt) {
        match handshake {
            Handshake::Discover => self.discover = attempt,
            Handshake::Initialize => self.initialize = attempt,
        }
    }

    fn is_unsent(&self, handshake: Handshake) -> bool {
        matches!(self.get(handshake), Attempt::Unsent)
    }

    fn is_waiting(&self, handshake: Handshake) -> bool {
        matches!(self.get(handshake), Attempt::Sent)
    }

    async fn send<T: Transport<RoleClient>>(
        &mut self,
        transport: &mut T,
        handshake: Handshake,
        config: &ClientConfig,
    ) -> Result<(), HandshakeError> {
        self.set(handshake, Attempt::Sent);
        let (request, id) = match handshake {
            Handshake::Discover => (ClientRequest::DiscoverRequest(discover(config)), DISCOVER_ID),
            Handshake::Initialize => {
                (ClientRequest::InitializeRequest(InitializeRequest::new(config.clone())), INITIALIZE_ID)
            }
        };
        send(transport, JsonRpcMessage::request(request, id)).await
    }

    /// Handles one message of the server. Messages that are not about the handshake go to `early`.
    async fn take<T: Transport<RoleClient>>(
        &mut self,
        transport: &mut T,
        message: ServerJsonRpcMessage,
        early: &mut Vec<ServerJsonRpcMessage>,
    ) -> Result<Step, HandshakeError> {
        match message {
            JsonRpcMessage::Response(response) => {
                let Some(handshake) = self.answered_by(Some(&response.id)) else { return Ok(Step::Continue) };
                self.accept(transport, handshake, response.result).await
            }
            JsonRpcMessage::Error(error) => {
                let Some(handshake) = self.answered_by(error.id.as_ref()) else { return Ok(Step::Continue) };
                Ok(self.fail(handshake, HandshakeError::Refused(error.error)))
            }
            // Older servers may send a ping before they answer, and wait for its answer.
            JsonRpcMessage::Request(request) if matches!(request.request, ServerRequest::PingRequest(_)) => {
                send(transport, JsonRpcMessage::response(ClientResult::empty(()), request.id)).await?;
                Ok(Step::Continue)
            }
            other => {
                if early.len() < MAX_EARLY_MESSAGES {
                    early.push(other);
                }
                Ok(Step::Continue)
            }
        }
    }

    /// Handles the result of a handshake.
    async fn accept<T: Transport<RoleClient>>(
        &mut self,
        transport: &mut T,
        handshake: Handshake,
        result: ServerResult,
    ) -> Result<Step, HandshakeError> {
        match (handshake, result) {
            (Handshake::Discover, ServerResult::DiscoverResult(answer)) => {
                if !answer.supported_versions.contains(&discover_version()) {
                    return Ok(self.fail(handshake, HandshakeError::Revisions(answer.supported_versions)));
                }
                let info = ServerPeerInfo::from_discover_result(discover_version(), answer);
                if self.is_waiting(Handshake::Initialize) {
                    self.discover = Attempt::Accepted;
                    return Ok(Step::Settling(info));
                }
                Ok(Step::Done(info, handshake))
            }
            (Handshake::Initialize, ServerResult::InitializeResult(result)) => {
                let note = ClientNotification::InitializedNotification(InitializedNotification::default());
                send(transport, JsonRpcMessage::notification(note)).await?;
                Ok(Step::Done(ServerPeerInfo::from(result), handshake))
            }
            _ => Ok(self.fail(handshake, HandshakeError::NotMcp)),
        }
    }

    /// Returns the handshake that an answer with this id belongs to. An error without an id belongs
    /// to the one that waits.
    fn answered_by(&self, id: Option<&RequestId>) -> Option<Handshake> {
        let handshake = match id {
            Some(id) if same_id(id, &DISCOVER_ID) => Handshake::Discover,
            Some(id) if same_id(id, &INITIALIZE_ID) => Handshake::Initialize,
            Some(_) => return None,
            None if self.is_waiting(Handshake::Discover) => Handshake::Discover,
            None => Handshake::Initialize,
        };
        self.is_waiting(handshake).then_some(handshake)
    }

    fn fail(&mut self, handshake: Handshake, error: HandshakeError) -> Step {
        self.set(handshake, Attempt::Failed(error));
        Step::Failed
    }

    /// Returns why the server cannot be used, once no handshake is under way.
    fn take_failure(&mut self) -> Option<HandshakeError> {
        if self.is_waiting(Handshake::Discover) || self.is_waiting(Handshake::Initialize) {
            return None;
        }
        let failed = |attempt: &mut Attempt| match std::mem::replace(attempt, Attempt::Unsent) {
            Attempt::Failed(error) => Some(error),
            _ => None,
        };
        // Servers explain best why they refuse `initialize`, unless they only know
        // `server/discover`.
        match (failed(&mut self.initialize), failed(&mut self.discover)) {
            (_, Some(HandshakeError::Refused(error))) if is_of_discover(&error) => {
                Some(HandshakeError::Refused(error))
            }
            (_, Some(error @ HandshakeError::Revisions(_))) => Some(error),
            (Some(error), _) | (None, Some(error)) => Some(error),
            (None, None) => None,
        }
    }
}

fn discover(config: &ClientConfig) -> DiscoverRequest {
    let mut request = DiscoverRequest::new(DiscoverRequestParams {});
    request.extensions.insert(RequestMetaObject::with_client_context(
        discover_version(),
        config.client_info.clone(),
        config.capabilities.clone(),
    ));
    request
}

async fn send<T: Transport<RoleClient>>(
    transport: &mut T,
    message: ClientJsonRpcMessage,
) -> Result<(), HandshakeError> {
    transport.send(message).await.map_err(|error| HandshakeError::Send(transport_error_text(&error)))
}
