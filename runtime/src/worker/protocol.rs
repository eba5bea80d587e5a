//! The messages between a Worker and the process that has its requests.
//!
//! They are the same for a Worker on a thread, where they are values, and in a jailed process,
//! where they are frames. Requests have numbers, which their owner chooses.
//!
//! Bodies flow in both directions within a window: the sender of a body may be ahead of its reader
//! by [`WINDOW_BYTES`], and gets credit for what was read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::loaded::CodeResult;
use super::rpc::{CallEnd, Callee, GivenValue, Path, Receiver, SentValue};
use crate::blob::Blob;
use crate::{LogLine, RunError};

/// The number of bytes of a body that may be under way before the other side has read them.
/// `WINDOW` in js/workers.js is the same number.
pub(crate) const WINDOW_BYTES: usize = 256 << 10;

/// The bound on the head of a response and of a fetch, as [`ResponseHead::size`] counts. Cloudflare
/// has the same for its headers. `MAX_HEAD` in js/workers.js is the same number.
pub(crate) const MAX_HEAD_BYTES: usize = 128 << 10;

/// The bytes that each header counts in addition to its name and value, as in HTTP/2 (RFC 9113,
/// section 6.5.2).
const HEADER_OVERHEAD_BYTES: usize = 32;

/// The number of headers with which a head of any length is over its bound.
const MAX_HEADERS: usize = MAX_HEAD_BYTES / HEADER_OVERHEAD_BYTES;

/// The bytes of a WebSocket's messages that may be under way before the other side has taken them,
/// with [`PIECE_OVERHEAD_BYTES`] for each piece. `WINDOW` in js/socket-wires.js is the same number.
pub(crate) const SOCKET_WINDOW_BYTES: usize = 64 << 10;

/// The bytes that each piece of a message counts in addition to its own, so that empty messages are
/// bounded too. `OVERHEAD` in js/socket-wires.js is the same number.
pub(crate) const PIECE_OVERHEAD_BYTES: usize = 64;

/// The longest piece of a WebSocket's message. `MAX_PIECE` in js/socket-wires.js is the same
/// number.
pub(crate) const MAX_PIECE_BYTES: usize = 16 << 10;

/// The code of a connection that was lost: there was no close frame, or none is to be sent.
pub const CLOSE_CODE_LOST: u16 = 1006;

/// The longest reason of a close frame, in bytes of UTF-8 (RFC 6455, section 5.5).
pub const MAX_CLOSE_REASON_BYTES: usize = 123;

/// A body as a message begins.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum BodyStart {
    /// There is none.
    Empty,
    /// The whole body.
    Whole(Blob),
    /// The body comes in pieces.
    Stream,
    /// A WebSocket takes the place of the body of a response, or of the answer to a fetch.
    Socket,
    /// The WebSocket that a fetch was answered with, and that the Worker has not accepted, takes
    /// the place of the body of a response.
    PassedSocket {
        /// The fetch.
        call: u32,
    },
}

/// The WebSocket that a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SocketKey {
    /// The one that is the response to a request.
    Request(u32),
    /// The one that is the answer to a fetch of the Worker.
    Fetch(u32),
}

impl SocketKey {
    /// Returns the number by which JavaScript knows the WebSocket: that of the request, or that of
    /// the fetch below zero.
    pub(crate) fn number(self) -> f64 {
        match self {
            Self::Request(id) => f64::from(id),
            Self::Fetch(call) => -f64::from(call),
        }
    }

    /// Returns the WebSocket with this number.
    pub(crate) fn from_number(number: f64) -> Self {
        match number < 0.0 {
            true => Self::Fetch(-number as u32),
            false => Self::Request(number as u32),
        }
    }
}

/// A piece of a message of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketPiece {
    /// `true` in a message of text. A piece may end within a character.
    pub is_text: bool,
    /// `true` if the message ends with it.
    pub is_last: bool,
    /// The bytes.
    #[serde(with = "crate::blob")]
    pub bytes: Vec<u8>,
}

impl SocketPiece {
    /// Returns the part of the window that the piece takes.
    pub(crate) fn cost(&self) -> usize {
        self.bytes.len() + PIECE_OVERHEAD_BYTES
    }
}

/// The bound on the name of an entrypoint, in bytes.
pub(crate) const MAX_ENTRYPOINT_BYTES: usize = 1024;

/// The bound on the properties that an entrypoint is given, in bytes.
pub(crate) const MAX_PROPS_BYTES: usize = 1 << 20;

/// An entrypoint of a Worker, and what it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrypoint {
    /// The name of the export of the main module. It is empty for the default export.
    pub name: String,
    /// JSON text of the object `ctx.props`. It is empty for an empty object.
    pub props: String,
}

/// The receiver of what a Worker fetches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum FetchTarget {
    /// A binding in its `env`.
    Binding(String),
    /// An entrypoint of the Worker itself.
    Export(Entrypoint),
    /// An entrypoint of a Worker that it has loaded, by the number that it chose.
    Loaded { worker: u32, entrypoint: Entrypoint },
}

/// The head of a request to a Worker.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RequestHead {
    /// The method: `GET`, `POST`, …
    pub method: String,
    /// The absolute URL. That of a request from outside is as the URL standard writes it.
    pub url: String,
    /// Names and values in order. Values are bytes as Latin-1 text, as in the Fetch standard.
    #[serde(deserialize_with = "crate::bounded::list::<MAX_HEADERS, _, _>")]
    pub headers: Vec<(String, String)>,
    /// The JSON text of the object `request.cf`, or the empty string if there is none.
    pub cf: String,
}

/// The head of a Worker's response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseHead {
    /// The status, from 200 to 599.
    pub status: u16,
    /// The reason phrase, as Latin-1 text. It may be empty.
    pub status_text: String,
    /// Names and values in order, as in a request.
    #[serde(deserialize_with = "crate::bounded::list::<MAX_HEADERS, _, _>")]
    pub headers: Vec<(String, String)>,
    /// `true` if the body has the `Content-Encoding` that the headers name already.
    pub encoded: bool,
}

impl RequestHead {
    /// Returns the size of the head with `cf` in bytes on the wire, with an overhead for each
    /// header.
    pub(crate) fn size(&self) -> usize {
        self.method.len() + self.url.len() + size_of_headers(&self.headers) + self.cf.len()
    }
}

impl ResponseHead {
    /// Returns `true` if the head is longer than one that a Worker takes.
    pub fn is_too_long(&self) -> bool {
        self.size() > MAX_HEAD_BYTES
    }

    /// Returns the size of the head in bytes on the wire, with an overhead for each header.
    pub(crate) fn size(&self) -> usize {
        latin1_bytes(&self.status_text) + size_of_headers(&self.headers)
    }
}

fn size_of_headers(headers: &[(String, String)]) -> usize {
    let size = |(name, value): &(String, String)| latin1_bytes(name) + latin1_bytes(value);
    headers.iter().map(|header| size(header) + HEADER_OVERHEAD_BYTES).sum()
}

/// Returns the number of bytes of a Latin-1 text.
fn latin1_bytes(text: &str) -> usize {
    text.chars().count()
}

/// The failure of a fetch, as the Worker's code sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchError {
    /// The class of the error. Another one than those of the language becomes `Error`.
    pub name: String,
    /// The message of the error.
    pub message: String,
}

impl From<String> for FetchError {
    /// Returns a `TypeError`, as the Fetch standard prescribes for what cannot be fetched.
    fn from(message: String) -> Self {
        Self { name: "TypeError".to_owned(), message }
    }
}

impl From<&str> for FetchError {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<RunError> for FetchError {
    /// Returns the error of a Worker for the Worker that called it. Where it was thrown is in the
    /// log.
    fn from(error: RunError) -> Self {
        Self { message: error.message_without_frames().to_owned(), name: error.name }
    }
}

impl FetchError {
    /// Returns the error of a Worker for the one that gave it its code, with the places in that.
    pub(crate) fn with_places(error: RunError) -> Self {
        Self { message: error.message, name: error.name }
    }
}

/// A message to a Worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// A request.
    Request {
        id: u32,
        entrypoint: Entrypoint,
        #[serde(with = "shared")]
        head: Arc<RequestHead>,
        body: BodyStart,
        /// `true` if a Worker reads the answer, whose body is then not compressed.
        is_internal: bool,
        /// The time at which it was sent, by [`monotonic_us`].
        sent_us: u64,
    },
    /// The time of a cron trigger, in milliseconds since 1970. The answer is an empty response.
    Scheduled { id: u32, cron: String, time_ms: f64, sent_us: u64 },
    /// A piece of a request's body.
    Chunk { id: u32, bytes: Blob },
    /// The request's body is complete, or broke off for a reason.
    BodyEnd { id: u32, error: Option<String> },
    /// The reader of the response has read this number of bytes.
    Credit { id: u32, bytes: u32 },
    /// Nobody waits for the response any more.
    Cancel { id: u32 },
    /// The reader of a fetch's body has read this number of bytes.
    FetchBodyCredit { call: u32, bytes: u32 },
    /// The rest of a fetch's body is not read.
    FetchBodyRefused { call: u32 },
    /// A piece of a message of a WebSocket.
    SocketPiece { socket: SocketKey, piece: SocketPiece },
    /// The other end of the WebSocket has taken pieces with this cost.
    SocketCredit { socket: SocketKey, bytes: u32 },
    /// The other end of the WebSocket has closed it: no more messages come. If it was lost, none
    /// can be sent either. The code 1005 stands for none.
    SocketClosed { socket: SocketKey, code: u16, reason: String, is_lost: bool },
    /// A fetch was answered, or failed for a reason.
    Fetched { call: u32, answer: Result<(ResponseHead, BodyStart), FetchError> },
    /// A piece of a fetched body.
    FetchChunk { call: u32, bytes: Blob },
    /// A fetched body is complete, or broke off for a reason.
    FetchEnd { call: u32, error: Option<String> },
    /// A call of a method, or a read of a property if there are no arguments. It is an event like a
    /// request.
    Call { id: u32, receiver: Receiver, path: Path, arguments: Option<GivenValue>, sent_us: u64 },
    /// A call that the Worker made has ended.
    CallEnded { call: u32, end: CallEnd },
    /// No more calls of the result of a call will come.
    ResultReleased { id: u32 },
    /// Nobody has a stub of an object any more.
    ObjectReleased { object: u32 },
}

/// A message from a Worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The answer to a request begins.
    Response { id: u32, head: ResponseHead, body: BodyStart },
    /// A piece of a response's body.
    Chunk { id: u32, bytes: Blob },
    /// The response's body is complete, or broke off for a reason.
    BodyEnd { id: u32, error: Option<String> },
    /// The request has no answer but an error.
    Failed { id: u32, error: RunError },
    /// The Worker has read this number of bytes of the request's body.
    Credit { id: u32, bytes: u32 },
    /// The Worker reads no more of the request's body.
    BodyRefused { id: u32 },
    /// The Worker accepts the WebSocket that a fetch was answered with. Nothing of it comes before.
    SocketAccepted { call: u32 },
    /// A piece of a message for the other end of a WebSocket.
    SocketPiece { socket: SocketKey, piece: SocketPiece },
    /// The Worker has taken pieces with this cost.
    SocketCredit { socket: SocketKey, bytes: u32 },
    /// The Worker closes the WebSocket: it sends no more messages. The code 1005 stands for none,
    /// [`CLOSE_CODE_LOST`] cuts the connection.
    SocketClose { socket: SocketKey, code: u16, reason: String },
    /// The Worker fetches, for a request. It chooses the number `call`.
    Fetch { id: u32, call: u32, target: FetchTarget, head: RequestHead, body: BodyStart },
    /// A piece of a fetch's body.
    FetchBody { call: u32, bytes: Blob },
    /// The fetch's body is complete. One that breaks off ends the fetch.
    FetchBodyEnd { call: u32 },
    /// The Worker has read this number of bytes of a fetched body.
    FetchCredit { call: u32, bytes: u32 },
    /// The Worker has all of a fetch, or wants no more of it.
    FetchEnded { call: u32 },
    /// The Worker calls a method, or reads a property if there are no arguments. It chooses the
    /// number `call`.
    Call { id: u32, call: u32, callee: Callee, path: Path, arguments: Option<SentValue> },
    /// The Worker has the end of a call, or wants no more of it.
    CallReleased { call: u32 },
    /// A call of the Worker has a value, which was returned or thrown.
    Returned { id: u32, threw: bool, value: SentValue },
    /// The Worker has dropped a stub.
    StubReleased { stub: u32 },
    /// The Worker loads another one, for a request. It chooses the number `worker`.
    Loading {
        id: u32,
        worker: u32,
        /// `true` if it is forgotten when the request ends.
        ends_with_request: bool,
    },
    /// The code of a Worker that is loaded, or the error of the function that was to give it.
    Code { worker: u32, code: CodeResult },
    /// A loaded Worker is not called any more.
    Unloaded { worker: u32 },
    /// The Worker logged a line. `request` is 0 outside of requests.
    Log { request: u32, line: LogLine },
    /// The request and everything that it started have ended.
    Ended {
        id: u32,
        /// The time that it waited for its first turn, in microseconds.
        queued_us: u32,
    },
}

/// Reads and writes what is shared on one side.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        T::serialize(value, to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// Returns the time since an event that all processes of this machine share, in microseconds.
pub(crate) fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}
