//! One tool definition of a server, kept as JSON text.
//!
//! Parsed JSON takes several times the memory of its text, so definitions are parsed when they are
//! needed and dropped afterwards.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::policy::ToolHints;

/// A tool definition. Clones share the text.
#[derive(Debug, Clone)]
pub struct ListedTool {
    name: Arc<str>,
    json: Arc<str>,
    hints: ToolHints,
}

impl ListedTool {
    /// Keeps a definition. Returns `None` if it has no name.
    pub fn new(definition: &Value) -> Option<Self> {
        let name = definition["name"].as_str().filter(|name| !name.is_empty())?;
        let json = definition.to_string().into();
        Some(Self { name: name.into(), json, hints: ToolHints::of(definition) })
    }

    /// The exact name of the tool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hints in the tool's annotations.
    pub fn hints(&self) -> ToolHints {
        self.hints
    }

    /// The definition as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Parses the definition.
    pub fn read(&self) -> Value {
        // The text was written from parsed JSON, so parsing succeeds.
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// Definitions are equal whatever the order of their keys, which some servers change with every
/// listing.
impl PartialEq for ListedTool {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json || self.name == other.name && self.read() == other.read()
    }
}

impl Serialize for ListedTool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.json).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_a_definition() {
        let of = |text: &str| ListedTool::new(&serde_json::from_str(text).unwrap()).unwrap();
        let one = of(r#"{"name":"a","inputSchema":{"type":"object","minProperties":1.0}}"#);
        assert_eq!(one, of(r#"{"inputSchema":{"minProperties":1.0,"type":"object"},"name":"a"}"#));
        assert_ne!(one, of(r#"{"name":"a","inputSchema":{"type":"object","minProperties":2.0}}"#));
        assert_ne!(one, of(r#"{"name":"b","inputSchema":{"type":"object","minProperties":1.0}}"#));
        assert_eq!(serde_json::to_string(&one).unwrap(), one.json());
        assert!(ListedTool::new(&json!({ "name": "" })).is_none());
        assert!(ListedTool::new(&json!({ "description": "x" })).is_none());
    }
}
