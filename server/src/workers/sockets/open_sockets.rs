//! The WebSockets that a Worker has open.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The number of WebSockets of one Worker. Each takes a connection, and up to twice the window of
/// messages in memory.
const MAX_SOCKETS: usize = 1024;

/// The WebSockets of one Worker, of all its versions.
pub struct OpenSockets {
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Cancelled when the server stops.
    stop: CancellationToken,
}

impl Default for OpenSockets {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(MAX_SOCKETS));
        Self { room, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }
}

impl OpenSockets {
    /// Returns a permit for another WebSocket, or `None` if there are as many as there may be.
    pub fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Returns the number of WebSockets, with those whose handshake the Worker has not answered.
    pub fn count(&self) -> usize {
        MAX_SOCKETS - self.room.available_permits()
    }

    /// Runs a connection. It ends before [`closed`](Self::closed) returns.
    pub fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(connection);
    }

    /// Returns the token that is cancelled when the server stops.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Closes all WebSockets, and those that come later.
    pub fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until all connections have ended.
    pub async fn closed(&self) {
        self.tasks.wait().await;
    }
}
