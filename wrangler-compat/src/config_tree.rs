//! JSONC and TOML as one tree, with the location of each value.
//!
//! The other modules read a field in one way, whatever the format of the file, and their errors can
//! point at it.

use jsonc_parser::ast;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and the byte offset at which it starts.
#[derive(Debug)]
pub(crate) struct ConfigNode {
    pub(crate) offset: usize,
    pub(crate) data: NodeData,
}

/// The content of a value.
#[derive(Debug)]
pub(crate) enum NodeData {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<ConfigNode>),
    Object(Vec<ConfigEntry>),
}

/// A key and its value, in the order of the file.
#[derive(Debug)]
pub(crate) struct ConfigEntry {
    pub(crate) key: String,
    pub(crate) key_offset: usize,
    pub(crate) value: ConfigNode,
}

/// The message of a parser, and the byte offset of the error.
#[derive(Debug)]
pub(crate) struct ConfigSyntaxError {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

impl ConfigNode {
    /// Returns the type of the value, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.data {
            NodeData::Null => "null",
            NodeData::Bool(_) => "a boolean",
            NodeData::Number(_) => "a number",
            NodeData::String(_) => "a string",
            NodeData::Array(_) => "an array",
            NodeData::Object(_) => "an object",
        }
    }

    /// Returns the value of a key. Of a repeated key the last one counts, as in `JSON.parse`.
    pub(crate) fn get(&self, key: &str) -> Option<&ConfigNode> {
        self.entries()?.iter().rev().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(crate) fn entries(&self) -> Option<&[ConfigEntry]> {
        match &self.data {
            NodeData::Object(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            NodeData::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value as JSON. Recursion is safe because both parsers bound the nesting (512 and
    /// 80).
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            NodeData::Null => Value::Null,
            NodeData::Bool(value) => Value::Bool(*value),
            NodeData::Number(number) => Value::Number(number.clone()),
            NodeData::String(text) => Value::String(text.clone()),
            NodeData::Array(items) => Value::Array(items.iter().map(ConfigNode::to_json).collect()),
            NodeData::Object(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}

/// Parses JSON with comments and trailing commas. Wrangler accepts both in `.json` and `.jsonc`.
pub(crate) fn parse_jsonc(text: &str) -> Result<ConfigNode, ConfigSyntaxError> {
    let options = jsonc_parser::ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed =
        jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options).map_err(
            |error| ConfigSyntaxError { offset: error.range().start, message: error.kind().to_string() },
        )?;
    match parsed.value {
        Some(value) => from_jsonc(value),
        None => Err(ConfigSyntaxError { offset: 0, message: "the file is empty".to_owned() }),
    }
}

fn from_jsonc(value: ast::Value<'_>) -> Result<ConfigNode, ConfigSyntaxError> {
    let (offset, data) = match value {
        ast::Value::NullKeyword(node) => (node.range.start, NodeData::Null),
        ast::Value::BooleanLit(node) => (node.range.start, NodeData::Bool(node.value)),
        ast::Value::StringLit(node) => (node.range.start, NodeData::String(node.value.into_owned())),
        ast::Value::NumberLit(node) => {
            let offset = node.range.start;
            let number = node.value.parse::<Number>().map_err(|_| ConfigSyntaxError {
                offset,
                message: format!("{} is not a number in JSON", node.value),
            })?;
            (offset, NodeData::Number(number))
        }
        ast::Value::Array(node) => {
            let items = node.elements.into_iter().map(from_jsonc).collect::<Result<_, _>>()?;
            (node.range.start, NodeData::Array(items))
        }
        ast::Value::Object(node) => {
            let entries = node.properties.into_iter().map(|property| {
                let key_offset = property.range.start;
                Ok(ConfigEntry {
                    key: property.name.into_string(),
                    key_offset,
                    value: from_jsonc(property.value)?,
                })
            });
            (node.range.start, NodeData::Object(entries.collect::<Result<_, _>>()?))
        }
    };
    Ok(ConfigNode { offset, data })
}

/// Parses TOML.
pub(crate) fn parse_toml(text: &str) -> Result<ConfigNode, ConfigSyntaxError> {
    let table = DeTable::parse(text).map_err(|error| ConfigSyntaxError {
        offset: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    Ok(ConfigNode { offset: 0, data: from_table(table.get_ref())? })
}

fn from_table(table: &DeTable<'_>) -> Result<NodeData, ConfigSyntaxError> {
    let entries = table.iter().map(|(key, value)| {
        Ok(ConfigEntry {
            key: key.get_ref().to_string(),
            key_offset: key.span().start,
            value: from_toml(value)?,
        })
    });
    let mut entries: Vec<ConfigEntry> = entries.collect::<Result<_, _>>()?;
    // The parser sorts by name, but warnings are read in the order of the file.
    entries.sort_by_key(|entry| entry.key_offset);
    Ok(NodeData::Object(entries))
}

fn from_toml(value: &Spanned<DeValue<'_>>) -> Result<ConfigNode, ConfigSyntaxError> {
    let offset = value.span().start;
    let not_json =
        |text: &str| ConfigSyntaxError { offset, message: format!("{text} is not a number in JSON") };
    let data = match value.get_ref() {
        DeValue::String(text) => NodeData::String(text.to_string()),
        DeValue::Boolean(value) => NodeData::Bool(*value),
        DeValue::Datetime(when) => NodeData::String(when.to_string()),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix());
            NodeData::Number(number.map_err(|_| not_json(integer.as_str()))?.into())
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            NodeData::Number(number.ok_or_else(|| not_json(float.as_str()))?)
        }
        DeValue::Array(items) => NodeData::Array(items.iter().map(from_toml).collect::<Result<_, _>>()?),
        DeValue::Table(table) => from_table(table)?,
    };
    Ok(ConfigNode { offset, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_formats_give_the_same_tree() {
        let from_json = parse_jsonc(
            r#"{ // a comment
                "z": "text", "a": [1, -2.5, true], "t": { "u": { "v": "w" } }, }"#,
        );
        let from_toml = parse_toml("z = \"text\"\na = [1, -2.5, true]\n[t.u]\nv = \"w\"\n");
        let expected = json!({ "z": "text", "a": [1, -2.5, true], "t": { "u": { "v": "w" } } });
        for tree in [from_json.unwrap(), from_toml.unwrap()] {
            assert_eq!(tree.to_json(), expected);
            let keys: Vec<&str> = tree.entries().unwrap().iter().map(|entry| entry.key.as_str()).collect();
            assert_eq!(keys, ["z", "a", "t"], "the file's order");
        }
    }

    #[test]
    fn syntax_errors_have_an_offset() {
        let failure = parse_jsonc("{\n  \"a\" 1 }").unwrap_err();
        assert!((4..=8).contains(&failure.offset), "{failure:?}");
        assert_eq!(parse_toml("a = 1\nb = =\n").unwrap_err().offset, 10);
        assert_eq!(parse_toml("a = 1\nb = nan\n").unwrap_err().offset, 10);
        assert_eq!(parse_jsonc("[1e999]").unwrap_err().offset, 1);
        assert!(parse_jsonc("").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(parse_jsonc(&"[".repeat(100_000)).is_err());
        assert!(parse_toml(&format!("a = {}", "[".repeat(100_000))).is_err());
    }

    #[test]
    fn integers_of_toml_are_read_with_their_radix() {
        let tree = parse_toml("a = 0xff\nb = 1_000\nc = 2020-01-02\n").unwrap();
        assert_eq!(tree.to_json(), json!({ "a": 255, "b": 1000, "c": "2020-01-02" }));
    }
}
