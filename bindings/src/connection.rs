//! One live session with a server, from the handshake to its end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::ClientHandler;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientConfig, ClientRequest, DiscoverRequest,
    DiscoverRequestParams, ElicitRequestParams, ElicitResult, ElicitationCreateRequestMethod, ErrorData,
    Implementation, PingRequest, ProgressNotificationParam, ProtocolVersion, RequestId, RequestMetaObject,
    ResourceUpdatedNotificationParam, ServerPeerInfo, SubscriptionFilter,
};
use rmcp::service::{
    NotificationContext, Peer, PeerRequestOptions, RequestContext, RoleClient, ServiceError,
    serve_directly_with_ct,
};
use rmcp::transport::streamable_http_client::StreamableHttpError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::child::{Child, describe_exit};
use crate::config::{Elicitation, TransportConfig};
use crate::handshake::{Approach, Era, HandshakeError, OpenError, over_http, over_stdio};
use crate::http::{self, HttpFailure};
use crate::logs::{LogListener, Logs};
use crate::params::ParamHeaders;
use crate::progress::{ProgressSink, ProgressSinks};
use crate::questions::{capabilities, elicited};
use crate::server::Target;
use crate::stdio::{Garbage, MAX_LINE, StdioTransport};
use crate::text::shortened;
use crate::watching::Updates;
use crate::wire::{Intake, RawText, raw_result};

/// Longest text of a server's that is put into a message.
pub(crate) const MAX_UPSTREAM_TEXT: usize = 8 * 1024;

/// How long a failed call waits for the exit status and the last words of a child whose output has just ended.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How long the farewell to an HTTP server may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// The pauses between attempts to subscribe to changes double from the first to the longest.
const FIRST_LISTEN_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_LISTEN_PAUSE: Duration = Duration::from_secs(60);

/// A session that was opened and has not been closed by us.
pub(crate) struct Connection {
    peer: Peer<RoleClient>,
    info: Arc<ServerPeerInfo>,
    era: Era,
    child: Option<Child>,
    garbage: Arc<Garbage>,
    params: ParamHeaders,
    progress: ProgressSinks,
    logs: Logs,
    updates: Updates,
    /// A subscription to changes is open.
    listening: Arc<AtomicBool>,
    in_flight: AtomicUsize,
    /// Why isolet ended it.
    verdict: OnceLock<String>,
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
    /// No answer in time, and what was printed meanwhile that was none.
    Timeout { printed: Option<String> },
    /// A JSON-RPC error.
    Upstream { code: i32, message: String, data: Option<serde_json::Value> },
    /// Not delivered, or no usable answer from the transport.
    Transport(String),
    /// An answer that is none.
    Malformed(String),
}

/// What the server may ask of isolet, which is next to nothing.
#[derive(Clone)]
pub(crate) struct Handler {
    info: ClientConfig,
    tools_changed: Arc<Notify>,
    progress: ProgressSinks,
    updates: Updates,
    elicitation: Elicitation,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed.notify_one();
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        // rmcp would decline, and a server could not tell that from a person's no.
        elicited(self.elicitation, &request)
            .ok_or_else(ErrorData::method_not_found::<ElicitationCreateRequestMethod>)
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.progress.report(&params);
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.updates.report(&params.uri);
    }
}

impl Connection {
    /// Opens a session. Dropping the future ends what was begun.
    pub(crate) async fn open(
        target: &Target,
        approach: Approach,
        tools_changed: Arc<Notify>,
    ) -> Result<Self, OpenError> {
        let options = &*target.options;
        let stop = CancellationToken::new();
        let abandon = stop.clone().drop_guard();
        let ended = CancellationToken::new();
        let garbage = Arc::new(Garbage::default());
        let unreachable = Arc::new(AtomicBool::new(false));
        let params = ParamHeaders::default();
        let progress = ProgressSinks::default();
        let logs = Logs::default();
        let updates = Updates::default();
        let info = ClientConfig::new(
            capabilities(target.config.elicitation),
            Implementation::new(&options.client_name, &options.client_version),
        )
        .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let handler = Handler {
            info: info.clone(),
            tools_changed: tools_changed.clone(),
            progress: progress.clone(),
            updates: updates.clone(),
            elicitation: target.config.elicitation,
        };
        let fatal = |reason| OpenError { reason, wrong_era: false, permanent: true };
        let (service, era, child) = match &target.config.transport {
            TransportConfig::Stdio(stdio) => {
                let (child, (stdout, stdin)) = Child::start(target, stdio).map_err(fatal)?;
                let mut transport =
                    StdioTransport::new(stdout, stdin, garbage.clone(), ended.clone()).telling(logs.clone());
                // A child that is gone will not answer, even if something it started holds its pipes open.
                let gone = async {
                    child.exited().await;
                    tokio::time::sleep(LAST_WORDS).await;
                };
                let greeted = tokio::select! {
                    greeted = tokio::time::timeout(
                        options.connect_timeout,
                        over_stdio(&mut transport, &info, approach),
                    ) => greeted.unwrap_or(Err(HandshakeError::Timeout(options.connect_timeout))),
                    () = gone => Err(HandshakeError::Ended),
                };
                match greeted {
                    Ok((info, era)) => {
                        let service = serve_directly_with_ct(handler, transport, Some(info), stop);
                        (service, era, Some(child))
                    }
                    Err(error) => {
                        // A child that is alive was asked in both ways.
                        let wrong_era = matches!(error, HandshakeError::Ended | HandshakeError::Send(_));
                        let failure = error.describe();
                        let words = last_words(&child, LAST_WORDS).await;
                        drop(transport);
                        child.stop().await;
                        return Err(OpenError {
                            reason: join(failure.reason, [words, garbage.describe()]),
                            wrong_era,
                            permanent: failure.permanent,
                        });
                    }
                }
            }
            TransportConfig::Http(http) => {
                let transport = http::transport(
                    target,
                    http,
                    params.clone(),
                    tools_changed.clone(),
                    unreachable.clone(),
                    Intake::default().telling(logs.clone()),
                )
                .map_err(fatal)?;
                let opened = over_http(handler, transport, approach, stop, options.connect_timeout).await;
                let service = opened.map_err(|error| error.describe())?;
                (service, approach.first, None)
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
        let listening = Arc::new(AtomicBool::new(false));
        let connection = Self {
            peer,
            info,
            era,
            child,
            garbage,
            unreachable,
            params,
            progress,
            logs,
            updates,
            listening,
            in_flight: AtomicUsize::new(0),
            verdict: OnceLock::new(),
            ended,
            stop,
            runtime,
        };
        connection.follow_changes(tools_changed);
        Ok(connection)
    }

    /// In the later era changes are announced to those who asked for it. A server that does not take the question has
    /// none to announce; a subscription that ends is made again, and what changed meanwhile is found by listing again.
    fn follow_changes(&self, tools_changed: Arc<Notify>) {
        let tools = self.info.capabilities.tools.as_ref();
        if self.era != Era::Modern || tools.is_none_or(|tools| tools.list_changed != Some(true)) {
            return;
        }
        let (peer, listening, ended) = (self.peer.clone(), self.listening.clone(), self.ended.clone());
        let follow = async move {
            let mut pause = FIRST_LISTEN_PAUSE;
            let mut first = true;
            loop {
                let filter = SubscriptionFilter::builder().tools_list_changed().build();
                match peer.listen(filter).await {
                    Ok(mut subscription) => {
                        let began = tokio::time::Instant::now();
                        listening.store(true, Ordering::Relaxed);
                        if !std::mem::take(&mut first) {
                            tools_changed.notify_one();
                        }
                        while let Ok(Some(_)) = subscription.next().await {
                            tools_changed.notify_one();
                        }
                        listening.store(false, Ordering::Relaxed);
                        if began.elapsed() > LONGEST_LISTEN_PAUSE {
                            pause = FIRST_LISTEN_PAUSE;
                        }
                    }
                    Err(ServiceError::McpError(error)) => {
                        tracing::debug!(code = error.code.0, "the server takes no subscription");
                        return;
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_LISTEN_PAUSE);
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = follow => {}
                () = ended.cancelled() => {}
            }
        });
    }

    /// Which lifecycle this session has.
    pub(crate) fn era(&self) -> Era {
        self.era
    }

    /// Whether changes of the list are announced over a subscription.
    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Arguments that are to be repeated in HTTP headers.
    pub(crate) fn params(&self) -> &ParamHeaders {
        &self.params
    }

    /// Whether a request is under way. A server that works on one may have no ear for a ping.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Whether the server still answers. Any answer will do. The later era has no ping, but every server there knows
    /// `server/discover`.
    pub(crate) async fn ping(&self, timeout: Duration) -> bool {
        let request = match self.era {
            Era::Legacy => ClientRequest::PingRequest(PingRequest::default()),
            Era::Modern => ClientRequest::DiscoverRequest(DiscoverRequest::new(DiscoverRequestParams {})),
        };
        !matches!(
            self.request(request, timeout, None).await,
            Err(RequestError::Timeout { .. } | RequestError::Ended)
        )
    }

    /// Ends a session whose server has fallen silent.
    pub(crate) fn give_up(&self, reason: String) {
        let _first = self.verdict.set(reason);
        self.ended.cancel();
        self.stop.cancel();
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
        if let Some(verdict) = self.verdict.get() {
            return verdict.clone();
        }
        let Some(child) = &self.child else { return "the connection was lost".to_owned() };
        let words = last_words(child, LAST_WORDS).await;
        join("its output ended".to_owned(), [words, self.garbage.describe()])
    }

    /// Sends a request and waits for its result. Dropping the future cancels the request upstream.
    pub(crate) async fn request(
        &self,
        request: ClientRequest,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<RawText, RequestError> {
        self.request_with(request, timeout, progress, None, None).await
    }

    /// What the server is asked with.
    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Changes of resources, in the older era.
    pub(crate) fn updates(&self) -> &Updates {
        &self.updates
    }

    /// For what goes on after its caller has gone.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// What is logged in this session.
    pub(crate) fn logs(&self) -> &Logs {
        &self.logs
    }

    /// As [`request`](Self::request), with metadata that goes before isolet's own, and somebody who hears what the server
    /// logs meanwhile.
    pub(crate) async fn request_with(
        &self,
        request: ClientRequest,
        timeout: Duration,
        progress: Option<ProgressSink>,
        meta: Option<RequestMetaObject>,
        listener: Option<LogListener>,
    ) -> Result<RawText, RequestError> {
        let _busy = Busy::new(&self.in_flight);
        let mut hearing = self.logs.begin(listener);
        let (too_long, garbage) = (self.garbage.too_long(), self.garbage.count());
        let answer = async {
            let mut options = PeerRequestOptions::no_options();
            options.meta = meta;
            let mut handle = self
                .peer
                .send_request_with_option(request, options)
                .await
                .map_err(|_| RequestError::Ended)?;
            let mut cancel = CancelOnDrop { connection: self, id: Some(handle.id.clone()) };
            let _reported = progress.map(|sink| self.progress.add(handle.progress_token.clone(), sink));
            let answer = (&mut handle.rx).await;
            cancel.id = None;
            if let Ok(Ok(_) | Err(ServiceError::McpError(_))) = &answer {
                hearing.answered();
            }
            match answer {
                Ok(Ok(result)) => raw_result(result).map_err(RequestError::Malformed),
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
                let printed = self.garbage.describe().filter(|_| self.garbage.count() > garbage);
                Err(RequestError::Timeout { printed })
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

/// Counts a request while it is under way.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RequestError {
    /// For a message about the server as a whole; `timeout` is what the request had.
    pub(crate) fn describe(&self, timeout: Duration) -> String {
        match self {
            Self::Ended => "it went away".to_owned(),
            Self::Timeout { printed } => {
                join(format!("no answer within {timeout:?}"), [printed.clone(), None])
            }
            Self::Upstream { code, message, .. } => format!("{message} (error {code})"),
            Self::Transport(reason) => reason.clone(),
            Self::Malformed(reason) => format!("the answer cannot be used: {reason}"),
        }
    }
}

pub(crate) fn request_error(error: ServiceError) -> RequestError {
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
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
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
