//! A run's report as the result of a tool.
//!
//! `structuredContent` has everything once. The text is for people who watch and for clients that show their model
//! nothing else: a small result is there in full, a large one is announced. Clients of revisions before structured
//! content get the whole result as text, and so does everybody with `--full-text`.

use std::fmt::Write as _;

use indexmap::IndexMap;
use isolet_runtime::{CallRecord, LogLevel, LogLine, Report, RunError};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

use super::catalogue::cut;
use crate::pretty::thousands;

/// Longest result that the text repeats.
const SHORT: usize = 2000;

/// How much of a longer one the text shows.
const GLIMPSE: usize = 300;

/// Log text that comes back. A script that logs for its model logs little; the last lines matter most.
const LOGS: usize = 16 * 1024;

/// Log text that the text repeats.
const SHORT_LOGS: usize = 1000;

/// Who reads the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Knows structured content.
    Structured,
    /// Knows it, but its operator wants all of the result as text too.
    Both,
    /// Knows text only.
    Text,
}

/// The result of the tool `run`.
pub fn result(report: &Report, reader: Reader) -> CallToolResult {
    let logs = Logs::of(&report.logs);
    let (text, structured) = match &report.result {
        Ok(json) => (success(json, &logs, reader), document(report, Ok(json), &logs)),
        Err(error) => (failure(error, report, &logs), document(report, Err(error), &logs)),
    };
    let content = vec![ContentBlock::text(text)];
    let mut result = match report.result {
        Ok(_) => CallToolResult::success(content),
        Err(_) => CallToolResult::error(content),
    };
    if reader != Reader::Text {
        result.structured_content = Some(structured);
    }
    result
}

/// The last log lines, within bounds.
struct Logs {
    lines: Vec<String>,
    omitted: usize,
}

impl Logs {
    fn of(lines: &[LogLine]) -> Self {
        let mut left = LOGS;
        let kept = lines.iter().rev().take_while(|line| {
            let fits = line.text.len() < left;
            left = left.saturating_sub(line.text.len());
            fits
        });
        let mut lines_kept: Vec<String> = kept.map(marked).collect();
        lines_kept.reverse();
        // One line that is too long by itself would leave nothing at all.
        if let (true, Some(last)) = (lines_kept.is_empty(), lines.last()) {
            lines_kept.push(format!("{}…", cut(&marked(last), LOGS)));
        }
        Self { omitted: lines.len() - lines_kept.len(), lines: lines_kept }
    }

    /// For the end of the text.
    fn append(&self, text: &mut String, all: bool) {
        if self.lines.is_empty() {
            return;
        }
        let size: usize = self.lines.iter().map(String::len).sum();
        if all || size <= SHORT_LOGS {
            let _ = write!(text, "\n\nlogs:\n{}", self.lines.join("\n"));
        } else {
            let _ = write!(text, "\n\nlogs: {} lines, in structuredContent.logs", self.lines.len());
        }
        if self.omitted > 0 {
            let _ = write!(text, "\n({} earlier lines were left out)", thousands(self.omitted));
        }
    }
}

fn marked(line: &LogLine) -> String {
    match line.level {
        LogLevel::Warn => format!("warn: {}", line.text),
        LogLevel::Error => format!("error: {}", line.text),
        LogLevel::Debug | LogLevel::Log | LogLevel::Info => line.text.clone(),
    }
}

fn success(json: &str, logs: &Logs, reader: Reader) -> String {
    let all = reader != Reader::Structured;
    let mut text = if all || json.len() <= SHORT {
        // A string reads better without its quotes.
        serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
    } else {
        format!(
            "The result is in structuredContent.result: {}, {} bytes of JSON. It begins:\n{}…\nIf you cannot see it, let \
             the script return less: filter, count, slice.",
            kind(json),
            thousands(json.len()),
            cut(json, GLIMPSE)
        )
    };
    logs.append(&mut text, all);
    text
}

/// What a large result is, in words.
fn kind(json: &str) -> String {
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

fn failure(error: &RunError, report: &Report, logs: &Logs) -> String {
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
    let done: Vec<String> = calls(&report.calls)
        .into_iter()
        .filter(|(_, (count, failed))| count > failed)
        .map(|(tool, (count, failed))| match count - failed {
            1 => tool,
            times => format!("{tool} ({times} times)"),
        })
        .take(20)
        .collect();
    if !done.is_empty() {
        // A script that is sent again would do these again.
        let _ = write!(text, "\n\nalready done before the failure: {}", done.join(", "));
    }
    logs.append(&mut text, true);
    text
}

/// Calls by tool: how many, and how many of them failed.
fn calls(records: &[CallRecord]) -> IndexMap<String, (usize, usize)> {
    let mut tools = IndexMap::new();
    for call in records {
        let (count, failed) = tools.entry(format!("{}.{}", call.server, call.tool)).or_insert((0, 0));
        *count += 1;
        *failed += usize::from(!call.ok);
    }
    tools
}

fn document(report: &Report, result: Result<&str, &RunError>, logs: &Logs) -> Value {
    let mut document = Map::new();
    document.insert("ok".to_owned(), result.is_ok().into());
    match result {
        // What does not fit into a tree (too deep, half a surrogate pair) stays text.
        Ok(json) => {
            let value = serde_json::from_str(json).unwrap_or_else(|_| json.into());
            document.insert("result".to_owned(), value);
        }
        Err(error) => {
            let fields = [
                ("hint", error.hint.clone().map(Value::from)),
                ("code", Some(error.code.as_str().into())),
                ("name", Some(error.name.clone().into())),
                ("message", Some(error.message.clone().into())),
                ("line", error.line.map(Value::from)),
                ("column", error.column.map(Value::from)),
                ("frame", error.frame.clone().map(Value::from)),
            ];
            let known = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            document.insert("error".to_owned(), Value::Object(known.collect()));
        }
    }
    if !logs.lines.is_empty() {
        document.insert("logs".to_owned(), logs.lines.clone().into());
    }
    if logs.omitted > 0 {
        document.insert("logs_omitted".to_owned(), logs.omitted.into());
    }
    let calls: Vec<Value> = calls(&report.calls)
        .into_iter()
        .map(|(tool, (count, failed))| match failed {
            0 => json!({ "tool": tool, "count": count }),
            _ => json!({ "tool": tool, "count": count, "failed": failed }),
        })
        .collect();
    if !calls.is_empty() {
        document.insert("calls".to_owned(), calls.into());
    }
    document.insert("wall_ms".to_owned(), report.stats.wall_ms.into());
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use isolet_runtime::{ErrorCode, Stats};

    use super::*;

    fn report(result: Result<String, RunError>) -> Report {
        let stats = Stats { wall_ms: 3.1, cpu_ms: 0.9, heap_bytes: 7, queued_ms: 0.0 };
        Report { result, logs: Vec::new(), calls: Vec::new(), stats }
    }

    fn call(tool: &str, ok: bool) -> CallRecord {
        CallRecord { server: "demo".to_owned(), tool: tool.to_owned(), ms: 1.0, ok, error: None }
    }

    fn log(level: LogLevel, text: &str) -> LogLine {
        LogLine { level, text: text.to_owned(), at_ms: 1.0 }
    }

    fn text(result: &CallToolResult) -> &str {
        &result.content[0].as_text().expect("text").text
    }

    #[test]
    fn a_small_result_is_text_and_structure() {
        let mut report = report(Ok("\"a\\nb\"".to_owned()));
        report.logs.push(log(LogLevel::Warn, "careful"));
        report.calls.extend([call("add", true), call("add", false)]);
        let result = result(&report, Reader::Structured);
        assert_eq!(text(&result), "a\nb\n\nlogs:\nwarn: careful");
        assert_eq!(
            result.structured_content.unwrap(),
            json!({
                "ok": true, "result": "a\nb", "logs": ["warn: careful"],
                "calls": [{ "tool": "demo.add", "count": 2, "failed": 1 }], "wall_ms": 3.1
            })
        );
    }

    #[test]
    fn a_large_result_is_not_sent_twice_unless_it_must() {
        let large = serde_json::to_string(&vec!["é".repeat(100); 100]).unwrap();
        let report = report(Ok(large.clone()));
        let once = result(&report, Reader::Structured);
        assert!(
            text(&once)
                .starts_with("The result is in structuredContent.result: an array of 100 items, 20,301")
        );
        assert!(text(&once).len() < 600);
        assert_eq!(once.structured_content.unwrap()["result"].as_array().unwrap().len(), 100);
        let old = result(&report, Reader::Text);
        assert_eq!((text(&old), old.structured_content.is_none()), (large.as_str(), true));
        assert!(result(&report, Reader::Both).structured_content.is_some());
    }

    #[test]
    fn a_failure_says_the_hint_first_and_what_was_done() {
        let mut error =
            RunError::new(ErrorCode::ToolError, "ToolError", "no such tool").with_hint("Did you mean add?");
        (error.line, error.column, error.frame) = (Some(2), Some(7), Some("x()\n^".to_owned()));
        let mut report = report(Err(error));
        report.calls.extend([call("update", true), call("update", true), call("ad", false)]);
        let result = result(&report, Reader::Structured);
        assert_eq!(
            text(&result),
            "hint: Did you mean add?\nerror[tool_error]: ToolError: no such tool\nat line 2, column 7 of the code\n\nx()\n^\n\n\
             already done before the failure: demo.update (2 times)"
        );
        assert_eq!(result.is_error, Some(true));
        assert_eq!(result.structured_content.unwrap()["error"]["hint"], "Did you mean add?");
    }

    #[test]
    fn logs_are_bounded_from_the_end() {
        let lines: Vec<LogLine> = (0..3000).map(|at| log(LogLevel::Log, &format!("line {at}"))).collect();
        let logs = Logs::of(&lines);
        assert_eq!(logs.lines.last().map(String::as_str), Some("line 2999"));
        assert_eq!(logs.lines.len() + logs.omitted, 3000);
        let long = Logs::of(&[log(LogLevel::Log, &"x".repeat(100_000))]);
        assert!(long.lines[0].len() < LOGS + 10 && long.omitted == 0);
    }

    #[test]
    fn what_no_tree_can_hold_stays_text() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for odd in [deep.as_str(), r#"["\ud800"]"#] {
            assert_eq!(document(&report(Ok(odd.to_owned())), Ok(odd), &Logs::of(&[]))["result"], odd);
        }
    }
}
