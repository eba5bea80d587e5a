//! What of a schema of arguments can be searched for: names and descriptions of parameters, wherever a reference, an
//! alternative or an object inside puts them, and the words that they may be.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value};

use crate::schema::resolve::{Document, Node};

/// Parameters of one tool that are indexed.
const MOST_PARAMETERS: usize = 200;

/// Values of one tool that are indexed.
const MOST_VALUES: usize = 200;

/// Schemas of one tool that are looked at.
const MOST_SCHEMAS: usize = 1000;

/// Longer values are no words that anybody asks for.
const LONGEST_VALUE: usize = 80;

/// Something to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// A parameter's name; `inner` if it belongs to an object inside the arguments.
    Name { name: &'a str, inner: bool },
    /// What a parameter or the schema around some says.
    Description { text: &'a str, inner: bool },
    /// One of the values that a parameter may have.
    Value(&'a str),
}

/// The fields of `schema`, outermost first.
pub(super) fn fields(schema: &Value) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    let (mut names, mut values) = (0, 0);
    let mut document = Document::new(schema);
    let mut seen: HashSet<usize> = HashSet::new();
    let root = document.enter(schema, document.root().resource);
    let mut queue: VecDeque<(Node<'_>, usize)> = VecDeque::from([(root, 0)]);
    while let Some((node, depth)) = queue.pop_front() {
        let Some(map) = node.keywords() else { continue };
        if seen.len() >= MOST_SCHEMAS || !seen.insert(node.address()) {
            continue;
        }
        // The arguments' own description says what the tool's does.
        if let Some(text) = map.get("description").and_then(Value::as_str).filter(|_| depth > 0) {
            found.push(Field::Description { text, inner: depth > 1 });
        }
        for value in words(map).take(MOST_VALUES.saturating_sub(values)) {
            values += 1;
            found.push(Field::Value(value));
        }
        if let Some(reference) = map.get("$ref").and_then(Value::as_str)
            && let Some(target) = document.resolve(node.resource, reference)
        {
            queue.push_back((target, depth));
        }
        for part in parts(map) {
            queue.push_back((document.enter(part, node.resource), depth));
        }
        let properties = map.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten().take(MOST_PARAMETERS.saturating_sub(names)) {
            names += 1;
            found.push(Field::Name { name, inner: depth > 0 });
            queue.push_back((document.enter(schema, node.resource), depth + 1));
        }
    }
    found
}

/// The words that a value may be.
fn words(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let listed = map.get("enum").and_then(Value::as_array).into_iter().flatten();
    let words = listed.chain(map.get("const")).filter_map(Value::as_str);
    words.filter(|word| word.len() <= LONGEST_VALUE)
}

/// Schemas of the same value or of the items in it.
fn parts(map: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let several = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
    let several = several.into_iter().filter_map(|key| map.get(key)?.as_array()).flatten();
    let one = ["items", "additionalProperties", "then", "else"].into_iter().filter_map(|key| map.get(key));
    several.chain(one).take(MOST_SCHEMAS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_found_wherever_they_are() {
        let schema = json!({
            "description": "root", "$ref": "#/$defs/root", "allOf": [{ "properties": { "all": {} } }],
            "anyOf": [{ "properties": { "any": { "description": "one of" } } }],
            "$defs": { "root": { "properties": {
                "self": { "$ref": "#/$defs/root" },
                "list": { "items": { "properties": { "inside": { "enum": ["red", 1, "green"] } } } }
            } }, "unused": { "properties": { "hidden": {} } } }
        });
        let all = fields(&schema);
        let names: Vec<(&str, bool)> = all
            .iter()
            .filter_map(|field| match field {
                Field::Name { name, inner } => Some((*name, *inner)),
                _ => None,
            })
            .collect();
        assert_eq!(
            names,
            [("self", false), ("list", false), ("all", false), ("any", false), ("inside", true)]
        );
        assert!(all.contains(&Field::Value("green")));
        assert!(all.contains(&Field::Description { text: "one of", inner: false }));
        assert!(!all.contains(&Field::Description { text: "root", inner: false }));
    }
}
