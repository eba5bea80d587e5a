//! Requests to a Worker and its responses, for the owner of the requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::exchange::Exchanges;
use super::protocol::{RequestHead, ResponseHead, WINDOW_BYTES};

/// A request to a Worker.
pub struct HttpRequest {
    /// Its number, from [`Worker::next_id`](super::Worker::next_id). Log lines carry it.
    pub id: u32,
    /// The head.
    pub head: RequestHead,
    /// The body.
    pub body: RequestBody,
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
    Stream(ResponseStream),
}

/// The error of a response's body that broke off.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off: {0}")]
pub struct BrokenBody(pub String);

/// A body as the Worker makes it. The Worker waits while it is not read. Dropping it before its end
/// cancels the stream in the Worker.
pub struct ResponseStream {
    id: u32,
    chunks: UnboundedReceiver<Result<Bytes, BrokenBody>>,
    exchanges: Arc<Exchanges>,
    /// The number of bytes that were read and not confirmed.
    unconfirmed: usize,
    is_complete: bool,
}

impl std::fmt::Debug for ResponseStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseStream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ResponseStream {
    pub(super) fn new(
        id: u32,
        chunks: UnboundedReceiver<Result<Bytes, BrokenBody>>,
        exchanges: Arc<Exchanges>,
    ) -> Self {
        Self { id, chunks, exchanges, unconfirmed: 0, is_complete: false }
    }
}

impl futures_util::Stream for ResponseStream {
    type Item = Result<Bytes, BrokenBody>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_complete {
            return Poll::Ready(None);
        }
        let item = ready!(self.chunks.poll_recv(context));
        match &item {
            Some(Ok(bytes)) => {
                self.unconfirmed += bytes.len();
                if self.unconfirmed >= WINDOW_BYTES / 4 {
                    let read = std::mem::take(&mut self.unconfirmed);
                    self.exchanges.confirm(self.id, read);
                }
            }
            Some(Err(_)) | None => self.is_complete = true,
        }
        Poll::Ready(item)
    }
}

impl Drop for ResponseStream {
    fn drop(&mut self) {
        if !self.is_complete {
            self.exchanges.cancel(self.id);
        }
    }
}
