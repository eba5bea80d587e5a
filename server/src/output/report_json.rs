//! The JSON report of a run, as `POST /v1/run` answers it and `isolet run --json` prints it.

use isolet_runtime::{CallRecord, LogLine, Report, RunError, Stats, Warning};
use serde::Serialize;

/// The members of the report after `ok` and `result`.
#[derive(Serialize)]
struct ReportMembers<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RunError>,
    warnings: &'a [Warning],
    logs: &'a [LogLine],
    calls: &'a [CallRecord],
    stats: &'a Stats,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

/// Writes the report. `id` is the number of the run in log and audit. The result is JSON text that
/// V8 made, and is copied without parsing, since it may have a megabyte.
pub fn write(id: Option<&str>, report: &Report) -> Vec<u8> {
    let result = report.result.as_deref().unwrap_or_default();
    let mut text = Vec::with_capacity(512 + result.len());
    let error = match &report.result {
        Ok(result) => {
            text.extend_from_slice(b"{\"ok\":true,\"result\":");
            text.extend_from_slice(result.as_bytes());
            None
        }
        Err(error) => {
            text.extend_from_slice(b"{\"ok\":false");
            Some(error)
        }
    };
    let Report { warnings, logs, calls, stats, .. } = report;
    let members = ReportMembers { error, warnings, logs, calls, stats, id };
    let start = text.len();
    serde_json::to_writer(&mut text, &members).expect("strings and numbers serialise");
    text[start] = b',';
    text
}

#[cfg(test)]
mod tests {
    use isolet_runtime::ErrorCode;
    use serde_json::{Value, json};

    use super::*;

    fn written(result: Result<String, RunError>) -> Value {
        let stats = Stats { wall_ms: 3.1, cpu_ms: 0.9, heap_bytes: 7, queued_ms: 0.0 };
        let report = Report { result, logs: Vec::new(), calls: Vec::new(), warnings: Vec::new(), stats };
        serde_json::from_slice(&write(Some("7f"), &report)).expect("JSON")
    }

    #[test]
    fn a_result_is_embedded_unchanged() {
        let stats = json!({ "wall_ms": 3.1, "cpu_ms": 0.9, "heap_bytes": 7, "queued_ms": 0.0 });
        let wanted = json!({
            "ok": true, "result": { "a": [1, 2] }, "warnings": [], "logs": [], "calls": [], "stats": stats,
            "id": "7f"
        });
        assert_eq!(written(Ok(r#"{"a":[1,2]}"#.to_owned())), wanted);
    }

    #[test]
    fn an_error_has_all_its_fields() {
        let report = written(Err(RunError::new(ErrorCode::CpuLimit, "CpuLimit", "Too much.")));
        assert_eq!(report["ok"], false);
        assert_eq!(
            report["error"],
            json!({
                "code": "cpu_limit", "name": "CpuLimit", "message": "Too much.", "line": null, "column": null,
                "frame": null, "hint": null, "stack": [], "tool": null
            })
        );
        assert!(report.get("result").is_none());
    }
}
