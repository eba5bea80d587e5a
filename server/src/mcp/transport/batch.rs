//! Batches over HTTP: in revision 2025-03-26 a body may have several messages; later revisions do
//! not have batches.
//!
//! rmcp does not support batches, so it gets each message in a request of its own, and the client
//! gets all responses in one stream of events, in the order in which they become available.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream};
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use hyper::body::Frame;
use isolet_bindings::Revision;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use serde_json::value::RawValue;

use super::sessions::TokenSessions;
use crate::mcp::gateway::Gateway;
use crate::web::problem::Problem;

/// The number of messages in one batch.
pub const MAX_MESSAGES: usize = 100;

/// One message of a batch.
pub struct BatchMessage {
    text: Bytes,
    /// The id, if the message is a request.
    id: Option<RequestId>,
}

/// Parses the messages of a batch; returns `None` if the body is not a batch, or the revision has
/// none.
pub fn read(head: &Parts, body: &Bytes) -> Result<Option<Vec<BatchMessage>>, Problem> {
    // Clients of the revision that has batches send no header with it; those of later ones do.
    let header = head.headers.get("mcp-protocol-version").map(|header| header.to_str().unwrap_or_default());
    let is_allowed = header.is_none_or(|revision| revision.parse().is_ok_and(Revision::allows_batches));
    let is_array = body.trim_ascii_start().starts_with(b"[");
    if !is_allowed || !head.headers.contains_key("mcp-session-id") || !is_array {
        return Ok(None);
    }
    let invalid =
        |error: serde_json::Error| Problem::bad_request(format!("The body is not a valid batch: {error}."));
    let batch: Vec<&RawValue> = serde_json::from_slice(body).map_err(invalid)?;
    if !(1..=MAX_MESSAGES).contains(&batch.len()) {
        return Err(Problem::bad_request(format!("A batch must have 1 to {MAX_MESSAGES} messages.")));
    }
    let messages = batch.into_iter().map(|one| {
        let id = match serde_json::from_str::<ClientJsonRpcMessage>(one.get()).map_err(invalid)? {
            JsonRpcMessage::Request(request) => match request.request {
                ClientRequest::InitializeRequest(_) => {
                    return Err(Problem::bad_request("`initialize` cannot be part of a batch."));
                }
                _ => Some(request.id),
            },
            _ => None,
        };
        Ok(BatchMessage { text: Bytes::from(one.get().to_owned()), id })
    });
    messages.collect::<Result<_, _>>().map(Some)
}

/// Answers a batch.
pub async fn answer(
    service: &StreamableHttpService<Gateway, TokenSessions>,
    head: &Parts,
    messages: Vec<BatchMessage>,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let post = |text: Bytes| {
        let mut request = Request::from_parts(head.clone(), Full::new(text));
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let service = service.clone();
        async move { service.handle(request).await }
    };
    if messages.iter().all(|message| message.id.is_none()) {
        let mut answers = join_all(messages.into_iter().map(|message| post(message.text))).await;
        let refused = answers.iter().position(|answer| !answer.status().is_success());
        return answers.swap_remove(refused.unwrap_or(0)).map(|body| body.boxed_unsync());
    }
    // All streams are polled at once: an unread one would block the session, and with it the
    // others.
    let each = messages.into_iter().map(|message| {
        let answered = post(message.text);
        stream::once(async move { events(message.id, answered.await).await }).flatten().boxed()
    });
    let frames = stream::select_all(each.collect::<Vec<_>>()).map(Ok);
    let mut response = Response::new(UnsyncBoxBody::new(StreamBody::new(frames)));
    for (name, value) in [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Returns the events of the response to one message.
async fn events(
    id: Option<RequestId>,
    response: Response<BoxBody<Bytes, Infallible>>,
) -> BoxStream<'static, Frame<Bytes>> {
    let Some(id) = id else { return stream::empty().boxed() };
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        let words = format!("The request was refused with HTTP status {}.", head.status.as_u16());
        let error = ServerJsonRpcMessage::error(ErrorData::invalid_request(words, None), Some(id));
        return single_event(&serde_json::to_vec(&error).unwrap_or_default());
    }
    if head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
        return BodyStream::new(body).filter_map(async |frame| frame.ok()).boxed();
    }
    match body.collect().await {
        Ok(collected) => single_event(&collected.to_bytes()),
        Err(never) => match never {},
    }
}

/// Returns a document as one event.
fn single_event(document: &[u8]) -> BoxStream<'static, Frame<Bytes>> {
    let event = [b"data: ", document, b"\n\n"].concat();
    stream::iter([Frame::data(event.into())]).boxed()
}
