//! Promises that are rejected and never handled.
//!
//! Node.js ends the process in this case. Here the run ends well, as its result may be right, and
//! the report has a warning.

use v8::{Local, PinScope};

use crate::natives::worker::current_request;
use crate::state::{LogCharge, RejectedPromise, RunState};
use crate::{LogLevel, Warning, WarningCode, error};

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
            if let Some(state) = scope.get_slot_mut::<RunState>() {
                state.rejected.push(RejectedPromise { promise, request });
            }
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            state.rejected.retain(|known| known.promise != promise);
        }
        _ => {}
    }
}

/// Adds warnings about the promises that were not handled by the end of the script.
pub(crate) fn warn(scope: &mut PinScope) {
    let rejected = scope.get_slot_mut::<RunState>().map(|state| std::mem::take(&mut state.rejected));
    for RejectedPromise { promise, .. } in
        rejected.unwrap_or_default().into_iter().take(MAX_REPORTED_REJECTIONS)
    {
        v8::scope!(let scope, scope);
        v8::tc_scope!(let scope, scope);
        let promise = Local::new(scope, promise);
        if promise.state() != v8::PromiseState::Rejected || promise.has_handler() {
            continue;
        }
        let reason = promise.result(scope);
        let message = v8::Exception::create_message(scope, reason);
        let said = error::beginning(scope, message.get(scope), MAX_SHOWN_UNITS);
        let said = said.strip_prefix("Uncaught ").unwrap_or(&said);
        let stack = message.get_stack_trace(scope);
        let place = stack.and_then(|stack| {
            (0..stack.get_frame_count()).filter_map(|index| stack.get_frame(scope, index)).find_map(|frame| {
                let name = frame.get_script_name(scope)?.to_rust_string_lossy(scope);
                (name == error::SCRIPT).then_some((frame.get_line_number() as u32, frame.get_column() as u32))
            })
        });
        let text = format!(
            "A promise was rejected and not awaited or caught: {said}. Await what can fail, such as `await main()` or \
             `await Promise.all(list)`, so that the failure ends the script or can be caught."
        );
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
    for RejectedPromise { promise, request } in rejected {
        v8::scope!(let scope, scope);
        let promise = Local::new(scope, promise);
        if promise.state() != v8::PromiseState::Rejected || promise.has_handler() {
            continue;
        }
        let reason = promise.result(scope);
        let message = v8::Exception::create_message(scope, reason);
        let said = error::beginning(scope, message.get(scope), MAX_SHOWN_UNITS);
        let said = said.strip_prefix("Uncaught ").unwrap_or(&said);
        let place = message.get_stack_trace(scope).and_then(|stack| {
            (0..stack.get_frame_count()).filter_map(|index| stack.get_frame(scope, index)).find_map(|frame| {
                let name = frame.get_script_name(scope)?.to_rust_string_lossy(scope);
                let own = !name.starts_with("isolet:");
                own.then(|| format!(" ({name}:{}:{})", frame.get_line_number(), frame.get_column()))
            })
        });
        let text =
            format!("A promise was rejected and nothing handles it: {said}{}", place.unwrap_or_default());
        if let Some(state) = scope.get_slot_mut::<RunState>()
            && matches!(state.charge_log(request, text.len()), LogCharge::Fits)
        {
            state.log(request, LogLevel::Error, text);
        }
    }
}
