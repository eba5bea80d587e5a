//! The definition of the tool `run`: its description, input schema and output schema.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::Limits;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::libraries;
use super::overview::{OverviewSource, ToolOverview};
use crate::output::pretty::thousands;

/// The tool's name.
pub const NAME: &str = "run";

/// Returns the definition of `run`, with a description of at most `max_bytes`, and the overview of
/// tools in it. `unavailable` is the text about servers whose tools are missing.
pub fn definition(
    source: &OverviewSource<'_>,
    unavailable: &str,
    limits: &Limits,
    max_bytes: usize,
) -> (Tool, ToolOverview) {
    let most_ms = limits.wall.as_millis();
    let input = json!({
        "type": "object",
        "properties": {
            "code": {
                "type": "string",
                "description": "TypeScript or JavaScript, with top-level `await` and `return`."
            },
            // Any JSON is accepted. The schema asks models for the one type that no API refuses:
            // some require a type, some refuse lists of types, and some refuse arrays without
            // `items`.
            "input": {
                "type": "object", "additionalProperties": true,
                "description": "Data for the script, in its variable `input`, instead of literals in the code."
            },
            "timeout_ms": {
                "type": "integer", "minimum": 1, "maximum": u64::try_from(most_ms).unwrap_or(u64::MAX)
            }
        },
        "required": ["code"],
        "additionalProperties": false
    });
    // The most important comes first: clients that cut a description cut its end.
    let head = format!(
        "Runs one TypeScript script that calls tools of MCP servers, env.<server>.<tool>({{ … }}). Only what it returns comes \
         back to you: do the whole job in one script (loops, Promise.all, filter, add up) and return just what you \
         need. A call gives the tool's data itself (object, parsed JSON or text), never {{content: \
         […]}}. Await every call, end with `return`. A tool that fails throws an Error. {} Limits: {}, {} \
         calls, a result of {}.\n\nExample:\n",
        libraries::sentence(source.libraries),
        seconds(limits.wall),
        thousands(limits.calls as usize),
        size(limits.result),
    );
    let rest = max_bytes.saturating_sub(head.len() + unavailable.len() + 4);
    let overview = ToolOverview::new(source, rest);
    let description = format!("{head}{}\n\n{unavailable}{}", overview.example, overview.text);
    let annotations = ToolAnnotations::with_title("Run a script")
        .read_only(false)
        // A script may call any tool of the servers.
        .destructive(true)
        .idempotent(false)
        .open_world(true);
    let tool = Tool::new(NAME, description, object(input))
        .with_title("Run a script")
        .with_annotations(annotations)
        .with_raw_output_schema(object(output_schema()));
    (tool, overview)
}

/// Returns the output schema, which describes `structuredContent`; the documentation explains the
/// fields. It is loose where clients that validate gain nothing from strictness. `result` may be
/// anything, written so that strict validators of schemas accept it.
fn output_schema() -> Value {
    let (text, whole) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    // Without `integer`, clients that convert values would turn whole numbers into floats.
    let any = ["object", "array", "string", "integer", "number", "boolean", "null"];
    let any = any.map(|kind| json!({ "type": kind }));
    let list = |items: Value| json!({ "type": "array", "items": items });
    let object = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required });
    let error = json!({
        "hint": text, "code": text, "name": text, "message": text, "line": whole, "column": whole, "frame": text,
        "stack": list(json!({ "type": "object" })), "tool": { "type": "object" }
    });
    let warning = json!({ "code": text, "message": text, "line": whole, "column": whole });
    let call = json!({ "tool": text, "count": whole, "failed": whole });
    let fields = json!({
        "ok": { "type": "boolean" },
        "result": { "anyOf": any },
        "error": object(error, &["code", "message"]),
        "warnings": list(object(warning, &["code", "message"])),
        "logs": list(text.clone()),
        "logs_omitted": whole,
        "calls": list(object(call, &["tool", "count"])),
        "wall_ms": { "type": "number" },
        "id": text
    });
    object(fields, &["ok"])
}

/// Returns a schema in rmcp's type.
pub fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(map) => Arc::new(map),
        _ => Arc::default(),
    }
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs())
    }
}

fn size(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_in_units_for_people() {
        assert_eq!(
            (seconds(Duration::from_secs(60)), seconds(Duration::from_millis(250))),
            ("60 s".to_owned(), "250 ms".to_owned())
        );
        assert_eq!((size(1024 * 1024), size(1000)), ("1 MiB".to_owned(), "1 KiB".to_owned()));
    }
}
