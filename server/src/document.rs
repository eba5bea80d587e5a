//! The document of a run: what `POST /v1/run` answers and `isolet run --json` prints.

use isolet_runtime::{CallRecord, LogLine, Report, RunError, Stats};
use serde::Serialize;

/// What stands after the result.
#[derive(Serialize)]
struct Rest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RunError>,
    logs: &'a [LogLine],
    calls: &'a [CallRecord],
    stats: &'a Stats,
}

/// The document's text. The result is JSON text already, made by V8, and is put in as it is: it may have a megabyte.
pub fn write(report: &Report) -> Vec<u8> {
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
    let rest = Rest { error, logs: &report.logs, calls: &report.calls, stats: &report.stats };
    let start = text.len();
    serde_json::to_writer(&mut text, &rest).expect("strings and numbers serialise");
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
        let report = Report { result, logs: Vec::new(), calls: Vec::new(), stats };
        serde_json::from_slice(&write(&report)).expect("JSON")
    }

    #[test]
    fn a_result_is_embedded_as_it_is() {
        let stats = json!({ "wall_ms": 3.1, "cpu_ms": 0.9, "heap_bytes": 7, "queued_ms": 0.0 });
        let wanted =
            json!({ "ok": true, "result": { "a": [1, 2] }, "logs": [], "calls": [], "stats": stats });
        assert_eq!(written(Ok(r#"{"a":[1,2]}"#.to_owned())), wanted);
    }

    #[test]
    fn an_error_has_all_its_fields() {
        let document = written(Err(RunError::new(ErrorCode::CpuLimit, "CpuLimit", "Too much.")));
        assert_eq!(document["ok"], false);
        assert_eq!(
            document["error"],
            json!({
                "code": "cpu_limit", "name": "CpuLimit", "message": "Too much.", "line": null, "column": null,
                "frame": null, "hint": null
            })
        );
        assert!(document.get("result").is_none());
    }
}
