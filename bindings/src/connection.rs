//! One live session with a server, from the handshake to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::ClientHandler;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientCapabilities, ClientConfig, ClientRequest,
    Implementation, ProtocolVersion, RequestId, ServerPeerInfo,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, NotificationContext, Peer, PeerRequestOptions, RoleClient,
    RunningService, ServiceError, serve_client_with_lifecycle_and_ct,
};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_client::StreamableHttpError;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::child::{Child, describe_exit};
use crate::config::TransportConfig;
use crate::http::{self, HttpFailure};
use crate::server::Target;
use crate::stdio::{Garbage, MAX_LINE, StdioTransport};
use crate::text::shortened;
use crate::wire::raw_result;

/// Longest text of a server's that is put into a message.
const MAX_UPSTREAM_TEXT: usize = 8 * 1024;

/// How long a failed call waits for the exit status and the last words of a child whose output has just ended.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How long the farewell to an HTTP server may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// A session that was opened and has not been closed by us.
pub(crate) struct Connection {
    peer: Peer<RoleClient>,
    info: Arc<ServerPeerInfo>,
    child: Option<Child>,
    garbage: Arc<Garbage>,
    /// A request over HTTP could not be delivered.
    unreachable: Arc<AtomicBool>,
    /// Cancelled when the session is over, whoever ended it.
    ended: CancellationToken,
    /// Cancelled to end it.
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
}

/// Why a request has no result, before it is known to whom to say so.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The session ended.
    Ended,
    /// No answer in time.
    Timeout,
    /// A JSON-RPC error.
    Upstream { code: i32, message: String, data: Option<serde_json::Value> },
    /// Not delivered, or no usable answer from the transport.
    Transport(String),
    /// An answer that is none.
    Malformed(String),
}

/// The two lifecycles of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// `initialize`, up to revision 2025-11-25.
    Initialize,
    /// `server/discover`, from revision 2026-07-28.
    Discover,
}

/// Why a session was not opened.
#[derive(Debug)]
pub(crate) struct OpenError {
    /// For people.
    pub reason: String,
    /// The server speaks the other era: trying that may help.
    pub wrong_era: bool,
    /// Trying again without a change of the configuration or the machine is pointless.
    pub permanent: bool,
}

/// What the server may ask of isolet, which is next to nothing: it declares no capabilities.
#[derive(Clone)]
struct Handler {
    info: ClientConfig,
    tools_changed: Arc<Notify>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed.notify_one();
    }
}

impl Connection {
    /// Opens a session in `era`. Dropping the future ends what was begun.
    pub(crate) async fn open(
        target: &Target,
        era: Era,
        tools_changed: Arc<Notify>,
    ) -> Result<Self, OpenError> {
        let options = &*target.options;
        let stop = CancellationToken::new();
        let abandon = stop.clone().drop_guard();
        let ended = CancellationToken::new();
        let garbage = Arc::new(Garbage::default());
        let unreachable = Arc::new(AtomicBool::new(false));
        let info = ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new(&options.client_name, &options.client_version),
        )
        .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let handler = Handler { info, tools_changed };
        let (service, child) =
            match &target.config.transport {
                TransportConfig::Stdio(stdio) => {
                    let (child, (stdout, stdin)) = Child::start(target, stdio)
                        .map_err(|reason| OpenError { reason, wrong_era: false, permanent: true })?;
                    let transport = StdioTransport::new(stdout, stdin, garbage.clone(), ended.clone());
                    // A child that is gone will not answer, even if something it started holds its pipes open.
                    let gone = async {
                        child.exited().await;
                        tokio::time::sleep(LAST_WORDS).await;
                        Err(ClientInitializeError::ConnectionClosed(String::new()))
                    };
                    let opened = tokio::select! {
                        opened = handshake(handler, transport, era, stop, options.connect_timeout) => opened,
                        gone = gone => gone.map_err(|error| HandshakeError::Failed(Box::new(error))),
                    };
                    match opened {
                        Ok(service) => (service, Some(child)),
                        Err(error) => {
                            let failure = error.describe(options.connect_timeout);
                            let words = last_words(&child, LAST_WORDS).await;
                            return Err(OpenError {
                                reason: join(failure.reason, [words, garbage.describe()]),
                                ..failure
                            });
                        }
                    }
                }
                TransportConfig::Http(http) => {
                    let transport = http::transport(http, &target.pools, unreachable.clone())
                        .map_err(|reason| OpenError { reason, wrong_era: false, permanent: true })?;
                    let opened = handshake(handler, transport, era, stop, options.connect_timeout).await;
                    (opened.map_err(|error| error.describe(options.connect_timeout))?, None)
                }
            };
        let peer = service.peer().clone();
        let Some(info) = peer.peer_info() else {
            let reason = "the server did not introduce itself".to_owned();
            return Err(OpenError { reason, wrong_era: false, permanent: false });
        };
        let stop = abandon.disarm();
        // rmcp's loop is one witness of the end, and the only one that HTTP has.
        let over = ended.clone();
        tokio::spawn(async move {
            let _quit = service.waiting().await;
            over.cancel();
        });
        if let Some(child) = &child {
            let (exited, over, stop) = (child.exited(), ended.clone(), stop.clone());
            tokio::spawn(async move {
                exited.await;
                tokio::time::sleep(LAST_WORDS).await;
                over.cancel();
                stop.cancel();
            });
        }
        let runtime = tokio::runtime::Handle::current();
        Ok(Self { peer, info, child, garbage, unreachable, ended, stop, runtime })
    }

    /// What the server said of itself.
    pub(crate) fn info(&self) -> &ServerPeerInfo {
        &self.info
    }

    /// The child's process id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::pid)
    }

    /// How many lines were no messages.
    pub(crate) fn garbage_lines(&self) -> u64 {
        self.garbage.count()
    }

    /// Whether the session is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits for the end of the session.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Ends the session as the protocol wants it: the server's input ends, then it is asked, then it is made to.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        match &self.child {
            Some(child) => child.stop().await,
            // The end of a session is a courtesy over HTTP: the server forgets it some day anyway.
            None => drop(tokio::time::timeout(FAREWELL, self.ended.cancelled()).await),
        }
    }

    /// How the session ended and what the server said last.
    pub(crate) async fn obituary(&self) -> String {
        let Some(child) = &self.child else { return "the connection was lost".to_owned() };
        let words = last_words(child, LAST_WORDS).await;
        join("its output ended".to_owned(), [words, self.garbage.describe()])
    }

    /// Sends a request and waits for its result. Dropping the future cancels the request upstream.
    pub(crate) async fn request(
        &self,
        request: ClientRequest,
        timeout: Duration,
    ) -> Result<Box<RawValue>, RequestError> {
        let too_long = self.garbage.too_long();
        let answer = async {
            let options = PeerRequestOptions::no_options();
            let mut handle = self
                .peer
                .send_request_with_option(request, options)
                .await
                .map_err(|_| RequestError::Ended)?;
            let mut cancel = CancelOnDrop { connection: self, id: Some(handle.id.clone()) };
            let answer = (&mut handle.rx).await;
            cancel.id = None;
            match answer {
                Ok(Ok(result)) => raw_result(result)
                    .ok_or_else(|| RequestError::Malformed("it is no result of JSON-RPC".to_owned())),
                Ok(Err(error)) => {
                    let error = match error {
                        // Of HTTP, rmcp says so also when only the stream of this one answer ended.
                        ServiceError::TransportClosed if self.child.is_none() && !self.has_ended() => {
                            RequestError::Transport("the connection broke before the answer came".to_owned())
                        }
                        error => request_error(error),
                    };
                    let undelivered = matches!(error, RequestError::Transport(_));
                    // Nobody is there: the session is over, and its server is to be connected anew.
                    if undelivered && (self.child.is_some() || self.unreachable.load(Ordering::Relaxed)) {
                        self.ended.cancel();
                        self.stop.cancel();
                    }
                    Err(if self.child.is_some() && undelivered { RequestError::Ended } else { error })
                }
                Err(_) => Err(RequestError::Ended),
            }
        };
        tokio::select! {
            biased;
            answer = tokio::time::timeout(timeout, answer) => answer.unwrap_or_else(|_| {
                // Which call the discarded message answered is not known, but this one has no other explanation.
                if self.garbage.too_long() > too_long {
                    return Err(RequestError::Malformed(format!("it is longer than {MAX_LINE} bytes")));
                }
                Err(RequestError::Timeout)
            }),
            () = self.ended.cancelled() => Err(RequestError::Ended),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Tells the server about a request whose caller stopped waiting: the run ended, or its time was up.
struct CancelOnDrop<'a> {
    connection: &'a Connection,
    id: Option<RequestId>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        if self.connection.has_ended() {
            return;
        }
        let peer = self.connection.peer.clone();
        let reason = "the caller no longer waits for the answer".to_owned();
        self.connection.runtime.spawn(async move {
            let params = CancelledNotificationParam::new(Some(id), Some(reason));
            let _unsent = peer.send_notification(CancelledNotification::new(params).into()).await;
        });
    }
}

enum HandshakeError {
    Failed(Box<ClientInitializeError>),
    Timeout,
}

async fn handshake<T>(
    handler: Handler,
    transport: T,
    era: Era,
    stop: CancellationToken,
    timeout: Duration,
) -> Result<RunningService<RoleClient, Handler>, HandshakeError>
where
    T: Transport<RoleClient> + 'static,
{
    let lifecycle = match era {
        Era::Initialize => ClientLifecycleMode::Initialize,
        Era::Discover => {
            ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
        }
    };
    let opening = serve_client_with_lifecycle_and_ct(handler, transport, lifecycle, stop);
    match tokio::time::timeout(timeout, opening).await {
        Ok(opened) => opened.map_err(|error| HandshakeError::Failed(Box::new(error))),
        Err(_) => Err(HandshakeError::Timeout),
    }
}

impl HandshakeError {
    fn describe(self, timeout: Duration) -> OpenError {
        let mut wrong_era = false;
        let reason = match self {
            Self::Timeout => format!("it did not answer the handshake within {timeout:?}"),
            Self::Failed(error) => match *error {
                ClientInitializeError::JsonRpcError(error) => {
                    wrong_era = true;
                    let message = shortened(&error.message, MAX_UPSTREAM_TEXT);
                    format!("it refuses the handshake: {message} (error {})", error.code.0)
                }
                ClientInitializeError::ConnectionClosed(_) => {
                    "it ended before it answered the handshake".to_owned()
                }
                ClientInitializeError::TransportError { error, .. } => chain(error.error.as_ref()),
                ClientInitializeError::ExpectedInitResult(_) => {
                    "its answer to the handshake is not one of MCP".to_owned()
                }
                other => shortened(&other.to_string(), MAX_UPSTREAM_TEXT).into_owned(),
            },
        };
        OpenError { reason, wrong_era, permanent: false }
    }
}

impl RequestError {
    /// For a message about the server as a whole; `timeout` is what the request had.
    pub(crate) fn describe(&self, timeout: Duration) -> String {
        match self {
            Self::Ended => "it went away".to_owned(),
            Self::Timeout => format!("no answer within {timeout:?}"),
            Self::Upstream { code, message, .. } => format!("{message} (error {code})"),
            Self::Transport(reason) => reason.clone(),
            Self::Malformed(reason) => format!("the answer cannot be used: {reason}"),
        }
    }
}

fn request_error(error: ServiceError) -> RequestError {
    match error {
        ServiceError::McpError(error) => RequestError::Upstream {
            code: error.code.0,
            message: shortened(&error.message, MAX_UPSTREAM_TEXT).into_owned(),
            data: error.data,
        },
        ServiceError::TransportClosed => RequestError::Ended,
        ServiceError::TransportSend(error) => RequestError::Transport(chain(error.error.as_ref())),
        other => RequestError::Transport(other.to_string()),
    }
}

/// An error and what caused it, each cause once: many libraries repeat the cause in their own text.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(StreamableHttpError::Client(failure)) =
        error.downcast_ref::<StreamableHttpError<HttpFailure>>()
    {
        return shortened(&failure.to_string(), MAX_UPSTREAM_TEXT).into_owned();
    }
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    shortened(&text, MAX_UPSTREAM_TEXT).into_owned()
}

/// How a child ended, if it did or does within `patience`, and the last it printed on stderr.
async fn last_words(child: &Child, patience: Duration) -> Option<String> {
    const LINES: usize = 5;
    let status = tokio::time::timeout(patience, child.exited()).await.ok().flatten();
    if status.is_some() {
        child.stderr().finished(Duration::from_millis(100)).await;
    }
    let stderr = child.stderr().last_lines(LINES).map(|lines| format!("stderr: {lines}"));
    match (status.map(describe_exit), stderr) {
        (Some(exit), Some(stderr)) => Some(format!("{exit}; {stderr}")),
        (exit, stderr) => exit.or(stderr),
    }
}

fn join(mut reason: String, parts: [Option<String>; 2]) -> String {
    for part in parts.into_iter().flatten() {
        reason.push_str("; ");
        reason.push_str(&part);
    }
    reason
}
