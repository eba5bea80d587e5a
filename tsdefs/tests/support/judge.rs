//! Values, and a validator's judgement of them.

use std::collections::HashSet;

use serde_json::Value;

use super::expressible::expressible;
use super::generate::{Chance, any_value, likely_value, mutated};
use super::real_servers;

/// A value and its judgement. `schema` is a position.
pub struct Judged {
    pub schema: usize,
    pub value: Value,
    pub valid: bool,
    /// True if the value is invalid only for a reason that no type expresses, see `expressible`.
    pub waived: bool,
}

/// Returns the schemas of arguments and results of real tools.
pub fn real_schemas() -> Vec<Value> {
    let tools = real_servers().into_iter().flat_map(|server| server.tools);
    let schemas = tools.flat_map(|tool| [Some(tool.input_schema), tool.output_schema]).flatten();
    schemas.map(|schema| schema.read().into_owned()).collect()
}

/// Returns values for each schema, after `each` attempts.
pub fn judged(schemas: &[Value], each: usize, chance: &mut Chance) -> Vec<Judged> {
    let mut all = Vec::new();
    for (at, schema) in schemas.iter().enumerate() {
        if needs_itself(schema) {
            continue;
        }
        let Ok(validator) = jsonschema::validator_for(schema) else { continue };
        let lenient =
            jsonschema::validator_for(&expressible(schema)).expect("a schema that is widened stays one");
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
                let is_expressible = lenient.is_valid(&value);
                // Otherwise the waivers would be wrong.
                assert!(is_expressible || !is_valid, "widened, {schema} refuses {value}");
                let waived = !is_valid && is_expressible;
                all.push(Judged { schema: at, value, valid: is_valid, waived });
            }
        }
    }
    all
}

/// Returns whether a schema is applied again to the same value.
///
/// Validity is then undefined, and validators differ (JSON Schema Core, "Infinite Recursive
/// Nesting"). Other tests check that such schemas compile.
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
    let definitions = root.get("$defs").and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
    let starts = definitions.map(|name| format!("#/$defs/{name}")).chain(["#".to_owned()]);
    starts.into_iter().any(|start| {
        let mut reached = Vec::new();
        let target = |reference: &str| root.pointer(reference.trim_start_matches('#'));
        target(&start).into_iter().for_each(|schema| references(schema, &mut reached));
        let mut next = 0;
        while let Some(reference) = reached.get(next).cloned() {
            let mut more = Vec::new();
            target(&reference).into_iter().for_each(|schema| references(schema, &mut more));
            more.retain(|reference| !reached.contains(reference));
            reached.extend(more);
            next += 1;
        }
        reached.contains(&start)
    })
}
