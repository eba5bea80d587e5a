//! Standard error: messages for people. No result depends on them.
//!
//! The standard library's `eprintln!` panics where it cannot write, because the disk is full or the
//! reader of the pipe has gone (`2> >(head -1)`). The message is lost either way, but the result
//! and the exit code must not be. So this crate never uses `eprintln!` (`clippy::print_stderr`).
//!
//! Messages may quote servers, scripts and files. Characters that control a terminal are replaced,
//! and a line stays one line. With `--log-format json`, a message is a JSON object like those of
//! the log.

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

use isolet_bindings::text;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::colours;

/// Writes one line, with the arguments of `eprintln!`. A line that cannot be written is dropped.
macro_rules! stderr_line {
    ($($part:tt)*) => { $crate::output::stderr::line(format_args!($($part)*)) };
}

/// Writes lines that belong together, with the arguments of `eprint!`. Lines that cannot be written
/// are dropped.
macro_rules! stderr_text {
    ($($part:tt)*) => { $crate::output::stderr::lines(format_args!($($part)*)) };
}

/// Writes the error that ends a command as one line, with the arguments of `eprintln!`.
macro_rules! stderr_error {
    ($($part:tt)*) => { $crate::output::stderr::error_line(format_args!($($part)*)) };
}

/// Writes an error that ends a command and has several lines, with the arguments of `eprint!`.
macro_rules! stderr_error_block {
    ($($part:tt)*) => { $crate::output::stderr::error_lines(format_args!($($part)*)) };
}

/// The format that the command line chooses. Text, before the command line is parsed.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The format of everything on standard error.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Sets the format. Only the first call has an effect.
pub fn set_format(format: LogFormat) {
    let _already_set = FORMAT.set(format);
}

/// Implements [`stderr_line!`].
pub fn line(message: fmt::Arguments<'_>) {
    write(None, &message.to_string(), |message| text::line(message).into_owned() + "\n");
}

/// Implements [`stderr_text!`].
pub fn lines(message: fmt::Arguments<'_>) {
    write(None, &message.to_string(), |message| text::block(message).into_owned());
}

/// Implements [`stderr_error!`].
pub fn error_line(message: fmt::Arguments<'_>) {
    write(Some("ERROR"), &message.to_string(), |message| text::line(message).into_owned() + "\n");
}

/// Implements [`stderr_error_block!`].
pub fn error_lines(message: fmt::Arguments<'_>) {
    write(Some("ERROR"), &message.to_string(), |message| text::block(message).into_owned() + "\n");
}

/// Writes a message with one system call, so that lines of several threads and processes are not
/// mixed.
fn write(level: Option<&str>, message: &str, as_text: impl FnOnce(&str) -> String) {
    let text = match FORMAT.get() {
        Some(LogFormat::Json) => json_event(level, message),
        Some(LogFormat::Text) | None => match colours::enabled() {
            true => colours::coloured(&as_text(message), level.is_some()),
            false => as_text(message),
        },
    };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Formats a message as a JSON object like those of the log. Without `level`, the level is inferred
/// from the beginning of the message.
fn json_event(level: Option<&str>, message: &str) -> String {
    let mut time = String::new();
    let _infallible = SystemTime.format_time(&mut Writer::new(&mut time));
    let message = message.strip_prefix("isolet: ").unwrap_or(message);
    let (level, message) = match (level, message.strip_prefix("warning: ")) {
        (Some(level), _) => (level, message),
        (None, Some(warning)) => ("WARN", warning),
        (None, None) if message.starts_with("error[") => ("ERROR", message),
        (None, None) => ("INFO", message),
    };
    let event = serde_json::json!({
        "timestamp": time, "level": level, "message": message.trim_end(), "target": "isolet",
    });
    text::json(&event.to_string()).into_owned() + "\n"
}

/// A writer to standard error that never fails, for the log: `tracing` reports a failed write with
/// `eprintln!`.
#[derive(Debug, Default)]
pub struct InfallibleStderr;

impl Write for InfallibleStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn messages_become_events_of_the_log() {
        let poison = "a\u{1b}[31m\u{9b}5m\r\nisolet: forged\u{202e}\u{2028}b";
        for (given, message, level, expected) in [
            (None, format!("isolet: {poison}"), "INFO", poison.to_owned()),
            (None, "isolet: warning: x\n".to_owned(), "WARN", "x".to_owned()),
            (
                None,
                "error[syntax]: x\n  at a:1\n".to_owned(),
                "ERROR",
                "error[syntax]: x\n  at a:1".to_owned(),
            ),
            (None, "isolet: error[syntax]: x\n".to_owned(), "ERROR", "error[syntax]: x".to_owned()),
            (Some("ERROR"), format!("isolet: {poison}"), "ERROR", poison.to_owned()),
        ] {
            let event = json_event(given, &message);
            assert_eq!(event.matches('\n').count(), 1);
            assert!(!event.trim_end().contains(text::is_unprintable), "{event:?}");
            let parsed: Value = serde_json::from_str(&event).unwrap();
            assert_eq!((&parsed["level"], &parsed["message"]), (&level.into(), &expected.into()));
            assert!(parsed["timestamp"].as_str().unwrap().starts_with("20"), "{parsed}");
        }
    }
}
