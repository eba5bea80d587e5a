//! The helpers that the integration tests share.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod compiler;
pub mod expressible;
pub mod generate;
pub mod judge;
pub mod npm;

use std::fs;
use std::path::{Path, PathBuf};

use isolet_tsdefs::{Section, ServerDefinition, ToolDefinition, assemble};
use serde_json::Value;

/// Returns the path of a folder in `tests/data`.
pub fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

/// Returns the saved tool lists of real servers, by name.
pub fn real_servers() -> Vec<ServerDefinition> {
    let mut files: Vec<PathBuf> = fs::read_dir(data("mcp-tools"))
        .expect("the folder tests/data/mcp-tools")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let json = fs::read_to_string(path).expect("a tool list");
            let (server, skipped) = ServerDefinition::from_tools_list(name, &json).expect("a valid list");
            assert!(skipped.is_empty(), "{skipped:?}");
            server
        })
        .collect()
}

/// Returns a tool with `schema` for its result, which may be of any kind.
pub fn answering(name: &str, schema: &Value) -> ToolDefinition {
    ToolDefinition {
        output_schema: Some(schema.clone().into()),
        ..ToolDefinition::new(name, serde_json::json!({ "type": "object" }))
    }
}

/// Returns the TypeScript type of that tool's result.
pub fn result_type(server: &str, tool: &str) -> String {
    format!("Awaited<ReturnType<Env[\"{server}\"][\"{tool}\"]>>")
}

/// Returns a text as a module, on which the declarations of other files have no effect.
pub fn alone(section: &str) -> String {
    format!("{section}export {{}};\n")
}

/// Returns the text of a section.
pub fn text(section: &Section) -> String {
    assemble([section], &[section.server()]).text
}

/// Returns a JSON value as a TypeScript expression.
pub fn expression(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(expression).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    let key = if key == "__proto__" { "[\"__proto__\"]".to_owned() } else { quoted(key) };
                    format!("{key}: {}", expression(value))
                })
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
