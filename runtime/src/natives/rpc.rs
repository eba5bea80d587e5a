//! Calls between Workers.

use super::*;
use crate::blob::Blob;
use crate::shared_enums::RpcCallee;
use crate::worker::rpc::{Callee, Path, SentObject, SentValue};

/// `callMethod(request, context, callee, target, pathJSON, value, items, objectsJSON)` sends a call
/// for a request. `target` is as of `fetch`, or the number of a stub or a call; `value` is an
/// ArrayBuffer with the arguments, or undefined to read a property. Returns the number of the
/// call, or the text of an error.
pub(crate) fn call_method(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let [request, context] = [0, 1].map(|index| number(scope, &arguments, index) as u32);
    let target = number(scope, &arguments, 3) as u32;
    let callee = match RpcCallee::from_number(number(scope, &arguments, 2)) {
        Some(RpcCallee::Stub) => Callee::Stub(target),
        Some(RpcCallee::Result) => Callee::Result(target),
        Some(RpcCallee::Target) | None => {
            // The text is that of the runtime's own JavaScript.
            let Ok(target) = serde_json::from_str(&text(scope, &arguments, 3)) else { return };
            Callee::Target(target)
        }
    };
    // An empty path would call the callee itself.
    let Ok(path) = serde_json::from_str(&text(scope, &arguments, 4)) else {
        return set_text(scope, &mut result, "The path of the call is not valid.");
    };
    let sent = arguments.get(5).is_array_buffer().then(|| value(scope, &arguments, 5));
    let Some(state) = state(scope) else { return };
    match state.call_method((request, context), callee, Path(path), sent) {
        Ok(call) => result.set_uint32(call),
        Err(error) => set_text(scope, &mut result, &error),
    }
}

/// `returnValue(id, threw, value, items, objectsJSON)` answers a call with the value that it
/// returned or threw.
pub(crate) fn return_value(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (id, threw) = (number(scope, &arguments, 0) as u32, arguments.get(1).is_true());
    let value = value(scope, &arguments, 2);
    if let Some(state) = state(scope) {
        state.return_value(id, threw, value);
    }
}

/// `releaseCall(call)` declares that nobody waits for a call any more, or that its end has come.
pub(crate) fn release_call(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let call = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.release_call(call);
    }
}

/// `releaseStub(stub)` drops a stub.
pub(crate) fn release_stub(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let stub = number(scope, &arguments, 0) as u32;
    if let Some(state) = state(scope) {
        state.release_stub(stub);
    }
}

/// `holdRequest(id, isHeld)` declares that others have stubs of a request's objects, or that nobody
/// has any more.
pub(crate) fn hold_request(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (id, is_held) = (number(scope, &arguments, 0) as u32, arguments.get(1).is_true());
    if let Some(state) = state(scope) {
        state.hold_request(id, is_held);
    }
}

/// Returns a value of three arguments: two ArrayBuffers, of which the second may be missing, and
/// JSON text of a list of objects: the number of an own one, or the negative number of a stub.
fn value(scope: &PinScope, arguments: &Arguments, index: i32) -> SentValue {
    let numbers: Vec<i64> = serde_json::from_str(&text(scope, arguments, index + 2)).unwrap_or_default();
    let object = |number: i64| {
        let positive = u32::try_from(number.unsigned_abs()).unwrap_or(0);
        if number < 0 { SentObject::Held(positive) } else { SentObject::Own(positive) }
    };
    SentValue {
        value: Blob(buffer(arguments, index)),
        items: Blob(buffer(arguments, index + 1)),
        objects: numbers.into_iter().map(object).collect(),
    }
}

/// Copies the bytes of an ArrayBuffer.
fn buffer(arguments: &Arguments, index: i32) -> Vec<u8> {
    let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(arguments.get(index)) else {
        return Vec::new();
    };
    let mut bytes = Vec::new();
    fill_buffer(buffer, |filled| bytes = filled.to_vec());
    bytes
}
