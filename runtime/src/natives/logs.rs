//! Log lines and warnings.

use super::worker::current_request;
use super::*;
use crate::report::{LogLevel, Warning, WarningCode};
use crate::shared_enums::{ConsoleLevel, ScriptWarning};
use crate::state::LogCharge;
use crate::stop::StopReason;

/// `log(level, text)` adds a line to the log, or stops the run if its logs pass the limit.
pub(crate) fn log(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let level = match ConsoleLevel::from_number(number(scope, &arguments, 0)) {
        Some(ConsoleLevel::Debug) => LogLevel::Debug,
        Some(ConsoleLevel::Info) => LogLevel::Info,
        Some(ConsoleLevel::Warn) => LogLevel::Warn,
        Some(ConsoleLevel::Error) => LogLevel::Error,
        Some(ConsoleLevel::Log) | None => LogLevel::Log,
    };
    let Ok(line) = v8::Local::<v8::String>::try_from(arguments.get(1)) else { return };
    let length = line.utf8_length(scope);
    let request = current_request(scope);
    let Some(state) = state(scope) else { return };
    match state.charge_log(request, length) {
        LogCharge::Fits => {}
        LogCharge::Dropped => return,
        LogCharge::OverLimit => {
            state.control.stop(StopReason::Logs);
            return;
        }
    }
    let line = line.to_rust_string_lossy(scope);
    let original = line.contains("\n    at ").then(|| crate::modules::original_stack(scope, &line)).flatten();
    let Some(state) = scope.get_slot_mut::<RunState>() else { return };
    // The positions of the files may have more digits.
    let longer = original.as_ref().map_or(0, |original| original.len().saturating_sub(length));
    if longer == 0 || matches!(state.charge_log(request, longer), LogCharge::Fits) {
        state.log(request, level, original.unwrap_or(line));
    }
}

/// `warn(warning, message)` adds a warning about the script's current line.
pub(crate) fn warn(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let code = match ScriptWarning::from_number(number(scope, &arguments, 0)) {
        Some(ScriptWarning::PromiseAsText) => WarningCode::PromiseAsText,
        Some(ScriptWarning::ResultDropped) => WarningCode::ResultDropped,
        None => return,
    };
    let warning = Warning::new(code, &text(scope, &arguments, 1)).at(site(scope));
    if let Some(state) = state(scope) {
        state.warn(warning);
    }
}
