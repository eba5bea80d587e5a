//! Responses: whole ones, and streams of events.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;

use super::disconnect::{ClientSocket, Disconnected};

/// A response.
pub type Reply = Response<ReplyBody>;

/// The body of a response: known as a whole, or a stream.
pub type ReplyBody = Either<Full<Bytes>, StreamBody<Frames>>;

/// The frames of a stream.
pub type Frames = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Disconnected>> + Send>>;

/// Returns a body that is known as a whole.
pub fn full(bytes: impl Into<Bytes>) -> ReplyBody {
    Either::Left(Full::new(bytes.into()))
}

/// Returns 200 with JSON.
pub fn json(text: impl Into<Bytes>) -> Reply {
    with_type(full(text), "application/json")
}

/// Returns 200 with plain text.
pub fn text(text: impl Into<Bytes>) -> Reply {
    with_type(full(text), "text/plain; charset=utf-8")
}

/// Returns a body that is a stream.
pub fn streamed(frames: Frames) -> ReplyBody {
    Either::Right(StreamBody::new(frames))
}

/// Returns 200 with server-sent events.
pub fn events(frames: Frames) -> Reply {
    let mut reply = with_type(streamed(frames), "text/event-stream");
    // Some proxies buffer events without this header.
    reply.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Adds the id and, if it is known already, the outcome of a run to its response.
pub fn of_run(mut reply: Reply, id: Option<&str>, outcome: Option<&'static str>) -> Reply {
    let headers = reply.headers_mut();
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(HeaderName::from_static("isolet-run-id"), id);
    }
    if let Some(outcome) = outcome {
        headers.insert(HeaderName::from_static("isolet-run-outcome"), HeaderValue::from_static(outcome));
    }
    reply
}

/// Forbids browsers to guess the content type, and to embed the response in pages of other origins,
/// for example as an image or a script.
pub fn forbid_embedding(headers: &mut HeaderMap) {
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

/// Ends a stream once its client has disconnected, even if the stream has no next frame at which
/// hyper would notice.
pub fn until_disconnected(reply: Reply, client: ClientSocket) -> Reply {
    reply.map(|body| match body {
        Either::Left(whole) => Either::Left(whole),
        Either::Right(frames) => {
            let gone = Box::pin(async move { client.disconnected().await });
            streamed(Box::pin(stream::unfold((frames, gone), |(mut frames, mut gone)| async {
                let frame = tokio::select! {
                    biased;
                    frame = frames.next() => frame?,
                    () = &mut gone => Err(Disconnected),
                };
                Some((frame, (frames, gone)))
            })))
        }
    })
}

fn with_type(body: ReplyBody, content_type: &'static str) -> Reply {
    let mut reply = Response::new(body);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
