//! Random schemas and values, the same in every run: the generator of numbers has a fixed seed.

use serde_json::{Map, Value, json};

/// A generator of random numbers (xorshift64*).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

const KEYS: [&str; 7] = ["a", "b", "c", "x-1", "x-2", "__proto__", "kind"];
const KINDS: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

/// Returns a value of any kind.
pub fn any_value(chance: &mut Chance, depth: usize) -> Value {
    match chance.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(chance.one_in(2)),
        2 => json!(chance.below(4)),
        3 => json!(1.5),
        4 | 5 => json!(*chance.pick(&["", "p", "q", "long text"])),
        6 => (0..chance.below(4)).map(|_| any_value(chance, depth - 1)).collect(),
        _ => {
            let count = chance.below(4);
            let members: Map<String, Value> = (0..count)
                .map(|_| ((*chance.pick(&KEYS)).to_owned(), any_value(chance, depth - 1)))
                .collect();
            Value::Object(members)
        }
    }
}

/// Returns a schema with any keywords, also references to `#/$defs/…` and `#`.
pub fn any_schema(chance: &mut Chance, depth: usize) -> Value {
    if depth == 0 || chance.one_in(12) {
        return match chance.below(8) {
            0 => json!(true),
            1 => json!(false),
            2 => json!({ "const": any_value(chance, 1) }),
            3 => {
                json!({ "enum": (0..1 + chance.below(3)).map(|_| any_value(chance, 1)).collect::<Vec<_>>() })
            }
            4 => json!({ "$ref": format!("#/$defs/{}", chance.pick(&["Function", "e"])) }),
            _ => json!({ "type": chance.pick(&KINDS) }),
        };
    }
    let mut schema = Map::new();
    for _ in 0..1 + chance.below(4) {
        let (key, value) = keyword(chance, depth - 1);
        schema.insert(key.to_owned(), value);
    }
    Value::Object(schema)
}

fn keyword(chance: &mut Chance, depth: usize) -> (&'static str, Value) {
    let several = |chance: &mut Chance| -> Value {
        (0..1 + chance.below(3)).map(|_| any_schema(chance, depth)).collect()
    };
    let keys =
        |chance: &mut Chance| -> Value { (0..1 + chance.below(2)).map(|_| *chance.pick(&KEYS)).collect() };
    let by_key = |chance: &mut Chance| -> Value {
        let members: Map<String, Value> = (0..1 + chance.below(3))
            .map(|_| ((*chance.pick(&KEYS)).to_owned(), any_schema(chance, depth)))
            .collect();
        Value::Object(members)
    };
    match chance.below(30) {
        0..=3 => ("type", json!(chance.pick(&KINDS))),
        4 => ("type", json!([chance.pick(&KINDS[..3]), chance.pick(&KINDS[3..])])),
        5..=8 => ("properties", by_key(chance)),
        9 | 10 => ("required", keys(chance)),
        11 | 12 => ("additionalProperties", any_schema(chance, depth.min(1))),
        13 => {
            let pattern = *chance.pick(&["^x-", "1$", "^[a-b]$", "^x-[0-9]+$", "o", "^(a|b)$", "^c$"]);
            ("patternProperties", json!({ pattern: any_schema(chance, depth) }))
        }
        14 => ("propertyNames", json!({ "enum": [chance.pick(&KEYS), chance.pick(&KEYS)] })),
        15 => ("items", any_schema(chance, depth)),
        16 => ("prefixItems", several(chance)),
        17 => (*chance.pick(&["minItems", "minProperties"]), json!(chance.below(3))),
        18 => (*chance.pick(&["maxItems", "maxProperties"]), json!(chance.below(4))),
        19 => match chance.below(4) {
            0 => (*chance.pick(&["minContains", "maxContains"]), json!(chance.below(3))),
            1 => ("uniqueItems", json!(true)),
            _ => ("contains", any_schema(chance, depth)),
        },
        20 => ("allOf", several(chance)),
        21 | 22 => ("anyOf", several(chance)),
        23 => ("oneOf", several(chance)),
        24 => ("not", any_schema(chance, depth)),
        25 => ("if", any_schema(chance, depth)),
        26 => (*chance.pick(&["then", "else"]), any_schema(chance, depth)),
        27 => ("dependentRequired", json!({ *chance.pick(&KEYS): keys(chance) })),
        28 => match chance.below(3) {
            0 => ("unevaluatedProperties", json!(chance.one_in(3))),
            1 => ("unevaluatedItems", json!(false)),
            _ => ("dependentSchemas", json!({ *chance.pick(&KEYS): any_schema(chance, depth) })),
        },
        _ => match chance.below(3) {
            0 => ("$ref", json!("#")),
            1 => ("$ref", json!("#/$defs/Function")),
            _ => limit(chance),
        },
    }
}

/// Returns a limit on strings or numbers.
fn limit(chance: &mut Chance) -> (&'static str, Value) {
    match chance.below(9) {
        0 => ("minimum", json!(chance.below(3))),
        1 => ("maximum", json!(chance.below(3))),
        2 => ("exclusiveMinimum", json!(chance.below(3))),
        3 => ("exclusiveMaximum", json!(chance.below(3))),
        4 => ("multipleOf", json!(*chance.pick(&[0.5, 2.0]))),
        5 => ("minLength", json!(chance.below(3))),
        6 => ("maxLength", json!(chance.below(3))),
        7 => ("pattern", json!(*chance.pick(&["^p", "t$"]))),
        _ => ("format", json!(*chance.pick(&["date", "uri"]))),
    }
}

/// Returns a document: a schema with definitions that refer to each other.
pub fn any_document(chance: &mut Chance, depth: usize) -> Value {
    let mut schema = any_schema(chance, depth);
    if let Some(map) = schema.as_object_mut() {
        let definitions =
            json!({ "Function": any_schema(chance, depth - 1), "e": any_schema(chance, depth - 1) });
        map.insert("$defs".to_owned(), definitions);
    }
    schema
}

/// Returns a value that may be valid under `schema`, a part of the document `root`.
pub fn likely_value(chance: &mut Chance, schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(map) = schema.as_object().filter(|_| depth > 0) else { return any_value(chance, depth.min(1)) };
    let next = |key: &str| map.get(key);
    if let Some(value) = next("const") {
        return value.clone();
    }
    if let Some(values) = next("enum").and_then(Value::as_array).filter(|values| !values.is_empty()) {
        return chance.pick(values).clone();
    }
    let target = next("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.strip_prefix('#')?));
    if let Some(target) = target {
        return likely_value(chance, target, root, depth - 1);
    }
    let branches: Vec<&Value> = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|key| map.get(key)?.as_array())
        .flatten()
        .collect();
    let branch = branches.get(chance.below(branches.len()));
    let from_branch = branch.map(|branch| likely_value(chance, branch, root, depth - 1));
    let kind = match map.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => chance.pick(kinds).as_str().unwrap_or("null"),
        _ if map.contains_key("properties") || map.contains_key("required") => "object",
        _ if map.contains_key("items") || map.contains_key("prefixItems") => "array",
        _ => return from_branch.unwrap_or_else(|| any_value(chance, depth.min(2))),
    };
    match kind {
        "null" => Value::Null,
        "boolean" => json!(chance.one_in(2)),
        "integer" => json!(1 + chance.below(20)),
        "number" => json!(chance.below(20) as f64 + 0.5),
        "string" => json!(*chance.pick(&["p", "q", "2026-11-23", "https://example.org/", "long text"])),
        "array" => {
            let prefix = map.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let item = map.get("items").unwrap_or(&Value::Null);
            (0..prefix.len() + chance.below(3))
                .map(|at| likely_value(chance, prefix.get(at).unwrap_or(item), root, depth - 1))
                .collect()
        }
        _ => {
            let mut members = match from_branch {
                Some(Value::Object(members)) => members,
                _ => Map::new(),
            };
            let required: Vec<&str> = map
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let empty = Map::new();
            let properties = map.get("properties").and_then(Value::as_object).unwrap_or(&empty);
            for (key, schema) in properties {
                if required.contains(&key.as_str()) || chance.one_in(2) {
                    members.insert(key.clone(), likely_value(chance, schema, root, depth - 1));
                }
            }
            for key in required {
                members.entry(key).or_insert_with(|| json!("p"));
            }
            if let Some(schema) = map.get("additionalProperties").filter(|_| chance.one_in(3)) {
                members.insert("extra".to_owned(), likely_value(chance, schema, root, depth - 1));
            }
            Value::Object(members)
        }
    }
}

/// Returns the value with one change: another kind, a missing or an additional key, a missing item.
pub fn mutated(chance: &mut Chance, value: &Value) -> Value {
    let mut value = value.clone();
    mutate(chance, &mut value);
    value
}

fn mutate(chance: &mut Chance, value: &mut Value) {
    let deeper = !chance.one_in(3);
    match value {
        Value::Object(members) if deeper && !members.is_empty() => {
            let at = chance.below(members.len());
            if let Some(member) = members.values_mut().nth(at) {
                mutate(chance, member);
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = chance.below(items.len());
            mutate(chance, &mut items[at]);
        }
        Value::Object(members) if chance.one_in(2) && !members.is_empty() => {
            let key = members.keys().nth(chance.below(members.len())).cloned().unwrap_or_default();
            members.shift_remove(&key);
        }
        Value::Object(members) if chance.one_in(2) => {
            members.insert("zzz".to_owned(), any_value(chance, 0));
        }
        Value::Array(items) if chance.one_in(3) && !items.is_empty() => {
            items.pop();
        }
        other => *other = any_value(chance, 1),
    }
}
