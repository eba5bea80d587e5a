//! One request: from HTTP to the Worker, and back.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream as _, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, BodyStream, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use isolet_bindings::text;
use isolet_runtime::{BrokenBody, ErrorCode, HttpRequest, RequestBody, ResponseStream};

use super::assets::FileBody;
use super::heads;
use super::project::Site;
use super::request_line::RequestLine;
use super::responses;
use crate::output::diagnostic;

/// The longest body that is waited for if its beginning has arrived, in bytes. It is then sent with
/// the head.
const MAX_WHOLE_BYTES: usize = 64 << 10;

/// Answers one request with an asset or the Worker, and prints a line about it.
pub async fn answer(site: &Site, peer: IpAddr, request: Request<Incoming>) -> Response<WorkerBody> {
    let (head, body) = request.into_parts();
    let mut line = RequestLine::of(&head);
    let Some(request) = heads::request_head(&head, peer) else {
        line.end(400, "");
        let text = "The request has no usable Host header.";
        return responses::plain(http::StatusCode::BAD_REQUEST, text.to_owned());
    };
    let has_worker = site.worker.is_some();
    if let Some(assets) = &site.assets
        && let Some(answered) = assets.answer(&request, has_worker).await
    {
        return answered.response(line);
    }
    let Some(worker) = &site.worker else {
        line.end(404, "");
        return responses::plain(http::StatusCode::NOT_FOUND, "The project has no Worker.".to_owned());
    };
    let asked = HttpRequest { id: line.id, head: request, body: read_body(body) };
    // If the client goes, hyper drops this future, and with it the request.
    match worker.fetch(asked).await {
        Ok(answered) => {
            let (response, stream) = heads::response(answered);
            let status = response.status().as_u16();
            match stream {
                None => {
                    line.end(status, "");
                    response.map(WorkerBody::Whole)
                }
                Some(stream) => {
                    line.end(status, ", not read to its end");
                    response
                        .map(|_| WorkerBody::Streamed(Box::new(StreamedBody { stream, line, broken: None })))
                }
            }
        }
        Err(error) => {
            let block = diagnostic::render(&error, "the Worker");
            stderr_text!("isolet: [{}] {} failed\n{block}", line.id, line.request);
            let response = if error.code == ErrorCode::Crashed {
                responses::try_again(block)
            } else {
                responses::plain(http::StatusCode::INTERNAL_SERVER_ERROR, block)
            };
            line.end(response.status().as_u16(), "");
            response
        }
    }
}

/// Returns the body of a request: in one piece if all of it has arrived with the head, else as it
/// arrives.
fn read_body(body: Incoming) -> RequestBody {
    if body.is_end_stream() {
        return RequestBody::Empty;
    }
    let mut body = body;
    let mut first = Bytes::new();
    if let Some(Some(Ok(frame))) = body.frame().now_or_never() {
        first = frame.into_data().unwrap_or_default();
        if body.is_end_stream() && first.len() <= MAX_WHOLE_BYTES {
            return RequestBody::Whole(first);
        }
    }
    let rest = BodyStream::new(body).filter_map(|frame| {
        std::future::ready(match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(format!("The body of the request broke off: {error}."))),
        })
    });
    let first = futures_util::stream::iter((!first.is_empty()).then_some(Ok(first)));
    RequestBody::Stream(first.chain(rest).boxed())
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

/// A body as the Worker makes it, and the line about its request.
pub struct StreamedBody {
    stream: ResponseStream,
    line: RequestLine,
    /// The error that is returned next.
    broken: Option<BrokenBody>,
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
                let item = std::task::ready!(Pin::new(&mut body.stream).poll_next(context));
                match &item {
                    Some(Ok(_)) => {}
                    Some(Err(BrokenBody(reason))) => {
                        let RequestLine { id, request, .. } = &body.line;
                        let reason = text::line(reason);
                        stderr_line!("isolet: [{id}] {request}: the response broke off: {reason}");
                        body.line.change_end(", broke off");
                        // hyper sends what it has while a body is pending, and nothing after an
                        // error: so the client gets what came before.
                        body.broken = item.and_then(Result::err);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    None => body.line.change_end(""),
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
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}
