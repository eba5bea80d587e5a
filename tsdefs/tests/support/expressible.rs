//! The part of a schema that a type can express.
//!
//! This is the waiver list of the differential test: an invalid value that this schema accepts is
//! invalid only for a reason that no type expresses. It is written independently of the generator,
//! and the validator judges.
//!
//! | keywords | reason why no type expresses them |
//! |---|---|
//! | `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `integer` | `number` has no subsets but literals |
//! | `minLength`, `maxLength`, `pattern`, `format` | `string` has no subsets but literals and templates |
//! | `uniqueItems`, `contains` (but for one item at least), `minContains`, `maxContains` | TypeScript has no type for "some item" |
//! | `minProperties`, `maxProperties` | keys are not counted |
//! | `propertyNames` that lists no names, `patternProperties` with classes of characters | keys are literals or templates |
//! | `additionalProperties` and exact patterns where listed keys have other types | an index signature covers the listed keys (TS2411) |
//! | `not` a certain string, number, object or array | no subtraction from `string`, `number`, shapes |
//! | the negation of a keyword about all keys or all items | TypeScript has no type for "some key" or "some item" |
//!
//! The last two matter where a schema is negated: under `not`, in `if`, between the branches of
//! `oneOf`. So there are two directions. A *wide* schema allows all values that the original
//! allows; a *narrow* one, whose negation a type can express, allows no others.

use regex::Regex;
use serde_json::{Map, Value, json};

/// Returns the widened document. It has the widened definitions, and also the narrowed ones, for
/// negated references.
pub fn expressible(root: &Value) -> Value {
    let mut wide = bound(root, Direction::Wide);
    let Some(map) = wide.as_object_mut() else { return wide };
    for key in ["$defs", "definitions"] {
        let Some(definitions) = root.get(key).and_then(Value::as_object) else { continue };
        let mut both = Map::new();
        for (name, schema) in definitions {
            both.insert(name.clone(), bound(schema, Direction::Wide));
            both.insert(format!("narrow-{name}"), bound(schema, Direction::Narrow));
        }
        map.insert(key.to_owned(), both.into());
    }
    let definitions = map.entry("$defs").or_insert_with(|| json!({}));
    if let Some(definitions) = definitions.as_object_mut() {
        definitions.insert("narrow".to_owned(), bound(root, Direction::Narrow));
    }
    wide
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Wide,
    Narrow,
}

impl Direction {
    fn opposite(self) -> Self {
        if self == Self::Wide { Self::Narrow } else { Self::Wide }
    }
}

fn bound(schema: &Value, direction: Direction) -> Value {
    let Some(map) = schema.as_object() else { return schema.clone() };
    let mut out = Map::new();
    let mut all: Vec<Value> = Vec::new();
    let same = |schema: &Value| bound(schema, direction);
    let other = |schema: &Value| bound(schema, direction.opposite());
    let each = |value: &Value| -> Vec<Value> { value.as_array().into_iter().flatten().map(same).collect() };
    let wide = direction == Direction::Wide;
    let none_of = |kind: &str| json!({ "not": { "type": kind } });
    for (key, value) in map {
        match key.as_str() {
            "$defs" | "definitions" | "then" | "else" | "$comment" => {}
            "$ref" if wide => drop(out.insert(key.clone(), value.clone())),
            "$ref" => drop(out.insert(key.clone(), narrowed_reference(value))),
            "type" => all.push(of_type(value, wide)),
            "const" | "enum" if wide => drop(out.insert(key.clone(), value.clone())),
            "const" => all.push(json!({ "enum": subtractable(std::slice::from_ref(value)) })),
            "enum" => all.push(json!({ "enum": subtractable(value.as_array().map_or(&[], Vec::as_slice)) })),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                all.extend((!wide).then(|| none_of("number")));
            }
            "minLength" | "maxLength" | "pattern" | "format" => {
                all.extend((!wide).then(|| none_of("string")));
            }
            "uniqueItems" | "minContains" | "maxContains" | "unevaluatedItems" if !wide => {
                all.push(none_of("array"));
            }
            "uniqueItems" | "minContains" | "maxContains" => {}
            "minProperties" | "maxProperties" => all.extend((!wide).then(|| none_of("object"))),
            "contains" if wide => {
                let fewest = map.get("minContains").cloned().unwrap_or(json!(1));
                all.push(json!({ "minItems": fewest }));
                // The items that it matches still count as evaluated.
                out.insert(key.clone(), same(value));
                out.insert("minContains".to_owned(), json!(0));
            }
            "contains" => drop(out.insert(key.clone(), same(value))),
            "properties" | "dependentSchemas" if wide && key == "properties" => {}
            "properties" | "dependentSchemas" => {
                let members = value.as_object().into_iter().flatten();
                let members: Map<String, Value> =
                    members.map(|(name, schema)| (name.clone(), same(schema))).collect();
                out.insert(key.clone(), members.into());
            }
            "propertyNames" if wide => {
                if value.get("enum").is_some() {
                    out.insert(key.clone(), value.clone());
                }
            }
            "patternProperties" | "additionalProperties" if wide => {}
            "patternProperties" | "additionalProperties" | "propertyNames" | "unevaluatedProperties"
                if !wide =>
            {
                if *value != json!(true) {
                    all.push(none_of("object"));
                }
            }
            "prefixItems" => drop(out.insert(key.clone(), each(value).into())),
            "items" if wide && !value.is_array() => drop(out.insert(key.clone(), same(value))),
            "items" if !value.is_array() => {
                let listed = map.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                all.extend((*value != json!(true)).then(|| json!({ "maxItems": listed })));
            }
            "not" => drop(out.insert(key.clone(), other(value))),
            "allOf" => all.extend(each(value)),
            "anyOf" => all.push(json!({ "anyOf": each(value) })),
            "oneOf" => {
                let members = value.as_array().map_or(&[][..], Vec::as_slice);
                let alternatives: Vec<Value> = (0..members.len())
                    .map(|one| {
                        let others = (0..members.len()).filter(|at| *at != one);
                        let mut parts = vec![same(&members[one])];
                        parts.extend(others.map(|at| json!({ "not": other(&members[at]) })));
                        json!({ "allOf": parts })
                    })
                    .collect();
                all.push(json!({ "anyOf": alternatives }));
            }
            "if" => {
                let branch = |key: &str| map.get(key).map_or(json!(true), same);
                all.push(json!({ "anyOf": [
                    { "allOf": [same(value), branch("then")] },
                    { "allOf": [{ "not": other(value) }, branch("else")] },
                ] }));
            }
            _ => drop(out.insert(key.clone(), value.clone())),
        }
    }
    if wide {
        object_keywords(map, &mut out);
    }
    if !all.is_empty() {
        out.insert("allOf".to_owned(), all.into());
    }
    out.into()
}

fn narrowed_reference(reference: &Value) -> Value {
    let Some(text) = reference.as_str() else { return reference.clone() };
    let narrow = |place: &str| {
        let name = text.strip_prefix(place)?;
        (!name.contains('/')).then(|| json!(format!("{place}narrow-{name}")))
    };
    if text == "#" {
        return json!("#/$defs/narrow");
    }
    narrow("#/$defs/").or_else(|| narrow("#/definitions/")).unwrap_or_else(|| reference.clone())
}

fn of_type(value: &Value, wide: bool) -> Value {
    let words: Vec<&str> = match value {
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let kept: Vec<&str> = words
        .into_iter()
        .filter(|word| wide || *word != "integer")
        .map(|word| if word == "integer" { "number" } else { word })
        .collect();
    let mut unique = kept.clone();
    unique.sort_unstable();
    unique.dedup();
    if unique.is_empty() { json!(false) } else { json!({ "type": unique }) }
}

/// Returns the literals that can be subtracted from a kind.
fn subtractable(values: &[Value]) -> Vec<&Value> {
    values.iter().filter(|value| matches!(value, Value::Null | Value::Bool(_))).collect()
}

/// The patterns of the generator of schemas that a template literal expresses exactly.
const TEMPLATE_PATTERNS: [&str; 3] = ["^x-", "1$", "o"];

/// The patterns of the generator of schemas that list names.
const NAME_PATTERNS: [&str; 2] = ["^(a|b)$", "^c$"];

/// Adds `properties`, `patternProperties` and `additionalProperties` to `out`, widened by the
/// values that an index signature also accepts: those of all keys that it covers.
fn object_keywords(map: &Map<String, Value>, out: &mut Map<String, Value>) {
    let wide = |schema: &Value| bound(schema, Direction::Wide);
    let members = |key: &str| map.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let (listed, patterns) = (members("properties"), members("patternProperties"));
    let named = |pattern: &String| NAME_PATTERNS.contains(&pattern.as_str());
    let inexact =
        patterns.keys().any(|pattern| !named(pattern) && !TEMPLATE_PATTERNS.contains(&pattern.as_str()));
    let matches = |pattern: &str, key: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(key));
    let mut properties = Map::new();
    for (key, schema) in &listed {
        let mut parts = vec![wide(schema)];
        parts.extend(patterns.iter().filter(|(pattern, _)| matches(pattern, key)).map(|(_, s)| wide(s)));
        properties.insert(key.clone(), json!({ "allOf": parts }));
    }
    let mut kept = Map::new();
    let mut covered: Vec<Value> = listed.values().map(wide).collect();
    for (pattern, schema) in &patterns {
        covered.push(wide(schema));
        if named(pattern) {
            kept.insert(pattern.clone(), wide(schema));
        } else if !inexact {
            let mut any = vec![wide(schema)];
            any.extend(listed.iter().filter(|(key, _)| matches(pattern, key)).map(|(_, s)| wide(s)));
            kept.insert(pattern.clone(), json!({ "anyOf": any }));
        }
    }
    let additional = match map.get("additionalProperties") {
        None => None,
        Some(Value::Bool(false)) if !inexact => Some(json!(false)),
        Some(schema) => {
            let mut any = vec![wide(schema)];
            any.extend(covered);
            Some(json!({ "anyOf": any }))
        }
    };
    if inexact {
        out.remove("unevaluatedProperties");
    }
    for (key, members) in [("properties", properties), ("patternProperties", kept)] {
        if !members.is_empty() {
            out.insert(key.to_owned(), members.into());
        }
    }
    out.extend(additional.map(|schema| ("additionalProperties".to_owned(), schema)));
}
