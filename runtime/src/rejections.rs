//! Promises that are rejected and never handled.
//!
//! Node.js ends the process in this case. Here the run ends well, as its result may be right, and
//! the report has a warning.

use v8::{Local, PinScope};

use crate::natives::worker::current_request;
use crate::state::{RejectedPromise, RunState, ScriptPlace};
use crate::{LogLevel, Warning, WarningCode, error, modules};

/// The number of rejected promises that are watched at once.
const MAX_WATCHED_REJECTIONS: usize = 100;

/// The number of rejected promises that are reported.
const MAX_REPORTED_REJECTIONS: usize = 5;

/// The length of the shown reason of a rejection.
const MAX_SHOWN_UNITS: usize = 600;

/// Notes a rejected promise, and drops one that is handled later. V8 calls this while JavaScript
/// runs.
pub(crate) unsafe extern "C" fn note(message: v8::PromiseRejectMessage) {
    let event = message.get_event();
    v8::callback_scope!(unsafe let scope, &message);
    let promise = message.get_promise();
    let Some(state) = scope.get_slot_mut::<RunState>() else { return };
    match event {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler
            if state.rejected.len() < MAX_WATCHED_REJECTIONS =>
        {
            let promise = v8::Global::new(scope, promise);
            let request = current_request(scope);
            let place = place(scope);
            if let Some(state) = scope.get_slot_mut::<RunState>() {
                state.rejected.push(RejectedPromise { promise, request, place });
            }
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            state.rejected.retain(|known| known.promise != promise);
        }
        _ => {}
    }
}

/// Returns the topmost place of the script's on the stack: the one that rejects the promise. V8
/// keeps none with an error, unless it keeps one with every error.
fn place(scope: &PinScope) -> Option<ScriptPlace> {
    const MAX_FRAMES: usize = 8;
    let stack = v8::StackTrace::current_stack_trace(scope, MAX_FRAMES)?;
    (0..stack.get_frame_count()).filter_map(|index| stack.get_frame(scope, index)).find_map(|frame| {
        let module = frame.get_script_name(scope)?.to_rust_string_lossy(scope);
        let place = (frame.get_line_number() as u32, frame.get_column() as u32);
        (!module.starts_with("isolet:")).then_some(ScriptPlace { module, place })
    })
}

/// Adds warnings about the promises that were not handled by the end of the script.
pub(crate) fn warn(scope: &mut PinScope) {
    let rejected = scope.get_slot_mut::<RunState>().map(|state| std::mem::take(&mut state.rejected));
    for rejected in rejected.unwrap_or_default().into_iter().take(MAX_REPORTED_REJECTIONS) {
        let Some(said) = reason(scope, &rejected) else { continue };
        let text = format!(
            "A promise was rejected and not awaited or caught: {said}. Await what can fail, such as `await main()` or \
             `await Promise.all(list)`, so that the failure ends the script or can be caught."
        );
        let place = rejected.place.filter(|place| place.module == error::SCRIPT).map(|place| place.place);
        let warning = Warning::new(WarningCode::UnhandledRejection, &text).at(place);
        if let Some(state) = scope.get_slot_mut::<RunState>() {
            state.warn(warning);
        }
    }
}

/// Logs the promises of a Worker that were rejected in the present turn and not handled.
pub(crate) fn log(scope: &mut PinScope) {
    let rejected = match scope.get_slot_mut::<RunState>() {
        Some(state) if !state.rejected.is_empty() => std::mem::take(&mut state.rejected),
        _ => return,
    };
    for rejected in rejected {
        let Some(said) = reason(scope, &rejected) else { continue };
        let place = rejected.place.map(|ScriptPlace { module, place: (line, column) }| {
            let (line, column) = modules::original_position(scope, &module, line, column);
            format!(" ({module}:{line}:{column})")
        });
        let place = place.unwrap_or_default();
        let text = format!("A promise was rejected and nothing handles it: {said}{place}");
        if let Some(state) = scope.get_slot_mut::<RunState>() {
            state.log_within_limit(rejected.request, LogLevel::Error, text);
        }
    }
}

/// Returns the reason of a rejected promise as text, or `None` if the promise is handled by now.
fn reason(scope: &mut PinScope, rejected: &RejectedPromise) -> Option<String> {
    v8::scope!(let scope, scope);
    let promise = Local::new(scope, &rejected.promise);
    if promise.state() != v8::PromiseState::Rejected || promise.has_handler() {
        return None;
    }
    let reason = promise.result(scope);
    let message = v8::Exception::create_message(scope, reason);
    let said = error::beginning(scope, message.get(scope), MAX_SHOWN_UNITS);
    Some(said.strip_prefix("Uncaught ").unwrap_or(&said).to_owned())
}
