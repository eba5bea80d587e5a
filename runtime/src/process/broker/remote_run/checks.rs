//! The rules for messages from a runner that runs and Workers have in common.

use std::io;

use crate::limits::{MAX_ARGUMENTS_BYTES, MAX_NAME_BYTES};
use crate::{Limits, Operation, RunError};

/// The bound on the texts of an error together. The runner cuts each of them to 16 Ki characters.
const MAX_ERROR_BYTES: usize = 512 << 10;

/// Returns the length of a call's arguments.
///
/// # Errors
/// Returns an error if the call is longer than calls are.
pub(in super::super) fn argument_bytes(server: &str, operation: &Operation) -> io::Result<usize> {
    let (name, arguments) = operation.carries();
    if server.len().max(name.len()) > MAX_NAME_BYTES || arguments.len() > MAX_ARGUMENTS_BYTES {
        return Err(broken_rule("a call longer than calls are"));
    }
    Ok(arguments.len())
}

/// Returns the bound on a frame of a run with these limits: a call, a result, a log line or an
/// error.
pub(in super::super) fn max_frame_bytes(limits: &Limits) -> usize {
    const ENVELOPE_BYTES: usize = 1 << 20;
    MAX_ARGUMENTS_BYTES.max(limits.result).max(limits.logs).saturating_add(ENVELOPE_BYTES)
}

/// Checks the result or error of a run, which the caller gets as it is. Returns the rule that it
/// breaks.
pub(in super::super) fn check_result(
    result: &Result<String, RunError>,
    limits: &Limits,
) -> Result<(), &'static str> {
    match result {
        Ok(json) if json.len() > limits.result => Err("a result over the limit"),
        // The data of an event is one line. JSON may have line breaks between tokens;
        // `JSON.stringify` makes none.
        Ok(json) if json.bytes().any(|byte| byte < b' ') => Err("a result that is not one line"),
        Ok(json) if serde_json::from_str::<&serde_json::value::RawValue>(json).is_err() => {
            Err("a result that is not JSON")
        }
        Ok(_) => Ok(()),
        Err(error) => check_error(error),
    }
}

/// Checks an error that a caller gets as it is. Returns the rule that it breaks.
pub(in super::super) fn check_error(error: &RunError) -> Result<(), &'static str> {
    let texts = [Some(&error.name), Some(&error.message), error.frame.as_ref(), error.hint.as_ref()];
    let functions = error.stack.iter().filter_map(|frame| frame.function.as_ref());
    let tool = error.tool.iter().flat_map(|path| [&path.server, &path.tool]);
    let bytes: usize = texts.into_iter().flatten().chain(functions).chain(tool).map(String::len).sum();
    if bytes > MAX_ERROR_BYTES { Err("an error longer than errors are") } else { Ok(()) }
}

/// Returns an error for the log; `what` names what the runner sent.
pub(in super::super) fn broken_rule(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it sent {what}"))
}
