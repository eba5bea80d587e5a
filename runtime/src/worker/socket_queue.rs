//! The messages that a Worker sends through a WebSocket, on their way to their reader.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::protocol::{CLOSE_CODE_LOST, MAX_CLOSE_REASON_BYTES, SOCKET_WINDOW_BYTES, SocketPiece};
use crate::utf8_stream::Utf8Stream;

/// A step of a Worker with its WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum SocketOutput {
    /// It sends a piece of a message.
    Piece(SocketPiece),
    /// It closes the WebSocket, and sends nothing more. The code 1005 stands for none.
    Close {
        /// The code.
        code: u16,
        /// The reason, of at most [`MAX_CLOSE_REASON_BYTES`].
        reason: String,
    },
    /// It is gone, or cuts the connection.
    Gone,
}

/// One WebSocket of a Worker, in both directions.
pub(super) struct SocketQueue {
    queued: Mutex<Queued>,
    /// Notified when there is something to read.
    has_output: Notify,
    /// Notified when the Worker is gone.
    ended: Notify,
    /// The cost of the pieces that may be sent to the Worker.
    pub(super) credit: Semaphore,
}

#[derive(Default)]
struct Queued {
    pieces: VecDeque<SocketPiece>,
    /// The cost of the pieces that have arrived and were not confirmed.
    unconfirmed: usize,
    /// Set within a message: `true` if it is text.
    message: Option<bool>,
    text: Utf8Stream,
    /// The Worker's close, until it is read.
    close: Option<(u16, String)>,
    /// Set once the Worker has closed it.
    is_closed: bool,
    /// Set once the other end has closed it, or was lost.
    is_peer_closed: bool,
    /// Set when the Worker is gone.
    is_gone: bool,
    /// Set once nobody reads any more.
    is_abandoned: bool,
}

/// A rule of the protocol that a message breaks.
type Broken = &'static str;

impl SocketQueue {
    pub(super) fn new() -> Self {
        Self {
            queued: Mutex::default(),
            has_output: Notify::new(),
            ended: Notify::new(),
            credit: Semaphore::new(SOCKET_WINDOW_BYTES),
        }
    }

    /// Appends a piece of a message of the Worker.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(super) fn push(&self, piece: SocketPiece) -> Result<(), Broken> {
        let mut queued = self.queued.lock();
        if queued.is_closed {
            return Err("a message of a WebSocket that it has closed");
        }
        if piece.bytes.is_empty() && !piece.is_last {
            return Err("an empty piece of a message");
        }
        if queued.message.is_some_and(|is_text| is_text != piece.is_text) {
            return Err("a message of text and bytes");
        }
        queued.unconfirmed = queued.unconfirmed.saturating_add(piece.cost());
        if queued.unconfirmed > SOCKET_WINDOW_BYTES {
            return Err("messages faster than they are taken");
        }
        if piece.is_text && !queued.text.push(&piece.bytes, piece.is_last) {
            return Err("text that is not UTF-8");
        }
        queued.message = (!piece.is_last).then_some(piece.is_text);
        if !queued.is_abandoned {
            queued.pieces.push_back(piece);
            self.has_output.notify_one();
        }
        Ok(())
    }

    /// Notes that the Worker closes the WebSocket. Returns `true` if the other end has closed it
    /// too.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(super) fn close(&self, code: u16, reason: String) -> Result<bool, Broken> {
        if !is_close_code(code) || reason.len() > MAX_CLOSE_REASON_BYTES {
            return Err("a close that no frame has");
        }
        let mut queued = self.queued.lock();
        if queued.is_closed {
            return Err("that it closes a WebSocket twice");
        }
        queued.is_closed = true;
        if code == CLOSE_CODE_LOST {
            queued.is_gone = true;
            self.ended.notify_one();
        } else if queued.message.is_some() {
            return Err("a close within a message");
        } else {
            queued.close = Some((code, reason));
        }
        self.has_output.notify_one();
        Ok(queued.is_peer_closed || queued.is_gone)
    }

    /// Notes that the Worker is gone.
    pub(super) fn end(&self) {
        // What it has sent before is still read.
        self.queued.lock().is_gone = true;
        self.credit.close();
        self.has_output.notify_one();
        self.ended.notify_one();
    }

    /// Waits until the Worker is gone. One task at a time may wait.
    pub(super) async fn gone(&self) {
        while !self.queued.lock().is_gone {
            self.ended.notified().await;
        }
    }

    /// Notes that the other end has closed it. Returns `None` if it has done so before, else `true`
    /// if the Worker has closed it too.
    pub(super) fn peer_closed(&self, is_lost: bool) -> Option<bool> {
        let mut queued = self.queued.lock();
        if queued.is_peer_closed && !is_lost {
            return None;
        }
        if is_lost {
            if queued.is_abandoned {
                return None;
            }
            queued.is_abandoned = true;
            queued.pieces.clear();
        }
        queued.is_peer_closed = true;
        Some(queued.is_closed)
    }

    /// Waits for what the Worker does next.
    pub(super) async fn next(&self) -> SocketOutput {
        loop {
            let has_output = self.has_output.notified();
            {
                let mut queued = self.queued.lock();
                if let Some(piece) = queued.pieces.pop_front() {
                    return SocketOutput::Piece(piece);
                }
                if let Some((code, reason)) = queued.close.take() {
                    return SocketOutput::Close { code, reason };
                }
                if queued.is_gone {
                    return SocketOutput::Gone;
                }
            }
            has_output.await;
        }
    }

    /// Notes that pieces with this cost were taken.
    pub(super) fn confirm(&self, cost: usize) {
        let mut queued = self.queued.lock();
        queued.unconfirmed = queued.unconfirmed.saturating_sub(cost);
    }
}

/// Returns `true` for a code that a Worker may give to `close()`, for 1005, which stands for none,
/// and for [`CLOSE_CODE_LOST`].
fn is_close_code(code: u16) -> bool {
    (1000..5000).contains(&code) && !matches!(code, 1004 | 1015)
}
