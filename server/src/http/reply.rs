//! Responses: whole ones and streams of events.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderValue, Response, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;

use super::socket::{HungUp, Socket};

/// What a handler answers.
pub type Reply = Response<Body>;

/// A body that is known, or one that grows.
pub type Body = Either<Full<Bytes>, StreamBody<Frames>>;

/// A growing body's pieces.
pub type Frames = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, HungUp>> + Send>>;

/// A body that is known.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(bytes.into()))
}

/// 200 with a JSON text.
pub fn json(text: impl Into<Bytes>) -> Reply {
    with_type(full(text), "application/json")
}

/// 200 with plain text.
pub fn text(text: impl Into<Bytes>) -> Reply {
    with_type(full(text), "text/plain; charset=utf-8")
}

/// A body that grows.
pub fn growing(frames: Frames) -> Body {
    Either::Right(StreamBody::new(frames))
}

/// 200 with server-sent events.
pub fn events(frames: Frames) -> Reply {
    let mut reply = with_type(growing(frames), "text/event-stream");
    // Some proxies hold events back unless told not to.
    reply.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// The same, but a body that grows breaks off when its client hangs up, whether or not there is a next piece to notice by.
pub fn until(reply: Reply, client: Socket) -> Reply {
    reply.map(|body| match body {
        Either::Left(whole) => Either::Left(whole),
        Either::Right(frames) => {
            let gone = Box::pin(async move { client.hung_up().await });
            growing(Box::pin(stream::unfold((frames, gone), |(mut frames, mut gone)| async {
                let frame = tokio::select! {
                    biased;
                    frame = frames.next() => frame?,
                    () = &mut gone => Err(HungUp),
                };
                Some((frame, (frames, gone)))
            })))
        }
    })
}

fn with_type(body: Body, content_type: &'static str) -> Reply {
    let mut reply = Response::new(body);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
