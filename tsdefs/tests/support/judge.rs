//! Values with a validator's judgement.

use std::collections::HashSet;

use serde_json::Value;

use super::generate::{Chance, any_value, likely_value, mutated};
use super::real_servers;
use super::sayable::sayable;

/// One value; `schema` is a position.
pub struct Judged {
    pub schema: usize,
    pub value: Value,
    pub valid: bool,
    /// Invalid only by what no type says, see ``sayable``.
    pub waived: bool,
}

/// The schemas of arguments and results of real tools.
pub fn real_schemas() -> Vec<Value> {
    let tools = real_servers().into_iter().flat_map(|server| server.tools);
    tools.flat_map(|tool| [Some(tool.input_schema), tool.output_schema]).flatten().collect()
}

/// Values for each schema, `each` attempts.
pub fn judged(schemas: &[Value], each: usize, chance: &mut Chance) -> Vec<Judged> {
    let mut all = Vec::new();
    for (at, schema) in schemas.iter().enumerate() {
        if needs_itself(schema) {
            continue;
        }
        let Ok(validator) = jsonschema::validator_for(schema) else { continue };
        let lenient =
            jsonschema::validator_for(&sayable(schema)).expect("a schema that is widened stays one");
        let mut seen = HashSet::new();
        let mut valid: Vec<Value> = Vec::new();
        for round in 0..each {
            let value = match round % 4 {
                0 | 1 => likely_value(chance, schema, schema, 6),
                2 if !valid.is_empty() => {
                    let original = chance.pick(&valid).clone();
                    mutated(chance, &original)
                }
                _ => any_value(chance, 2),
            };
            if seen.insert(value.to_string()) {
                let is_valid = validator.is_valid(&value);
                if is_valid {
                    valid.push(value.clone());
                }
                let is_sayable = lenient.is_valid(&value);
                // Else the waivers would be wrong, and their count with them.
                assert!(is_sayable || !is_valid, "widened, {schema} refuses {value}");
                let waived = !is_valid && is_sayable;
                all.push(Judged { schema: at, value, valid: is_valid, waived });
            }
        }
    }
    all
}

/// Whether a schema is applied to the value that it is being applied to already: what is valid then is undefined, and
/// validators differ (JSON Schema Core, "Infinite Recursive Nesting"). That such schemas compile is tested elsewhere.
fn needs_itself(root: &Value) -> bool {
    fn references(schema: &Value, found: &mut Vec<String>) {
        let Some(map) = schema.as_object() else { return };
        found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
        for key in ["allOf", "anyOf", "oneOf"] {
            map.get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .for_each(|inner| references(inner, found));
        }
        for key in ["not", "if", "then", "else"] {
            map.get(key).into_iter().for_each(|inner| references(inner, found));
        }
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        dependent.into_iter().flat_map(|map| map.values()).for_each(|inner| references(inner, found));
    }
    ["#", "#/$defs/d", "#/$defs/e"].into_iter().any(|start| {
        let mut reached = Vec::new();
        let target = |reference: &str| root.pointer(reference.trim_start_matches('#'));
        target(start).into_iter().for_each(|schema| references(schema, &mut reached));
        let mut next = 0;
        while let Some(reference) = reached.get(next).cloned() {
            let mut more = Vec::new();
            target(&reference).into_iter().for_each(|schema| references(schema, &mut more));
            more.retain(|reference| !reached.contains(reference));
            reached.extend(more);
            next += 1;
        }
        reached.iter().any(|reference| reference == start)
    })
}
