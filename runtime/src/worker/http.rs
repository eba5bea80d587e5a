//! Requests to a Worker and its responses, for the owner of the requests.

use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::body::WorkerStream;
use super::protocol::{RequestHead, ResponseHead};

/// A request to a Worker.
pub struct HttpRequest {
    /// Its number, from [`Worker::next_id`](crate::Worker::next_id). Log lines carry it.
    pub id: u32,
    /// The head.
    pub head: RequestHead,
    /// The body.
    pub body: RequestBody,
}

/// An event for a Worker.
pub(crate) enum Event {
    /// A request.
    Fetch { head: RequestHead, body: RequestBody },
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

/// A Worker's response.
#[derive(Debug)]
pub struct HttpResponse {
    /// The head.
    pub head: ResponseHead,
    /// The body.
    pub body: ResponseBody,
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
}
