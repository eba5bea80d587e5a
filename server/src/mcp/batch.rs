//! Batches over HTTP: revision 2025-03-26 has servers take several messages in one body, the revisions after it do not.
//!
//! rmcp knows no batches, so each message goes to it in a request of its own, and what comes of them goes to the client in
//! one stream of events, each answer when it is there.

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
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use serde_json::value::RawValue;

use super::gateway::Gateway;
use super::sessions::Sessions;
use crate::http::problem::Problem;

/// Messages in one batch.
pub const MOST: usize = 100;

/// The revision that has batches. Its clients do not say in a header which they speak; those of later ones do.
const REVISION: &str = "2025-03-26";

/// One message of a batch.
pub struct Message {
    text: Bytes,
    /// Of a request.
    id: Option<RequestId>,
}

/// The messages of a batch; `None` if this is none, or none that is to be taken.
pub fn read(head: &Parts, body: &Bytes) -> Result<Option<Vec<Message>>, Problem> {
    let later = head.headers.get("mcp-protocol-version").is_some_and(|revision| revision != REVISION);
    if later || !head.headers.contains_key("mcp-session-id") || !body.trim_ascii_start().starts_with(b"[") {
        return Ok(None);
    }
    let unfit =
        |error: serde_json::Error| Problem::bad_request(format!("This is no batch of messages: {error}."));
    let batch: Vec<&RawValue> = serde_json::from_slice(body).map_err(unfit)?;
    if !(1..=MOST).contains(&batch.len()) {
        return Err(Problem::bad_request(format!("A batch has from 1 to {MOST} messages.")));
    }
    let messages = batch.into_iter().map(|one| {
        let id = match serde_json::from_str::<ClientJsonRpcMessage>(one.get()).map_err(unfit)? {
            JsonRpcMessage::Request(request) => match request.request {
                ClientRequest::InitializeRequest(_) => {
                    return Err(Problem::bad_request("`initialize` is no part of a batch."));
                }
                _ => Some(request.id),
            },
            _ => None,
        };
        Ok(Message { text: Bytes::from(one.get().to_owned()), id })
    });
    messages.collect::<Result<_, _>>().map(Some)
}

/// Answers a batch.
pub async fn answer(
    service: &StreamableHttpService<Gateway, Sessions>,
    head: &Parts,
    messages: Vec<Message>,
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
    // All at once: one whose answers nobody took would hold up the session, and with it the others.
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

/// What came of one message.
async fn events(
    id: Option<RequestId>,
    response: Response<BoxBody<Bytes, Infallible>>,
) -> BoxStream<'static, Frame<Bytes>> {
    let Some(id) = id else { return stream::empty().boxed() };
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        let words = format!("The request is refused with status {}.", head.status.as_u16());
        let error = ServerJsonRpcMessage::error(ErrorData::invalid_request(words, None), Some(id));
        return one(&serde_json::to_vec(&error).unwrap_or_default());
    }
    if head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
        return BodyStream::new(body).filter_map(async |frame| frame.ok()).boxed();
    }
    match body.collect().await {
        Ok(whole) => one(&whole.to_bytes()),
        Err(never) => match never {},
    }
}

/// A document as an event.
fn one(document: &[u8]) -> BoxStream<'static, Frame<Bytes>> {
    let event = [b"data: ", document, b"\n\n"].concat();
    stream::iter([Frame::data(event.into())]).boxed()
}
