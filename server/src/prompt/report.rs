//! The report of a run as text for a model.

use std::fmt::Write as _;

use indexmap::IndexMap;
use isolet_runtime::{CallRecord, LogLevel, LogLine, Report, RunError, Warning};
use serde_json::Value;

use super::quote::cut;
use crate::output::pretty::thousands;

/// The length of a result that the text repeats for clients that show `structuredContent`.
const MAX_RESULT_BYTES: usize = 2000;

/// The length of a result that the text repeats for all other clients.
const MAX_READABLE_RESULT_BYTES: usize = 32 * 1024;

/// The length of the beginning that the text shows of a longer result.
const EXCERPT_BYTES: usize = 300;

/// The length of the log lines that are returned; the last lines matter most.
pub const MAX_LOG_BYTES: usize = 16 * 1024;

/// The length of log lines that the text repeats for clients that show `structuredContent`.
const MAX_REPEATED_LOG_BYTES: usize = 1000;

/// The way in which a client shows a result to its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultStyle {
    /// The client shows `structuredContent`.
    Structured,
    /// The client knows `structuredContent`, but may show the text alone.
    Readable,
    /// The client is [`Readable`](Self::Readable), and its operator wants whole results as text.
    Both,
    /// The client knows text alone.
    Text,
}

/// Returns the whole report as text: what `POST /v1/run` answers to requests for text.
pub fn text(report: &Report) -> String {
    text_in_style(report, &LogTail::of(&report.logs), ResultStyle::Text)
}

/// Returns the report as text for a client of this style.
pub fn text_in_style(report: &Report, logs: &LogTail, style: ResultStyle) -> String {
    match &report.result {
        Ok(json) => success(json, &report.warnings, logs, style),
        Err(error) => warning_lines(&report.warnings) + &failure(error, report, logs),
    }
}

/// The last log lines, within a limit.
pub struct LogTail {
    /// The lines, oldest first.
    pub lines: Vec<String>,
    /// The number of earlier lines that are left out.
    pub omitted: usize,
}

impl LogTail {
    /// Returns the last of `lines`.
    pub fn of(lines: &[LogLine]) -> Self {
        let mut left = MAX_LOG_BYTES;
        let kept = lines.iter().rev().take_while(|line| {
            let fits = line.text.len() < left;
            left = left.saturating_sub(line.text.len());
            fits
        });
        let mut lines_kept: Vec<String> = kept.map(with_level).collect();
        lines_kept.reverse();
        // A last line that is too long by itself is cut, so that there is one line at least.
        if let (true, Some(last)) = (lines_kept.is_empty(), lines.last()) {
            lines_kept.push(format!("{}…", cut(&with_level(last), MAX_LOG_BYTES)));
        }
        Self { omitted: lines.len() - lines_kept.len(), lines: lines_kept }
    }

    /// Appends the lines to `text`. Unless `all`, long ones are announced only.
    fn append_to(&self, text: &mut String, all: bool) {
        if self.lines.is_empty() {
            return;
        }
        let size: usize = self.lines.iter().map(String::len).sum();
        if all || size <= MAX_REPEATED_LOG_BYTES {
            let _ = write!(text, "\n\nlogs:\n{}", self.lines.join("\n"));
        } else {
            let _ = write!(text, "\n\nlogs: {} lines, in structuredContent.logs", self.lines.len());
        }
        if self.omitted > 0 {
            let _ = write!(text, "\n({} earlier lines were left out)", thousands(self.omitted));
        }
    }
}

fn with_level(line: &LogLine) -> String {
    match line.level {
        LogLevel::Warn => format!("warn: {}", line.text),
        LogLevel::Error => format!("error: {}", line.text),
        LogLevel::Debug | LogLevel::Log | LogLevel::Info => line.text.clone(),
    }
}

fn success(json: &str, warnings: &[Warning], logs: &LogTail, style: ResultStyle) -> String {
    let max_bytes = match style {
        ResultStyle::Structured => MAX_RESULT_BYTES,
        ResultStyle::Readable => MAX_READABLE_RESULT_BYTES,
        ResultStyle::Both | ResultStyle::Text => usize::MAX,
    };
    let mut text = if json.len() <= max_bytes {
        // A string reads better without its quotes.
        serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
    } else {
        format!(
            "The result is in structuredContent.result: {}, {} bytes of JSON. It begins:\n{}…\nIf you cannot see it, let \
             the script return less: filter, count, slice.",
            describe(json),
            thousands(json.len()),
            cut(json, EXCERPT_BYTES)
        )
    };
    logs.append_to(&mut text, style != ResultStyle::Structured);
    // Warnings come first: a model that reads a long result before them has believed it by then.
    warning_lines(warnings) + &text
}

/// Returns the warnings and an empty line; nothing without warnings.
fn warning_lines(warnings: &[Warning]) -> String {
    let lines: String = warnings.iter().map(|warning| format!("{}\n", warning_line(warning))).collect();
    if lines.is_empty() { lines } else { lines + "\n" }
}

/// Returns a warning as one line, with its position.
fn warning_line(warning: &Warning) -> String {
    match warning.line {
        Some(line) => format!("warning: line {line}: {}", warning.message),
        None => format!("warning: {}", warning.message),
    }
}

/// Describes a large result.
fn describe(json: &str) -> String {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Array(items)) => format!("an array of {} items", thousands(items.len())),
        Ok(Value::Object(fields)) => {
            let names: Vec<String> = fields.keys().take(10).map(|name| cut(name, 40).to_owned()).collect();
            let more = if fields.len() > names.len() { ", …" } else { "" };
            format!("an object with {}{more}", names.join(", "))
        }
        Ok(Value::String(_)) => "a string".to_owned(),
        _ => "a value".to_owned(),
    }
}

fn failure(error: &RunError, report: &Report, logs: &LogTail) -> String {
    let mut text = String::new();
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "hint: {hint}");
    }
    let _ = write!(text, "error[{}]: {}: {}", error.code.as_str(), error.name, error.message.trim_end());
    if let Some(line) = error.line {
        let column = error.column.map_or_else(String::new, |column| format!(", column {column}"));
        let _ = write!(text, "\nat line {line}{column} of the code");
    }
    if let Some(frame) = error.frame.as_deref().filter(|frame| !frame.trim().is_empty()) {
        let _ = write!(text, "\n\n{}", frame.trim_end());
    }
    if error.stack.len() > 1 {
        let frames: Vec<String> = error
            .stack
            .iter()
            .map(|frame| match &frame.function {
                Some(name) => format!("{name} (line {})", frame.line),
                None => format!("line {}", frame.line),
            })
            .collect();
        let _ = write!(text, "\n\nstack: {}", frames.join(" < "));
    }
    let done: Vec<String> = calls_by_tool(&report.calls)
        .into_iter()
        .filter(|(_, (count, failed))| count > failed)
        .map(|(tool, (count, failed))| match count - failed {
            1 => tool,
            times => format!("{tool} ({times} times)"),
        })
        .take(20)
        .collect();
    if !done.is_empty() {
        // If the script is sent again, it does these again.
        let _ = write!(text, "\n\nalready done before the failure: {}", done.join(", "));
    }
    logs.append_to(&mut text, true);
    text
}

/// Counts calls by tool: all of them, and those that failed.
pub fn calls_by_tool(records: &[CallRecord]) -> IndexMap<String, (usize, usize)> {
    let mut tools = IndexMap::new();
    for call in records {
        let (count, failed) = tools.entry(format!("{}.{}", call.server, call.tool)).or_insert((0, 0));
        *count += 1;
        *failed += usize::from(!call.ok);
    }
    tools
}
