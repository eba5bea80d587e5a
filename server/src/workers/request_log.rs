//! The notes on requests: `isolet dev` prints them, `isolet serve` logs and counts them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use isolet_runtime::{ErrorCode, LogLine, LogSink, RequestHead, RunError, ViolationSink, Worker};

use super::sockets::connection::SocketEnd;
use crate::web::problem::Problem;

/// The length of a method and of a path in notes, in bytes. The rest is left out.
const MAX_METHOD_BYTES: usize = 32;
const MAX_PATH_BYTES: usize = 512;

/// The receiver of what happens to the requests of one Worker.
pub trait RequestLog: Send + Sync {
    /// Notes that the Worker failed to answer. Returns the text of the response.
    fn failed(&self, request: &OpenRequest, error: &RunError) -> String;

    /// Notes that the client may not use the Worker.
    fn refused(&self, request: &OpenRequest, problem: &Problem);

    /// Notes that the body of the response broke off.
    fn broke_off(&self, request: &OpenRequest, reason: &str);

    /// Notes the end of a request.
    fn ended(&self, request: &OpenRequest);

    /// Notes that a process of the Worker, or of one that it loaded, did what no Worker has the
    /// means to do.
    fn violated(&self, error: &RunError);

    /// Takes a line that the Worker logged, with the number of its request or 0.
    fn line(&self, request: u32, line: &LogLine);
}

/// Returns the receiver of a Worker's log lines.
pub fn lines(log: Arc<dyn RequestLog>) -> LogSink {
    Arc::new(move |request, line| log.line(request, &line))
}

/// Returns the receiver of the violations of a Worker's processes.
pub fn violations(log: Arc<dyn RequestLog>) -> ViolationSink {
    Arc::new(move |error| log.violated(error))
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
    /// The client disconnected before the response began, or without closing a WebSocket.
    Disconnected,
    /// The client did not read the response to its end.
    Unread,
    /// The body of the response broke off.
    BrokeOff,
}

impl From<SocketEnd> for RequestEnd {
    fn from(end: SocketEnd) -> Self {
        match end {
            SocketEnd::Closed => Self::Complete,
            SocketEnd::Lost => Self::Disconnected,
            SocketEnd::Cut => Self::BrokeOff,
        }
    }
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
    /// Its path. Both are the client's words, in visible ASCII as a URL has them: they are not
    /// taken for another part of a line, and drive no terminal.
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
        Self::open(head.method.as_str(), head.uri.path(), log)
    }

    /// Returns a request that another Worker has just made.
    pub fn of_fetch(head: &RequestHead, log: Arc<dyn RequestLog>) -> Self {
        let path = head.url.splitn(4, '/').nth(3).unwrap_or_default();
        let end = path.find(['?', '#']).unwrap_or(path.len());
        Self::open(&head.method, &format!("/{}", &path[..end]), log)
    }

    fn open(method: &str, path: &str, log: Arc<dyn RequestLog>) -> Self {
        Self {
            id: Worker::next_id(),
            method: printable(method, MAX_METHOD_BYTES),
            path: printable(path, MAX_PATH_BYTES),
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

    /// Notes that the client may not use the Worker.
    pub fn refused(mut self, problem: &Problem) {
        self.end(problem.status().as_u16(), RequestEnd::Refused);
        self.log.refused(&self, problem);
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

/// Returns the beginning of a text, with all bytes but visible ASCII percent-encoded.
fn printable(text: &str, most: usize) -> String {
    let mut printable = String::with_capacity(text.len().min(most));
    for byte in text.bytes() {
        if printable.len() >= most {
            printable.push_str("...");
            break;
        }
        match byte {
            b'!'..=b'~' => printable.push(byte.into()),
            _ => drop(write!(printable, "%{byte:02X}")),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_clients_are_visible_ascii_without_blanks() {
        for (path, expected) in [
            ("/a/b;c=%20d", "/a/b;c=%20d"),
            ("/a\u{9b}31m", "/a%C2%9B31m"),
            ("/\u{1b}]0;x\u{7}", "/%1B]0;x%07"),
            ("/x\u{a0}200\u{a0}1.0\u{a0}ms\u{2028}[7]", "/x%C2%A0200%C2%A01.0%C2%A0ms%E2%80%A8[7]"),
            ("/\u{202e}txt\u{e0041}\r\nb", "/%E2%80%AEtxt%F3%A0%81%81%0D%0Ab"),
        ] {
            assert_eq!(printable(path, 100), expected);
        }
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(printable("/abcdef", 3), "/ab...");
        let cut = printable(&"é".repeat(5000), MAX_PATH_BYTES);
        assert!(cut.len() < MAX_PATH_BYTES + 10 && cut.ends_with("..."), "{cut}");
    }
}
