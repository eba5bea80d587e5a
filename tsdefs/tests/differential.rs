//! Declarations against a JSON Schema validator: a valid value has to type-check, and an invalid
//! one should not.
//!
//! Schemas and values are random, but the same in every run. A validator judges each value, and one
//! run of the compiler judges all of them. `DIFFERENTIAL_SEED` and `DIFFERENTIAL_SCHEMAS` make
//! other and longer runs.

mod support;

use std::collections::HashMap;

use isolet_tsdefs::{Detail, ServerDefinition, declare};
use serde_json::{Value, json};
use support::compiler::compile;
use support::generate::{Chance, any_document};
use support::judge::{Judged, judged, real_schemas as schemas_of_real_tools};
use support::{answering, expression, result_type};

/// The outcome of a run.
struct Outcome {
    valid: usize,
    invalid: usize,
    waived: usize,
    /// The number of waived values that the type accepts.
    waived_accepted: usize,
    refused: Vec<String>,
    accepted: Vec<String>,
}

impl Outcome {
    /// Returns the share of invalid values that are rejected.
    fn rejected_share(&self) -> f64 {
        1.0 - self.accepted.len() as f64 / self.invalid.max(1) as f64
    }

    /// Returns the share of rejected values, without waivers.
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
fn valid_values_of_real_schemas_type_check() {
    let schemas = schemas_of_real_tools();
    let mut chance = Chance::new(seed());
    let values = judged(&schemas, 24, &mut chance);
    let outcome = run(&schemas, &values);
    outcome.report("real schemas");
    assert!(outcome.rejected_share() >= 0.995, "{:#?}", outcome.accepted);
}

#[test]
fn valid_values_of_random_schemas_type_check() {
    let mut chance = Chance::new(seed());
    let count = std::env::var("DIFFERENTIAL_SCHEMAS").ok().and_then(|text| text.parse().ok()).unwrap_or(3000);
    let schemas: Vec<Value> = (0..count).map(|at| any_document(&mut chance, 2 + at % 3)).collect();
    let values = judged(&schemas, 12, &mut chance);
    let outcome = run(&schemas, &values);
    outcome.report("random schemas");
    assert!(outcome.rejected_share() >= 0.995, "{:.3}", outcome.rejected_share());
}

fn seed() -> u64 {
    std::env::var("DIFFERENTIAL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn run(schemas: &[Value], values: &[Judged]) -> Outcome {
    let tools = schemas.iter().enumerate().map(|(at, schema)| answering(&format!("t{at}"), schema)).collect();
    let server = ServerDefinition::new("s", tools);
    let mut files = vec![("s.d.ts".to_owned(), declare(&[server], Detail::Brief).text)];
    // The compiler checks files in parallel, so each has a thousand lines.
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
fn the_generated_values_are_valid_and_invalid() {
    // A differential test without valid values would always pass.
    let mut chance = Chance::new(seed());
    let schemas: Vec<Value> = (0..100).map(|_| any_document(&mut chance, 3)).collect();
    let values = judged(&schemas, 12, &mut chance);
    let valid = values.iter().filter(|judged| judged.valid).count();
    assert!(valid * 5 > values.len() && valid * 5 < values.len() * 4, "{valid} of {}", values.len());
    assert!(schemas.iter().any(|schema| *schema != json!(true)));
}
