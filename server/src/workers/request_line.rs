//! The line about a request on standard error.

use std::time::Instant;

use http::request;
use isolet_bindings::text;
use isolet_runtime::Worker;

/// The line about a request, printed when it is over. Without a status the client has gone before
/// the answer.
pub struct RequestLine {
    /// The number of the request.
    pub id: u32,
    /// Method and path.
    pub request: String,
    started: Instant,
    status: Option<u16>,
    end: &'static str,
}

impl RequestLine {
    /// Begins the line of a request.
    pub fn of(head: &request::Parts) -> Self {
        Self {
            id: Worker::next_id(),
            request: text::line(&format!("{} {}", head.method, head.uri.path())).into_owned(),
            started: Instant::now(),
            status: None,
            end: ", the client disconnected",
        }
    }

    /// Sets how the line ends.
    pub fn end(&mut self, status: u16, end: &'static str) {
        (self.status, self.end) = (Some(status), end);
    }

    /// Changes how the line ends.
    pub fn change_end(&mut self, end: &'static str) {
        self.end = end;
    }
}

impl Drop for RequestLine {
    fn drop(&mut self) {
        let Self { id, request, started, status, end } = self;
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        stderr_line!("[{id}] {request} {status} {ms:.1} ms{end}");
    }
}
