//! The definitions of servers and their tools.
//!
//! A definition comes from a server, so nothing in it is trusted: names are bounded, and a schema
//! that cannot be read becomes "any object".

use serde_json::{Map, Value};

use crate::stored_schema::Schema;

/// The bytes of a tool's name. The MCP specification advises 128 characters; a longer name than
/// this is an attack on the prompt.
const MAX_NAME_BYTES: usize = 512;

/// A tool, as `tools/list` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// The exact name.
    pub name: String,
    /// The name for people, if the server gives one.
    pub title: Option<String>,
    /// The description of what the tool does.
    pub description: Option<String>,
    /// The schema of the arguments.
    pub input_schema: Schema,
    /// The schema of the structured result; `None` if the server gives none.
    pub output_schema: Option<Schema>,
    /// True if `output_schema` was inferred from results instead of given by the server. The
    /// declaration marks it.
    pub output_inferred: bool,
}

/// The features that a server offers beside tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// True if it offers resources. The list may be empty at the moment.
    pub resources: bool,
    /// True if it offers prompts.
    pub prompts: bool,
}

/// A server with its tools.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerDefinition {
    /// The exact name: the key in the MCP configuration.
    pub name: String,
    /// The server's instructions or title.
    pub description: Option<String>,
    /// The features that the server offers beside tools.
    pub offers: Offers,
    /// The tools in the order of the list.
    pub tools: Vec<ToolDefinition>,
}

impl ToolDefinition {
    /// Returns a tool with a name and a schema of its arguments, and nothing else.
    pub fn new(name: impl Into<String>, input_schema: impl Into<Schema>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: None,
            input_schema: input_schema.into(),
            output_schema: None,
            output_inferred: false,
        }
    }

    /// Reads a tool in MCP's JSON form (`name`, `title`, `description`, `inputSchema`,
    /// `outputSchema`). A field of the wrong type counts as absent; only a tool without a usable
    /// name is refused.
    ///
    /// # Errors
    /// Returns the reason, in words, why the value is not a tool.
    pub fn from_json(tool: &Value) -> Result<Self, &'static str> {
        let tool = tool.as_object().ok_or("not an object")?;
        let text = |key: &str| tool.get(key).and_then(Value::as_str).map(str::to_owned);
        let annotated = || tool.get("annotations")?.get("title")?.as_str().map(str::to_owned);
        Ok(Self {
            name: checked_name(text("name"))?,
            title: text("title").or_else(annotated),
            description: text("description"),
            input_schema: schema_or_any(tool.get("inputSchema")),
            output_schema: tool.get("outputSchema").filter(|schema| is_schema(schema)).map(Schema::to_text),
            output_inferred: false,
        })
    }
}

impl ServerDefinition {
    /// Returns a server with these tools.
    pub fn new(name: impl Into<String>, tools: Vec<ToolDefinition>) -> Self {
        Self { name: name.into(), tools, ..Self::default() }
    }
}

fn checked_name(name: Option<String>) -> Result<String, &'static str> {
    match name {
        None => Err("no name"),
        Some(name) if name.is_empty() => Err("the name is empty"),
        Some(name) if name.len() > MAX_NAME_BYTES => Err("the name is longer than 512 bytes"),
        Some(name) => Ok(name),
    }
}

fn is_schema(value: &Value) -> bool {
    value.is_object() || value.is_boolean()
}

fn schema_or_any(schema: Option<&Value>) -> Schema {
    schema
        .filter(|schema| is_schema(schema))
        .map_or_else(|| Value::Object(Map::new()).into(), Schema::to_text)
}
