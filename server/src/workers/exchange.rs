//! One request: from HTTP to the Worker, and back.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream as _, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, BodyStream, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use isolet_runtime::{
    BrokenBody, CallChain, ErrorCode, HttpRequest, HttpResponse, RequestBody, RequestOrigin, ResponseBody,
    WorkerSocket, WorkerStream,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::assets::FileBody;
use super::heads::StreamWithLength;
use super::request_log::{OpenRequest, RequestEnd, RequestLog};
use super::sockets::connection::{self, Closing, SOCKET_TIMES};
use super::sockets::open_sockets::OpenSockets;
use super::version::WorkerVersion;
use super::{heads, responses, triggers};
use crate::web::disconnect::ClientSocket;
use crate::web::http_server::ConnectionHold;
use crate::web::websocket::Peer;
use crate::web::websocket::handshake::{self, InvalidHandshake};

/// The longest body that is waited for if its beginning has arrived, in bytes. It is then sent with
/// the head.
const MAX_WHOLE_BYTES: usize = 64 << 10;

/// The time in which a Worker must end a body of which all bytes were sent. Code after a response
/// has as much.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The client of a request.
pub struct Client {
    /// Its address, which UNIX sockets do not have.
    pub address: Option<IpAddr>,
    /// Its connection.
    pub socket: ClientSocket,
}

/// Answers one request with an asset or the Worker.
pub async fn answer(
    version: &WorkerVersion,
    client: Client,
    mut request: Request<Incoming>,
    log: Arc<dyn RequestLog>,
    sockets: &OpenSockets,
) -> Response<WorkerBody> {
    let wants_socket = handshake::is_requested(request.headers());
    let upgrade = wants_socket
        .then(|| hyper::upgrade::on(&mut request))
        .and_then(|upgrade| Some((upgrade, sockets.permit()?)));
    let (head, body) = request.into_parts();
    let mut open = OpenRequest::new(&head, log);
    if wants_socket && upgrade.is_none() {
        open.end(503, RequestEnd::Refused);
        return responses::try_again("The Worker has as many WebSockets as it may have.\n".to_owned());
    }
    let Some(request) = heads::request_head(&head, client.address) else {
        open.end(400, RequestEnd::Refused);
        let text = "The request's Host is missing, or not a host as URLs have them.";
        return responses::plain(http::StatusCode::BAD_REQUEST, text.to_owned());
    };
    if heads::FORBIDDEN_METHODS.contains(&head.method.as_str()) {
        open.end(501, RequestEnd::Refused);
        let text = format!("The method {} is not one that a Request can have.", head.method);
        return responses::plain(http::StatusCode::NOT_IMPLEMENTED, text);
    }
    if let Some(reason) = &version.failure {
        open.end(500, RequestEnd::Refused);
        let text = format!("The project does not load:\n{reason}");
        return responses::plain(http::StatusCode::INTERNAL_SERVER_ERROR, text);
    }
    if let Some(response) = triggers::answer(version, &request, &mut open).await {
        return response;
    }
    if let Some(assets) = &version.assets
        && let Some(answered) = assets.answer(&request, version.worker.is_some()).await
    {
        return answered.response(open);
    }
    let Some(worker) = &version.worker else {
        open.end(404, RequestEnd::Complete);
        return responses::plain(http::StatusCode::NOT_FOUND, "The project has no Worker.".to_owned());
    };
    if CallChain::is_too_long(&request.headers) {
        open.end(508, RequestEnd::Refused);
        let text = "Workers have fetched from each other more often than they may.\n";
        return responses::plain(http::StatusCode::LOOP_DETECTED, text.to_owned());
    }
    let origin = RequestOrigin::default();
    let asked = HttpRequest { id: open.id, head: request, body: read_body(body), origin };
    // If the client goes, the server drops this future, and with it the request.
    match worker.fetch(asked).await {
        Ok(mut answered) => {
            if let ResponseBody::Socket(worker) = answered.body {
                answered.body = ResponseBody::Empty;
                let handshake = Handshake { head, upgrade, worker };
                let closing = Closing { stop: sockets.stop().clone(), retired: version.retired.clone() };
                return handshake.answer(answered, open, sockets, closing);
            }
            let (response, stream) = heads::response(answered);
            let status = response.status().as_u16();
            match stream {
                None => {
                    open.end(status, RequestEnd::Complete);
                    response.map(WorkerBody::Whole)
                }
                Some(StreamWithLength { stream, length }) => {
                    let is_empty = length == Some(0);
                    open.end(status, if is_empty { RequestEnd::Complete } else { RequestEnd::Unread });
                    let gone = Box::pin(async move { client.socket.disconnected().await });
                    let body = StreamedBody {
                        stream: Some(stream),
                        left: length,
                        open,
                        broken: None,
                        gone,
                        permit: None,
                    };
                    response.map(|_| WorkerBody::Streamed(Box::new(body)))
                }
            }
        }
        Err(error) => {
            let text = open.failed(&error);
            let response = if error.code == ErrorCode::Crashed {
                responses::try_again(text)
            } else {
                responses::plain(http::StatusCode::INTERNAL_SERVER_ERROR, text)
            };
            open.end(response.status().as_u16(), RequestEnd::Failed(error.code));
            response
        }
    }
}

/// A request to which the Worker has answered with a WebSocket.
struct Handshake {
    head: http::request::Parts,
    /// The connection, once it is switched, and the permit for a WebSocket.
    upgrade: Option<(OnUpgrade, OwnedSemaphorePermit)>,
    worker: WorkerSocket,
}

impl Handshake {
    /// Answers the request, and serves the WebSocket after that.
    fn answer(
        self,
        answered: HttpResponse,
        mut open: OpenRequest,
        sockets: &OpenSockets,
        closing: Closing,
    ) -> Response<WorkerBody> {
        let Self { head, upgrade, worker } = self;
        let accept = handshake::check(&head);
        let (accept, (upgrade, permit)) = match (accept, upgrade) {
            (Ok(accept), Some(upgrade)) => (accept, upgrade),
            (accept, _) => {
                let InvalidHandshake { status, reason } = accept.err().unwrap_or(handshake::NOT_REQUESTED);
                open.end(status.as_u16(), RequestEnd::Refused);
                let mut response = responses::plain(status, format!("{reason}\n"));
                handshake::explain(&mut response);
                return response;
            }
        };
        let (mut response, _) = heads::response(answered);
        handshake::switch(&mut response, accept);
        open.end(101, RequestEnd::Unread);
        let hold = head.extensions.get::<ConnectionHold>().cloned();
        sockets.spawn(async move {
            if let Ok(stream) = upgrade.await {
                let end =
                    connection::serve(TokioIo::new(stream), Peer::Client, &worker, &closing, &SOCKET_TIMES)
                        .await;
                open.end(101, end.into());
            }
            drop((worker, open, permit, hold));
        });
        response.map(WorkerBody::Whole)
    }
}

/// Returns the body of a request: in one piece if all of it has arrived with the head, else as it
/// arrives.
fn read_body(body: Incoming) -> RequestBody {
    if body.is_end_stream() {
        return RequestBody::Empty;
    }
    let mut body = body;
    let first = match body.frame().now_or_never() {
        Some(Some(Ok(frame))) => {
            let first = frame.into_data().unwrap_or_default();
            if body.is_end_stream() && first.len() <= MAX_WHOLE_BYTES {
                return RequestBody::Whole(first);
            }
            (!first.is_empty()).then_some(Ok(first))
        }
        Some(Some(Err(error))) => Some(Err(broke_off(&error))),
        Some(None) | None => None,
    };
    let rest = BodyStream::new(body).filter_map(|frame| {
        std::future::ready(match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(broke_off(&error))),
        })
    });
    RequestBody::Stream(futures_util::stream::iter(first).chain(rest).boxed())
}

fn broke_off(error: &hyper::Error) -> String {
    format!("The body of the request broke off: {error}.")
}

/// The body of an answer.
pub enum WorkerBody {
    /// A whole body.
    Whole(Full<Bytes>),
    /// A body as the Worker makes it.
    Streamed(Box<StreamedBody>),
    /// A file.
    File(Box<FileBody>),
}

impl WorkerBody {
    /// Keeps the permit of the request until the body has ended. Other bodies than the Worker's own
    /// streams need none.
    #[must_use]
    pub fn holding(mut self, permit: OwnedSemaphorePermit) -> Self {
        if let Self::Streamed(body) = &mut self {
            body.permit = Some(permit);
        }
        self
    }
}

/// A body as the Worker makes it, and the notes on its request.
pub struct StreamedBody {
    /// `None` when the body is dropped.
    stream: Option<WorkerStream>,
    /// The number of bytes that are still to come, if the Worker has promised a length.
    left: Option<u64>,
    open: OpenRequest,
    /// The error that is returned next.
    broken: Option<BrokenBody>,
    /// Completes when the client has disconnected. While a body is pending hyper does not notice it
    /// if the client has sent another request before.
    gone: BoxFuture<'static, ()>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for StreamedBody {
    /// Waits for the end of a body that has sent all that it promised. Else to drop it would cancel
    /// its request.
    fn drop(&mut self) {
        if self.left == Some(0)
            && let Some(mut stream) = self.stream.take()
        {
            tokio::spawn(async move {
                let _ = timeout(CLOSE_TIMEOUT, stream.next()).await;
            });
        }
    }
}

impl Body for WorkerBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::File(body) => Pin::new(&mut **body).poll_frame(context),
            Self::Streamed(body) => {
                if let Some(broken) = body.broken.take() {
                    return Poll::Ready(Some(Err(broken)));
                }
                let Some(stream) = &mut body.stream else { return Poll::Ready(None) };
                let Poll::Ready(item) = Pin::new(stream).poll_next(context) else {
                    return body
                        .gone
                        .as_mut()
                        .poll(context)
                        .map(|()| Some(Err(BrokenBody("the client disconnected".to_owned()))));
                };
                let item = keep_promise(&mut body.left, item);
                match &item {
                    // hyper does not ask for the end after the last byte.
                    Some(Ok(_)) if body.left == Some(0) => body.open.end = RequestEnd::Complete,
                    Some(Ok(_)) => {}
                    Some(Err(BrokenBody(reason))) => {
                        body.open.broke_off(reason);
                        // hyper sends what it has while a body is pending, and nothing after an
                        // error: so the client gets what came before.
                        body.broken = item.and_then(Result::err);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    None => body.open.end = RequestEnd::Complete,
                }
                Poll::Ready(item.map(|item| item.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::File(body) => body.is_end_stream(),
            Self::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::File(body) => body.size_hint(),
            Self::Streamed(body) => body.left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

/// Counts the bytes of a body with a promised length. Returns an error in place of bytes beyond it,
/// and of an end before it: the client was told the length.
fn keep_promise(
    left: &mut Option<u64>,
    item: Option<Result<Bytes, BrokenBody>>,
) -> Option<Result<Bytes, BrokenBody>> {
    let Some(count) = left else { return item };
    match &item {
        Some(Ok(bytes)) => match count.checked_sub(bytes.len() as u64) {
            Some(rest) => {
                *count = rest;
                item
            }
            None => Some(Err(BrokenBody("it is longer than its Content-Length".to_owned()))),
        },
        None if *count > 0 => {
            Some(Err(BrokenBody(format!("it ended {count} bytes before its Content-Length"))))
        }
        _ => item,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promised_length_is_kept_or_the_body_breaks_off() {
        let chunk = |text: &'static str| Some(Ok(Bytes::from(text)));
        let is_broken = |item| matches!(item, Some(Err(BrokenBody(_))));
        let mut left = Some(5);
        assert_eq!(keep_promise(&mut left, chunk("abc")).unwrap().unwrap(), "abc");
        assert!(is_broken(keep_promise(&mut left, chunk("def"))), "too long");
        assert!(is_broken(keep_promise(&mut left, None)), "too short");
        assert_eq!(keep_promise(&mut left, chunk("de")).unwrap().unwrap(), "de");
        assert!(keep_promise(&mut left, None).is_none());
        assert!(keep_promise(&mut None, None).is_none());
    }
}
