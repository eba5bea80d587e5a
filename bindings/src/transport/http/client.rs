//! rmcp's HTTP client for one server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{RequestBuilder, Response};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};

use super::MAX_EXCERPT_BYTES;
use super::events::{Events, event_of, events_of};
use super::failure::HttpFailure;
use super::param_headers::ParamHeaders;
use super::session::SessionTracker;
use crate::oauth::{Account, missing_scopes};
use crate::redact::Redactor;
use crate::transport::MAX_MESSAGE_BYTES;
use crate::transport::messages::{Inbox, Incoming, parse};

/// The time that a server has to accept a message that is not a request.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(30);

const SESSION_HEADER: HeaderName = HeaderName::from_static("mcp-session-id");
const METHOD_HEADER: HeaderName = HeaderName::from_static("mcp-method");
const LAST_EVENT_HEADER: HeaderName = HeaderName::from_static("last-event-id");

type ClientError = StreamableHttpError<HttpFailure>;

/// The HTTP client of one server.
#[derive(Clone)]
pub(crate) struct McpHttpClient {
    pub(super) client: reqwest::Client,
    /// The configured headers, marked as sensitive. rmcp never sees them, so it cannot log them.
    pub(super) headers: HeaderMap,
    pub(super) inbox: Inbox,
    pub(super) params: ParamHeaders,
    /// The source of tokens, if no header has one.
    pub(super) account: Option<Account>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) session: SessionTracker,
    pub(super) unreachable: Arc<AtomicBool>,
}

impl StreamableHttpClient for McpHttpClient {
    type Error = HttpFailure;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _auth_header: Option<String>,
        protocol_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, ClientError> {
        let _sent = self.inbox.outgoing(&message);
        let awaits_answer = matches!(message, JsonRpcMessage::Request(_));
        let param_headers = self.param_headers(&message, &protocol_headers);
        let mut request = self
            .request(Method::POST, &uri, session.as_deref(), protocol_headers)
            .headers(param_headers)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&message)?);
        if !awaits_answer {
            request = request.timeout(NOTIFICATION_TIMEOUT);
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
        let new_session = text_header(&response, &SESSION_HEADER);
        let kind = media_type(&response);
        if status.is_success() && is_greeting(&message) {
            self.session.greeted();
        }
        let answered = || session.iter().for_each(|session| self.session.answered(session));
        if status.is_success() && kind == "text/event-stream" {
            answered();
            let events = events_of(response, awaited_id(&message), self.inbox.clone());
            return Ok(StreamableHttpPostResponse::Sse(events, new_session));
        }
        // The body of a refusal is about credentials, also if it looks like a message.
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let is_lost = |body: &[u8]| {
            session.as_deref().is_some_and(|session| self.session.is_lost(session, status, body))
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
                if status.is_success() {
                    answered();
                }
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
    ) -> Result<(), ClientError> {
        // The status is ignored: 405 means that the server expires sessions by itself.
        self.send(self.request(Method::DELETE, &uri, Some(&session), protocol_headers)).await.map(drop)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _auth_header: Option<String>,
        protocol_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, ClientError> {
        let mut request = self
            .request(Method::GET, &uri, session.as_deref(), protocol_headers)
            .header(ACCEPT, "text/event-stream");
        if let Some(id) = last_event {
            request = request.header(LAST_EVENT_HEADER, id);
        }
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() && media_type(&response) == "text/event-stream" {
            self.session.streamed();
            return Ok(events_of(response, None, self.inbox.clone()));
        }
        // Servers report in many ways that they have no such stream; another request would not
        // change that.
        if status.is_success() || status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        let location = text_header(&response, &http::header::LOCATION);
        Err(self.failure(status, location.as_deref(), &excerpt(response).await))
    }
}

impl McpHttpClient {
    /// Returns the headers that repeat arguments. Only requests of revisions that have them carry
    /// the header with the method.
    fn param_headers(
        &self,
        message: &ClientJsonRpcMessage,
        protocol_headers: &HashMap<HeaderName, HeaderValue>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let JsonRpcMessage::Request(request) = message
            && let ClientRequest::CallToolRequest(call) = &request.request
            && protocol_headers.contains_key(&METHOD_HEADER)
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
            Some(session) => request.header(SESSION_HEADER, session),
            None => request,
        }
    }

    /// Sends a request with the server's token. If the token is refused, sends it once more with
    /// another token: a token may expire early, and a new login may allow more.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
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

    async fn send_once(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        request.send().await.map_err(|error| {
            if error.is_connect() {
                self.unreachable.store(true, Ordering::Relaxed);
            }
            self.failed(HttpFailure::transport(error))
        })
    }

    /// Reads the whole body. Fails if it is too long.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.failed(HttpFailure::transport(error)))?
        {
            if body.len() + chunk.len() > MAX_MESSAGE_BYTES {
                return Err(StreamableHttpError::ResponseBodyTooLarge { max_size: MAX_MESSAGE_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Makes the error for an answer that is not a message, with its status and the beginning of
    /// its body.
    fn failure(&self, status: StatusCode, location: Option<&str>, body: &[u8]) -> ClientError {
        let advice = self.account.as_ref().map(Account::advice);
        self.failed(HttpFailure::status(status, location, body, advice.as_deref()))
    }

    fn failed(&self, failure: HttpFailure) -> ClientError {
        failure.redacted(&self.redactor).into()
    }

    /// Parses the messages of a body. An error without an id answers this request.
    fn parse(&self, body: &[u8], request: &ClientJsonRpcMessage) -> Incoming {
        let Ok(text) = std::str::from_utf8(body) else { return Incoming::Invalid };
        let mut incoming = parse(text, &self.inbox);
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
}

/// The id whose answer the response should bring. A subscription is answered only when it ends.
fn awaited_id(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    match message {
        JsonRpcMessage::Request(request)
            if !matches!(request.request, ClientRequest::SubscriptionsListenRequest(_)) =>
        {
            Some(request.id.clone())
        }
        _ => None,
    }
}

fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        // Marks the header as sensitive.
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Reads the beginning of a body, for an error message.
async fn excerpt(mut response: Response) -> Vec<u8> {
    let mut excerpt = Vec::new();
    while excerpt.len() < MAX_EXCERPT_BYTES {
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
