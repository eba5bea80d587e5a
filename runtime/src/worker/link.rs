//! The interface of the connection to an instance.

use futures_util::future::BoxFuture;

use super::protocol::ToWorker;

/// The connection to a Worker.
pub(crate) trait WorkerLink: Send + Sync {
    /// Sends a message. If the Worker takes no messages any more, it is dropped.
    fn send(&self, message: ToWorker);

    /// Notes that a request has ended, or that messages of a WebSocket were taken, and the number
    /// of requests that have not ended.
    fn work_ended(&self, live: usize);

    /// Returns the number of bytes that wait for the Worker, if it is in another process.
    fn queued(&self) -> usize {
        0
    }

    /// Waits until the Worker has taken most of what was sent. Pieces of bodies wait for that.
    fn has_room(&self) -> BoxFuture<'_, ()>;
}
