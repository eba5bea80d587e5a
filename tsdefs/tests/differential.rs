//! Declarations against a JSON Schema validator: what is valid has to type-check, and what is invalid should not.
//!
//! Schemas and values are made by chance, the same in every run; a validator judges each value, and one run of the
//! compiler judges all. `DIFFERENTIAL_SEED` and `DIFFERENTIAL_SCHEMAS` make other and longer runs.

mod support;

use std::collections::{HashMap, HashSet};

use isolet_tsdefs::{Detail, ServerDefinition, declare};
use serde_json::{Value, json};
use support::compiler::compile;
use support::generate::{Chance, any_document, any_value, likely_value, mutated};
use support::sayable::sayable;
use support::{answering, expression, real_servers, result_type};

/// A value with the validator's judgement.
struct Judged {
    schema: usize,
    value: Value,
    valid: bool,
    /// Invalid only by what no type says, see `support::sayable`.
    waived: bool,
}

/// What came of a run.
struct Outcome {
    valid: usize,
    invalid: usize,
    waived: usize,
    /// Of the waived, those that the type lets through.
    waived_accepted: usize,
    refused: Vec<String>,
    accepted: Vec<String>,
}

impl Outcome {
    fn rejected_share(&self) -> f64 {
        1.0 - self.accepted.len() as f64 / self.invalid.max(1) as f64
    }

    /// The share without waivers.
    fn strict_share(&self) -> f64 {
        let accepted = self.accepted.len() + self.waived_accepted;
        1.0 - accepted as f64 / (self.invalid + self.waived).max(1) as f64
    }

    fn report(&self, what: &str) {
        println!(
            "{what}: {} valid values, {} refused; {} invalid ones, {:.2}% rejected; {} more waived, with them {:.2}%",
            self.valid,
            self.refused.len(),
            self.invalid,
            self.rejected_share() * 100.0,
            self.waived,
            self.strict_share() * 100.0,
        );
        if std::env::var_os("DIFFERENTIAL_LIST").is_some() {
            self.accepted.iter().for_each(|line| println!("accepted though invalid: {line}"));
        }
        assert!(self.refused.is_empty(), "valid values are refused:\n{}", self.refused.join("\n"));
    }
}

#[test]
fn real_schemas() {
    let mut schemas = Vec::new();
    for tool in real_servers().into_iter().flat_map(|server| server.tools) {
        schemas.push(tool.input_schema);
        schemas.extend(tool.output_schema);
    }
    let mut chance = Chance::new(seed());
    let values = judged(&schemas, 24, &mut chance);
    let outcome = run(&schemas, &values);
    outcome.report("real schemas");
    assert!(outcome.rejected_share() >= 0.995, "{:#?}", outcome.accepted);
}

#[test]
fn any_schemas() {
    let mut chance = Chance::new(seed());
    let count = std::env::var("DIFFERENTIAL_SCHEMAS").ok().and_then(|text| text.parse().ok()).unwrap_or(3000);
    let schemas: Vec<Value> = (0..count).map(|at| any_document(&mut chance, 2 + at % 3)).collect();
    let values = judged(&schemas, 12, &mut chance);
    let outcome = run(&schemas, &values);
    outcome.report("schemas by chance");
    assert!(outcome.rejected_share() >= 0.995, "{:.3}", outcome.rejected_share());
}

fn seed() -> u64 {
    std::env::var("DIFFERENTIAL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn judged(schemas: &[Value], each: usize, chance: &mut Chance) -> Vec<Judged> {
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

fn run(schemas: &[Value], values: &[Judged]) -> Outcome {
    let tools = schemas.iter().enumerate().map(|(at, schema)| answering(&format!("t{at}"), schema)).collect();
    let server = ServerDefinition::new("s", tools);
    let mut files = vec![("s.d.ts".to_owned(), declare(&[server], Detail::Brief).text)];
    // Files of a thousand lines: the compiler checks files in parallel.
    for (part, chunk) in values.chunks(1000).enumerate() {
        let lines: String = chunk
            .iter()
            .map(|judged| {
                let wanted = result_type("s", &format!("t{}", judged.schema));
                format!("{{ const value: {wanted} = {}; }}\n", expression(&judged.value))
            })
            .collect();
        files.push((format!("v{part}.ts"), lines + "export {};\n"));
    }
    let complaints = compile(&files);
    let broken: Vec<_> = complaints.iter().filter(|complaint| complaint.file == "s.d.ts").collect();
    assert!(
        broken.is_empty(),
        "declarations do not compile: {broken:#?}\n{}",
        files[0].1.lines().nth(broken[0].line - 1).unwrap_or_default()
    );
    let messages: HashMap<usize, String> = complaints
        .into_iter()
        .filter_map(|complaint| {
            let part: usize = complaint.file.strip_prefix('v')?.strip_suffix(".ts")?.parse().ok()?;
            Some((part * 1000 + complaint.line - 1, complaint.message))
        })
        .collect();
    let mut outcome = Outcome {
        valid: 0,
        invalid: 0,
        waived: 0,
        waived_accepted: 0,
        refused: Vec::new(),
        accepted: Vec::new(),
    };
    for (at, judged) in values.iter().enumerate() {
        let line = || format!("{}\n    under {}", judged.value, schemas[judged.schema]);
        if judged.valid {
            outcome.valid += 1;
            outcome.refused.extend(messages.get(&at).map(|message| format!("{}\n    {message}", line())));
        } else if judged.waived {
            outcome.waived += 1;
            outcome.waived_accepted += usize::from(!messages.contains_key(&at));
        } else {
            outcome.invalid += 1;
            if !messages.contains_key(&at) {
                outcome.accepted.push(line());
            }
        }
    }
    outcome
}

#[test]
fn the_values_say_something() {
    // A differential test that generates nothing valid would pass for no reason.
    let mut chance = Chance::new(seed());
    let schemas: Vec<Value> = (0..100).map(|_| any_document(&mut chance, 3)).collect();
    let values = judged(&schemas, 12, &mut chance);
    let valid = values.iter().filter(|judged| judged.valid).count();
    assert!(valid * 5 > values.len() && valid * 5 < values.len() * 4, "{valid} of {}", values.len());
    assert!(schemas.iter().any(|schema| *schema != json!(true)));
}
