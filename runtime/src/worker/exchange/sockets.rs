//! The WebSockets of requests and fetches: the messages of the Worker about them, and those for it.
//!
//! A request that is answered with a WebSocket goes on until both ends have closed it. Each message
//! to the Worker is as good as a request: it may use the limits on CPU time, calls and logs again.
//! The messages of a fetch's WebSocket are part of the request that fetches, and of its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;

use super::request::Phase;
use super::{Exchanges, Table};
use crate::Limits;
use crate::worker::protocol::{SOCKET_WINDOW_BYTES, SocketKey, SocketPiece, ToWorker};
use crate::worker::socket::SocketOwner;
use crate::worker::socket_queue::SocketQueue;

/// The longest message to a Worker, in bytes, as in workerd.
const MAX_MESSAGE_BYTES: usize = 32 << 20;

/// The part of a Worker's memory that a message may have, and all messages together of which the
/// Worker has only a part.
const MEMORY_PART: usize = 8;

/// The room for messages.
pub(super) struct MessageRoom {
    /// The length that a message may have, in bytes.
    max: usize,
    /// The bytes that incomplete messages may still have together.
    left: AtomicUsize,
}

impl MessageRoom {
    pub(super) fn new(limits: &Limits) -> Self {
        let max = MAX_MESSAGE_BYTES.min(limits.memory / MEMORY_PART);
        Self { max, left: AtomicUsize::new(max) }
    }
}

impl Table {
    /// Returns the WebSocket of a request.
    pub(super) fn socket(&mut self, id: u32) -> Result<Arc<SocketQueue>, &'static str> {
        match &self.known(id)?.phase {
            Phase::Socket(socket) => Ok(socket.clone()),
            _ => Err("a message about a WebSocket that it has not opened"),
        }
    }
}

impl Exchanges {
    /// Returns a WebSocket of the Worker.
    pub(super) fn socket(&self, socket: SocketKey) -> Result<Arc<SocketQueue>, &'static str> {
        match socket {
            SocketKey::Request(id) => self.table().socket(id),
            SocketKey::Fetch(call) => self.fetches()?.socket(call),
        }
    }

    pub(super) fn socket_credit(&self, socket: SocketKey, bytes: usize) -> Result<(), &'static str> {
        let queue = self.socket(socket)?;
        let credit = &queue.credit;
        if bytes == 0 || credit.available_permits().saturating_add(bytes) > SOCKET_WINDOW_BYTES {
            return Err("more credit than it was sent bytes");
        }
        credit.add_permits(bytes);
        if matches!(socket, SocketKey::Request(_)) {
            self.table().has_ended_work = true;
        }
        Ok(())
    }

    pub(super) fn socket_close(
        &self,
        socket: SocketKey,
        code: u16,
        reason: String,
    ) -> Result<(), &'static str> {
        let is_over = self.socket(socket)?.close(code, reason)?;
        if let SocketKey::Request(id) = socket
            && is_over
        {
            self.note_ending(&mut self.table(), id);
        }
        Ok(())
    }

    /// Returns `true` if the Worker has a WebSocket that it was not told the end of.
    fn has_socket(&self, socket: SocketKey) -> bool {
        match socket {
            SocketKey::Request(id) => self.is_live(id),
            SocketKey::Fetch(call) => self.fetches().is_ok_and(|fetches| fetches.socket(call).is_ok()),
        }
    }
}

impl SocketOwner for Exchanges {
    fn has_room(&self) -> BoxFuture<'_, ()> {
        self.link.has_room()
    }

    fn send_piece(&self, socket: SocketKey, piece: SocketPiece) {
        let SocketKey::Request(id) = socket else {
            if self.has_socket(socket) {
                self.link.send(ToWorker::SocketPiece { socket, piece });
            }
            return;
        };
        let mut table = self.table();
        let Some(request) = table.live.get_mut(&id) else { return };
        if !matches!(request.phase, Phase::Socket(_)) {
            return;
        }
        if piece.is_last {
            request.messages += 1;
        }
        // With the lock: the limits must be known before the Worker answers.
        self.link.send(ToWorker::SocketPiece { socket, piece });
    }

    fn confirm(&self, socket: SocketKey, cost: usize) {
        if self.has_socket(socket) {
            self.link.send(ToWorker::SocketCredit { socket, bytes: cost as u32 });
        }
    }

    fn closed(&self, socket: SocketKey, code: u16, reason: String, is_lost: bool) {
        match socket {
            SocketKey::Fetch(call) => {
                let queue = self.fetches().and_then(|fetches| fetches.socket(call));
                if !queue.is_ok_and(|queue| queue.peer_closed(is_lost).is_some()) {
                    return;
                }
            }
            SocketKey::Request(id) => {
                let mut table = self.table();
                let Some(request) = table.live.get(&id) else { return };
                let Phase::Socket(queue) = &request.phase else { return };
                let Some(is_closed) = queue.peer_closed(is_lost) else { return };
                if is_closed || is_lost {
                    self.note_ending(&mut table, id);
                }
            }
        }
        self.link.send(ToWorker::SocketClosed { socket, code, reason, is_lost });
    }

    fn max_message(&self) -> usize {
        self.message_room.max
    }

    fn reserve(&self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        self.message_room.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.message_room.left.fetch_add(bytes, Ordering::Relaxed);
    }
}
