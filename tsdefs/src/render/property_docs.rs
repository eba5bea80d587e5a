//! The comment of a property: its description, and the limits that no type expresses.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::schema::{Keyword, Tag};
use crate::text::comment;

/// The bytes of a default or a pattern. A longer one is left out.
const MAX_VALUE_BYTES: usize = 100;

/// The items of a list as a default. A longer one is left out.
const MAX_DEFAULT_ITEMS: usize = 8;

/// The limit of numbers in tags. Integers that JavaScript cannot count exactly are a generator's
/// way to write "any".
const MAX_NUMBER: f64 = 9e15;

/// Returns the inside of the comment of a property, of about `max_bytes` bytes at most.
///
/// `sources` are the schemas that document the property, nearest first.
pub(super) fn property_docs(name: &str, sources: &[&Value], max_bytes: usize) -> String {
    if max_bytes == 0 {
        return String::new();
    }
    let find = |key: &str| sources.iter().find_map(|schema| schema.get(key));
    let text = |key: &str| {
        sources.iter().find_map(|schema| schema.get(key)?.as_str().filter(|text| !text.is_empty()))
    };
    let title = text("title").filter(|title| !repeats_name(title, name));
    let mut out = comment(text("description").or(title).unwrap_or(""), max_bytes);
    let mut tags = String::new();
    if find("deprecated") == Some(&Value::Bool(true)) {
        tags.push_str(" @deprecated");
    }
    if let Some(value) = find("default").and_then(default_text) {
        let _ = write!(tags, " @default {value}");
    }
    if let Some(schema) = sources.iter().filter_map(|schema| schema.as_object()).find(|map| has_limits(map)) {
        add_limits(schema, &mut tags);
    }
    let tags = comment(tags.trim_start(), max_bytes);
    if tags.is_empty() {
        return out;
    }
    // The tag at the start comes from isolet and not from the schema, so it need not be escaped.
    let tags = tags.replacen("\\@", "@", 1);
    if !out.is_empty() {
        out.push(if out.contains('\n') { '\n' } else { ' ' });
    }
    out.push_str(&tags);
    out
}

/// Returns whether a title has only the letters of the name: `fileName` for `file_name`.
fn repeats_name(title: &str, name: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(title) == letters(name)
}

fn is_integer(schema: &Map<String, Value>) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("integer")
}

/// Returns the keywords of a schema that have a tag, in the order of the table of keywords.
fn tagged(schema: &Map<String, Value>) -> impl Iterator<Item = (Keyword, &Value)> {
    let tagged = Keyword::ALL.iter().filter(|keyword| keyword.tag() != Tag::None);
    tagged.filter_map(|keyword| Some((*keyword, keyword.value(schema)?)))
}

fn has_limits(schema: &Map<String, Value>) -> bool {
    is_integer(schema) || tagged(schema).next().is_some()
}

fn add_limits(schema: &Map<String, Value>, tags: &mut String) {
    if is_integer(schema) {
        tags.push_str(" @integer");
    }
    for (keyword, value) in tagged(schema) {
        let shown = match keyword.tag() {
            Tag::None => None,
            Tag::Text => value.as_str().filter(|text| text.len() <= MAX_VALUE_BYTES).map(str::to_owned),
            Tag::Number => {
                value.as_f64().filter(|number| number.abs() < MAX_NUMBER).map(|_| value.to_string())
            }
        };
        if let Some(shown) = shown {
            let _ = write!(tags, " @{} {shown}", keyword.name());
        }
    }
}

/// Returns a default as JSON text if it is short. Returns `None` for null, which only means that
/// there is no default.
fn default_text(value: &Value) -> Option<String> {
    let is_flat = match value {
        Value::Null => false,
        Value::Array(items) => {
            items.len() <= MAX_DEFAULT_ITEMS && !items.iter().any(|item| item.is_array() || item.is_object())
        }
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.len() <= MAX_VALUE_BYTES,
        Value::Bool(_) | Value::Number(_) => true,
    };
    is_flat.then(|| value.to_string()).filter(|text| text.len() <= MAX_VALUE_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_keyword_with_a_tag_is_shown() {
        for keyword in Keyword::ALL {
            let (value, shown) = match keyword.tag() {
                Tag::None => continue,
                Tag::Text => (json!("x"), "x"),
                Tag::Number => (json!(5), "5"),
            };
            let mut schema = Map::new();
            schema.insert(keyword.name().to_owned(), value);
            let docs = property_docs("p", &[&Value::Object(schema)], 99);
            assert_eq!(docs, format!("@{} {shown}", keyword.name()));
        }
    }

    #[test]
    fn limits_are_shown_alone_and_beside_others() {
        for (schema, tags) in [
            (json!({ "minItems": 50 }), "@minItems 50"),
            (json!({ "maxItems": 9, "minItems": 1 }), "@minItems 1 @maxItems 9"),
            (json!({ "type": "integer" }), "@integer"),
            (
                json!({ "minimum": 1.5, "pattern": "^a", "format": "uri" }),
                "@format uri @pattern ^a @minimum 1.5",
            ),
            (
                json!({ "contentMediaType": "image/png", "contentEncoding": "base64" }),
                "@contentEncoding base64 @contentMediaType image/png",
            ),
            (json!({ "maximum": 9007199254740991_i64 }), ""),
        ] {
            assert_eq!(property_docs("p", &[&schema], 99), tags, "{schema}");
        }
    }
}
