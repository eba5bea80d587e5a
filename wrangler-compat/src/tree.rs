//! JSONC and TOML as one tree that knows where each value stands.
//!
//! The rest of the crate reads fields once, whatever the file's format, and can point at any of them.

use jsonc_parser::ast;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and the byte offset it starts at.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) offset: usize,
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Entry>),
}

/// A key and its value, in the order of the file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_offset: usize,
    pub(crate) value: Node,
}

/// What a parser said, and at which byte.
#[derive(Debug)]
pub(crate) struct ParseFailure {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

impl Node {
    /// What the value is, in words for an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "a boolean",
            Data::Number(_) => "a number",
            Data::String(_) => "a string",
            Data::Array(_) => "an array",
            Data::Object(_) => "an object",
        }
    }

    /// The value of a key; of a repeated key the last one, as `JSON.parse` has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().rev().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Object(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value as plain JSON. Both parsers bound the depth (512 and 80), so recursion is safe.
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::String(text) => Value::String(text.clone()),
            Data::Array(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Object(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}

/// Parses JSON with comments and trailing commas, which is what wrangler reads in both `.json` and `.jsonc`.
pub(crate) fn parse_jsonc(text: &str) -> Result<Node, ParseFailure> {
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
    let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &options)
        .map_err(|error| ParseFailure { offset: error.range().start, message: error.kind().to_string() })?;
    match parsed.value {
        Some(value) => from_jsonc(value),
        None => Err(ParseFailure { offset: 0, message: "the file is empty".to_owned() }),
    }
}

fn from_jsonc(value: ast::Value<'_>) -> Result<Node, ParseFailure> {
    let (offset, data) = match value {
        ast::Value::NullKeyword(node) => (node.range.start, Data::Null),
        ast::Value::BooleanLit(node) => (node.range.start, Data::Bool(node.value)),
        ast::Value::StringLit(node) => (node.range.start, Data::String(node.value.into_owned())),
        ast::Value::NumberLit(node) => {
            let offset = node.range.start;
            let number = node.value.parse::<Number>().map_err(|_| ParseFailure {
                offset,
                message: format!("{} is no number that JSON can carry", node.value),
            })?;
            (offset, Data::Number(number))
        }
        ast::Value::Array(node) => {
            let items = node.elements.into_iter().map(from_jsonc).collect::<Result<_, _>>()?;
            (node.range.start, Data::Array(items))
        }
        ast::Value::Object(node) => {
            let entries = node.properties.into_iter().map(|property| {
                let key_offset = property.range.start;
                Ok(Entry { key: property.name.into_string(), key_offset, value: from_jsonc(property.value)? })
            });
            (node.range.start, Data::Object(entries.collect::<Result<_, _>>()?))
        }
    };
    Ok(Node { offset, data })
}

/// Parses TOML.
pub(crate) fn parse_toml(text: &str) -> Result<Node, ParseFailure> {
    let table = DeTable::parse(text).map_err(|error| ParseFailure {
        offset: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    Ok(Node { offset: 0, data: from_table(table.get_ref())? })
}

fn from_table(table: &DeTable<'_>) -> Result<Data, ParseFailure> {
    let entries = table.iter().map(|(key, value)| {
        Ok(Entry { key: key.get_ref().to_string(), key_offset: key.span().start, value: from_toml(value)? })
    });
    let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    // The parser sorts by name; people read their warnings in the order of the file.
    entries.sort_by_key(|entry| entry.key_offset);
    Ok(Data::Object(entries))
}

fn from_toml(value: &Spanned<DeValue<'_>>) -> Result<Node, ParseFailure> {
    let offset = value.span().start;
    let not_json =
        |text: &str| ParseFailure { offset, message: format!("{text} is no number that JSON can carry") };
    let data = match value.get_ref() {
        DeValue::String(text) => Data::String(text.to_string()),
        DeValue::Boolean(value) => Data::Bool(*value),
        DeValue::Datetime(when) => Data::String(when.to_string()),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix());
            Data::Number(number.map_err(|_| not_json(integer.as_str()))?.into())
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            Data::Number(number.ok_or_else(|| not_json(float.as_str()))?)
        }
        DeValue::Array(items) => Data::Array(items.iter().map(from_toml).collect::<Result<_, _>>()?),
        DeValue::Table(table) => from_table(table)?,
    };
    Ok(Node { offset, data })
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
    fn failures_point_at_the_fault() {
        let failure = parse_jsonc("{\n  \"a\" 1 }").unwrap_err();
        assert!((4..=8).contains(&failure.offset), "{failure:?}");
        assert_eq!(parse_toml("a = 1\nb = =\n").unwrap_err().offset, 10);
        assert_eq!(parse_toml("a = 1\nb = nan\n").unwrap_err().offset, 10);
        assert_eq!(parse_jsonc("[1e999]").unwrap_err().offset, 1);
        assert!(parse_jsonc("").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        assert!(parse_jsonc(&"[".repeat(100_000)).is_err());
        assert!(parse_toml(&format!("a = {}", "[".repeat(100_000))).is_err());
    }

    #[test]
    fn integers_of_toml_know_their_radix() {
        let tree = parse_toml("a = 0xff\nb = 1_000\nc = 2020-01-02\n").unwrap();
        assert_eq!(tree.to_json(), json!({ "a": 255, "b": 1000, "c": "2020-01-02" }));
    }
}
