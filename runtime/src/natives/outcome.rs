//! The end of a run.

use super::*;
use crate::report::{RunError, ToolPath, Warning, WarningCode};
use crate::{ErrorCode, error};

/// The frames of a Worker's stack that its error shows, and the longest one in bytes.
const MAX_FRAMES: usize = 8;
const MAX_FRAME_BYTES: usize = 512;

/// `finish(json, completion)` sets the result of the run. Without `json` it is `undefined`. With
/// `completion` it is the value of the last statement, which the script did not return explicitly.
pub(crate) fn finish(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let Ok(json) = v8::Local::<v8::String>::try_from(arguments.get(0)) else {
        if let Some(state) = state(scope) {
            state.undefined = true;
            state.settle(Ok("null".to_owned()));
        }
        return;
    };
    // The length is checked before the result is copied.
    let length = json.utf8_length(scope);
    let Some(limit) = state(scope).map(|state| state.limits.result) else { return };
    let asked_for = !arguments.get(1).is_true();
    let outcome = if length > limit && !asked_for {
        let message = format!(
            "There is no result: the value of the last statement is larger than the limit of {}. Return a part of it.",
            error::bytes(limit)
        );
        if let Some(state) = state(scope) {
            state.warn(Warning::new(WarningCode::ResultDropped, &message));
        }
        Ok("null".to_owned())
    } else if length > limit {
        Err(error::output_limit("result", length, limit))
    } else {
        Ok(json.to_rust_string_lossy(scope))
    };
    if let Some(state) = state(scope) {
        state.settle(outcome);
    }
}

/// `fail(name, message, stack, kind, hint, tool)` sets the error of the run.
pub(crate) fn fail(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let error = thrown(scope, &arguments, 0);
    if let Some(state) = state(scope) {
        state.settle(Err(error));
    }
}

/// Returns the error that the arguments from `first` on describe: name, message, stack, kind, hint,
/// and its tool.
pub(super) fn thrown(scope: &PinScope, arguments: &Arguments, first: i32) -> RunError {
    let code = match text(scope, arguments, first + 3).as_str() {
        "tool_error" => ErrorCode::ToolError,
        "output_limit" => ErrorCode::OutputLimit,
        _ => ErrorCode::Exception,
    };
    let mut error = RunError::new(code, text(scope, arguments, first), text(scope, arguments, first + 1));
    let stack = text(scope, arguments, first + 2);
    let stack = crate::modules::original_stack(scope, &stack).unwrap_or(stack);
    error.hint =
        optional_text(scope, arguments, first + 4).or_else(|| error::hint(&error.name, &error.message));
    error.stack = error::frames(&stack);
    error.tool = optional_text(scope, arguments, first + 5).and_then(|path| {
        let (server, tool) = path.split_once('\n')?;
        Some(ToolPath { server: server.to_owned(), tool: tool.to_owned() })
    });
    match error::position(&stack) {
        Some((line, column)) => {
            (error.line, error.column) = (Some(line), Some(column));
            if error.hint.is_none() {
                let place = error::library_frame(&stack);
                error.hint = place.map(|place| format!("A library threw it, {place}."));
            }
        }
        // A Worker's modules have names of their own, so that the frames themselves are the
        // positions.
        None => {
            let own = |line: &&str| {
                line.starts_with("at ")
                    && line.len() <= MAX_FRAME_BYTES
                    && !line.contains("isolet:")
                    && !line.contains("<anonymous>)")
            };
            error.append_frames(stack.lines().map(str::trim).filter(own).take(MAX_FRAMES));
        }
    }
    error
}
