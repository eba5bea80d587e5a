//! `/mcp`: Streamable HTTP, for clients of all revisions.
//!
//! rmcp implements the protocol. The endpoint adds isolet's rules: the sender was authenticated
//! before ([`AccessRules`](crate::web::access::AccessRules)), bodies are read within limits of
//! size, time and memory, sessions are counted and belong to the token that opened them, and a
//! client that disconnects ends its request.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full};
use hyper::body::{Body as _, Frame, Incoming};
use rmcp::model::ErrorData;
use rmcp::transport::streamable_http_server::session::SessionId;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::accept::{self, AcceptedTypes};
use super::batch;
use super::sessions::{SessionTable, TokenSessions};
use crate::mcp::gateway::{Gateway, GatewayOptions};
use crate::mcp::wire::big_numbers::restore_bytes;
use crate::mcp::wire::surrogates::replace_lone_surrogates;
use crate::service::Service;
use crate::service::admission::BodyPermit;
use crate::service::client::Client;
use crate::web::body;
use crate::web::disconnect::{ClientGone, Disconnected};
use crate::web::mount::Mount;
use crate::web::problem::Problem;
use crate::web::reply::{Frames, Reply, full, streamed};

/// The time that a client that lost its connection within a session has to resume the stream.
/// Clients of the official SDKs try after a second, then wait longer each time.
const RESUME_TIMEOUT: Duration = Duration::from_secs(5);

/// The MCP endpoint of one HTTP server.
pub struct HttpEndpoint {
    gateway: Gateway,
    config: StreamableHttpServerConfig,
    sessions: Arc<SessionTable>,
    stop: CancellationToken,
}

impl HttpEndpoint {
    /// Returns an endpoint to the servers of `service`.
    pub fn new(service: &Arc<Service>, options: GatewayOptions) -> Self {
        let gateway = Gateway::new(service.clone(), options);
        let stop = CancellationToken::new();
        let config = StreamableHttpServerConfig::default()
            .with_cancellation_token(stop.clone())
            // A document if no event precedes the result, otherwise a stream of events.
            .with_json_response(true)
            .with_max_request_body_bytes(service.max_body_bytes(false))
            // `Host` and `Origin` have been checked by `AccessRules`.
            .disable_allowed_hosts();
        Self { gateway, config, sessions: Arc::default(), stop }
    }

    /// Returns rmcp's service with the sessions of one token.
    fn service(&self, sessions: Arc<TokenSessions>) -> StreamableHttpService<Gateway, TokenSessions> {
        let gateway = self.gateway.clone();
        StreamableHttpService::new(move || Ok(gateway.for_session()), sessions, self.config.clone())
    }

    async fn answer_request(&self, request: Request<Incoming>) -> Result<Reply, Problem> {
        let service = self.gateway.service();
        if !matches!(*request.method(), Method::POST | Method::GET | Method::DELETE) {
            return Err(Problem::method_not_allowed("GET, POST, DELETE"));
        }
        let max_bytes = service.max_body_bytes(false);
        let announced =
            usize::try_from(request.body().size_hint().upper().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let permit = service.admission.reserve_body(announced.min(max_bytes))?;
        let (mut head, incoming) = request.into_parts();
        let body = body::read(incoming, max_bytes).await?;
        let accepted = AcceptedTypes::of(&head.headers);
        accepted.widen(&mut head.headers);
        let batch = batch::read(&head, &body)?;

        let token = head.extensions.get::<Client>().and_then(|client| client.token.clone());
        let sessions = Arc::new(self.sessions.of(token));
        let named = head.headers.get("mcp-session-id").and_then(|id| id.to_str().ok());
        let session = named.map(SessionId::from).filter(|session| sessions.has(session));
        // rmcp would accept DELETE of a session that does not exist, and does not know batches.
        let is_delete = head.method == Method::DELETE;
        if (is_delete || batch.is_some()) && named.is_some() && session.is_none() {
            return Err(Problem::not_found("Unknown session."));
        }
        // A client that opens a session may still send the id of its last one.
        if named.is_some() && session.is_none() && head.method == Method::POST && is_initialize(&body) {
            head.headers.remove("mcp-session-id");
        }
        let service = self.service(sessions.clone());
        let gone = ClientGone::default();
        let cancel = Some(gone.0.clone().drop_guard());
        let guard = ReplyGuard { cancel, session, sessions, permit: Some(permit) };
        head.extensions.insert(gone);
        let response = match batch {
            Some(messages) if guard.session.is_some() => batch::answer(&service, &head, messages).await,
            _ => answer_message(&service, head, body).await,
        };
        let (mut head, body) = response.into_parts();
        // The official Python SDK warns of any status but 200 and 204.
        if is_delete && head.status == StatusCode::ACCEPTED {
            head.status = StatusCode::NO_CONTENT;
        }
        let is_whole = body.size_hint().exact().is_some();
        if is_whole || accepted.must_convert(&head.headers) {
            let body = match body.collect().await {
                Ok(collected) => collected.to_bytes(),
                Err(never) => match never {},
            };
            guard.complete();
            let body = match accepted.must_convert(&head.headers) {
                false => body,
                true if is_whole => accept::to_event(&mut head.headers, &body),
                true => accept::to_document(&mut head.headers, &body).unwrap_or(body),
            };
            return Ok(Response::from_parts(head, full(restore_bytes(body))));
        }
        let frames: Frames = Box::pin(GuardedFrames { frames: BodyStream::new(body), guard: Some(guard) });
        Ok(Response::from_parts(head, streamed(frames)))
    }
}

impl Mount for HttpEndpoint {
    fn path(&self) -> &'static str {
        "/mcp"
    }

    fn answer(&self, request: Request<Incoming>) -> BoxFuture<'_, Result<Reply, Problem>> {
        Box::pin(self.answer_request(request))
    }

    fn stop(&self) {
        self.stop.cancel();
    }
}

/// Lets rmcp answer one message. rmcp answers a body that it cannot parse with 415, as it does a
/// wrong content type.
async fn answer_message(
    service: &StreamableHttpService<Gateway, TokenSessions>,
    head: Parts,
    body: Bytes,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let is_json =
        head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
    let post = async |body: Bytes| service.handle(Request::from_parts(head.clone(), Full::new(body))).await;
    let mut response = post(body.clone()).await;
    let is_unparsed =
        |response: &Response<_>| is_json && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE;
    if is_unparsed(&response)
        && let Some(replaced) = replace_lone_surrogates(&body)
    {
        response = post(replaced.into()).await;
    }
    if is_unparsed(&response) {
        return parse_error(&body).map(|body| body.boxed_unsync());
    }
    response.map(|body| body.boxed_unsync())
}

/// Returns the response to a body that is not a message.
fn parse_error(body: &[u8]) -> Response<Full<Bytes>> {
    let error = match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => ErrorData::invalid_request("The body is not a JSON-RPC 2.0 message.", None),
        Err(error) => ErrorData::parse_error(format!("The body is not valid JSON: {error}."), None),
    };
    let error = serde_json::json!({ "jsonrpc": "2.0", "id": null, "error": error });
    let mut response = Response::new(Full::new(error.to_string().into()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn is_initialize(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        method: Cow<'a, str>,
    }
    serde_json::from_slice::<Message<'_>>(body).is_ok_and(|message| message.method == "initialize")
}

/// Cancels the request if its reply is dropped before the end, because the client is gone. Within a
/// session, waits for [`RESUME_TIMEOUT`] first.
struct ReplyGuard {
    cancel: Option<DropGuard>,
    /// The session in which the client may resume the stream.
    session: Option<SessionId>,
    sessions: Arc<TokenSessions>,
    permit: Option<BodyPermit>,
}

impl ReplyGuard {
    /// Records that the reply is complete.
    fn complete(mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel.disarm();
        }
    }
}

impl Drop for ReplyGuard {
    fn drop(&mut self) {
        let (Some(cancel), Some(session)) = (self.cancel.take(), self.session.take()) else { return };
        let (sessions, permit) = (self.sessions.clone(), self.permit.take());
        let before = sessions.resume_count(&session);
        tokio::spawn(async move {
            tokio::time::sleep(RESUME_TIMEOUT).await;
            if sessions.resume_count(&session) > before {
                cancel.disarm();
            }
            drop(permit);
        });
    }
}

/// A stream of events with its guard.
struct GuardedFrames<B> {
    frames: BodyStream<B>,
    guard: Option<ReplyGuard>,
}

impl<B> Stream for GuardedFrames<B>
where
    B: hyper::body::Body<Data = Bytes, Error = Infallible> + Unpin,
{
    type Item = Result<Frame<Bytes>, Disconnected>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.frames).poll_next(context);
        if matches!(polled, Poll::Ready(None))
            && let Some(guard) = self.guard.take()
        {
            guard.complete();
        }
        // rmcp sends each event as one frame, so a frame has whole numbers.
        polled.map(|polled| polled.map(|Ok(frame)| Ok(frame.map_data(restore_bytes))))
    }
}
