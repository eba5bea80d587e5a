//! The three tools as a model sees them: names, schemas, descriptions.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::Limits;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use super::catalogue::Catalogue;
use crate::pretty::thousands;

/// The names of the tools.
pub const SEARCH: &str = "search";
pub const DESCRIBE: &str = "describe";
pub const RUN: &str = "run";

/// Any JSON value, in the words that most providers of models take: no schema without a type, no list of types.
fn any() -> Value {
    let kinds = ["object", "array", "string", "number", "boolean", "null"];
    Value::from_iter(kinds.map(|kind| json!({ "type": kind })))
}

/// What a client may show its model before any tool.
pub const INSTRUCTIONS: &str = "Call `run` with one TypeScript script that does the whole job: it reaches the tools of all connected MCP servers \
     as env.<server>.<tool>(input), and only what it returns comes back. The description of `run` lists them; `search` \
     finds tools by what they do, `describe` shows their types.";

/// All three.
pub fn all(catalogue: &Catalogue, limits: &Limits) -> Vec<Tool> {
    vec![search(), describe(), run(catalogue, limits)]
}

fn search() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "description": "What the tool should do, or a part of its name, such as \"create an issue\"."
            },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": 100, "default": 8,
                "description": "Most matches to return."
            }
        },
        "required": ["query"],
        "additionalProperties": false
    });
    Tool::new(
        SEARCH,
        "Finds tools of the connected MCP servers by what they do. Answers with the best matches first, each as the \
         call to write inside `run` with its types. Use it when the tool you need is not in the list that `run` \
         shows. These tools cannot be called directly, only from a script in `run`.",
        object(input),
    )
    .with_title("Search tools")
    .with_annotations(looking("Search tools"))
}

fn describe() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {
            "tools": {
                "type": "array",
                "items": { "type": "string" },
                "minItems": 1, "maxItems": 100,
                "description": "Which tools: \"server/tool\" for one, \"server/get_*\" for some, \"server\" for all of a server."
            }
        },
        "required": ["tools"],
        "additionalProperties": false
    });
    Tool::new(
        DESCRIBE,
        "Shows the TypeScript declarations of tools: exact types of input and result, with the documentation of every \
         field. Ask for it before a script calls a tool whose types you have not seen.",
        object(input),
    )
    .with_title("Describe tools")
    .with_annotations(looking("Describe tools"))
}

fn run(catalogue: &Catalogue, limits: &Limits) -> Tool {
    let most_ms = limits.wall.as_millis();
    let input = json!({
        "type": "object",
        "properties": {
            "code": {
                "type": "string",
                "description": "The script, TypeScript or JavaScript. Top-level `await` and `return` work; a script that \
                                is one expression needs no `return`."
            },
            "input": {
                "anyOf": any(),
                "description": "Any JSON value; the script finds it in the variable `input`. Pass data here instead of \
                                writing it into the code."
            },
            "timeout_ms": {
                "type": "integer", "minimum": 1, "maximum": u64::try_from(most_ms).unwrap_or(u64::MAX),
                "description": "Stop the script after this many milliseconds."
            }
        },
        "required": ["code"],
        "additionalProperties": false
    });
    let description = format!(
        "Runs one script that calls tools of MCP servers as async functions, env.<server>.<tool>(input), and returns \
         its result. Only what the script returns comes back to you, so do the whole job in one script: chain calls, \
         loop, call in parallel with Promise.all, filter and add up, and return just what you need.\n\
         \n\
         Each script starts fresh. A tool that fails throws an Error with the tool's own message. console.log lines \
         come back too. There is no network, no file system and no import: env is the only way out. Limits: {}, {} \
         calls, a result of {}.\n\
         \n\
         Example:\n{}\n\
         \n\
         {}",
        seconds(limits.wall),
        thousands(limits.calls as usize),
        size(limits.result_bytes),
        catalogue.example,
        catalogue.text,
    );
    let annotations = ToolAnnotations::with_title("Run a script")
        .read_only(false)
        // A script may call whatever the servers offer.
        .destructive(true)
        .idempotent(false)
        .open_world(true);
    Tool::new(RUN, description, object(input))
        .with_title("Run a script")
        .with_annotations(annotations)
        .with_raw_output_schema(object(output()))
}

/// What `structuredContent` of `run` is. Loose where clients that check it would gain nothing from strictness.
fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "ok": { "type": "boolean", "description": "Whether the script ended without an error." },
            "result": { "anyOf": any(), "description": "What the script returned." },
            "error": {
                "type": "object",
                "description": "Why the script failed, and where in the code.",
                "properties": {
                    "hint": { "type": "string" },
                    "code": { "type": "string" },
                    "name": { "type": "string" },
                    "message": { "type": "string" },
                    "line": { "type": "integer" },
                    "column": { "type": "integer" },
                    "frame": { "type": "string" }
                },
                "required": ["code", "message"]
            },
            "logs": { "type": "array", "items": { "type": "string" }, "description": "Lines of console.log and the like." },
            "logs_omitted": { "type": "integer", "description": "How many earlier lines were left out." },
            "calls": {
                "type": "array",
                "description": "Which tools the script called, and how often.",
                "items": {
                    "type": "object",
                    "properties": {
                        "tool": { "type": "string" },
                        "count": { "type": "integer" },
                        "failed": { "type": "integer" }
                    },
                    "required": ["tool", "count"]
                }
            },
            "wall_ms": { "type": "number" }
        },
        "required": ["ok"]
    })
}

/// Tools that look and change nothing.
fn looking(title: &str) -> ToolAnnotations {
    ToolAnnotations::with_title(title).read_only(true).idempotent(true).destructive(false).open_world(false)
}

/// A schema as rmcp wants it.
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
    fn limits_are_said_as_people_say_them() {
        assert_eq!(
            (seconds(Duration::from_secs(60)), seconds(Duration::from_millis(250))),
            ("60 s".to_owned(), "250 ms".to_owned())
        );
        assert_eq!((size(1024 * 1024), size(1000)), ("1 MiB".to_owned(), "1 KiB".to_owned()));
    }

    #[test]
    fn only_run_may_change_something() {
        let tools = all(&Catalogue::default(), &Limits::default());
        let hints: Vec<_> = tools
            .iter()
            .map(|tool| (&*tool.name, tool.annotations.as_ref().and_then(|hints| hints.read_only_hint)))
            .collect();
        assert_eq!(hints, [(SEARCH, Some(true)), (DESCRIBE, Some(true)), (RUN, Some(false))]);
    }
}
