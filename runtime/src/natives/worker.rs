//! The answers of a Worker, and the request that its code runs for.

use std::time::Instant;

use super::outcome::thrown;
use super::*;
use crate::blob::Blob;
use crate::worker::protocol::{BodyStart, ResponseHead};

// V8 carries one value along promises: the number of the request, or an array of the number and
// the values of AsyncLocalStorage. No script can reach the array.

/// Returns the request that the present code runs for, or 0.
pub(crate) fn current_request(scope: &mut PinScope) -> u32 {
    let data = scope.get_continuation_preserved_embedder_data();
    let number = match v8::Local::<v8::Array>::try_from(data) {
        Ok(pair) => pair.get_index(scope, 0),
        Err(_) => Some(data),
    };
    number.filter(|number| number.is_uint32()).and_then(|number| number.uint32_value(scope)).unwrap_or(0)
}

/// `asyncFrame()` returns the values of AsyncLocalStorage for the present code: an object that the
/// module async_hooks made, or undefined.
pub(crate) fn async_frame(scope: &mut PinScope, _: Arguments, mut result: ReturnValue) {
    let data = scope.get_continuation_preserved_embedder_data();
    if let Ok(pair) = v8::Local::<v8::Array>::try_from(data)
        && let Some(frame) = pair.get_index(scope, 1)
    {
        result.set(frame);
    }
}

/// `setAsyncFrame(frame)` sets the values of AsyncLocalStorage for the code that follows. Its
/// request stays.
pub(crate) fn set_async_frame(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (id, frame) = (current_request(scope), arguments.get(0));
    if frame.is_undefined() {
        set_current_request(scope, id);
        return;
    }
    let number = v8::Integer::new_from_unsigned(scope, id).into();
    let pair = v8::Array::new_with_elements(scope, &[number, frame]);
    scope.set_continuation_preserved_embedder_data(pair.into());
}

/// Makes the code that follows run for a request.
pub(crate) fn set_current_request(scope: &PinScope, id: u32) {
    let data: v8::Local<v8::Value> =
        if id == 0 { v8::undefined(scope).into() } else { v8::Integer::new_from_unsigned(scope, id).into() };
    scope.set_continuation_preserved_embedder_data(data);
}

/// `request()` returns the number of the request that the code runs for: 0 outside of requests, -1
/// if that request has ended.
pub(crate) fn request(scope: &mut PinScope, _: Arguments, mut result: ReturnValue) {
    let id = current_request(scope);
    let has_ended = id != 0 && state(scope).is_none_or(|state| !state.requests.is_live(id));
    result.set_int32(if has_ended { -1 } else { id as i32 });
}

/// The message of workerd for what a Worker's modules cannot do while they are evaluated.
const AT_START: &str = "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), \
    setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this \
    operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";

/// Throws while a Worker's modules are evaluated, and returns `true` then. Processes are copies of
/// one that has evaluated them: what it drew would be the same in all of them, and what it waits
/// for would come to none.
pub(crate) fn refuses_at_start(scope: &mut PinScope) -> bool {
    let is_starting = state(scope).is_some_and(|state| state.is_starting);
    if is_starting && let Some(message) = v8::String::new(scope, AT_START) {
        let error = v8::Exception::error(scope, message);
        scope.throw_exception(error);
    }
    is_starting
}

/// `refuseAtStart()` throws while a Worker's modules are evaluated.
pub(crate) fn refuse_at_start(scope: &mut PinScope, _: Arguments, _: ReturnValue) {
    refuses_at_start(scope);
}

/// `enterRequest(id)` makes the code that follows run for a request.
pub(crate) fn enter_request(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    set_current_request(scope, id);
    if let Some(state) = state(scope) {
        state.set_turn(id);
    }
}

/// `respond(id, status, statusText, headers, encoded, content)` begins the answer to a request.
/// `headers` is an array of names and values in turn. `content` is a text or a view of bytes, true
/// if the body comes in pieces, null for a WebSocket, the number of a fetch for the one that the
/// fetch was answered with, or undefined.
pub(crate) fn respond(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let head = ResponseHead {
        status: number(scope, &arguments, 1) as u16,
        status_text: text(scope, &arguments, 2),
        headers: pairs_of(scope, &arguments, 3),
        encoded: arguments.get(4).is_true(),
    };
    let content = arguments.get(5);
    let body = if content.is_null() {
        BodyStart::Socket
    } else if content.is_number() {
        BodyStart::PassedSocket { call: number(scope, &arguments, 5) as u32 }
    } else {
        body_start(scope, &arguments, 5)
    };
    if let Some(state) = state(scope) {
        state.respond(id, head, body);
    }
}

/// Returns the pairs of an array of texts, two by two.
fn pairs_of(scope: &mut PinScope, arguments: &Arguments, index: i32) -> Vec<(String, String)> {
    let Ok(list) = v8::Local::<v8::Array>::try_from(arguments.get(index)) else { return Vec::new() };
    let item = |at: u32| {
        let text = list.get_index(scope, at).and_then(|item| v8::Local::<v8::String>::try_from(item).ok());
        text.map_or_else(String::new, |text| text.to_rust_string_lossy(scope))
    };
    (0..list.length() / 2).map(|pair| (item(2 * pair), item(2 * pair + 1))).collect()
}

/// Returns the body that an argument gives: a text, a view of bytes, true for one in pieces, or
/// undefined.
pub(super) fn body_start(scope: &mut PinScope, arguments: &Arguments, index: i32) -> BodyStart {
    let content = arguments.get(index);
    if content.is_true() {
        BodyStart::Stream
    } else if content.is_string() {
        BodyStart::Whole(Blob(text(scope, arguments, index).into_bytes()))
    } else if content.is_array_buffer_view() {
        BodyStart::Whole(Blob(bytes(arguments, index, usize::MAX)))
    } else {
        BodyStart::Empty
    }
}

/// `failFetch(id, name, message, stack, kind, hint, tool)` answers a request with an error.
pub(crate) fn fail_fetch(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let error = thrown(scope, &arguments, 1);
    if let Some(state) = state(scope) {
        state.fail_request(id, error);
    }
}

/// `sendBody(id, view, length)` sends the first `length` bytes of a view. Returns the number of
/// bytes that were sent, which is another one if the body is compressed.
pub(crate) fn send_body(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let length = number(scope, &arguments, 2) as usize;
    let bytes = bytes(&arguments, 1, length);
    let sent = state(scope).map_or(0, |state| state.send_body(id, bytes));
    result.set_double(sent as f64);
}

/// `endBody(id, error)` ends a response's body, with a text if it broke off.
pub(crate) fn end_body(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let error = optional_text(scope, &arguments, 1);
    if let Some(state) = state(scope) {
        state.end_body(id, error);
    }
}

/// `confirmBody(id, bytes)` confirms that bytes of a request's body were read.
pub(crate) fn confirm_body(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (id, bytes) = (number(scope, &arguments, 0) as u32, number(scope, &arguments, 1) as u32);
    if let Some(state) = state(scope) {
        state.confirm_body(id, bytes);
    }
}

/// `refuseBody(id)` declares that no more of a request's body is read.
pub(crate) fn refuse_body(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.refuse_body(id);
    }
}

/// `respondedTo(id)` declares that a response is complete and that promises given to `waitUntil`
/// are not.
pub(crate) fn responded_to(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.requests.responded_to(id, Instant::now());
    }
}

/// `endRequest(id)` ends a request and cancels its calls. Returns a JSON array of their numbers, or
/// the empty string.
pub(crate) fn end_request(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let cancelled = state(scope).map(|state| state.end_request(id)).unwrap_or_default();
    let text = if cancelled.is_empty() { String::new() } else { format!("{cancelled:?}") };
    set_text(scope, &mut result, &text);
}

/// Copies at most `length` bytes of a view, the argument at `index`.
pub(super) fn bytes(arguments: &Arguments, index: i32, length: usize) -> Vec<u8> {
    match v8::Local::<v8::ArrayBufferView>::try_from(arguments.get(index)) {
        Ok(view) => view_bytes(view, length),
        Err(_) => Vec::new(),
    }
}

/// Copies at most `length` bytes of a view.
pub(super) fn view_bytes(view: v8::Local<v8::ArrayBufferView>, length: usize) -> Vec<u8> {
    let mut storage = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    // A slice of V8's memory. No JavaScript runs below, so that it cannot be detached or shrunk.
    let bytes = view.get_contents(&mut storage);
    bytes[..length.min(bytes.len())].to_vec()
}
