//! Errors of runs: from exceptions of V8 and stop reasons to messages, positions and hints.

use crate::script::SyntaxError;
use crate::stop::StopReason;
use crate::{ErrorCode, Limits, RunError, StackFrame};

/// The resource name of a one-shot script in stack traces.
pub(crate) const SCRIPT: &str = "script.ts";

/// Returns the position of the script's topmost frame in the text of a stack trace: line and column
/// from 1.
///
/// The text is the script's own (`error.stack` can be anything), so this function looks for
/// `script.ts:LINE:COLUMN` and accepts numbers that fit. Frames of isolet's own JavaScript have
/// other names and are skipped.
pub(crate) fn position(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let at = line.rfind(SCRIPT)?;
        // A frame in the wrapper before the text, for which V8 writes no line.
        if matches!(&line[at + SCRIPT.len()..], "" | ")") && line.trim_start().starts_with("at ") {
            return Some((0, 0));
        }
        let mut numbers = line[at + SCRIPT.len()..].strip_prefix(':')?.trim_end_matches(')').splitn(2, ':');
        let line = numbers.next()?.parse().ok()?;
        let column = numbers.next()?.parse().ok()?;
        Some((line, column))
    })
}

/// Returns the topmost frame in the text of a stack trace if it is in a library: `at parse
/// (node_modules/zod/index.js:3:5)`.
pub(crate) fn library_frame(stack: &str) -> Option<&str> {
    const MAX_FRAME_BYTES: usize = 300;
    let is_frame =
        |line: &&str| line.starts_with("at ") && !line.contains("isolet:") && !line.contains("<anonymous>");
    let frame = stack.lines().map(str::trim).find(is_frame)?;
    (!frame.contains(SCRIPT) && frame.contains("node_modules/") && frame.len() <= MAX_FRAME_BYTES)
        .then_some(frame)
}

/// Returns the script's own frames in the text of a stack trace, if there is more than one.
pub(crate) fn frames(stack: &str) -> Vec<StackFrame> {
    const MAX_FRAMES: usize = 10;
    const MAX_FUNCTION_CHARS: usize = 80;
    let own = |line: &str| {
        let line = line.trim().strip_prefix("at ")?;
        let line = line.strip_prefix("async ").unwrap_or(line);
        let (line, column) = position(line)?;
        Some((line, column))
    };
    let mut frames: Vec<StackFrame> = Vec::new();
    for text in stack.lines() {
        let Some((line, column)) = own(text) else { continue };
        if frames.len() == MAX_FRAMES || line == 0 {
            break;
        }
        let text = text.trim().trim_start_matches("at ").trim_start_matches("async ");
        let function = text.split_once(" (").map(|(name, _)| name.chars().take(MAX_FUNCTION_CHARS).collect());
        // A call and the `await` before it are two frames of one line.
        if frames.last().is_some_and(|last| last.function == function && last.line == line) {
            continue;
        }
        frames.push(StackFrame { function, line, column });
    }
    if frames.len() > 1 { frames } else { Vec::new() }
}

/// Returns the text of a line and a caret under a column, both counted from 1, with at most 120
/// characters around it. Columns count UTF-16 units.
pub fn frame(source: &str, line: u32, column: u32) -> Option<String> {
    const MAX_SHOWN_CHARS: usize = 120;
    let text = nth_line(source, line.checked_sub(1)?)?;
    // Columns count UTF-16 units, and the caret counts characters.
    let mut units = 0;
    let caret = text.chars().take_while(|c| {
        units += c.len_utf16();
        units < column as usize
    });
    let caret = caret.count();
    let from = caret.saturating_sub(MAX_SHOWN_CHARS / 2);
    let shown: String =
        text.chars().skip(from).take(MAX_SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    Some(format!("{number} | {}\n{margin} | {}^", shown.trim_end(), " ".repeat(caret - from)))
}

/// Returns a line as V8 counts them: `\r` alone ends a line too, and so do two separators of
/// Unicode.
fn nth_line(source: &str, mut number: u32) -> Option<&str> {
    let mut rest = source;
    loop {
        let end = rest.find(['\n', '\r', '\u{2028}', '\u{2029}']);
        if number == 0 {
            return Some(&rest[..end.unwrap_or(rest.len())]).filter(|_| !rest.is_empty());
        }
        rest = &rest[end?..];
        let long = if rest.starts_with("\r\n") { 2 } else { rest.chars().next()?.len_utf8() };
        rest = &rest[long..];
        number -= 1;
    }
}

impl From<SyntaxError> for RunError {
    fn from(syntax: SyntaxError) -> Self {
        let mut error = Self::new(ErrorCode::Syntax, "SyntaxError", syntax.message);
        (error.line, error.column, error.hint) = (Some(syntax.line), Some(syntax.column), syntax.hint);
        error
    }
}

/// Adds the frame to an error that has a position in `source`.
pub(crate) fn framed(mut error: RunError, source: &str) -> RunError {
    if let (Some(line), Some(column)) = (error.line, error.column) {
        error.frame = frame(source, line, column).or_else(|| end(source));
    }
    error
}

/// Returns the frame of a position after the last line: the end of that line.
fn end(source: &str) -> Option<String> {
    let line = source.trim_end();
    let (number, column) = crate::script::diagnostic::position(line, line.len());
    frame(line, number, column)
}

/// Returns a hint for errors that are common in scripts of models.
pub(crate) fn hint(name: &str, message: &str) -> Option<String> {
    let hint = match name {
        "ReferenceError" if message.starts_with("require ") || message.starts_with("process ") => {
            "This is not Node.js: there is no require, process or file system. Use the tools on env."
        }
        "EvalError" => "eval and new Function are switched off. Write the code into the script itself.",
        "RangeError" if message.starts_with("Maximum call stack") => {
            "A function calls itself without end, or too deep: use a loop."
        }
        _ if message.ends_with("is not iterable")
            || message.starts_with("Cannot read properties of undefined") =>
        {
            "A value has another shape than expected. If it comes from a tool, look at it first: return it, or log it."
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns the error of a run that was stopped.
pub(crate) fn stopped(reason: StopReason, limits: &Limits) -> RunError {
    let (name, message, hint) = match reason {
        StopReason::Cpu => (
            "CpuLimitError",
            format!("The script used up its {:?} of CPU time.", limits.cpu),
            "Look for a loop without end, or do less: filter on the server's side, work on a part.",
        ),
        StopReason::Wall => (
            "WallLimitError",
            format!("The script did not end within {:?}.", limits.wall),
            "Computing and waiting for tools both count. Run calls in parallel with Promise.all, look for a loop without \
             end, or split the work over runs.",
        ),
        StopReason::Memory => (
            "MemoryLimitError",
            format!("The script used more than {} of memory.", bytes(limits.memory)),
            "Keep less at once: work through pages or parts, keep only the fields that are needed.",
        ),
        StopReason::Calls => (
            "CallLimitError",
            format!("The script started more than {} tool calls.", limits.calls),
            "Use tools that take lists or filters, or split the work over runs.",
        ),
        StopReason::Logs => (
            "OutputLimitError",
            format!("The script logged more than {}.", bytes(limits.logs)),
            "Log less: summaries instead of whole values.",
        ),
        StopReason::Cancelled => (
            "CancelledError",
            "The caller went away or cancelled the run.".to_owned(),
            "Nothing is wrong with the script.",
        ),
    };
    RunError::new(reason.error_code(), name, message).with_hint(hint)
}

/// Returns the error of a Worker that was stopped, at the start or in a request.
pub(crate) fn stopped_worker(reason: StopReason, limits: &Limits) -> RunError {
    let (name, message, hint) = match reason {
        StopReason::Cpu => (
            "CpuLimitError",
            format!("The Worker used up its {:?} of CPU time.", limits.cpu),
            "Look for a loop without end, or do less in one request.",
        ),
        StopReason::Wall => (
            "WallLimitError",
            format!("The Worker did not answer within {:?}.", limits.wall),
            "Computing and waiting for tools both count. Run calls in parallel with Promise.all, or answer with a stream: only \
             its beginning counts.",
        ),
        StopReason::Memory => (
            "MemoryLimitError",
            format!("The Worker used more than {} of memory.", bytes(limits.memory)),
            "All requests of a process and its variables of modules count. Keep less at once: stream large bodies, and look \
             for a variable that grows with each request.",
        ),
        StopReason::Calls | StopReason::Logs | StopReason::Cancelled => return stopped(reason, limits),
    };
    RunError::new(reason.error_code(), name, message).with_hint(hint)
}

/// Returns the error about a result that is too large.
pub(crate) fn output_limit(what: &str, length: usize, limit: usize) -> RunError {
    let message = format!(
        "The {what} is {} of JSON, {} over the limit of {}.",
        bytes(length),
        bytes(length.saturating_sub(limit)),
        bytes(limit)
    );
    RunError::new(ErrorCode::OutputLimit, "OutputLimitError", message).with_hint(
        "Return a summary, a count or a part; large data can be written to a tool instead of returned.",
    )
}

/// Returns the error of a script that waits although no call and no timer is left.
pub(crate) fn stuck() -> RunError {
    RunError::new(
        ErrorCode::Exception,
        "DeadlockError",
        "The script awaits a promise that nothing can settle: no tool call and no timer is left.",
    )
    .with_hint("Look for a Promise whose resolve is never called.")
}

/// Formats a number of bytes: `1.5 KiB`.
pub(crate) fn bytes(count: usize) -> String {
    const KIB: f64 = 1024.0;
    let count = count as f64;
    if count < KIB {
        format!("{count} bytes")
    } else if count < KIB * KIB {
        format!("{:.1} KiB", count / KIB)
    } else {
        format!("{:.1} MiB", count / KIB / KIB)
    }
}

/// Returns the error of V8's compiler about a text that isolet's parser accepted, such as a
/// redeclared `const`.
pub(crate) fn compile_error(
    scope: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>,
    name: &str,
) -> RunError {
    let new = |message| RunError::new(ErrorCode::Syntax, "SyntaxError", message);
    let Some(message) = scope.message() else { return new("The text is not a valid script.".to_owned()) };
    let text = message.get(scope).to_rust_string_lossy(scope);
    let said = text.strip_prefix("Uncaught ");
    let said = said.map_or(text.as_str(), |text| text.strip_prefix("SyntaxError: ").unwrap_or(text));
    let mut error = match name {
        SCRIPT => new(said.to_owned()),
        _ => new(format!("{name}: {said}")),
    };
    error.line = message.get_line_number(scope).and_then(|line| u32::try_from(line).ok());
    error.column = u32::try_from(message.get_start_column() + 1).ok();
    error
}

/// Returns the beginning of a string of V8, at most `units` long.
pub(crate) fn beginning(scope: &v8::PinScope, text: v8::Local<v8::String>, units: usize) -> String {
    let mut buffer = vec![0; text.length().min(units)];
    text.write_v2(scope, 0, &mut buffer, v8::WriteFlags::empty());
    String::from_utf16_lossy(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_of_the_script_is_the_position() {
        let stack = "TypeError: x\n    at request (isolet:env.js:70:9)\n    at async work (script.ts:12:34)\n    at async script.ts:2:1";
        assert_eq!(position(stack), Some((12, 34)));
        assert_eq!(position("Error: no frames"), None);
        assert_eq!(position("at script.ts:99999999999999999999:1"), None);
        assert_eq!(position("    at script.ts:2:1"), Some((2, 1)));
        assert_eq!(position("Error: x\n    at script.ts\n    at f (script.ts:3:1)"), Some((0, 0)));
    }

    #[test]
    fn a_frame_of_a_library_is_the_first_one() {
        let frame = "at parse (node_modules/zod/index.js:3:5)";
        let stack = format!("Error: x\n    at new Set (<anonymous>)\n    {frame}\n    at script.ts:2:1");
        assert_eq!(library_frame(&stack), Some(frame));
        let own = format!("Error: x\n    at script.ts:2:1\n    {frame}");
        assert_eq!(library_frame(&own), None);
        assert_eq!(library_frame("Error: x\n    at f (isolet:env.js:1:1)\n    at script.ts:2:1"), None);
    }

    #[test]
    fn a_call_and_its_await_are_one_frame() {
        let stack = "Error: x\n    at script.ts:1:21\n    at async script.ts:1:37";
        assert_eq!(frames(stack), []);
        let stack =
            "Error: x\n    at f (script.ts:1:21)\n    at f (script.ts:1:37)\n    at async script.ts:4:1";
        let places: Vec<_> = frames(stack).into_iter().map(|frame| (frame.line, frame.column)).collect();
        assert_eq!(places, [(1, 21), (4, 1)]);
    }

    #[test]
    fn a_frame_shows_line_and_caret() {
        assert_eq!(frame("a\n  foo()\n", 2, 3).unwrap(), "2 |   foo()\n  |   ^");
        assert_eq!(frame("a", 7, 1), None);
        assert_eq!(frame("a\n", 2, 1), None);
        assert_eq!(frame("a\rb\r\nc\u{2028}d", 4, 1).unwrap(), "4 | d\n  | ^");
        assert_eq!(frame("a\rb\r\nc\u{2028}d", 3, 1).unwrap(), "3 | c\n  | ^");
        assert_eq!(frame("😀 x", 1, 4).unwrap(), "1 | 😀 x\n  |   ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_column() {
        let line = format!("{}HERE{}", "a".repeat(1000), "b".repeat(1000));
        let frame = frame(&line, 1, 1001).unwrap();
        assert!(frame.len() < 300 && frame.contains("HERE"), "{frame}");
    }
}
