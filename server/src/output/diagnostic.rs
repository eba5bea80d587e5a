//! Errors, warnings and log lines of scripts as text for a terminal.
//!
//! The text comes from the script, so each line begins with a word of isolet's or with an
//! indentation, and cannot be mistaken for a message of isolet's.

use std::fmt::Write as _;

use isolet_bindings::text::{block, line};
use isolet_runtime::{LogLevel, LogLine, RunError, Warning};

use super::styles;

/// Renders an error as several lines: the message, the position, the line of code, the hint.
/// `origin` is the script's name.
pub fn render(error: &RunError, origin: &str) -> String {
    let message = styles::removed(error.message.trim_end());
    let message = block(&message).replace('\n', "\n    ");
    let mut text = format!("error[{}]: {}: {message}\n", error.code.as_str(), line(&error.name));
    if let Some(number) = error.line {
        let column = error.column.map_or_else(String::new, |column| format!(":{column}"));
        let _ = writeln!(text, "  at {}:{number}{column}", line(origin));
    }
    for frame in error.stack.iter().skip(1) {
        let function =
            frame.function.as_deref().map(|name| format!(" in {}", line(name))).unwrap_or_default();
        let _ = writeln!(text, "  from {}:{}:{}{function}", line(origin), frame.line, frame.column);
    }
    if let Some(frame) = error.frame.as_deref().filter(|frame| !frame.trim().is_empty()) {
        text.push('\n');
        for part in frame.trim_end().lines() {
            let _ = writeln!(text, "    {}", line(part));
        }
        text.push('\n');
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "  hint: {}", line(hint));
    }
    text
}

/// Prints a log line of a script to standard error.
pub fn print_log(logged: &LogLine) {
    stderr_text!("{}", render_log(logged));
}

/// Prints a log line of a Worker, with the number of its request if it is not 0.
pub fn print_request_log(request: u32, logged: &LogLine) {
    let label = if request == 0 { String::new() } else { format!("[{request}]") };
    stderr_text!("{}", render_labelled(&label, logged));
}

/// Prints a warning of a run to standard error.
pub fn print_warning(warning: &Warning) {
    let position = warning.line.map_or_else(String::new, |number| format!("line {number}: "));
    stderr_text!("warning: {position}{}\n", line(&warning.message));
}

/// Renders `log: first line`, with the lines after it indented to the same column.
fn render_log(logged: &LogLine) -> String {
    render_labelled("", logged)
}

/// Does the same with a label behind the level: `log[3]: first line`.
fn render_labelled(label: &str, logged: &LogLine) -> String {
    let level = match logged.level {
        LogLevel::Debug => "debug",
        LogLevel::Log => "log",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let prefix = format!("{level}{label}: ");
    let below = format!("\n{}", " ".repeat(prefix.len()));
    format!("{prefix}{}\n", block(&styles::removed(&logged.text)).replace('\n', &below))
}

#[cfg(test)]
mod tests {
    use isolet_runtime::ErrorCode;

    use super::*;

    #[test]
    fn an_error_has_message_position_and_hint() {
        let mut error =
            RunError::new(ErrorCode::Exception, "TypeError", "x is not a function").with_hint("Call y.");
        error.line = Some(3);
        error.column = Some(5);
        error.frame = Some("let a = x();\n        ^".to_owned());
        assert_eq!(
            render(&error, "job.ts"),
            "error[exception]: TypeError: x is not a function\n  at job.ts:3:5\n\n    let a = x();\n            ^\n\n  \
             hint: Call y.\n"
        );
    }

    #[test]
    fn an_error_without_a_position_is_short() {
        let error = RunError::new(ErrorCode::WallLimit, "WallLimit", "60 s are over\u{1b}[2J");
        assert_eq!(render(&error, "job.ts"), "error[wall_limit]: WallLimit: 60 s are over\u{fffd}[2J\n");
    }

    #[test]
    fn text_of_a_script_never_begins_a_line() {
        let error = RunError::new(ErrorCode::Exception, "A\nisolet: B", "c\r\nisolet: d\nerror[syntax]: e\n");
        assert_eq!(
            render(&error, "job.ts"),
            "error[exception]: A␤isolet: B: c\n    isolet: d\n    error[syntax]: e\n"
        );
        let logged = LogLine { level: LogLevel::Log, text: "a\nisolet: b\u{9b}".to_owned(), at_ms: 0.0 };
        assert_eq!(render_log(&logged), "log: a\n     isolet: b\u{fffd}\n");
    }
}
