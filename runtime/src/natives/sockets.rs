//! The WebSockets of a Worker.

use super::*;
use crate::worker::protocol::{SocketKey, SocketPiece};

/// Returns the WebSocket that an argument names, by [`SocketKey::number`].
fn key(scope: &mut PinScope, arguments: &Arguments, index: i32) -> SocketKey {
    SocketKey::from_number(number(scope, arguments, index))
}

/// `acceptSocket(call)` accepts the WebSocket that a fetch was answered with.
pub(crate) fn accept_socket(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let call = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.accept_socket(call);
    }
}

/// `sendSocket(key, content, length, isText, isLast)` sends a piece of a message: a text, or the
/// first `length` bytes of a view.
pub(crate) fn send_socket(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let key = key(scope, &arguments, 0);
    let bytes = match arguments.get(1).is_string() {
        true => text(scope, &arguments, 1).into_bytes(),
        false => worker::bytes(&arguments, 1, number(scope, &arguments, 2) as usize),
    };
    let (is_text, is_last) = (arguments.get(3).is_true(), arguments.get(4).is_true());
    if let Some(state) = state(scope) {
        state.send_socket(key, SocketPiece { is_text, is_last, bytes });
    }
}

/// `tookMessage(key)` declares that the Worker has taken the oldest message that it had not.
pub(crate) fn took_message(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let key = key(scope, &arguments, 0);
    if let Some(state) = state(scope) {
        state.took_message(key);
    }
}

/// `closeSocket(key, code, reason)` closes a WebSocket. The code 1005 stands for none, 1006 cuts
/// the connection.
pub(crate) fn close_socket(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (key, code) = (key(scope, &arguments, 0), number(scope, &arguments, 1) as u16);
    let reason = text(scope, &arguments, 2);
    if let Some(state) = state(scope) {
        state.close_socket(key, code, reason);
    }
}
