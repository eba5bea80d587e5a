//! What a schema says to readers, as the inside of a comment: the description, and what a type cannot say.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::text::comment;

/// Longer defaults and patterns are left out.
const LONGEST_VALUE: usize = 100;

/// The comment of a property, from the schemas that speak of it, nearest first. At most about `budget` bytes.
pub(super) fn property(name: &str, sources: &[&Value], budget: usize) -> String {
    if budget == 0 {
        return String::new();
    }
    let find = |key: &str| sources.iter().find_map(|schema| schema.get(key));
    let text = |key: &str| {
        sources.iter().find_map(|schema| schema.get(key)?.as_str().filter(|text| !text.is_empty()))
    };
    let title = text("title").filter(|title| !says_the_same(title, name));
    let mut out = comment(text("description").or(title).unwrap_or(""), budget);
    let mut tags = String::new();
    if find("deprecated") == Some(&Value::Bool(true)) {
        tags.push_str(" @deprecated");
    }
    if let Some(value) = find("default").and_then(default_text) {
        let _ = write!(tags, " @default {value}");
    }
    if let Some(Value::Object(schema)) = sources.iter().find(has_limits) {
        limits(schema, &mut tags);
    }
    let tags = comment(tags.trim_start(), budget);
    if tags.is_empty() {
        return out;
    }
    // A tag at the start of a comment is ours, not the schema's, so it need not be disarmed.
    let tags = tags.replacen("\\@", "@", 1);
    if !out.is_empty() {
        out.push(if out.contains('\n') { '\n' } else { ' ' });
    }
    out.push_str(&tags);
    out
}

/// `fileName` for `file_name` says nothing new.
fn says_the_same(title: &str, name: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(title) == letters(name)
}

fn has_limits(schema: &&&Value) -> bool {
    const KEYS: [&str; 10] = [
        "format",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
    ];
    schema.as_object().is_some_and(|map| {
        KEYS.iter().any(|key| map.contains_key(*key))
            || map.get("type").and_then(Value::as_str) == Some("integer")
    })
}

fn limits(schema: &Map<String, Value>, tags: &mut String) {
    if schema.get("type").and_then(Value::as_str) == Some("integer") {
        tags.push_str(" @integer");
    }
    for key in ["format", "pattern"] {
        if let Some(text) = schema.get(key).and_then(Value::as_str).filter(|text| text.len() <= LONGEST_VALUE)
        {
            let _ = write!(tags, " @{key} {text}");
        }
    }
    for key in [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    ] {
        // Integers beyond what JavaScript counts exactly are generators' way to say "any".
        if let Some(number) = schema.get(key).filter(|value| value.as_f64().is_some_and(|n| n.abs() < 9e15)) {
            let _ = write!(tags, " @{key} {number}");
        }
    }
}

/// A default as JSON text, if it is short; nothing for null, which says only that there is none.
fn default_text(value: &Value) -> Option<String> {
    let flat = match value {
        Value::Null => false,
        Value::Array(items) => {
            items.len() <= 8 && !items.iter().any(|item| item.is_array() || item.is_object())
        }
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.len() <= LONGEST_VALUE,
        _ => true,
    };
    flat.then(|| value.to_string()).filter(|text| text.len() <= LONGEST_VALUE)
}
