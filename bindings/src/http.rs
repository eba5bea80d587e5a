//! Streamable HTTP: the requests that rmcp's transport asks for.
//!
//! rmcp's own client opens a connection for each call, decodes every result and takes 16 MiB; this one keeps connections,
//! hands results on as text (see [`wire`](crate::wire)) and takes 64 MiB. It follows no redirects: they would carry
//! credentials elsewhere.

mod failure;
mod session;
mod sse;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{RequestBuilder, Response};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use sse_stream::Sse;
use tokio::sync::Notify;

use crate::config::HttpConfig;
use crate::oauth::{Account, is_here, missing_scopes};
use crate::params::ParamHeaders;
use crate::redact::Redactor;
use crate::server::Target;
use crate::wire::{Incoming, Intake, parse};
pub(crate) use failure::{HttpFailure, status_of};
use session::Session;
use sse::Decoder;

/// Longest message taken from a server, as over stdio.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// How much of an answer that is no message goes into the error.
const MAX_EXCERPT: usize = 512;
/// Calls under way at once over one session. Runs are limited to 32 each; rmcp's default of 16 would make 100 calls of
/// 10 ms take 70.
const CONCURRENT_POSTS: usize = 256;
/// The pause between attempts to reopen a stream of notifications grows to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

type Failure = StreamableHttpError<HttpFailure>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// The connection pools that all servers share, made when the first of them needs one.
#[derive(Default)]
pub(crate) struct Pools {
    proxied: OnceLock<reqwest::Client>,
    /// For this machine: a proxy for the outside cannot reach it.
    direct: OnceLock<reqwest::Client>,
}

impl Pools {
    pub(crate) fn for_url(&self, url: &url::Url) -> Result<reqwest::Client, String> {
        let here = is_here(url);
        let pool = if here { &self.direct } else { &self.proxied };
        if let Some(client) = pool.get() {
            return Ok(client.clone());
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("isolet/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(90))
            .tcp_nodelay(true);
        let builder = if here { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| format!("no HTTP client can be made: {error}"))?;
        Ok(pool.get_or_init(|| client).clone())
    }
}

/// The endpoint of one server.
#[derive(Clone)]
pub(crate) struct Endpoint {
    client: reqwest::Client,
    /// The configured headers, marked as sensitive. rmcp never sees them, so it cannot log them.
    headers: HeaderMap,
    intake: Intake,
    params: ParamHeaders,
    /// The way to a token, where no header brings one.
    account: Option<Account>,
    redactor: Arc<Redactor>,
    session: Session,
    unreachable: Arc<AtomicBool>,
}

/// Makes the transport to a server. `unreachable` becomes true when a request cannot even be delivered; `tools_changed`
/// hears when the tools may have changed without a word.
pub(crate) fn transport(
    target: &Target,
    config: &HttpConfig,
    params: ParamHeaders,
    tools_changed: Arc<Notify>,
    unreachable: Arc<AtomicBool>,
    intake: Intake,
) -> Result<StreamableHttpClientTransport<Endpoint>, String> {
    let client = target.pools.for_url(&config.url)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| format!("the value of header \"{name}\" has characters that no header can carry"))?;
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    let (account, redactor) = (target.account.clone(), target.redactor.clone());
    let session = Session::new(tools_changed);
    let endpoint = Endpoint { client, headers, intake, params, account, redactor, session, unreachable };
    let mut backoff = ExponentialBackoff::default();
    backoff.max_delay = Some(LONGEST_PAUSE);
    let mut transport = StreamableHttpClientTransportConfig::with_uri(config.url.as_str());
    transport.retry_config = Arc::new(backoff);
    transport.max_concurrent_requests = CONCURRENT_POSTS;
    transport.max_sse_event_size = MAX_MESSAGE;
    transport.max_json_response_size = MAX_MESSAGE;
    Ok(StreamableHttpClientTransport::with_client(endpoint, transport))
}

impl StreamableHttpClient for Endpoint {
    type Error = HttpFailure;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _auth_header: Option<String>,
        protocol_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let _sent = self.intake.outgoing(&message);
        let awaits_answer = matches!(message, JsonRpcMessage::Request(_));
        let param_headers = self.param_headers(&message, &protocol_headers);
        let mut request = self
            .request(Method::POST, &uri, session.as_deref(), protocol_headers)
            .headers(param_headers)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&message)?);
        if !awaits_answer {
            request = request.timeout(Duration::from_secs(30));
        }
        let response = self.send(request).await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && session.is_some() {
            return Err(StreamableHttpError::SessionExpired);
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT)
            || (status.is_success() && !awaits_answer)
        {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let new_session = text_header(&response, &SESSION);
        let kind = media_type(&response);
        if status.is_success() {
            if is_greeting(&message) {
                self.session.greeted();
            }
            if let Some(session) = &session {
                self.session.answered(session);
            }
        }
        if status.is_success() && kind == "text/event-stream" {
            return Ok(StreamableHttpPostResponse::Sse(self.events(response), new_session));
        }
        // What comes with a refusal is about credentials, even where it looks like a message.
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let is_lost = |body: &[u8]| {
            let session = session.as_deref().filter(|_| status == StatusCode::BAD_REQUEST);
            session.is_some_and(|session| self.session.is_lost(session, body))
        };
        let location = text_header(&response, &http::header::LOCATION);
        if kind != "application/json" || refused {
            let excerpt = excerpt(response).await;
            if is_lost(&excerpt) {
                return Err(StreamableHttpError::SessionExpired);
            }
            return Err(self.failure(status, location.as_deref(), &excerpt));
        }
        let body = self.body(response).await?;
        if is_lost(&body) {
            return Err(StreamableHttpError::SessionExpired);
        }
        match self.parse(&body, &message) {
            Incoming::Messages(messages) if status.is_success() || is_error(&messages) => {
                Ok(self.answer(messages, new_session))
            }
            _ => Err(self.failure(status, location.as_deref(), &body)),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        _auth_header: Option<String>,
        protocol_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        // Whatever it answers: 405 means that the server ends sessions by itself.
        self.send(self.request(Method::DELETE, &uri, Some(&session), protocol_headers)).await.map(drop)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _auth_header: Option<String>,
        protocol_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failure> {
        let mut request = self
            .request(Method::GET, &uri, session.as_deref(), protocol_headers)
            .header(ACCEPT, "text/event-stream");
        if let Some(id) = last_event {
            request = request.header(LAST_EVENT, id);
        }
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() && media_type(&response) == "text/event-stream" {
            self.session.streamed();
            return Ok(self.events(response));
        }
        // Servers say in many ways that they have no such stream, and asking again would change nothing.
        if status.is_success() || status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        let location = text_header(&response, &http::header::LOCATION);
        Err(self.failure(status, location.as_deref(), &excerpt(response).await))
    }
}

impl Endpoint {
    /// Arguments that the server wants to see in headers. Only the later era knows them, and its requests can be told by
    /// the header with their method.
    fn param_headers(
        &self,
        message: &ClientJsonRpcMessage,
        protocol_headers: &HashMap<HeaderName, HeaderValue>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let JsonRpcMessage::Request(request) = message
            && let ClientRequest::CallToolRequest(call) = &request.request
            && protocol_headers.contains_key(&METHOD)
        {
            self.params.add(&call.params.name, call.params.arguments.as_ref(), &mut headers);
        }
        headers
    }

    fn request(
        &self,
        method: Method,
        uri: &str,
        session: Option<&str>,
        protocol_headers: HashMap<HeaderName, HeaderValue>,
    ) -> RequestBuilder {
        let mut headers = self.headers.clone();
        headers.extend(protocol_headers);
        let request = self.client.request(method, uri).headers(headers);
        match session {
            Some(session) => request.header(SESSION, session),
            None => request,
        }
    }

    /// Sends a request with the server's token, and once more with another one if the first is refused: a token may end
    /// before its time, and a new login may allow more.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let Some(account) = &self.account else { return self.send_once(request).await };
        let login = |reason| self.failed(HttpFailure::login(reason));
        let again = request.try_clone();
        let token = account.token().await.map_err(login)?;
        let response = self.send_once(with_token(request, token.as_deref())).await?;
        let other = match response.status() {
            StatusCode::UNAUTHORIZED => account.another(token.as_deref()).await.map_err(login)?,
            StatusCode::FORBIDDEN => account.lacks(missing_scopes(&response), token.as_deref()).await,
            _ => return Ok(response),
        };
        match (other, again) {
            (Some(token), Some(request)) => self.send_once(with_token(request, Some(&token))).await,
            _ => Ok(response),
        }
    }

    async fn send_once(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| {
            if error.is_connect() {
                self.unreachable.store(true, Ordering::Relaxed);
            }
            self.failed(HttpFailure::transport(error))
        })
    }

    /// The whole body, unless it is too long.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.failed(HttpFailure::transport(error)))?
        {
            if body.len() + chunk.len() > MAX_MESSAGE {
                return Err(StreamableHttpError::ResponseBodyTooLarge { max_size: MAX_MESSAGE });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// An answer that is no message: its status and the beginning of what it says.
    fn failure(&self, status: StatusCode, location: Option<&str>, body: &[u8]) -> Failure {
        let advice = self.account.as_ref().map(Account::advice);
        self.failed(HttpFailure::status(status, location, body, advice.as_deref()))
    }

    fn failed(&self, failure: HttpFailure) -> Failure {
        failure.redacted(&self.redactor).into()
    }

    /// The messages of a body. An error that cannot say which request it answers answers this one.
    fn parse(&self, body: &[u8], request: &ClientJsonRpcMessage) -> Incoming {
        let Ok(text) = std::str::from_utf8(body) else { return Incoming::Garbage };
        let mut incoming = parse(text, &self.intake);
        if let (Incoming::Messages(messages), JsonRpcMessage::Request(request)) = (&mut incoming, request)
            && let [JsonRpcMessage::Error(error)] = messages.as_mut_slice()
        {
            error.id = Some(request.id.clone());
        }
        incoming
    }

    fn answer(
        &self,
        mut messages: Vec<ServerJsonRpcMessage>,
        session: Option<String>,
    ) -> StreamableHttpPostResponse {
        if messages.len() == 1 {
            return StreamableHttpPostResponse::Json(messages.remove(0), session);
        }
        let events = messages.iter().filter_map(event_of).map(Ok).collect::<Vec<_>>();
        StreamableHttpPostResponse::Sse(stream::iter(events).boxed(), session)
    }

    /// The events of a response, with results made text.
    fn events(&self, response: Response) -> Events {
        struct State {
            chunks: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
            decoder: Decoder,
            ready: VecDeque<Sse>,
            intake: Intake,
        }
        let state = State {
            chunks: response.bytes_stream().boxed(),
            decoder: Decoder::new(MAX_MESSAGE),
            ready: VecDeque::new(),
            intake: self.intake.clone(),
        };
        let events = stream::unfold(state, async |mut state| {
            loop {
                if let Some(event) = state.ready.pop_front() {
                    return Some((Ok(event), state));
                }
                let problem = match state.chunks.next().await? {
                    Ok(chunk) => match state.decoder.push(&chunk) {
                        Ok(events) => {
                            for event in events {
                                rewrite(event, &state.intake, &mut state.ready);
                            }
                            continue;
                        }
                        Err(too_long) => Box::from(too_long),
                    },
                    Err(error) => Box::from(error.without_url()),
                };
                return Some((Err(SseError::Body(problem)), state));
            }
        });
        events.boxed()
    }
}

/// Turns an event of the server into events that rmcp reads without loss. What is no message is left out, but not its
/// id and pause, which matter for taking up a broken stream.
fn rewrite(event: Sse, intake: &Intake, out: &mut VecDeque<Sse>) {
    let data = event.data.as_deref().unwrap_or_default();
    let messages = match parse(data, intake) {
        Incoming::Messages(messages) => messages,
        Incoming::Garbage => {
            if !data.trim().is_empty() {
                tracing::debug!("an event that is no message is skipped");
            }
            Vec::new()
        }
    };
    let mut events: Vec<Sse> = messages.iter().filter_map(event_of).collect();
    match events.first_mut() {
        Some(first) => (first.id, first.retry) = (event.id, event.retry),
        None => events.push(Sse { event: event.event, data: None, id: event.id, retry: event.retry }),
    }
    out.extend(events);
}

fn event_of(message: &ServerJsonRpcMessage) -> Option<Sse> {
    let data = serde_json::to_string(message).ok()?;
    Some(Sse { event: None, data: Some(data), id: None, retry: None })
}

fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        // Marks the header as sensitive.
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// The beginning of a body, for people.
async fn excerpt(mut response: Response) -> Vec<u8> {
    let mut excerpt = Vec::new();
    while excerpt.len() < MAX_EXCERPT {
        match response.chunk().await {
            Ok(Some(chunk)) => excerpt.extend_from_slice(&chunk),
            _ => break,
        }
    }
    excerpt
}

fn is_greeting(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Request(request)
        if matches!(request.request, ClientRequest::InitializeRequest(_)))
}

fn is_error(messages: &[ServerJsonRpcMessage]) -> bool {
    matches!(messages, [JsonRpcMessage::Error(_)])
}

fn text_header(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The media type without its parameters, in lower case.
fn media_type(response: &Response) -> String {
    let value = text_header(response, &CONTENT_TYPE).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
