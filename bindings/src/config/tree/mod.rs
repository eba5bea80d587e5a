//! The text of a configuration as a tree: JSON (with comments and trailing commas), TOML for
//! `.toml`, YAML for `.yaml` and `.yml`.
//!
//! The tree keeps positions and repeated keys. A map would merge two servers with one name without
//! a message, and the parser would decide which of them stays.

mod yaml;

use std::fmt;
use std::path::Path;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toml::de::{DeTable, DeValue};

use self::yaml::of_yaml;
use super::ConfigError;

/// A value with its position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The position in bytes.
    pub at: usize,
    pub kind: NodeKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum NodeKind {
    Null,
    Boolean(bool),
    /// The text of the number.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value and position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub at: usize,
    pub key: String,
    pub value: Node,
}

impl Node {
    pub(super) fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            NodeKind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::List(nodes) => Some(nodes),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of a key. Of a repeated key, the first.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Converts the tree to JSON.
    pub(super) fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Boolean(boolean) => Value::Bool(*boolean),
            NodeKind::Number(number) => {
                serde_json::from_str(number).unwrap_or_else(|_| Value::String(number.clone()))
            }
            NodeKind::Text(text) => Value::String(text.clone()),
            NodeKind::List(nodes) => nodes.iter().map(Self::to_value).collect(),
            NodeKind::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect()
            }
        }
    }

    /// Returns every string in the tree.
    pub(super) fn texts(&self) -> Vec<&str> {
        let (mut texts, mut left) = (Vec::new(), vec![self]);
        while let Some(node) = left.pop() {
            match &node.kind {
                NodeKind::Text(text) => texts.push(text.as_str()),
                NodeKind::List(nodes) => left.extend(nodes),
                NodeKind::Map(entries) => left.extend(entries.iter().map(|entry| &entry.value)),
                NodeKind::Null | NodeKind::Boolean(_) | NodeKind::Number(_) => {}
            }
        }
        texts
    }
}

impl fmt::Display for Node {
    /// Formats the tree as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = |index: usize| if index == 0 { "" } else { ", " };
        match &self.kind {
            NodeKind::Null => f.write_str("null"),
            NodeKind::Boolean(boolean) => boolean.fmt(f),
            NodeKind::Number(number) => f.write_str(number),
            NodeKind::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
            NodeKind::List(nodes) => {
                f.write_str("[")?;
                for (index, node) in nodes.iter().enumerate() {
                    write!(f, "{}{node}", separator(index))?;
                }
                f.write_str("]")
            }
            NodeKind::Map(entries) => {
                f.write_str("{")?;
                for (index, entry) in entries.iter().enumerate() {
                    let key = serde_json::Value::from(entry.key.as_str());
                    write!(f, "{}{key}: {}", separator(index), entry.value)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Parses the text of the file `origin`. Returns `None` for an empty text.
pub(super) fn parse(text: &str, origin: &Path) -> Result<Option<Node>, ConfigError> {
    match origin.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => of_toml(text, origin).map(Some),
        Some("yaml" | "yml") => of_yaml(text, origin),
        _ => of_json(text, origin),
    }
}

fn of_json(text: &str, origin: &Path) -> Result<Option<Node>, ConfigError> {
    let options = ParseOptions {
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
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| {
        ConfigError::at(origin, text, error.range().start, format!("not valid JSON: {}", error.kind()))
    })?;
    Ok(parsed.value.as_ref().map(json_node))
}

fn json_node(value: &Value<'_>) -> Node {
    let kind = match value {
        Value::NullKeyword(_) => NodeKind::Null,
        Value::BooleanLit(boolean) => NodeKind::Boolean(boolean.value),
        Value::NumberLit(number) => NodeKind::Number(number.value.to_owned()),
        Value::StringLit(text) => NodeKind::Text(text.value.clone().into_owned()),
        Value::Array(list) => NodeKind::List(list.elements.iter().map(json_node).collect()),
        Value::Object(object) => NodeKind::Map(
            object
                .properties
                .iter()
                .map(|property| Entry {
                    at: property.start(),
                    key: property.name.as_str().to_owned(),
                    value: json_node(&property.value),
                })
                .collect(),
        ),
    };
    Node { at: value.start(), kind }
}

fn of_toml(text: &str, origin: &Path) -> Result<Node, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ConfigError::at(origin, text, at, format!("not valid TOML: {}", error.message()))
    })?;
    Ok(Node { at: table.span().start, kind: toml_table(table.get_ref()) })
}

fn toml_node(value: &DeValue<'_>, at: usize) -> Node {
    let kind = match value {
        DeValue::String(text) => NodeKind::Text(text.as_ref().to_owned()),
        DeValue::Integer(number) if number.radix() == 10 => NodeKind::Number(number.as_str().to_owned()),
        DeValue::Integer(number) => NodeKind::Text(number.as_str().to_owned()),
        DeValue::Float(number) => NodeKind::Number(number.as_str().to_owned()),
        DeValue::Boolean(boolean) => NodeKind::Boolean(*boolean),
        DeValue::Datetime(moment) => NodeKind::Text(moment.to_string()),
        DeValue::Array(list) => {
            NodeKind::List(list.iter().map(|item| toml_node(item.get_ref(), item.span().start)).collect())
        }
        DeValue::Table(table) => toml_table(table),
    };
    Node { at, kind }
}

/// Returns the entries of a table in the order of the text, which the parser does not keep.
fn toml_table(table: &DeTable<'_>) -> NodeKind {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| Entry {
        at: key.span().start,
        key: AsRef::<str>::as_ref(key.get_ref()).to_owned(),
        value: toml_node(value.get_ref(), value.span().start),
    };
    let mut entries: Vec<Entry> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.at);
    NodeKind::Map(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(name: &str, text: &str) -> Node {
        parse(text, Path::new(name)).unwrap().unwrap()
    }

    #[test]
    fn three_formats_are_one_tree() {
        let shown = r#"{"a": {"b": [1, "two", true], "c": "x"}, "d": 1.5}"#;
        let toml = "d = 1.5\n[a]\nb = [1, \"two\", true]\nc = \"x\"\n";
        let yaml = "# comment\na:\n  b: [1, two, true]\n  c: 'x'\nd: 1.5\n";
        assert_eq!(tree("a.json", shown).to_string(), shown);
        assert_eq!(tree("a.yaml", yaml).to_string(), shown);
        assert_eq!(tree("a.toml", toml).to_string(), r#"{"d": 1.5, "a": {"b": [1, "two", true], "c": "x"}}"#);
        let places = [("a.json", shown), ("a.toml", toml), ("a.yaml", yaml)].map(|(name, text)| {
            let at = tree(name, text).get("a").unwrap().get("c").unwrap().at;
            text[at..].chars().take(3).collect::<String>()
        });
        assert_eq!(places, ["\"x\"", "\"x\"", "'x'"]);
    }

    #[test]
    fn syntax_errors_have_a_position() {
        for (name, text, expected) in [
            ("a.json", "{\n x", "a.json:2:2: not valid JSON"),
            ("a.toml", "a = 1\nb = = 2", "a.toml:2:5: not valid TOML"),
            ("a.yaml", "a: 1\nb: [1, ", "not valid YAML"),
        ] {
            let error = parse(text, Path::new(name)).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        assert_eq!(parse("", Path::new("a.yaml")).unwrap(), None);
        assert_eq!(parse("", Path::new("a.json")).unwrap(), None);
    }

    #[test]
    fn a_hostile_text_is_cheap() {
        let laughs: String = (1..40)
            .map(|n| format!("a{n}: &a{n} [*a{}, *a{}, *a{}, *a{}]\n", n - 1, n - 1, n - 1, n - 1))
            .collect();
        assert!(parse(&format!("a0: &a0 x\n{laughs}"), Path::new("a.yaml")).is_err());
        // Each line with merge keys. Parsing ends long before the limit on values.
        let merged: String = (1..23)
            .map(|n| format!("a{n}: &a{n} {{<<: *a{0}, p{n}: *a{0}, q{n}: *a{0}}}\n", n - 1))
            .collect();
        let error =
            parse(&format!("a0: &a0 {{x: 1}}\n{merged}"), Path::new("a.yaml")).unwrap_err().to_string();
        assert!(error.contains("alias"), "{error}");
    }

    #[test]
    fn a_deep_text_is_cheap() {
        for (name, begin) in [("a.json", ""), ("a.toml", "a = "), ("a.yaml", ""), ("b.yaml", "a: ")] {
            for part in ["[", "{\"a\":", "- ", "? ", "? - "] {
                for times in [40, 100_000] {
                    let _wrong = parse(&format!("{begin}{}", part.repeat(times)), Path::new(name));
                }
            }
        }
    }
}
