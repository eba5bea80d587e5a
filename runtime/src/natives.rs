//! The host functions that JavaScript can reach: few, dull, and blind to the script's objects.
//!
//! Only the snapshot's own JavaScript holds them, in closures. They take strings and numbers, copy what they are given
//! and return strings and numbers, so no getter, proxy or `toJSON` of a script can run inside one of them.

use v8::{FunctionCallbackArguments as Arguments, MapFnTo, PinScope, ReturnValue};

use crate::control::StopReason;
use crate::report::{LogLevel, RunError};
use crate::state::{RunState, Site};
use crate::tools::Operation;
use crate::{ErrorCode, HttpResponse, fault};

mod crypto;
mod kind;
mod text;
mod url;

include!("native_names.rs");

macro_rules! table {
    ($($function:expr),* $(,)?) => { [$(MapFnTo::<v8::FunctionCallback>::map_fn_to($function)),*] };
}

/// The external references of the snapshot: one for each name, in the same order.
pub(crate) fn references() -> Vec<v8::ExternalReference> {
    let functions: [v8::FunctionCallback; NAMES.len()] = table![
        call,
        server,
        names,
        lists,
        unknown,
        finish,
        fail,
        log,
        now,
        wake,
        respond,
        fail_fetch,
        kind::kind,
        url::parse_url,
        url::set_url,
        url::form_encode,
        url::form_decode,
        text::encoding_name,
        text::decode,
        text::utf8_length,
        text::encode_utf8,
        crypto::random,
        crypto::digest,
        crypto::hmac,
        text::encode_base64,
        text::decode_base64,
    ];
    functions.iter().map(|function| v8::ExternalReference { function: *function }).collect()
}

/// The text of an argument that the snapshot's JavaScript promises to be a string; anything else is empty.
fn text(scope: &PinScope, arguments: &Arguments, index: i32) -> String {
    v8::Local::<v8::String>::try_from(arguments.get(index))
        .map_or_else(|_| String::new(), |string| string.to_rust_string_lossy(scope))
}

fn optional_text(scope: &PinScope, arguments: &Arguments, index: i32) -> Option<String> {
    arguments.get(index).is_string().then(|| text(scope, arguments, index))
}

fn number(scope: &PinScope, arguments: &Arguments, index: i32) -> f64 {
    arguments.get(index).number_value(scope).unwrap_or(0.0)
}

fn set_text(scope: &PinScope, result: &mut ReturnValue, text: &str) {
    if let Some(string) = v8::String::new(scope, text) {
        result.set(string.into());
    }
}

/// The memory of an ArrayBuffer that the snapshot's JavaScript has just made, to be filled.
fn with_buffer(arguments: &Arguments, index: i32, fill: impl FnOnce(&mut [u8])) {
    let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(arguments.get(index)) else { return };
    let store = buffer.get_backing_store();
    let Some(data) = store.data() else { return };
    // SAFETY: the store is kept alive by `store`, is initialised (V8's allocator zeroes) and as long as it says; `Cell`
    // is what the crate offers because JavaScript could write meanwhile, but none runs before `fill` returns: callers
    // only copy into it, and no SharedArrayBuffer exists that another thread could write to.
    fill(unsafe { std::slice::from_raw_parts_mut(data.as_ptr().cast::<u8>(), store.byte_length()) });
}

/// The run that this isolate is for. `None` in the keeper isolate and before a job came.
fn state<'a>(scope: &'a mut PinScope) -> Option<&'a mut RunState> {
    scope.get_slot_mut::<RunState>()
}

/// `call(kind, server, name, argumentsText)` → call number, or a JSON text `{ message, hint }` if the name is unknown.
fn call(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let kind = number(scope, &arguments, 0) as u8;
    let server = text(scope, &arguments, 1);
    let name = text(scope, &arguments, 2);
    let input = text(scope, &arguments, 3);
    let site = site(scope);
    let Some(state) = state(scope) else { return };
    let operation = match kind {
        0 => Operation::Call { tool: name, arguments: input },
        1 => Operation::RawCall { tool: name, arguments: input },
        2 => Operation::ListTools,
        3 => Operation::ListResources,
        4 => Operation::ReadResource { uri: name },
        5 => Operation::ListPrompts,
        _ => Operation::GetPrompt { name, arguments: input },
    };
    match state.call(server, operation, site) {
        Ok(id) => result.set_uint32(id),
        Err(unknown) => set_text(scope, &mut result, &unknown.to_json(site)),
    }
}

/// Where the script is now: its topmost frame. The stack of an error that arrives later has it only if the call was
/// awaited, so it is noted when the call is made.
fn site(scope: &PinScope) -> Option<Site> {
    const FRAMES: usize = 8;
    let stack = v8::StackTrace::current_stack_trace(scope, FRAMES)?;
    (0..stack.get_frame_count()).filter_map(|index| stack.get_frame(scope, index)).find_map(|frame| {
        let name = frame.get_script_name(scope)?.to_rust_string_lossy(scope);
        (name == fault::SCRIPT).then_some((frame.get_line_number() as u32, frame.get_column() as u32))
    })
}

/// `server(name)` → the exact name, or undefined.
fn server(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let exact =
        state(scope).and_then(|state| state.names.catalogue.server(&name).map(|(exact, _)| exact.to_owned()));
    if let Some(exact) = exact {
        set_text(scope, &mut result, &exact);
    }
}

/// `names(server)` → JSON array of its tools; of all servers for `""`.
fn names(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let Some(state) = state(scope) else { return };
    let catalogue = &state.names.catalogue;
    let names: Vec<&str> = if name.is_empty() {
        catalogue.names().collect()
    } else {
        catalogue.server(&name).map(|(_, tools)| tools.names().collect()).unwrap_or_default()
    };
    let json = serde_json::to_string(&names).unwrap_or_default();
    set_text(scope, &mut result, &json);
}

/// `lists(server, tool)` → whether the server is known to have the tool.
fn lists(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (server, tool) = (text(scope, &arguments, 0), text(scope, &arguments, 1));
    let found = state(scope).is_some_and(|state| {
        state.names.catalogue.server(&server).is_some_and(|(_, tools)| tools.lists(&tool))
    });
    result.set_bool(found);
}

/// `unknown(server)` → JSON `{ message, hint }` about a server that does not exist.
fn unknown(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let Some(state) = state(scope) else { return };
    let json = crate::unknown::server(&state.names.catalogue, &name).to_json(None);
    set_text(scope, &mut result, &json);
}

/// `finish(json)`: the run's result.
fn finish(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let Ok(json) = v8::Local::<v8::String>::try_from(arguments.get(0)) else { return };
    // Measured before it is copied out: a result of 100 MB is refused where it lies.
    let length = json.utf8_length(scope);
    let Some(limit) = state(scope).map(|state| state.limits.result_bytes) else { return };
    let outcome = if length > limit {
        Err(fault::output_limit("result", length, limit))
    } else {
        Ok(json.to_rust_string_lossy(scope))
    };
    if let Some(state) = state(scope) {
        state.settle(outcome);
    }
}

/// `fail(name, message, stack, kind, hint)`: the script threw.
fn fail(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let error = thrown(scope, &arguments, 0);
    if let Some(state) = state(scope) {
        state.settle(Err(error));
    }
}

/// The error that arguments from `first` on describe: name, message, stack, kind, hint.
fn thrown(scope: &PinScope, arguments: &Arguments, first: i32) -> RunError {
    let code = match text(scope, arguments, first + 3).as_str() {
        "tool_error" => ErrorCode::ToolError,
        _ => ErrorCode::Exception,
    };
    let mut error = RunError::new(code, text(scope, arguments, first), text(scope, arguments, first + 1));
    let stack = text(scope, arguments, first + 2);
    error.hint =
        optional_text(scope, arguments, first + 4).or_else(|| fault::hint(&error.name, &error.message));
    match fault::position(&stack) {
        Some((line, column)) => (error.line, error.column) = (Some(line), Some(column)),
        // A Worker's modules have names of their own, so the frame itself is the position.
        None => {
            let own = |line: &&str| {
                line.starts_with("at ") && !line.contains("isolet:") && !line.contains("<anonymous>)")
            };
            if let Some(frame) = stack.lines().map(str::trim).find(own) {
                error.message = format!("{} ({frame})", error.message);
            }
        }
    }
    error
}

/// `respond(id, status, headersJSON, body)`: a Worker's answer; the body is a string or an ArrayBuffer.
fn respond(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let status = number(scope, &arguments, 1) as u16;
    let headers = serde_json::from_str(&text(scope, &arguments, 2)).unwrap_or_default();
    let body = match v8::Local::<v8::ArrayBuffer>::try_from(arguments.get(3)) {
        Ok(buffer) => buffer.get_backing_store().iter().map(std::cell::Cell::get).collect(),
        Err(_) => text(scope, &arguments, 3).into_bytes(),
    };
    if let Some(state) = state(scope) {
        state.responses.push((id, Ok(HttpResponse { status, headers, body })));
    }
}

/// `failFetch(id, name, message, stack, kind, hint)`: a Worker's `fetch` threw.
fn fail_fetch(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let id = number(scope, &arguments, 0) as u32;
    let error = thrown(scope, &arguments, 1);
    if let Some(state) = state(scope) {
        state.responses.push((id, Err(error)));
    }
}

/// `log(level, text)`.
fn log(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let level = match number(scope, &arguments, 0) as u8 {
        0 => LogLevel::Debug,
        2 => LogLevel::Info,
        3 => LogLevel::Warn,
        4 => LogLevel::Error,
        _ => LogLevel::Log,
    };
    let Ok(line) = v8::Local::<v8::String>::try_from(arguments.get(1)) else { return };
    let length = line.utf8_length(scope);
    let Some(state) = state(scope) else { return };
    if !state.charge_log(length) {
        state.control.stop(StopReason::Logs);
        return;
    }
    let line = line.to_rust_string_lossy(scope);
    if let Some(state) = scope.get_slot_mut::<RunState>() {
        state.log(level, line);
    }
}

/// `now()` → milliseconds since the run started, in whole milliseconds: no fine clock for timing attacks.
fn now(scope: &mut PinScope, _: Arguments, mut result: ReturnValue) {
    let now = state(scope).map_or(0.0, |state| state.elapsed_ms().floor());
    result.set_double(now);
}

/// `wake(at)`: call `tick` at this time of `now()`; below zero: never.
fn wake(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let at = number(scope, &arguments, 0);
    if let Some(state) = state(scope) {
        state.wake_at = (at >= 0.0).then_some(at);
    }
}
