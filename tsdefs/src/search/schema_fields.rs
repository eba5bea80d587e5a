//! The searchable fields of a schema of arguments: the names and descriptions of parameters, also
//! behind references, in alternatives and in nested objects, and the words that are their values.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value};

use crate::schema::{Array, Document, Holds, Keyword, Logic, Node, Object};

/// The parameters of one tool that are indexed.
const MAX_PARAMETERS: usize = 200;

/// The values of one tool that are indexed.
const MAX_VALUES: usize = 200;

/// The schemas of one tool that are searched for fields.
const MAX_SCHEMAS: usize = 1000;

/// The bytes of a value. Longer ones are not words that a query has.
const MAX_VALUE_BYTES: usize = 80;

/// A searchable field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// The name of a parameter; `inner` if it belongs to an object inside the arguments.
    Name { name: &'a str, inner: bool },
    /// The description of a parameter, or of a schema around parameters.
    Description { text: &'a str, inner: bool },
    /// A value that a parameter may have.
    Value(&'a str),
}

/// Returns the fields of `schema`, outermost first.
pub(super) fn schema_fields(schema: &Value) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    let (mut names, mut values) = (0, 0);
    let mut document = Document::new(schema);
    let mut seen: HashSet<usize> = HashSet::new();
    let root = document.enter(schema, document.root().resource);
    let mut queue: VecDeque<(Node<'_>, usize)> = VecDeque::from([(root, 0)]);
    while let Some((node, depth)) = queue.pop_front() {
        let Some(map) = node.keywords() else { continue };
        if seen.len() >= MAX_SCHEMAS || !seen.insert(node.address()) {
            continue;
        }
        // The description of the arguments as a whole repeats the tool's.
        if let Some(text) = map.get("description").and_then(Value::as_str).filter(|_| depth > 0) {
            found.push(Field::Description { text, inner: depth > 1 });
        }
        for value in words(map).take(MAX_VALUES.saturating_sub(values)) {
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
        let properties = Keyword::Object(Object::Properties).value(map).and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten().take(MAX_PARAMETERS.saturating_sub(names)) {
            names += 1;
            found.push(Field::Name { name, inner: depth > 0 });
            queue.push_back((document.enter(schema, node.resource), depth + 1));
        }
    }
    found
}

/// Returns the words that `enum` and `const` list.
fn words(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let listed = map.get("enum").and_then(Value::as_array).into_iter().flatten();
    let words = listed.chain(map.get("const")).filter_map(Value::as_str);
    words.filter(|word| word.len() <= MAX_VALUE_BYTES)
}

/// Returns the schemas in which further parameters are looked for, lists of schemas first.
fn parts(map: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let searched = Keyword::ALL.iter().filter(|keyword| is_searched(**keyword));
    let values = searched.filter_map(|keyword| Some((*keyword, keyword.value(map)?)));
    let (lists, others): (Vec<_>, Vec<_>) =
        values.partition(|(keyword, value)| keyword.holds(value.is_array()) == Holds::List);
    let all = lists.into_iter().chain(others);
    all.flat_map(|(keyword, value)| keyword.schemas(value)).take(MAX_SCHEMAS)
}

/// Returns whether parameters are looked for in the schemas of a keyword: those of the same value
/// and of its items. `properties` and `$ref` are read by themselves.
fn is_searched(keyword: Keyword) -> bool {
    match keyword {
        Keyword::Logic(Logic::AllOf | Logic::AnyOf | Logic::OneOf | Logic::Then | Logic::Else) => true,
        // A condition and a negation name parameters that other keywords declare.
        Keyword::Logic(Logic::If | Logic::Not) => false,
        Keyword::Array(Array::PrefixItems | Array::Items) => true,
        Keyword::Array(
            Array::AdditionalItems
            | Array::UnevaluatedItems
            | Array::MinItems
            | Array::MaxItems
            | Array::UniqueItems
            | Array::Contains
            | Array::MinContains
            | Array::MaxContains,
        ) => false,
        Keyword::Object(Object::AdditionalProperties) => true,
        Keyword::Object(
            Object::Properties
            | Object::PatternProperties
            | Object::UnevaluatedProperties
            | Object::Required
            | Object::PropertyNames
            | Object::MinProperties
            | Object::MaxProperties
            | Object::DependentRequired
            | Object::DependentSchemas
            | Object::Dependencies,
        ) => false,
        Keyword::Reference(_) | Keyword::General(_) | Keyword::Scalar(_) | Keyword::Annotation(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_behind_references_and_alternatives_are_found() {
        let schema = json!({
            "description": "root", "$ref": "#/$defs/root", "allOf": [{ "properties": { "all": {} } }],
            "anyOf": [{ "properties": { "any": { "description": "one of" } } }],
            "$defs": { "root": { "properties": {
                "self": { "$ref": "#/$defs/root" },
                "list": { "items": { "properties": { "inside": { "enum": ["red", 1, "green"] } } } }
            } }, "unused": { "properties": { "hidden": {} } } }
        });
        let all = schema_fields(&schema);
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
