//! A WebSocket whose one end is a Worker, for the owner of the Worker's requests.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::protocol::{CLOSE_CODE_LOST, MAX_PIECE_BYTES, SOCKET_WINDOW_BYTES, SocketKey, SocketPiece};
pub use super::socket_queue::SocketOutput;
use super::socket_queue::SocketQueue;

/// The beginning of each message that is not counted as incomplete, in bytes.
const FREE_BYTES: usize = 16 << 10;

/// The reason for which a Worker does not get a piece of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedPiece {
    /// The message is longer than messages to this Worker may be.
    TooLong,
    /// The messages that the Worker has only in part have as many bytes as they may have.
    NoRoom,
    /// The Worker is gone, or takes no more messages.
    Gone,
}

/// The owner of the requests and fetches to which WebSockets belong.
pub(super) trait SocketOwner: Send + Sync {
    /// Waits until the Worker has taken most of what was sent.
    fn has_room(&self) -> BoxFuture<'_, ()>;

    /// Sends a piece of a message to the Worker, unless its request or fetch has ended.
    fn send_piece(&self, socket: SocketKey, piece: SocketPiece);

    /// Confirms pieces with this cost to the Worker.
    fn confirm(&self, socket: SocketKey, cost: usize);

    /// Tells the Worker that the other end has closed the WebSocket.
    fn closed(&self, socket: SocketKey, code: u16, reason: String, is_lost: bool);

    /// Returns the length that a message may have, in bytes.
    fn max_message(&self) -> usize;

    /// Reserves bytes of an incomplete message. Returns `false` if there is no room.
    fn reserve(&self, bytes: usize) -> bool;

    /// Gives back what was reserved.
    fn release(&self, bytes: usize);
}

/// A Worker's end of a WebSocket. If it is dropped before the WebSocket is closed, the Worker sees
/// a lost connection.
pub struct WorkerSocket {
    key: SocketKey,
    queue: Arc<SocketQueue>,
    owner: Arc<dyn SocketOwner>,
    /// The message that is being sent to the Worker.
    message: Mutex<PartialMessage>,
    /// The cost of pieces that were read and not confirmed.
    unconfirmed: Mutex<usize>,
}

/// A message of which the Worker has a part.
#[derive(Default)]
struct PartialMessage {
    bytes: usize,
    reserved: usize,
}

impl std::fmt::Debug for WorkerSocket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WorkerSocket").field("key", &self.key).finish_non_exhaustive()
    }
}

impl WorkerSocket {
    /// The longest piece of a message, in bytes.
    pub const MAX_PIECE_BYTES: usize = MAX_PIECE_BYTES;

    pub(super) fn new(key: SocketKey, queue: Arc<SocketQueue>, owner: Arc<dyn SocketOwner>) -> Self {
        Self { key, queue, owner, message: Mutex::default(), unconfirmed: Mutex::default() }
    }

    /// Sends a piece of a message to the Worker, once the Worker has taken what was sent before.
    /// The text of a message has to be valid UTF-8.
    ///
    /// # Errors
    /// Returns the reason for which the Worker does not get it. Nothing more can be sent then.
    pub async fn send(&self, piece: SocketPiece) -> Result<(), RefusedPiece> {
        self.count(&piece)?;
        let permit = self.queue.credit.acquire_many(piece.cost() as u32).await;
        permit.map_err(|_| RefusedPiece::Gone)?.forget();
        self.owner.has_room().await;
        if piece.is_last {
            let message = std::mem::take(&mut *self.message.lock());
            self.owner.release(message.reserved);
        }
        self.owner.send_piece(self.key, piece);
        Ok(())
    }

    /// Counts a piece of the present message.
    fn count(&self, piece: &SocketPiece) -> Result<(), RefusedPiece> {
        let mut message = self.message.lock();
        message.bytes += piece.bytes.len();
        if message.bytes > self.owner.max_message() {
            return Err(RefusedPiece::TooLong);
        }
        if message.bytes > FREE_BYTES && !piece.is_last {
            if !self.owner.reserve(piece.bytes.len()) {
                return Err(RefusedPiece::NoRoom);
            }
            message.reserved += piece.bytes.len();
        }
        Ok(())
    }

    /// Tells the Worker that the other end has closed the WebSocket, and sends no more messages.
    pub fn close(&self, code: u16, reason: String) {
        self.owner.closed(self.key, code, reason, false);
    }

    /// Tells the Worker that the connection is lost.
    pub fn lose(&self) {
        self.owner.closed(self.key, CLOSE_CODE_LOST, String::new(), true);
    }

    /// Waits for what the Worker does next. A piece that is returned counts as taken.
    pub async fn next(&self) -> SocketOutput {
        let output = self.queue.next().await;
        if let SocketOutput::Piece(piece) = &output {
            let mut unconfirmed = self.unconfirmed.lock();
            *unconfirmed += piece.cost();
            if *unconfirmed >= SOCKET_WINDOW_BYTES / 4 {
                let cost = std::mem::take(&mut *unconfirmed);
                self.queue.confirm(cost);
                self.owner.confirm(self.key, cost);
            }
        }
        output
    }
}

impl Drop for WorkerSocket {
    fn drop(&mut self) {
        self.owner.release(self.message.get_mut().reserved);
        self.lose();
    }
}
