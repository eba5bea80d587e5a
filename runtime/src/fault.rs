//! From what went wrong inside V8 to an error that the script's author can act on.

use crate::control::StopReason;
use crate::script::SyntaxFault;
use crate::{ErrorCode, Limits, RunError};

/// The resource name of a one-shot script in stack traces.
pub(crate) const SCRIPT: &str = "script.ts";

/// Where the topmost frame of the script is, from a stack trace's text: line and column from 1.
///
/// The text is the script's own (`error.stack` can be anything), so this only looks for `script.ts:LINE:COLUMN` and
/// takes numbers that fit. Frames of isolet's own JavaScript have other names and are passed over.
pub(crate) fn position(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let at = line.rfind(SCRIPT)?;
        let mut numbers = line[at + SCRIPT.len()..].strip_prefix(':')?.trim_end_matches(')').splitn(2, ':');
        let line = numbers.next()?.parse().ok()?;
        let column = numbers.next()?.parse().ok()?;
        Some((line, column))
    })
}

/// The line's text and a caret under the column, at most 120 characters around it.
pub(crate) fn frame(source: &str, line: u32, column: u32) -> Option<String> {
    const WIDTH: usize = 120;
    let text = nth_line(source, line.checked_sub(1)?)?;
    // Columns count UTF-16 units; a frame is for eyes, so characters are near enough once units are mapped to them.
    let mut units = 0;
    let caret = text.chars().take_while(|c| {
        units += c.len_utf16();
        units < column as usize
    });
    let caret = caret.count();
    let from = caret.saturating_sub(WIDTH / 2);
    let shown: String =
        text.chars().skip(from).take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    Some(format!("{number} | {}\n{margin} | {}^", shown.trim_end(), " ".repeat(caret - from)))
}

/// A line as V8 counts them: `\r` alone ends one too, and so do two separators of Unicode.
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

impl From<SyntaxFault> for RunError {
    fn from(fault: SyntaxFault) -> Self {
        let mut error = Self::new(ErrorCode::Syntax, "SyntaxError", fault.message);
        (error.line, error.column, error.hint) = (Some(fault.line), Some(fault.column), fault.hint);
        error
    }
}

/// Adds the frame to an error that has a position in `source`.
pub(crate) fn framed(mut error: RunError, source: &str) -> RunError {
    if let (Some(line), Some(column)) = (error.line, error.column) {
        error.frame = frame(source, line, column);
    }
    error
}

/// What to do about errors that scripts of models commonly end with.
pub(crate) fn hint(name: &str, message: &str) -> Option<String> {
    let hint = match name {
        "EvalError" => "eval and new Function are switched off. Write the code into the script itself.",
        "ReferenceError" if message.starts_with("require ") || message.starts_with("process ") => {
            "This is no Node.js: there is no require, process or file system. Use the tools on env."
        }
        "ReferenceError"
            if message.starts_with("WebAssembly") || message.starts_with("SharedArrayBuffer") =>
        {
            "It is switched off in one-shot scripts."
        }
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

/// The run's error for a reason to stop it.
pub(crate) fn stopped(reason: StopReason, limits: &Limits) -> RunError {
    let (code, name, message, hint) = match reason {
        StopReason::Cpu => (
            ErrorCode::CpuLimit,
            "CpuLimitError",
            format!("The script used up its {:?} of CPU time.", limits.cpu),
            "Look for a loop without end, or do less: filter on the server's side, work on a part.",
        ),
        StopReason::Wall => (
            ErrorCode::WallLimit,
            "WallLimitError",
            format!("The script did not end within {:?}.", limits.wall),
            "Computing and waiting for tools both count. Run calls in parallel with Promise.all, look for a loop without \
             end, or split the work over runs.",
        ),
        StopReason::Memory => (
            ErrorCode::MemoryLimit,
            "MemoryLimitError",
            format!("The script used more than {} of memory.", bytes(limits.heap_bytes)),
            "Keep less at once: work through pages or parts, keep only the fields that are needed.",
        ),
        StopReason::Calls => (
            ErrorCode::CallLimit,
            "CallLimitError",
            format!("The script started more than {} tool calls.", limits.calls),
            "Use tools that take lists or filters, or split the work over runs.",
        ),
        StopReason::Logs => (
            ErrorCode::OutputLimit,
            "OutputLimitError",
            format!("The script logged more than {}.", bytes(limits.log_bytes)),
            "Log less: summaries instead of whole values.",
        ),
        StopReason::Cancelled => (
            ErrorCode::Cancelled,
            "CancelledError",
            "The caller went away or cancelled the run.".to_owned(),
            "Nothing is wrong with the script.",
        ),
    };
    RunError::new(code, name, message).with_hint(hint)
}

/// A result that is too large, with how much too large.
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

/// The script waits for something that cannot come.
pub(crate) fn stuck() -> RunError {
    RunError::new(
        ErrorCode::Exception,
        "DeadlockError",
        "The script awaits a promise that nothing can settle: no tool call and no timer is left.",
    )
    .with_hint("Look for a Promise whose resolve is never called.")
}

/// A byte count for people.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_of_the_script_is_the_position() {
        let stack = "TypeError: x\n    at request (isolet:30-env.js:70:9)\n    at async work (script.ts:12:34)\n    at async script.ts:2:1";
        assert_eq!(position(stack), Some((12, 34)));
        assert_eq!(position("Error: no frames"), None);
        assert_eq!(position("at script.ts:99999999999999999999:1"), None);
        assert_eq!(position("    at script.ts:2:1"), Some((2, 1)));
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
