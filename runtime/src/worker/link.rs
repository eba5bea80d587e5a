//! The interface of the connection to an instance, and the bodies that are sent over it.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::Semaphore;

use super::protocol::{ToWorker, WINDOW_BYTES};
use crate::blob::Blob;

/// The connection to a Worker.
pub(crate) trait WorkerLink: Send + Sync {
    /// Sends a message. If the Worker takes no messages any more, it is dropped.
    fn send(&self, message: ToWorker);

    /// Notes that requests have ended, or that messages of a WebSocket were taken, and the number
    /// of requests that have not ended.
    fn work_ended(&self, live: usize);

    /// Returns the number of bytes that wait for the Worker, if it is in another process.
    fn queued(&self) -> usize {
        0
    }

    /// Waits until the Worker has taken most of what was sent. Pieces of bodies wait for that.
    fn has_room(&self) -> BoxFuture<'_, ()>;
}

/// Sends a body as it comes, as there is credit, and as the Worker takes it. `piece` and `end`
/// return the messages for a piece of it and for its end, which has the reason if it broke off.
pub(super) async fn send_body(
    link: &dyn WorkerLink,
    mut stream: BoxStream<'static, Result<Bytes, String>>,
    credit: &Semaphore,
    piece: impl Fn(Blob) -> ToWorker,
    end: impl FnOnce(Option<String>) -> ToWorker,
) {
    while let Some(part) = stream.next().await {
        match part {
            Ok(mut bytes) => {
                while !bytes.is_empty() {
                    let part = bytes.split_to(bytes.len().min(WINDOW_BYTES / 4));
                    let Ok(permit) = credit.acquire_many(part.len() as u32).await else { return };
                    permit.forget();
                    link.has_room().await;
                    link.send(piece(Blob(part.into())));
                }
            }
            Err(error) => return link.send(end(Some(error))),
        }
    }
    link.send(end(None));
}
