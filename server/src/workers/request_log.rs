//! The notes on requests: `isolet dev` prints them, `isolet serve` logs and counts them.

use std::sync::Arc;
use std::time::Instant;

use isolet_bindings::text;
use isolet_runtime::{ErrorCode, LogLine, RunError, Worker};

/// The receiver of what happens to the requests of one Worker.
pub trait RequestLog: Send + Sync {
    /// Notes that the Worker failed to answer. Returns the text of the response.
    fn failed(&self, request: &OpenRequest, error: &RunError) -> String;

    /// Notes that the body of the response broke off.
    fn broke_off(&self, request: &OpenRequest, reason: &str);

    /// Notes the end of a request.
    fn ended(&self, request: &OpenRequest);

    /// Takes a line that the Worker logged, with the number of its request or 0.
    fn line(&self, request: u32, line: &LogLine);
}

/// The way in which a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// The client has got the whole response.
    Complete,
    /// The Worker did not answer, with this error.
    Failed(ErrorCode),
    /// The request was not given to the Worker.
    Refused,
    /// The client disconnected before the response began.
    Disconnected,
    /// The client did not read the response to its end.
    Unread,
    /// The body of the response broke off.
    BrokeOff,
}

impl RequestEnd {
    /// Returns the name of the end in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "ok",
            Self::Failed(code) => code.as_str(),
            Self::Refused => "refused",
            Self::Disconnected => "disconnected",
            Self::Unread => "unread",
            Self::BrokeOff => "broke_off",
        }
    }
}

/// A request that has not ended. When it is dropped, its end is noted.
pub struct OpenRequest {
    /// Its number.
    pub id: u32,
    /// Its method.
    pub method: String,
    /// Its path, without characters that control a terminal.
    pub path: String,
    /// The time at which it arrived.
    pub began: Instant,
    /// The status of the response, once it is known.
    pub status: Option<u16>,
    /// Its end, as far as it is known.
    pub end: RequestEnd,
    log: Arc<dyn RequestLog>,
}

impl OpenRequest {
    /// Returns a request that has just arrived.
    pub fn new(head: &http::request::Parts, log: Arc<dyn RequestLog>) -> Self {
        Self {
            id: Worker::next_id(),
            method: head.method.as_str().to_owned(),
            path: text::line(head.uri.path()).into_owned(),
            began: Instant::now(),
            status: None,
            end: RequestEnd::Disconnected,
            log,
        }
    }

    /// Sets how the request ends.
    pub fn end(&mut self, status: u16, end: RequestEnd) {
        (self.status, self.end) = (Some(status), end);
    }

    /// Notes that the Worker failed to answer. Returns the text of the response.
    pub fn failed(&self, error: &RunError) -> String {
        self.log.failed(self, error)
    }

    /// Notes that the body of the response broke off.
    pub fn broke_off(&mut self, reason: &str) {
        self.log.broke_off(self, reason);
        self.end = RequestEnd::BrokeOff;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.log.ended(self);
    }
}
