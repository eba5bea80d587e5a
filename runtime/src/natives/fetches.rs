//! The fetches of a Worker through its bindings.

use super::*;
use crate::worker::protocol::RequestHead;

/// `fetch(targetJSON, method, url, headersJSON, content, cf)` starts a fetch. `content` is as of
/// `respond`. Returns its number, or the text of an error.
pub(crate) fn fetch(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if worker::refuses_at_start(scope) {
        return;
    }
    // The text is that of the runtime's own JavaScript.
    let Ok(target) = serde_json::from_str(&text(scope, &arguments, 0)) else { return };
    let head = RequestHead {
        method: text(scope, &arguments, 1),
        url: text(scope, &arguments, 2),
        headers: serde_json::from_str(&text(scope, &arguments, 3)).unwrap_or_default(),
        cf: text(scope, &arguments, 5),
    };
    let body = worker::body_start(scope, &arguments, 4);
    let request = worker::current_request(scope);
    let Some(state) = state(scope) else { return };
    match state.fetch(request, target, head, body) {
        Ok(call) => result.set_uint32(call),
        Err(error) => set_text(scope, &mut result, &error),
    }
}

/// `sendFetchBody(call, view, length)` sends the first `length` bytes of a view. Returns `false` if
/// they cannot be sent.
pub(crate) fn send_fetch_body(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (call, length) = (number(scope, &arguments, 0) as u32, number(scope, &arguments, 2) as usize);
    let bytes = worker::bytes(&arguments, 1, length);
    result.set_bool(state(scope).is_some_and(|state| state.send_fetch_body(call, bytes)));
}

/// `endFetchBody(call)` completes the body of a fetch.
pub(crate) fn end_fetch_body(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let call = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.end_fetch_body(call);
    }
}

/// `confirmFetch(call, bytes)` confirms that bytes of a fetched body were read.
pub(crate) fn confirm_fetch(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (call, bytes) = (number(scope, &arguments, 0) as u32, number(scope, &arguments, 1) as u32);
    if let Some(state) = state(scope) {
        state.fetch_was_read(call, bytes);
    }
}

/// `endFetch(call)` declares that nobody waits for a fetch any more.
pub(crate) fn end_fetch(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let call = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.end_fetch(call);
    }
}
