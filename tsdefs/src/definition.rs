//! What is declared: servers and their tools, and how a saved `tools/list` result becomes them.
//!
//! Reading is tolerant tool by tool: one malformed tool is skipped with a reason and costs no other. A list comes from
//! a server, so nothing in it is trusted: names are bounded, and a schema that cannot be read becomes "any object".

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::lenient::tool_from_text;
use crate::text::first_sentence;

/// Longest tool name that is taken, in bytes. The MCP specification advises 128 characters; names over this bound are
/// an attack on the prompt rather than a name.
pub const LONGEST_NAME: usize = 512;

/// One tool, as `tools/list` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// Exact name.
    pub name: String,
    /// Name for people, if the server gives one.
    pub title: Option<String>,
    /// What the tool does.
    pub description: Option<String>,
    /// Schema of the arguments.
    pub input_schema: Value,
    /// Schema of the structured result; `None` if the server gives none.
    pub output_schema: Option<Value>,
    /// Whether `output_schema` was learned from results instead of given by the server. The declaration says so.
    pub output_observed: bool,
}

/// One server with its tools.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerDefinition {
    /// Exact name: the key in the MCP configuration.
    pub name: String,
    /// What the server is for: its instructions or its title.
    pub description: Option<String>,
    /// Tools in the order of the list.
    pub tools: Vec<ToolDefinition>,
}

/// Why a text is no `tools/list` result at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolsListError {
    /// The text is not JSON.
    #[error("the tool list is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The text is JSON, but holds no list of tools.
    #[error(
        "no array `tools` in the tool list: expected a saved tools/list result such as {{\"tools\": […]}}"
    )]
    NoTools,
    /// The text is a JSON-RPC response that says why there is no list.
    #[error("the file holds an error instead of a list of tools: {0}")]
    Refused(String),
}

/// A tool of the list that was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool {index}{}: {reason}", .name.as_ref().map(|name| format!(" ({name:?})")).unwrap_or_default())]
pub struct SkippedTool {
    /// Position in the list, from 0.
    pub index: usize,
    /// Its name, if it has one that can be shown.
    pub name: Option<String>,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ToolDefinition {
    /// A tool with a name and a schema of its arguments, and nothing else.
    pub fn new(name: impl Into<String>, input_schema: Value) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            input_schema,
            output_schema: None,
            output_observed: false,
        }
    }

    /// One tool in MCP's JSON form (`name`, `title`, `description`, `inputSchema`, `outputSchema`). Fields of the wrong
    /// type are taken as absent; only a tool without a usable name is refused.
    ///
    /// # Errors
    /// The reason, in words, why this can be no tool.
    pub fn from_json(tool: &Value) -> Result<Self, &'static str> {
        let tool = tool.as_object().ok_or("not an object")?;
        let text = |key: &str| tool.get(key).and_then(Value::as_str).map(str::to_owned);
        let annotated = || tool.get("annotations")?.get("title")?.as_str().map(str::to_owned);
        Ok(Self {
            name: checked_name(text("name"))?,
            title: text("title").or_else(annotated),
            description: text("description"),
            input_schema: schema_or_any(tool.get("inputSchema").cloned()),
            output_schema: tool.get("outputSchema").filter(|schema| is_schema(schema)).cloned(),
            output_observed: false,
        })
    }

    /// As [`from_json`](Self::from_json), from text: what the strict JSON reader refuses is
    /// [read leniently](crate::lenient).
    fn from_raw(tool: &RawValue) -> Result<Self, &'static str> {
        Self::from_json(&tool_from_text(tool.get()).ok_or("not an object")?)
    }
}

impl ServerDefinition {
    /// A server with these tools.
    pub fn new(name: impl Into<String>, tools: Vec<ToolDefinition>) -> Self {
        Self { name: name.into(), description: None, tools }
    }

    /// Reads a saved `tools/list` result: `{"tools": […]}`, the same inside a JSON-RPC response (`{"result": …}`), or
    /// the bare array. What had to be skipped comes beside the server.
    ///
    /// # Errors
    /// The text is not JSON, or has no list of tools.
    pub fn from_tools_list(
        name: impl Into<String>,
        json: &str,
    ) -> Result<(Self, Vec<SkippedTool>), ToolsListError> {
        let json = json.trim_start_matches('\u{feff}');
        let mut server = Self { name: name.into(), ..Self::default() };
        let mut skipped = Vec::new();
        for (index, raw) in raw_tools(json)?.into_iter().enumerate() {
            match ToolDefinition::from_raw(raw) {
                Ok(tool) => server.tools.push(tool),
                Err(reason) => skipped.push(SkippedTool { index, name: shown_name(raw), reason }),
            }
        }
        Ok((server, skipped))
    }
}

/// What may hold a list of tools. Of a key that comes twice the last counts, as everywhere in JSON.
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

/// The tools as slices of the text. `RawValue` skips over each without a depth limit and without building it.
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

/// The message of a JSON-RPC error, on one line.
fn shown_error(error: &RawValue) -> String {
    let message =
        tool_from_text(error.get()).and_then(|error| Some(error.get("message")?.as_str()?.to_owned()));
    first_sentence(message.as_deref().unwrap_or(error.get()), 200)
}

fn checked_name(name: Option<String>) -> Result<String, &'static str> {
    match name {
        None => Err("no name"),
        Some(name) if name.is_empty() => Err("the name is empty"),
        Some(name) if name.len() > LONGEST_NAME => Err("the name is longer than 512 bytes"),
        Some(name) => Ok(name),
    }
}

fn shown_name(tool: &RawValue) -> Option<String> {
    let tool = tool_from_text(tool.get())?;
    let name = tool.get("name")?.as_str()?;
    (!name.is_empty()).then(|| name.chars().take(64).collect())
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

fn schema_or_any(schema: Option<Value>) -> Value {
    schema.filter(is_schema).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_tool_costs_only_itself() {
        let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        let json = format!(
            r#"{{"tools": [{{"name": "a"}}, 7, {{"name": ""}}, {{"name": 5}}, {{"name": "b", "title": 3,
                "inputSchema": {deep}, "outputSchema": "x"}}, {{"name": "c", "inputSchema": {{"type": "object"}}}}]}}"#
        );
        let (server, skipped) = ServerDefinition::from_tools_list("s", &json).unwrap();
        assert_eq!(server.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(skipped.iter().map(|tool| tool.index).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(server.tools[1].input_schema, serde_json::json!({}), "an array is no schema");
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
    fn what_is_no_list_is_an_error() {
        assert!(matches!(ServerDefinition::from_tools_list("s", "{"), Err(ToolsListError::Json(_))));
        assert!(matches!(ServerDefinition::from_tools_list("s", "{}"), Err(ToolsListError::NoTools)));
        assert!(matches!(ServerDefinition::from_tools_list("s", "3"), Err(ToolsListError::NoTools)));
        assert!(matches!(
            ServerDefinition::from_tools_list("s", r#"{"tools": 3}"#),
            Err(ToolsListError::NoTools)
        ));
        let refused =
            r#"{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}"#;
        let said = ServerDefinition::from_tools_list("s", refused).unwrap_err().to_string();
        assert!(said.ends_with("Method not found"), "{said}");
    }

    #[test]
    fn both_readers_agree() {
        let tool = serde_json::json!({ "name": "a", "description": "d", "annotations": { "title": "T" },
            "inputSchema": { "type": "object" }, "outputSchema": true });
        let json = serde_json::json!([tool]).to_string();
        let (server, _) = ServerDefinition::from_tools_list("s", &json).unwrap();
        assert_eq!(server.tools[0], ToolDefinition::from_json(&tool).unwrap());
        assert_eq!(server.tools[0].title.as_deref(), Some("T"));
    }
}
