//! Saved `tools/list` results.
//!
//! Reading is tolerant: a malformed tool is skipped with a reason, and the other tools are kept.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::definition::{ServerDefinition, ToolDefinition};
use crate::lenient_json::parse_tool_json;
use crate::text::first_sentence;

/// The characters of a skipped tool's name that a message shows.
const MAX_SHOWN_NAME_CHARS: usize = 64;

/// The characters of a JSON-RPC error that a message shows.
const MAX_SHOWN_ERROR_CHARS: usize = 200;

/// The error for a text that is not a `tools/list` result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolsListError {
    /// The text is not JSON.
    #[error("the tool list is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The text is JSON, but has no list of tools.
    #[error(
        "no array `tools` in the tool list: expected a saved tools/list result such as {{\"tools\": […]}}"
    )]
    NoTools,
    /// The text is a JSON-RPC error response.
    #[error("the file holds an error instead of a list of tools: {0}")]
    Refused(String),
}

/// A tool of the list that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool {index}{}: {reason}", .name.as_ref().map(|name| format!(" ({name:?})")).unwrap_or_default())]
pub struct SkippedTool {
    /// The position in the list, from 0.
    pub index: usize,
    /// The tool's name, if it has one that can be shown.
    pub name: Option<String>,
    /// The reason why it was skipped.
    pub reason: &'static str,
}

impl ServerDefinition {
    /// Reads a saved `tools/list` result: `{"tools": […]}`, the same inside a JSON-RPC response
    /// (`{"result": …}`), or the bare array. Returns the server and the tools that were skipped.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON, or has no list of tools.
    pub fn from_tools_list(
        name: impl Into<String>,
        json: &str,
    ) -> Result<(Self, Vec<SkippedTool>), ToolsListError> {
        let json = json.trim_start_matches('\u{feff}');
        let mut server = Self { name: name.into(), ..Self::default() };
        let mut skipped = Vec::new();
        for (index, raw) in raw_tools(json)?.into_iter().enumerate() {
            match read_tool(raw) {
                Ok(tool) => server.tools.push(tool),
                Err(reason) => skipped.push(SkippedTool { index, name: shown_name(raw), reason }),
            }
        }
        Ok((server, skipped))
    }
}

/// An object that may hold a list of tools. Of a repeated key the last one counts, as everywhere in
/// JSON.
#[derive(Default)]
struct Envelope<'a> {
    tools: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Envelope::default();
                while let Some(key) = map.next_key::<&RawValue>()? {
                    match key.get() {
                        "\"tools\"" => found.tools = Some(map.next_value()?),
                        "\"result\"" => found.result = Some(map.next_value()?),
                        "\"error\"" => found.error = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Returns the tools as slices of the text. `RawValue` skips each without a depth limit and without
/// building it.
fn raw_tools(json: &str) -> Result<Vec<&RawValue>, ToolsListError> {
    let list = |text| serde_json::from_str::<Vec<&RawValue>>(text).map_err(|_| ToolsListError::NoTools);
    if json.trim_start().starts_with('[') {
        return Ok(serde_json::from_str(json)?);
    }
    let whole: &RawValue = serde_json::from_str(json)?;
    let envelope: Envelope = serde_json::from_str(whole.get()).map_err(|_| ToolsListError::NoTools)?;
    match envelope {
        Envelope { tools: Some(tools), .. } => list(tools.get()),
        Envelope { result: Some(result), .. } => {
            let inner: Envelope = serde_json::from_str(result.get()).map_err(|_| ToolsListError::NoTools)?;
            list(inner.tools.ok_or(ToolsListError::NoTools)?.get())
        }
        Envelope { error: Some(error), .. } => Err(ToolsListError::Refused(shown_error(error))),
        _ => Err(ToolsListError::NoTools),
    }
}

/// Returns the message of a JSON-RPC error, on one line.
fn shown_error(error: &RawValue) -> String {
    let message =
        parse_tool_json(error.get()).and_then(|error| Some(error.get("message")?.as_str()?.to_owned()));
    first_sentence(message.as_deref().unwrap_or(error.get()), MAX_SHOWN_ERROR_CHARS)
}

/// Reads one tool, with the lenient reader if the strict one refuses it.
fn read_tool(tool: &RawValue) -> Result<ToolDefinition, &'static str> {
    ToolDefinition::from_json(&parse_tool_json(tool.get()).ok_or("not an object")?)
}

fn shown_name(tool: &RawValue) -> Option<String> {
    let tool = parse_tool_json(tool.get())?;
    let name = tool.get("name")?.as_str()?;
    (!name.is_empty()).then(|| name.chars().take(MAX_SHOWN_NAME_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_tool_is_skipped_alone() {
        let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        let json = format!(
            r#"{{"tools": [{{"name": "a"}}, 7, {{"name": ""}}, {{"name": 5}}, {{"name": "b", "title": 3,
                "inputSchema": {deep}, "outputSchema": "x"}}, {{"name": "c", "inputSchema": {{"type": "object"}}}}]}}"#
        );
        let (server, skipped) = ServerDefinition::from_tools_list("s", &json).unwrap();
        assert_eq!(server.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(skipped.iter().map(|tool| tool.index).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(*server.tools[1].input_schema.read(), serde_json::json!({}), "an array is not a schema");
        assert_eq!(server.tools[1].output_schema, None);
        assert_eq!(skipped[0].to_string(), "tool 1: not an object");
    }

    #[test]
    fn envelopes_are_opened() {
        for json in [
            r#"{"tools": [{"name": "a"}]}"#,
            r#"[{"name": "a"}]"#,
            r#"{"tools": 3, "tools": [{"name": "a"}]}"#,
            r#"{"error": null, "result": {"tools": [{"name": "a"}]}}"#,
            r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "a"}], "nextCursor": "x"}}"#,
        ] {
            assert_eq!(ServerDefinition::from_tools_list("s", json).unwrap().0.tools.len(), 1, "{json}");
        }
    }

    #[test]
    fn a_text_without_a_list_is_an_error() {
        assert!(matches!(ServerDefinition::from_tools_list("s", "{"), Err(ToolsListError::Json(_))));
        assert!(matches!(ServerDefinition::from_tools_list("s", "{}"), Err(ToolsListError::NoTools)));
        assert!(matches!(ServerDefinition::from_tools_list("s", "3"), Err(ToolsListError::NoTools)));
        assert!(matches!(
            ServerDefinition::from_tools_list("s", r#"{"tools": 3}"#),
            Err(ToolsListError::NoTools)
        ));
        let refused =
            r#"{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}"#;
        let message = ServerDefinition::from_tools_list("s", refused).unwrap_err().to_string();
        assert!(message.ends_with("Method not found"), "{message}");
    }

    #[test]
    fn a_list_and_a_single_tool_are_read_alike() {
        let tool = serde_json::json!({ "name": "a", "description": "d", "annotations": { "title": "T" },
            "inputSchema": { "type": "object" }, "outputSchema": true });
        let json = serde_json::json!([tool]).to_string();
        let (server, _) = ServerDefinition::from_tools_list("s", &json).unwrap();
        assert_eq!(server.tools[0], ToolDefinition::from_json(&tool).unwrap());
        assert_eq!(server.tools[0].title.as_deref(), Some("T"));
    }
}
