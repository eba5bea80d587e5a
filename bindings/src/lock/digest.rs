//! Digests of definitions, over JSON in one canonical form: keys sorted, numbers in one notation, no blanks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use crate::audit::record::hexadecimal;
use crate::upstreams::ServerTools;

/// What a model or a caller sees of a tool. The name is the key under which the digests are kept.
const FIELDS: [&str; 5] = ["title", "description", "inputSchema", "outputSchema", "annotations"];

/// Enough of a digest to say which field has changed; the whole one decides whether any has.
const SHORT: usize = 8;

/// One approved definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// SHA-256 of name and fields, in hexadecimal.
    pub sha256: String,
    /// The beginnings of the fields' own digests; a field that is absent has none.
    pub fields: BTreeMap<String, String>,
}

/// What a server says of itself, which stands in declarations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct About(String);

impl Definition {
    /// Of a tool as its server lists it.
    pub fn of(tool: &Value) -> Self {
        let mut whole = Sha256::new();
        let mut fields = BTreeMap::new();
        let mut add = |name: &str, value: &Value| {
            let text = canonical(value);
            // Lengths keep one field's end apart from the next one's beginning.
            whole.update(format!("{name}:{}:", text.len()));
            whole.update(&text);
            let digest = hexadecimal(&Sha256::digest(&text)[..SHORT]);
            fields.insert(name.to_owned(), digest);
        };
        add("name", &tool["name"]);
        for name in FIELDS {
            if let Some(value) = tool.get(name).filter(|value| !value.is_null()) {
                add(name, value);
            }
        }
        fields.remove("name");
        Self { sha256: hexadecimal(&whole.finalize()), fields }
    }

    /// The fields in which two definitions differ.
    pub fn differs(&self, other: &Self) -> Vec<String> {
        if self.sha256 == other.sha256 {
            return Vec::new();
        }
        let names = FIELDS.iter().filter(|name| self.fields.get(**name) != other.fields.get(**name));
        let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
        if names.is_empty() { vec!["definition".to_owned()] } else { names }
    }
}

impl About {
    /// Of a server.
    pub fn of(server: &ServerTools) -> Self {
        let texts = [&server.title, &server.description, &server.instructions];
        Self(hexadecimal(&Sha256::digest(canonical(&serde_json::json!(texts)))))
    }
}

/// JSON in one form for all that means the same.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The parser bounds the depth.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (index, (key, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                write(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Number(number) => {
            let _ = write!(out, "{}", plain(number));
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// 1.0 is 1. Beyond 2^53 a double is no longer one whole number.
fn plain(number: &Number) -> Number {
    let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15);
    whole.map_or_else(|| number.clone(), |float| Number::from(float as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_and_the_notation_of_numbers_do_not_count() {
        let one: Value = serde_json::from_str(r#"{"b": [1.0, {"y": 1, "x": "é"}], "a": null}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":null,"b":[1,{"x":"é","y":1}]}"#);
        let tool = |text: &str| Definition::of(&serde_json::from_str(text).unwrap());
        let first = tool(r#"{"name":"a","description":"d","inputSchema":{"type":"object","maximum":1}}"#);
        let same = tool(
            r#"{"inputSchema":{"maximum":1.0,"type":"object"},"name":"a","description":"d","_meta":{"n":1}}"#,
        );
        assert_eq!(first, same);
    }

    #[test]
    fn every_field_counts_and_is_named() {
        let tool = json!({ "name": "a", "description": "d", "inputSchema": { "type": "object" } });
        let approved = Definition::of(&tool);
        assert!(approved.differs(&approved).is_empty());
        for field in FIELDS {
            let mut changed = tool.clone();
            changed[field] = json!({ "other": true });
            assert_eq!(Definition::of(&changed).differs(&approved), [field]);
        }
        let mut renamed = tool.clone();
        renamed["name"] = json!("b");
        assert_eq!(Definition::of(&renamed).differs(&approved), ["definition"]);
        let mut without = tool;
        without.as_object_mut().unwrap().remove("description");
        assert_eq!(Definition::of(&without).differs(&approved), ["description"]);
    }
}
