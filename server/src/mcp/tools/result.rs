//! The result of the tool `run`.
//!
//! `structuredContent` has everything once. The text is for clients that show their model nothing
//! else, which about half of them do, so it repeats the result as the protocol advises; a very
//! large one is only announced. For clients that are known to show `structuredContent`
//! ([`client_traits`](crate::mcp::client_traits)) a smaller one is only announced too. Clients of
//! revisions without structured content get the whole result as text, and so do all clients with
//! `--full-text`.

use isolet_runtime::Report;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

use super::media;
use crate::prompt::report::{LogTail, ResultStyle, calls_by_tool, text_in_style};

/// Returns the result. `id` is the id of the run.
pub fn result(id: Option<&str>, report: &Report, style: ResultStyle) -> CallToolResult {
    let media = report.result.as_ref().ok().and_then(|json| media::extract(json));
    let (without, blocks) = match media {
        Some(media) => (Some(Report { result: Ok(media.json), ..report.clone() }), media.blocks),
        None => (None, Vec::new()),
    };
    let report = without.as_ref().unwrap_or(report);
    let logs = LogTail::of(&report.logs);
    let structured = document(id, report, &logs);
    let mut content = vec![ContentBlock::text(text_in_style(report, &logs, style))];
    content.extend(blocks);
    let mut result = match report.result {
        Ok(_) => CallToolResult::success(content),
        Err(_) => CallToolResult::error(content),
    };
    if style != ResultStyle::Text {
        result.structured_content = Some(structured);
    }
    result
}

/// Returns the document of `structuredContent`.
fn document(id: Option<&str>, report: &Report, logs: &LogTail) -> Value {
    let mut document = Map::new();
    document.insert("ok".to_owned(), report.result.is_ok().into());
    match &report.result {
        // JSON that serde cannot hold as a value (too deep, a lone surrogate) stays text.
        Ok(json) => {
            let value = serde_json::from_str(json).unwrap_or_else(|_| json.clone().into());
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
                (
                    "stack",
                    (!error.stack.is_empty()).then(|| serde_json::to_value(&error.stack).unwrap_or_default()),
                ),
                ("tool", error.tool.as_ref().map(|tool| serde_json::to_value(tool).unwrap_or_default())),
            ];
            let known = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            document.insert("error".to_owned(), Value::Object(known.collect()));
        }
    }
    if !report.warnings.is_empty() {
        let warnings = serde_json::to_value(&report.warnings).unwrap_or_default();
        document.insert("warnings".to_owned(), warnings);
    }
    if !logs.lines.is_empty() {
        document.insert("logs".to_owned(), logs.lines.clone().into());
    }
    if logs.omitted > 0 {
        document.insert("logs_omitted".to_owned(), logs.omitted.into());
    }
    let calls: Vec<Value> = calls_by_tool(&report.calls)
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
    if let Some(id) = id {
        document.insert("id".to_owned(), id.into());
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use isolet_runtime::{CallRecord, ErrorCode, LogLevel, LogLine, RunError, Stats};

    use super::*;
    use crate::prompt::report::MAX_LOG_BYTES;

    fn report(result: Result<String, RunError>) -> Report {
        let stats = Stats { wall_ms: 3.1, cpu_ms: 0.9, heap_bytes: 7, queued_ms: 0.0 };
        Report { result, logs: Vec::new(), calls: Vec::new(), warnings: Vec::new(), stats }
    }

    fn call(tool: &str, ok: bool) -> CallRecord {
        CallRecord { call: 1, server: "demo".to_owned(), tool: tool.to_owned(), ms: 1.0, ok, error: None }
    }

    fn log(level: LogLevel, text: &str) -> LogLine {
        LogLine { level, text: text.to_owned(), at_ms: 1.0 }
    }

    fn text(result: &CallToolResult) -> &str {
        &result.content[0].as_text().expect("text").text
    }

    #[test]
    fn a_small_result_is_in_the_text_and_in_the_structured_content() {
        let mut report = report(Ok("\"a\\nb\"".to_owned()));
        report.logs.push(log(LogLevel::Warn, "careful"));
        report.calls.extend([call("add", true), call("add", false)]);
        let result = result(None, &report, ResultStyle::Structured);
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
    fn a_large_result_is_repeated_in_the_text_only_where_needed() {
        let large = serde_json::to_string(&vec!["é".repeat(100); 100]).unwrap();
        let report = report(Ok(large.clone()));
        let once = result(None, &report, ResultStyle::Structured);
        assert!(
            text(&once)
                .starts_with("The result is in structuredContent.result: an array of 100 items, 20,301")
        );
        assert!(text(&once).len() < 600);
        assert_eq!(once.structured_content.unwrap()["result"].as_array().unwrap().len(), 100);
        assert_eq!(text(&result(None, &report, ResultStyle::Readable)), large);
        let old = result(None, &report, ResultStyle::Text);
        assert_eq!((text(&old), old.structured_content.is_none()), (large.as_str(), true));
        assert!(result(None, &report, ResultStyle::Both).structured_content.is_some());
    }

    #[test]
    fn a_failure_has_the_hint_first_and_the_finished_calls() {
        let mut error =
            RunError::new(ErrorCode::ToolError, "ToolError", "no such tool").with_hint("Did you mean add?");
        (error.line, error.column, error.frame) = (Some(2), Some(7), Some("x()\n^".to_owned()));
        let mut report = report(Err(error));
        report.calls.extend([call("update", true), call("update", true), call("ad", false)]);
        let result = result(None, &report, ResultStyle::Structured);
        assert_eq!(
            text(&result),
            "hint: Did you mean add?\nerror[tool_error]: ToolError: no such tool\nat line 2, column 7 of the code\n\nx()\n^\n\n\
             already done before the failure: demo.update (2 times)"
        );
        assert_eq!(result.is_error, Some(true));
        assert_eq!(result.structured_content.unwrap()["error"]["hint"], "Did you mean add?");
    }

    #[test]
    fn the_last_log_lines_are_kept() {
        let lines: Vec<LogLine> = (0..3000).map(|at| log(LogLevel::Log, &format!("line {at}"))).collect();
        let logs = LogTail::of(&lines);
        assert_eq!(logs.lines.last().map(String::as_str), Some("line 2999"));
        assert_eq!(logs.lines.len() + logs.omitted, 3000);
        let long = LogTail::of(&[log(LogLevel::Log, &"x".repeat(100_000))]);
        assert!(long.lines[0].len() < MAX_LOG_BYTES + 10 && long.omitted == 0);
    }

    #[test]
    fn a_result_that_serde_cannot_hold_stays_text() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for odd in [deep.as_str(), r#"["\ud800"]"#] {
            assert_eq!(document(None, &report(Ok(odd.to_owned())), &LogTail::of(&[]))["result"], odd);
        }
    }
}
