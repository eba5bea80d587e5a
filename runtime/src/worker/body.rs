//! The bodies of responses, between the messages of a Worker and their reader.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use parking_lot::Mutex;

use super::protocol::WINDOW_BYTES;
use crate::byte_queue::ByteQueue;

/// The bytes by which a body within the window may grow when it is compressed.
const MAX_ENCODING_BYTES: usize = 16 << 10;

/// The bound on the bytes of a body that have arrived and were not read.
pub(super) const MAX_UNREAD_BYTES: usize = WINDOW_BYTES + MAX_ENCODING_BYTES;

/// The error of a response's body that broke off.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the body broke off: {0}")]
pub struct BrokenBody(pub String);

/// The owner of the requests to which bodies belong.
pub(super) trait BodyOwner: Send + Sync {
    /// Confirms bytes of a response that were read.
    fn confirm(&self, id: u32, bytes: usize);

    /// Records that the rest of a response is not read.
    fn cancel(&self, id: u32);
}

/// The part of a body that has arrived and was not read.
#[derive(Default)]
pub(super) struct BodyQueue(Mutex<QueuedBody>);

#[derive(Default)]
struct QueuedBody {
    bytes: ByteQueue,
    /// The number of bytes that have arrived and were not confirmed.
    unconfirmed: usize,
    /// The end of the body, once it is known.
    end: Option<Result<(), BrokenBody>>,
    /// `true` if nobody reads the body any more.
    is_abandoned: bool,
    reader: Option<Waker>,
}

impl BodyQueue {
    /// Appends a piece. Returns `false` if the Worker is ahead of the reader by more than it may.
    pub(super) fn push(&self, piece: Vec<u8>) -> bool {
        let mut body = self.0.lock();
        body.unconfirmed = body.unconfirmed.saturating_add(piece.len());
        if body.unconfirmed > MAX_UNREAD_BYTES {
            return false;
        }
        if !body.is_abandoned {
            body.bytes.push(piece);
            Self::wake(body);
        }
        true
    }

    /// Ends the body. The first end counts.
    pub(super) fn end(&self, end: Result<(), BrokenBody>) {
        let mut body = self.0.lock();
        body.end.get_or_insert(end);
        Self::wake(body);
    }

    fn wake(mut body: parking_lot::MutexGuard<'_, QueuedBody>) {
        let reader = body.reader.take();
        drop(body);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, BrokenBody>>> {
        let mut body = self.0.lock();
        if let Some(piece) = body.bytes.pop() {
            return Poll::Ready(Some(Ok(piece)));
        }
        match &body.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(broken)) => Poll::Ready(Some(Err(broken.clone()))),
            None => {
                body.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn confirm(&self, bytes: usize) {
        let mut body = self.0.lock();
        body.unconfirmed = body.unconfirmed.saturating_sub(bytes);
    }

    fn abandon(&self) {
        let mut body = self.0.lock();
        body.is_abandoned = true;
        body.bytes.clear();
    }
}

/// A body as the Worker makes it. The Worker waits while it is not read. Dropping it before its end
/// cancels the stream in the Worker.
pub struct WorkerStream {
    id: u32,
    queue: Arc<BodyQueue>,
    owner: Arc<dyn BodyOwner>,
    /// The number of bytes that were read and not confirmed.
    unconfirmed: usize,
    is_complete: bool,
}

impl std::fmt::Debug for WorkerStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WorkerStream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl WorkerStream {
    pub(super) fn new(id: u32, queue: Arc<BodyQueue>, owner: Arc<dyn BodyOwner>) -> Self {
        Self { id, queue, owner, unconfirmed: 0, is_complete: false }
    }
}

impl futures_util::Stream for WorkerStream {
    type Item = Result<Bytes, BrokenBody>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_complete {
            return Poll::Ready(None);
        }
        let item = ready!(self.queue.poll(context));
        match &item {
            Some(Ok(piece)) => {
                self.unconfirmed += piece.len();
                if self.unconfirmed >= WINDOW_BYTES / 4 {
                    let read = std::mem::take(&mut self.unconfirmed);
                    self.queue.confirm(read);
                    self.owner.confirm(self.id, read);
                }
            }
            Some(Err(_)) | None => self.is_complete = true,
        }
        Poll::Ready(item.map(|item| item.map(Bytes::from)))
    }
}

impl Drop for WorkerStream {
    fn drop(&mut self) {
        if !self.is_complete {
            self.queue.abandon();
            self.owner.cancel(self.id);
        }
    }
}
