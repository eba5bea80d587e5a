//! The WebSockets of a Worker, in its isolate.

use super::RunState;
use crate::counts::Counts;
use crate::worker::protocol::{
    FromWorker, MAX_CLOSE_REASON_BYTES, SOCKET_WINDOW_BYTES, SocketKey, SocketPiece,
};
use crate::worker::requests::LiveSocket;

impl RunState {
    fn socket(&mut self, socket: SocketKey) -> Option<&mut LiveSocket> {
        match socket {
            SocketKey::Request(id) => self.requests.get(id)?.socket.as_mut(),
            SocketKey::Fetch(call) => self.fetches.socket(call),
        }
    }

    /// Returns the request that a WebSocket belongs to, unless it has ended.
    pub(crate) fn request_of_socket(&self, socket: SocketKey) -> Option<u32> {
        match socket {
            SocketKey::Request(id) => self.requests.is_live(id).then_some(id),
            SocketKey::Fetch(call) => self.request_of_fetch(call),
        }
    }

    /// Accepts the WebSocket that a fetch was answered with.
    pub(crate) fn accept_socket(&mut self, call: u32) {
        if self.fetches.accept_socket(call) {
            self.channel.worker(FromWorker::SocketAccepted { call });
        }
    }

    /// Lets a request use its limits again, for a message of its WebSocket.
    pub(crate) fn renew_limits(&mut self, id: u32) {
        if let Some(request) = self.requests.get(id) {
            request.counts = Counts::default();
        }
        self.requests.renew_cpu(id);
    }

    /// Takes a piece of a message. Returns the message once it is complete.
    pub(crate) fn socket_came(&mut self, key: SocketKey, piece: SocketPiece) -> Option<Vec<u8>> {
        let cost = piece.cost();
        let socket = self.socket(key)?;
        if !piece.is_last {
            socket.message.extend_from_slice(&piece.bytes);
            self.confirm_socket(key, cost);
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
    pub(crate) fn took_message(&mut self, key: SocketKey) {
        if let Some(cost) = self.socket(key).and_then(|socket| socket.untaken.pop_front()) {
            self.confirm_socket(key, cost);
        }
    }

    fn confirm_socket(&mut self, key: SocketKey, cost: usize) {
        let Some(socket) = self.socket(key) else { return };
        socket.unconfirmed += cost;
        if socket.unconfirmed >= SOCKET_WINDOW_BYTES / 4 {
            let bytes = std::mem::take(&mut socket.unconfirmed) as u32;
            self.channel.worker(FromWorker::SocketCredit { socket: key, bytes });
        }
    }

    /// Sends a piece of a message, unless the WebSocket is closed.
    pub(crate) fn send_socket(&mut self, key: SocketKey, piece: SocketPiece) {
        if self.socket(key).is_some_and(|socket| !socket.is_closed) {
            self.channel.worker(FromWorker::SocketPiece { socket: key, piece });
        }
    }

    /// Closes a WebSocket, unless it is closed. A reason that is too long for a frame is cut.
    pub(crate) fn close_socket(&mut self, key: SocketKey, code: u16, mut reason: String) {
        reason.truncate(reason.floor_char_boundary(MAX_CLOSE_REASON_BYTES));
        if let Some(socket) = self.socket(key).filter(|socket| !socket.is_closed) {
            socket.is_closed = true;
            self.channel.worker(FromWorker::SocketClose { socket: key, code, reason });
        }
    }

    /// Notes that no more messages will come.
    pub(crate) fn socket_closed(&mut self, key: SocketKey) {
        if let Some(socket) = self.socket(key) {
            socket.is_peer_closed = true;
        }
    }
}
