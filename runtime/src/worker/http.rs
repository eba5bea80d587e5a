//! Requests to a Worker and its responses, for the owner of the requests.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::body::{BrokenBody, WorkerStream};
use super::call_chain::CallChain;
use super::fetch_host::{FetchedBody, FetchedResponse};
use super::protocol::{BodyStart, Entrypoint, RequestHead, ResponseHead};
use super::socket::WorkerSocket;
use super::socket_relay;
use crate::blob::Blob;

/// A request to a Worker.
pub struct HttpRequest {
    /// Its number, from [`Worker::next_id`](crate::Worker::next_id). Log lines carry it.
    pub id: u32,
    /// The head.
    pub head: RequestHead,
    /// The body.
    pub body: RequestBody,
    /// The way in which it came to the Worker.
    pub origin: RequestOrigin,
}

/// The way in which a request came to a Worker.
#[derive(Debug, Clone, Default)]
pub struct RequestOrigin {
    /// The entrypoint that answers it.
    pub entrypoint: Entrypoint,
    /// The Workers that have been called so far; `None` for a request from outside.
    pub chain: Option<CallChain>,
}

/// An event for a Worker.
pub(crate) enum Event {
    /// A request.
    Fetch { head: Arc<RequestHead>, body: RequestBody, origin: RequestOrigin },
    /// The time of a cron trigger. Its answer is an empty response.
    Scheduled { cron: String, time_ms: f64 },
}

/// The body of a request.
pub enum RequestBody {
    /// There is none.
    Empty,
    /// The whole body.
    Whole(Bytes),
    /// The body as it arrives. It is read no faster than the Worker reads it. An error is the text
    /// of the reason for which the body broke off.
    Stream(BoxStream<'static, Result<Bytes, String>>),
}

impl RequestBody {
    /// Returns the start of the body in a message, and the rest if it comes in pieces.
    pub(super) fn into_start(self) -> (BodyStart, Option<BoxStream<'static, Result<Bytes, String>>>) {
        match self {
            Self::Empty => (BodyStart::Empty, None),
            Self::Whole(bytes) => (BodyStart::Whole(Blob(bytes.into())), None),
            Self::Stream(stream) => (BodyStart::Stream, Some(stream)),
        }
    }
}

/// A Worker's response.
#[derive(Debug)]
pub struct HttpResponse {
    /// The head.
    pub head: ResponseHead,
    /// The body.
    pub body: ResponseBody,
}

impl HttpResponse {
    /// Returns the response as the answer to a fetch.
    pub fn into_fetched(self) -> FetchedResponse {
        let body = match self.body {
            ResponseBody::Empty => FetchedBody::Empty,
            ResponseBody::Whole(bytes) => FetchedBody::Whole(bytes),
            ResponseBody::Stream(stream) => {
                FetchedBody::Stream(stream.map(|piece| piece.map_err(|BrokenBody(reason)| reason)).boxed())
            }
            ResponseBody::Socket(socket) => FetchedBody::Socket(socket_relay::server_of(socket)),
        };
        FetchedResponse { head: self.head, body }
    }
}

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// There is none.
    Empty,
    /// The whole body.
    Whole(Bytes),
    /// The body as the Worker makes it.
    Stream(WorkerStream),
    /// The Worker's end of a WebSocket. The status is 101.
    Socket(WorkerSocket),
}
