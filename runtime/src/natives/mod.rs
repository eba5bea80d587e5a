//! The host functions that JavaScript can call. `js_interface_tables.rs` lists them.
//!
//! Only the snapshot's own JavaScript holds them, in closures. They take strings and numbers, copy
//! their arguments and return strings and numbers, so that no getter, proxy or `toJSON` of a script
//! can run inside one of them.
//!
//! | module | functions |
//! |---|---|
//! | `calls` | calls of tools; names of servers and tools |
//! | `outcome` | results and errors of a run |
//! | `worker` | answers of a Worker, the request that its code runs for |
//! | `sockets` | the WebSockets of a Worker |
//! | `fetches` | fetches of a Worker through its bindings |
//! | `rpc` | calls between Workers |
//! | `values` | values as bytes |
//! | `loaders` | Workers that a Worker loads |
//! | `logs` | log lines, warnings |
//! | `clock` | the time, the next timer |
//! | `kind` | the kind of a value |
//! | `node` | the modules of Node.js |
//! | `url`, `url_pattern`, `text`, `crypto`, `codecs`, `html` | the parts of Web APIs that are written in Rust |
//! | `host_objects` | objects of Rust that JavaScript holds by a number |

use v8::{FunctionCallbackArguments as Arguments, PinScope, ReturnValue};

use crate::calls::CallSite;
use crate::error;
use crate::state::RunState;
use crate::stop::StopReason;

pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod codecs;
pub(crate) mod crypto;
pub(crate) mod fetches;
pub(crate) mod host_objects;
pub(crate) mod html;
pub(crate) mod kind;
pub(crate) mod loaders;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod outcome;
pub(crate) mod rpc;
pub(crate) mod sockets;
pub(crate) mod text;
pub(crate) mod url;
pub(crate) mod url_pattern;
pub(crate) mod values;
pub(crate) mod worker;

/// Returns the text of an argument that must be a string. Other values are empty.
fn text(scope: &PinScope, arguments: &Arguments, index: i32) -> String {
    v8::Local::<v8::String>::try_from(arguments.get(index))
        .map_or_else(|_| String::new(), |string| string.to_rust_string_lossy(scope))
}

/// Gives the text of an argument to `read`, without a copy if it is ASCII.
fn with_text<R>(scope: &mut PinScope, arguments: &Arguments, index: i32, read: impl FnOnce(&str) -> R) -> R {
    let Ok(string) = v8::Local::<v8::String>::try_from(arguments.get(index)) else { return read("") };
    let view = v8::ValueView::new(scope, string);
    match view.data() {
        // Other bytes are characters of Latin-1, whatever they would be as UTF-8.
        v8::ValueViewData::OneByte(bytes) if bytes.is_ascii() => {
            read(std::str::from_utf8(bytes).unwrap_or_default())
        }
        _ => {
            drop(view);
            read(&string.to_rust_string_lossy(scope))
        }
    }
}

fn optional_text(scope: &PinScope, arguments: &Arguments, index: i32) -> Option<String> {
    arguments.get(index).is_string().then(|| text(scope, arguments, index))
}

fn number(scope: &PinScope, arguments: &Arguments, index: i32) -> f64 {
    arguments.get(index).number_value(scope).unwrap_or(0.0)
}

/// Copies the bytes of a view, which may be the script's own. A view that is detached, out of
/// bounds or resizable has the bytes that it has at this moment.
fn copied(arguments: &Arguments, index: i32) -> Vec<u8> {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(arguments.get(index)) else {
        return Vec::new();
    };
    let mut bytes = vec![0; view.byte_length()];
    let length = view.copy_contents(&mut bytes);
    bytes.truncate(length);
    bytes
}

fn set_text(scope: &PinScope, result: &mut ReturnValue, text: &str) {
    if let Some(string) = v8::String::new(scope, text) {
        result.set(string.into());
    }
}

/// Sets a string of the characters below U+0100 that the bytes stand for.
fn set_bytes(scope: &PinScope, result: &mut ReturnValue, bytes: &[u8]) {
    if let Some(string) = v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal) {
        result.set(string.into());
    }
}

/// Fills an ArrayBuffer that the snapshot's JavaScript has just made.
fn with_buffer(arguments: &Arguments, index: i32, fill: impl FnOnce(&mut [u8])) {
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(arguments.get(index)) {
        fill_buffer(buffer, fill);
    }
}

/// Fills an ArrayBuffer to which JavaScript has no access yet, or in which it does not run
/// meanwhile.
pub(crate) fn fill_buffer(buffer: v8::Local<v8::ArrayBuffer>, fill: impl FnOnce(&mut [u8])) {
    let Some(data) = buffer.data() else { return };
    // SAFETY: the memory is kept alive by `buffer`, is initialised (V8's allocator zeroes) and as
    // long as the buffer says; no JavaScript runs before `fill` returns, as callers only copy into
    // it, and no SharedArrayBuffer exists that another thread could write to.
    fill(unsafe { std::slice::from_raw_parts_mut(data.as_ptr().cast::<u8>(), buffer.byte_length()) });
}

/// Returns `true` if the memory limit has room for a further ArrayBuffer. V8 ends the process where
/// a function of Rust asks for memory that there is not.
fn has_room(scope: &mut PinScope, length: usize) -> bool {
    state(scope).is_none_or(|state| state.control.has_room(length))
}

/// Returns a new ArrayBuffer with a copy of `data`. Where the memory limit has no room for it, the
/// run is stopped and the buffer is empty: V8 would end the process.
pub(crate) fn array_buffer<'s>(scope: &mut PinScope<'s, '_>, data: &[u8]) -> v8::Local<'s, v8::Value> {
    let control = state(scope).map(|state| state.control.clone());
    let has_room = || control.as_ref().is_none_or(|control| control.has_room(data.len()));
    if !has_room() {
        scope.low_memory_notification();
    }
    let data = match &control {
        Some(control) if !has_room() => {
            control.stop(StopReason::Memory);
            &[]
        }
        _ => data,
    };
    let buffer = v8::ArrayBuffer::new(scope, data.len());
    fill_buffer(buffer, |bytes| bytes.copy_from_slice(data));
    buffer.into()
}

/// Returns the state of the isolate's run, or `None` if it has no job yet.
fn state<'a>(scope: &'a mut PinScope) -> Option<&'a mut RunState> {
    scope.get_slot_mut::<RunState>()
}

/// Returns the position of the script's topmost frame. It is noted when a call is made: the stack
/// of a later error has it only if the call was awaited.
fn site(scope: &PinScope) -> Option<CallSite> {
    const MAX_FRAMES: usize = 8;
    let stack = v8::StackTrace::current_stack_trace(scope, MAX_FRAMES)?;
    (0..stack.get_frame_count()).filter_map(|index| stack.get_frame(scope, index)).find_map(|frame| {
        let name = frame.get_script_name(scope)?.to_rust_string_lossy(scope);
        (name == error::SCRIPT).then_some((frame.get_line_number() as u32, frame.get_column() as u32))
    })
}
