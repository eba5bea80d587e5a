//! The WebSockets of a Worker, in its isolate.

use super::RunState;
use crate::counts::Counts;
use crate::worker::protocol::{FromWorker, MAX_CLOSE_REASON_BYTES, SOCKET_WINDOW_BYTES, SocketPiece};
use crate::worker::requests::LiveSocket;

impl RunState {
    fn socket(&mut self, id: u32) -> Option<&mut LiveSocket> {
        self.requests.get(id)?.socket.as_mut()
    }

    /// Lets a request use its limits again, for a message of its WebSocket.
    pub(crate) fn renew_limits(&mut self, id: u32) {
        if let Some(request) = self.requests.get(id) {
            request.counts = Counts::default();
        }
        self.requests.renew_cpu(id);
    }

    /// Takes a piece of a message. Returns the message once it is complete.
    pub(crate) fn socket_came(&mut self, id: u32, piece: SocketPiece) -> Option<Vec<u8>> {
        let cost = piece.cost();
        let socket = self.socket(id)?;
        if !piece.is_last {
            socket.message.extend_from_slice(&piece.bytes);
            self.confirm_socket(id, cost);
            return None;
        }
        socket.untaken.push_back(cost);
        let mut message = std::mem::take(&mut socket.message);
        if message.is_empty() {
            return Some(piece.bytes);
        }
        message.extend_from_slice(&piece.bytes);
        Some(message)
    }

    /// Notes that the Worker has taken the oldest message.
    pub(crate) fn took_message(&mut self, id: u32) {
        if let Some(cost) = self.socket(id).and_then(|socket| socket.untaken.pop_front()) {
            self.confirm_socket(id, cost);
        }
    }

    fn confirm_socket(&mut self, id: u32, cost: usize) {
        let Some(socket) = self.socket(id) else { return };
        socket.unconfirmed += cost;
        if socket.unconfirmed >= SOCKET_WINDOW_BYTES / 4 {
            let bytes = std::mem::take(&mut socket.unconfirmed) as u32;
            self.channel.worker(FromWorker::SocketCredit { id, bytes });
        }
    }

    /// Sends a piece of a message, unless the WebSocket is closed.
    pub(crate) fn send_socket(&mut self, id: u32, piece: SocketPiece) {
        if self.socket(id).is_some_and(|socket| !socket.is_closed) {
            self.channel.worker(FromWorker::SocketPiece { id, piece });
        }
    }

    /// Closes a WebSocket, unless it is closed. A reason that is too long for a frame is cut.
    pub(crate) fn close_socket(&mut self, id: u32, code: u16, mut reason: String) {
        reason.truncate(reason.floor_char_boundary(MAX_CLOSE_REASON_BYTES));
        if let Some(socket) = self.socket(id).filter(|socket| !socket.is_closed) {
            socket.is_closed = true;
            self.channel.worker(FromWorker::SocketClose { id, code, reason });
        }
    }

    /// Notes that no more messages will come.
    pub(crate) fn socket_closed(&mut self, id: u32) {
        if let Some(socket) = self.socket(id) {
            socket.is_peer_closed = true;
        }
    }
}
