//! Alternatives at the top level of an `inputSchema`: `anyOf`, `oneOf`, `allOf`. The APIs of some
//! models refuse a whole request because of one tool with them, so they are merged into one object
//! that accepts what any of them accepts. The upstream still validates the arguments.

use std::fmt::Write as _;

use indexmap::IndexSet;
use serde_json::{Map, Value, json};

/// The number of alternatives that are merged.
const MAX_ALTERNATIVES: usize = 32;

/// The length of the sentence on fields that belong together.
const MAX_EXPLANATION_BYTES: usize = 300;

/// Merges the alternatives of a schema.
pub fn merge_alternatives(schema: &mut Map<String, Value>) {
    const KEYWORDS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
    if !KEYWORDS.iter().any(|keyword| schema.contains_key(*keyword)) {
        return;
    }
    let root = Value::Object(schema.clone());
    for keyword in KEYWORDS {
        let Some(Value::Array(parts)) = schema.remove(keyword) else { continue };
        let parts: Vec<Map<String, Value>> =
            parts.iter().take(MAX_ALTERNATIVES).filter_map(|part| resolved(part, &root)).collect();
        let all = keyword == "allOf";
        for (name, property) in parts.iter().filter_map(|part| part.get("properties")?.as_object()).flatten()
        {
            let properties = schema.entry("properties").or_insert_with(|| json!({}));
            let Some(properties) = properties.as_object_mut() else { break };
            match properties.get_mut(name) {
                None => drop(properties.insert(name.clone(), property.clone())),
                Some(known) if known == property => {}
                Some(known) if all => *known = json!({ "allOf": [known.take(), property] }),
                Some(known) => add_alternative(known, property),
            }
        }
        let required: Vec<IndexSet<String>> = parts.iter().map(required_of).collect();
        let mut common = required_of(schema);
        for name in required.iter().flatten() {
            if all || required.iter().all(|names| names.contains(name)) {
                common.insert(name.clone());
            }
        }
        if !common.is_empty() {
            schema.insert("required".to_owned(), Value::from_iter(common));
        }
        if !all {
            explain(schema, &required);
        }
    }
}

/// Returns an alternative with its reference into this document resolved.
fn resolved(part: &Value, root: &Value) -> Option<Map<String, Value>> {
    let mut part = part;
    for _ in 0..8 {
        let Some(reference) = part.get("$ref").and_then(Value::as_str) else { break };
        part = root.pointer(reference.strip_prefix('#')?)?;
    }
    part.as_object().cloned()
}

/// Returns the required fields. Uses a set, because a server may require a hundred thousand.
fn required_of(schema: &Map<String, Value>) -> IndexSet<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn add_alternative(known: &mut Value, property: &Value) {
    if let Some(Value::Array(alternatives)) = known.get_mut("anyOf")
        && alternatives.len() < MAX_ALTERNATIVES
    {
        if !alternatives.contains(property) {
            alternatives.push(property.clone());
        }
        return;
    }
    *known = json!({ "anyOf": [known.take(), property] });
}

/// Adds to the description which fields belong together, if the alternatives require different
/// ones.
fn explain(schema: &mut Map<String, Value>, required: &[IndexSet<String>]) {
    let differ = required.windows(2).any(|pair| pair[0] != pair[1]);
    if !differ || required.iter().any(IndexSet::is_empty) {
        return;
    }
    let choices: Vec<String> =
        required.iter().map(|names| Vec::from_iter(names.iter().map(String::as_str)).join(" and ")).collect();
    let mut text = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let choices = choices.join("; or ");
    if choices.len() <= MAX_EXPLANATION_BYTES {
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}Needs one of: {choices}.");
        schema.insert("description".to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(schema: Value) -> Value {
        let Value::Object(mut schema) = schema else { panic!("an object") };
        merge_alternatives(&mut schema);
        Value::Object(schema)
    }

    #[test]
    fn alternatives_become_one_object() {
        let schema = json!({
            "type": "object", "properties": { "kind": { "type": "string" } }, "required": ["kind"],
            "$defs": { "byName": { "properties": { "name": { "type": "string" }, "id": { "type": "string" } }, "required": ["name"] } },
            "oneOf": [{ "properties": { "id": { "type": "integer" } }, "required": ["id"] }, { "$ref": "#/$defs/byName" }]
        });
        let expected = json!({
            "type": "object", "required": ["kind"], "description": "Needs one of: id; or name.",
            "properties": {
                "kind": { "type": "string" }, "name": { "type": "string" },
                "id": { "anyOf": [{ "type": "integer" }, { "type": "string" }] }
            },
            "$defs": { "byName": { "properties": { "name": { "type": "string" }, "id": { "type": "string" } }, "required": ["name"] } }
        });
        assert_eq!(merged(schema), expected);
    }

    #[test]
    fn very_long_lists_of_required_fields_are_merged_in_linear_time() {
        let names: Vec<String> = (0..100_000).map(|at| format!("field_{at}")).collect();
        let part = json!({ "required": names });
        assert_eq!(merged(json!({ "allOf": [part, part] }))["required"], json!(names));
        assert_eq!(merged(json!({ "anyOf": [part, part] }))["required"], json!(names));
    }

    #[test]
    fn all_of_requires_what_each_part_requires() {
        let schema = json!({ "type": "object", "allOf": [
            { "properties": { "a": { "type": "string" } }, "required": ["a"] },
            { "properties": { "a": { "minLength": 1 }, "b": {} } }
        ] });
        let a = json!({ "allOf": [{ "type": "string" }, { "minLength": 1 }] });
        assert_eq!(
            merged(schema),
            json!({ "type": "object", "properties": { "a": a, "b": {} }, "required": ["a"] })
        );
        assert_eq!(merged(json!({ "anyOf": "odd" })), json!({}));
        let circle = json!({ "anyOf": [{ "$ref": "#/anyOf/0" }] });
        assert_eq!(merged(circle), json!({}));
    }
}
