//! Finding out which of MCP's two lifecycles a server speaks, and greeting it in that one.
//!
//! Over HTTP an attempt in the wrong era costs one request, and [`Server`](crate::server::Server) makes another. Over
//! stdio it may cost the child: servers built on older versions of rmcp exit when the first message is no `initialize`,
//! others stay silent. rmcp's own automatic mode gives up on a silent server after a fixed time, and takes a late answer
//! to its probe for an error of what it sent next, so a slow `npx` would fail. Here both greetings may be under way at
//! once and the first good answer wins.

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{
    ClientConfig, ClientJsonRpcMessage, ClientNotification, ClientRequest, ClientResult, DiscoverRequest,
    DiscoverRequestParams, ErrorData, InitializeRequest, InitializedNotification, JsonRpcMessage,
    ProtocolVersion, RequestId, RequestMetaObject, ServerJsonRpcMessage, ServerPeerInfo, ServerRequest,
    ServerResult,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, RunningService};
use rmcp::transport::Transport;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::connection::{Handler, MAX_UPSTREAM_TEXT, chain};
use crate::http::status_of;
use crate::text::shortened;

/// The only revision of the later era that there is.
pub(crate) const MODERN: ProtocolVersion = ProtocolVersion::V_2026_07_28;

/// How long a server may leave the first greeting unanswered before it gets the other one too. Long enough for one that
/// is running already; one that is still starting finds both and answers each.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// How long an HTTP server may leave `server/discover` unanswered before `initialize` is tried.
const HTTP_PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// The ids of the greetings. Far away from rmcp's own, which count from zero, so that a late answer to a greeting is
/// never taken for an answer to a call; and small enough for servers that keep ids in 32 bits.
const DISCOVER_ID: RequestId = RequestId::Number(2_000_000_001);
const INITIALIZE_ID: RequestId = RequestId::Number(2_000_000_002);

/// Messages of the server's own that are kept until the session is open.
const MAX_EARLY: usize = 64;

/// The two lifecycles of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// `initialize` and a session: revisions 2024-11-05 to 2025-11-25.
    Legacy,
    /// `server/discover` and self-contained requests: from revision 2026-07-28.
    Modern,
}

/// How to begin with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Approach {
    /// What is tried first.
    pub first: Era,
    /// Whether the server is known to speak it: then the other greeting is sent only if it is refused.
    pub known: bool,
    /// Whether nothing else is to be tried at all.
    pub pinned: bool,
}

/// Why a session was not opened.
#[derive(Debug)]
pub(crate) struct OpenError {
    /// For people.
    pub reason: String,
    /// The other era, or a fresh child, may help.
    pub wrong_era: bool,
    /// Trying again without a change of the configuration or the machine is pointless.
    pub permanent: bool,
}

/// What went wrong.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The server's output ended.
    Ended,
    /// Nothing usable within this time.
    Timeout(Duration),
    /// Refused in every era that was tried; the more telling of the answers.
    Refused(ErrorData),
    /// It speaks no revision that isolet does.
    Revisions(Vec<ProtocolVersion>),
    /// An answer, but not one of MCP.
    NotMcp,
    /// The message could not be sent.
    Send(String),
    /// HTTP: what rmcp says.
    Http(Box<ClientInitializeError>),
}

/// One greeting.
#[derive(Debug)]
enum Greeting {
    Unsent,
    Sent,
    Failed(HandshakeError),
}

/// A transport that can take back messages which came too early.
pub(crate) trait EarlyMessages: Transport<RoleClient> {
    /// These are to be received next.
    fn put_back(&mut self, messages: Vec<ServerJsonRpcMessage>);
}

/// Greets a server over pipes.
pub(crate) async fn over_stdio<T: EarlyMessages>(
    transport: &mut T,
    config: &ClientConfig,
    approach: Approach,
) -> Result<(ServerPeerInfo, Era), HandshakeError> {
    let mut greetings = Greetings { discover: Greeting::Unsent, initialize: Greeting::Unsent };
    let mut early = Vec::new();
    greetings.send(transport, approach.first, config).await?;
    let second = approach.first.other();
    let impatient = tokio::time::sleep(PROBE_PATIENCE);
    tokio::pin!(impatient);
    let may_overtake = !approach.known && !approach.pinned;
    let (info, era) = loop {
        let message = tokio::select! {
            message = transport.receive() => message.ok_or(HandshakeError::Ended)?,
            () = &mut impatient, if may_overtake && greetings.is_unsent(second) => {
                greetings.send(transport, second, config).await?;
                continue;
            }
        };
        match message {
            JsonRpcMessage::Response(response) => {
                let Some(era) = greetings.answered_by(Some(&response.id)) else { continue };
                match (era, response.result) {
                    (Era::Modern, ServerResult::DiscoverResult(found)) => {
                        if found.supported_versions.contains(&MODERN) {
                            break (ServerPeerInfo::from_discover_result(MODERN, found), era);
                        }
                        greetings.fail(era, HandshakeError::Revisions(found.supported_versions));
                    }
                    (Era::Legacy, ServerResult::InitializeResult(result)) => {
                        let note = InitializedNotification::default();
                        send(
                            transport,
                            JsonRpcMessage::notification(ClientNotification::InitializedNotification(note)),
                        )
                        .await?;
                        break (ServerPeerInfo::from(result), era);
                    }
                    _ => greetings.fail(era, HandshakeError::NotMcp),
                }
            }
            JsonRpcMessage::Error(error) => {
                let Some(era) = greetings.answered_by(error.id.as_ref()) else { continue };
                greetings.fail(era, HandshakeError::Refused(error.error));
            }
            // Older servers may ask whether anybody is there before they answer, and wait for it.
            JsonRpcMessage::Request(request) if matches!(request.request, ServerRequest::PingRequest(_)) => {
                send(transport, JsonRpcMessage::response(ClientResult::empty(()), request.id)).await?;
                continue;
            }
            other => {
                if early.len() < MAX_EARLY {
                    early.push(other);
                }
                continue;
            }
        }
        // The greeting that was just answered failed.
        if !approach.pinned && greetings.is_unsent(second) {
            greetings.send(transport, second, config).await?;
        } else if let Some(error) = greetings.take_failure() {
            return Err(error);
        }
    };
    transport.put_back(early);
    Ok((info, era))
}

struct Greetings {
    discover: Greeting,
    initialize: Greeting,
}

impl Greetings {
    fn of(&mut self, era: Era) -> &mut Greeting {
        match era {
            Era::Modern => &mut self.discover,
            Era::Legacy => &mut self.initialize,
        }
    }

    fn is_unsent(&self, era: Era) -> bool {
        let greeting = match era {
            Era::Modern => &self.discover,
            Era::Legacy => &self.initialize,
        };
        matches!(greeting, Greeting::Unsent)
    }

    async fn send<T: Transport<RoleClient>>(
        &mut self,
        transport: &mut T,
        era: Era,
        config: &ClientConfig,
    ) -> Result<(), HandshakeError> {
        *self.of(era) = Greeting::Sent;
        let (request, id) = match era {
            Era::Modern => (ClientRequest::DiscoverRequest(discover(config)), DISCOVER_ID),
            Era::Legacy => {
                (ClientRequest::InitializeRequest(InitializeRequest::new(config.clone())), INITIALIZE_ID)
            }
        };
        send(transport, JsonRpcMessage::request(request, id)).await
    }

    /// Which greeting an answer with this id is for. An error may come without one; then it is for the one that waits.
    fn answered_by(&self, id: Option<&RequestId>) -> Option<Era> {
        let waits = |era: Era| {
            let greeting = if era == Era::Modern { &self.discover } else { &self.initialize };
            matches!(greeting, Greeting::Sent)
        };
        let era = match id {
            Some(id) if is(id, &DISCOVER_ID) => Era::Modern,
            Some(id) if is(id, &INITIALIZE_ID) => Era::Legacy,
            Some(_) => return None,
            None if waits(Era::Modern) => Era::Modern,
            None => Era::Legacy,
        };
        waits(era).then_some(era)
    }

    fn fail(&mut self, era: Era, error: HandshakeError) {
        *self.of(era) = Greeting::Failed(error);
    }

    /// Why the server cannot be used, when no greeting is under way any more.
    fn take_failure(&mut self) -> Option<HandshakeError> {
        if matches!(self.discover, Greeting::Sent) || matches!(self.initialize, Greeting::Sent) {
            return None;
        }
        // A refusal of `initialize` is what servers explain best, unless they only know the later era.
        let failed = |greeting: &mut Greeting| match std::mem::replace(greeting, Greeting::Unsent) {
            Greeting::Failed(error) => Some(error),
            _ => None,
        };
        match (failed(&mut self.initialize), failed(&mut self.discover)) {
            (_, Some(HandshakeError::Refused(error))) if is_modern_refusal(&error) => {
                Some(HandshakeError::Refused(error))
            }
            (_, Some(error @ HandshakeError::Revisions(_))) => Some(error),
            (Some(error), _) | (None, Some(error)) => Some(error),
            (None, None) => None,
        }
    }
}

impl Era {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Modern,
            Self::Modern => Self::Legacy,
        }
    }
}

/// A server may answer a number with the same in quotes.
fn is(id: &RequestId, expected: &RequestId) -> bool {
    id == expected || matches!(id, RequestId::String(text) if *text.as_ref() == *expected.to_string())
}

fn discover(config: &ClientConfig) -> DiscoverRequest {
    let mut request = DiscoverRequest::new(DiscoverRequestParams {});
    request.extensions.insert(RequestMetaObject::with_client_context(
        MODERN,
        config.client_info.clone(),
        config.capabilities.clone(),
    ));
    request
}

async fn send<T: Transport<RoleClient>>(
    transport: &mut T,
    message: ClientJsonRpcMessage,
) -> Result<(), HandshakeError> {
    transport.send(message).await.map_err(|error| HandshakeError::Send(chain(&error)))
}

/// Whether only a server of the later era says so: unsupported revision, missing capability, header mismatch.
fn is_modern_refusal(error: &ErrorData) -> bool {
    (-32022..=-32020).contains(&error.code.0)
}

/// Greets a server over HTTP, in one era.
pub(crate) async fn over_http<T: Transport<RoleClient> + 'static>(
    handler: Handler,
    transport: T,
    approach: Approach,
    stop: CancellationToken,
    timeout: Duration,
) -> Result<RunningService<RoleClient, Handler>, HandshakeError> {
    let (lifecycle, patience) = match approach.first {
        Era::Legacy => (ClientLifecycleMode::Initialize, timeout),
        Era::Modern => {
            let guessed = !approach.known && !approach.pinned;
            let patience = if guessed { timeout.min(HTTP_PROBE_PATIENCE) } else { timeout };
            (ClientLifecycleMode::Discover { preferred_versions: vec![MODERN] }, patience)
        }
    };
    let opening = rmcp::service::serve_client_with_lifecycle_and_ct(handler, transport, lifecycle, stop);
    match tokio::time::timeout(patience, opening).await {
        Ok(opened) => opened.map_err(|error| HandshakeError::Http(Box::new(error))),
        Err(_) => Err(HandshakeError::Timeout(patience)),
    }
}

impl HandshakeError {
    /// For people, and what it means for the next attempt.
    pub(crate) fn describe(self) -> OpenError {
        let mut wrong_era = false;
        let refusal = |error: &ErrorData| {
            let message = shortened(&error.message, MAX_UPSTREAM_TEXT);
            format!("it refuses the handshake: {message} (error {})", error.code.0)
        };
        let revisions = |versions: &[ProtocolVersion]| {
            let versions: Vec<_> = versions.iter().take(10).map(ProtocolVersion::to_string).collect();
            let versions = shortened(&versions.join(", "), 200).into_owned();
            format!("it speaks no revision of MCP that isolet does; it offers: {versions}")
        };
        let reason = match self {
            Self::Timeout(timeout) => {
                wrong_era = true;
                format!("it did not answer the handshake within {timeout:?}")
            }
            Self::Ended => {
                wrong_era = true;
                "it ended before it answered the handshake".to_owned()
            }
            Self::Refused(error) => refusal(&error),
            Self::Revisions(versions) => revisions(&versions),
            Self::NotMcp => "its answer to the handshake is not one of MCP".to_owned(),
            Self::Send(reason) => reason,
            Self::Http(error) => match *error {
                ClientInitializeError::JsonRpcError(error) => {
                    wrong_era = !is_modern_refusal(&error);
                    refusal(&error)
                }
                ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
                    wrong_era = true;
                    revisions(&server_supported)
                }
                ClientInitializeError::TransportError { error, .. } => {
                    // Authentication, moves and overload are the same in both eras.
                    wrong_era = status_of(error.error.as_ref()).is_some_and(|status| {
                        !status.is_redirection()
                            && !matches!(status.as_u16(), 401 | 403 | 407 | 408 | 429 | 503)
                    });
                    chain(error.error.as_ref())
                }
                ClientInitializeError::ConnectionClosed(_) => {
                    wrong_era = true;
                    "it ended before it answered the handshake".to_owned()
                }
                ClientInitializeError::ExpectedInitResult(_)
                | ClientInitializeError::ExpectedInitResponse(_) => {
                    wrong_era = true;
                    "its answer to the handshake is not one of MCP".to_owned()
                }
                other => shortened(&other.to_string(), MAX_UPSTREAM_TEXT).into_owned(),
            },
        };
        OpenError { reason, wrong_era, permanent: false }
    }
}
