//! Schemas that are kept as JSON text.
//!
//! The schemas of ten thousand tools are parsed when they are needed, one tool at a time. As trees
//! they would take five times the memory.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

/// A JSON Schema, as JSON text or as a tree. Clones of a text share it.
#[derive(Debug, Clone)]
pub struct Schema(Form);

#[derive(Debug, Clone)]
enum Form {
    Tree(Value),
    Text(Arc<str>),
}

impl Schema {
    /// Returns the schema as text, which takes less memory than a tree.
    pub fn to_text(schema: &Value) -> Self {
        Self(Form::Text(schema.to_string().into()))
    }

    /// Returns the schema as a tree. A text is parsed at each call.
    pub fn read(&self) -> Cow<'_, Value> {
        match &self.0 {
            Form::Tree(value) => Cow::Borrowed(value),
            // A text that was written from a value can be read, unless it nests deeper than the
            // readers of this crate allow.
            Form::Text(text) => Cow::Owned(serde_json::from_str(text).unwrap_or(Value::Bool(true))),
        }
    }

    /// Returns the schema as JSON text.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Tree(value) => Cow::Owned(value.to_string()),
            Form::Text(text) => Cow::Borrowed(text),
        }
    }
}

impl From<Value> for Schema {
    fn from(value: Value) -> Self {
        Self(Form::Tree(value))
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.read() == other.read()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_are_one_schema() {
        let value = json!({ "type": "object", "properties": { "b": { "maximum": 1e300 }, "a": true } });
        let (tree, text) = (Schema::from(value.clone()), Schema::to_text(&value));
        assert_eq!(tree, text);
        assert_eq!((tree.text(), text.text()), (text.text(), tree.text()));
        assert_eq!(*text.read(), value);
    }
}
