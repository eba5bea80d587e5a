//! An HTTP client that can also send invalid requests.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::bounded;
use super::events::Events;

type Body = BoxBody<Bytes, Infallible>;

/// A request to be sent.
pub struct Request {
    builder: http::request::Builder,
    body: Body,
}

impl Request {
    /// A request of any method, without a body.
    pub fn new(method: Method, path: &str) -> Self {
        let builder = http::Request::builder().method(method).uri(path);
        Self { builder, body: Full::default().boxed() }
    }

    /// `GET`
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// `POST` of a body of this type.
    pub fn post(path: &str, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path).header("content-type", content_type).body(body)
    }

    /// `POST /v1/run` of a document.
    pub fn run(body: &Value) -> Self {
        Self::post("/v1/run", "application/json", body.to_string())
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Sets a body with a `Content-Length`.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Full::new(body.into()).boxed();
        self
    }

    /// Sets a body of `count` times `piece`, in chunks, without a `Content-Length`.
    pub fn chunks(mut self, piece: Bytes, count: usize) -> Self {
        let pieces = std::iter::repeat_n(piece, count).map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        self.body = StreamBody::new(futures_util::stream::iter(pieces)).boxed();
        self
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// Fails unless this is the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, String::from_utf8_lossy(&self.body));
        self
    }

    /// A header's text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header in ASCII"))
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("a body in UTF-8")
    }

    /// The body as JSON; the headers must declare it.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        self.parsed()
    }

    /// The body as a problem document with this status, which must be complete.
    #[track_caller]
    pub fn problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.parsed();
        assert_eq!(problem["status"], status, "{problem:#}");
        for field in ["type", "title", "detail"] {
            let text = problem[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "`{field}` is missing: {problem:#}");
        }
        problem
    }

    #[track_caller]
    fn parsed(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&self.body)))
    }
}

/// One connection; dropping it hangs up.
pub struct Connection {
    sender: SendRequest<Body>,
    address: SocketAddr,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        let socket = bounded("a connection", TcpStream::connect(address)).await.expect("it listens");
        let (sender, connection) =
            handshake(TokioIo::new(socket)).await.expect("a handshake without traffic");
        let driver = tokio::spawn(async move { drop(connection.await) });
        Self { sender, address, _driver: AbortOnDropHandle::new(driver) }
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn begin(&mut self, request: Request) -> Response<Incoming> {
        let builder = match request.builder.headers_ref().is_some_and(|headers| headers.contains_key("host"))
        {
            true => request.builder,
            false => request.builder.header("host", self.address.to_string()),
        };
        let request = builder.body(request.body).expect("a request that can be written");
        let answer = bounded("an answer", async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        });
        answer.await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Sends a request and waits for the whole answer.
    pub async fn send(&mut self, request: Request) -> Answer {
        let (head, body) = self.begin(request).await.into_parts();
        let body = bounded("the body", body.collect()).await.expect("a whole body").to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Sends `POST /v1/run` and reads the answer as events.
    pub async fn events(&mut self, body: &Value) -> Events {
        let request = Request::run(body).header("accept", "text/event-stream");
        let (head, body) = self.begin(request).await.into_parts();
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.headers["content-type"], "text/event-stream");
        let id = head.headers["isolet-run-id"].clone();
        let events = Events::of_run(body).await;
        assert_eq!(id, events.id);
        events
    }
}

/// Sends a request, on a connection of its own, to a server that may end at any moment. Returns
/// `None` if the connection was refused or closed before a whole answer had arrived.
pub async fn attempt(address: SocketAddr, request: Request) -> Option<Answer> {
    bounded("an answer or the end of the connection", async {
        let socket = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = handshake(TokioIo::new(socket)).await.ok()?;
        let _driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
        let builder = request.builder.header("host", address.to_string());
        let request = builder.body(request.body).expect("a request that can be written");
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
    })
    .await
}

/// Sends bytes that ask for one answer and for the connection's end, and reads until then.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    read_answer(send_bytes(address, bytes).await).await
}

/// Sends bytes as they are, closes the sending direction, and reads to the end of the connection.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = send_bytes(address, bytes).await;
    socket.shutdown().await.expect("a connection that can be closed");
    read_answer(socket).await
}

async fn send_bytes(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut socket = bounded("a connection", TcpStream::connect(address)).await.expect("it listens");
    socket.write_all(bytes).await.expect("it reads");
    socket
}

async fn read_answer(mut socket: TcpStream) -> String {
    let mut answer = Vec::new();
    bounded("an answer", socket.read_to_end(&mut answer)).await.expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}
