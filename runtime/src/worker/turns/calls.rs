//! Turns for calls between Workers.

use v8::{Local, PinScope};

use crate::js_interface::EntryFunctions;
use crate::shared_enums::{RpcEvent, RpcReceiver};
use crate::worker::rpc::{CallEnd, GivenValue, Path, Receiver};
use crate::{event_loop, natives};

/// Gives a call to the Worker's code.
pub(super) fn called(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    id: u32,
    receiver: Receiver,
    path: &Path,
    arguments: Option<GivenValue>,
) {
    v8::scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let (kind, target, props) = match receiver {
        Receiver::Entrypoint { name, props } => {
            let [name, props] = [name, props].map(|text| v8::String::new(scope, &text));
            let (Some(name), Some(props)) = (name, props) else { return };
            (RpcReceiver::Entrypoint, name.into(), props.into())
        }
        Receiver::Object(object) => {
            (RpcReceiver::Object, v8::Integer::new_from_unsigned(scope, object).into(), undefined)
        }
        Receiver::Result(of) => {
            (RpcReceiver::Result, v8::Integer::new_from_unsigned(scope, of).into(), undefined)
        }
    };
    let path = serde_json::to_string(&path.0).unwrap_or_default();
    let Some(path) = v8::String::new(scope, &path) else { return };
    let parts = match arguments {
        Some(value) => parts(scope, &value),
        None => Some([undefined; 3]),
    };
    let Some([value, items, stubs]) = parts else { return };
    let id = v8::Integer::new_from_unsigned(scope, id).into();
    let kind = v8::Integer::new(scope, kind as i32).into();
    let arguments = [id, kind, target, props, path.into(), value, items, stubs];
    event_loop::enter(scope, entries, &entries.called, &arguments);
}

/// Tells the Worker's code how a call ended.
pub(super) fn ended(scope: &mut PinScope, entries: &EntryFunctions, call: u32, end: CallEnd) {
    v8::scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let (event, parts) = match end {
        CallEnd::Returned(value) => (RpcEvent::Returned, parts(scope, &value)),
        CallEnd::Threw(value) => (RpcEvent::Threw, parts(scope, &value)),
        CallEnd::Failed(text) => {
            let text = v8::String::new(scope, &text);
            (RpcEvent::Failed, text.map(|text| [text.into(), undefined, undefined]))
        }
    };
    let Some([value, items, stubs]) = parts else { return };
    let event = v8::Integer::new(scope, event as i32).into();
    let call = v8::Integer::new_from_unsigned(scope, call).into();
    event_loop::enter(scope, entries, &entries.notified, &[event, call, value, items, stubs]);
}

/// Tells the Worker's code that nobody needs a result or an object any more.
pub(super) fn released(scope: &mut PinScope, entries: &EntryFunctions, event: RpcEvent, number: u32) {
    v8::scope!(let scope, scope);
    let event = v8::Integer::new(scope, event as i32).into();
    let number = v8::Integer::new_from_unsigned(scope, number).into();
    event_loop::enter(scope, entries, &entries.notified, &[event, number]);
}

/// Returns the parts of a value: two ArrayBuffers, of which the second may be undefined, and JSON
/// text of the numbers of its stubs.
fn parts<'s>(scope: &mut PinScope<'s, '_>, value: &GivenValue) -> Option<[Local<'s, v8::Value>; 3]> {
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let bytes = natives::array_buffer(scope, &value.value.0);
    let items =
        if value.items.0.is_empty() { undefined } else { natives::array_buffer(scope, &value.items.0) };
    let stubs = serde_json::to_string(&value.stubs).unwrap_or_default();
    let stubs = v8::String::new(scope, &stubs)?;
    Some([bytes, items, stubs.into()])
}
