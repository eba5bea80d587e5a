//! The official JSON-Schema-Test-Suite: each schema becomes a declaration that compiles, its valid
//! examples are accepted, and a share of its invalid examples is rejected.

mod support;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use isolet_tsdefs::{Detail, ServerDefinition, declare};
use serde_json::{Value, json};
use support::compiler::compile;
use support::{answering, data, expression, result_type};

/// An example of the suite.
struct Example {
    title: String,
    tool: usize,
    value: Value,
    valid: bool,
}

#[test]
fn draft7_examples_are_accepted() {
    check("draft7", Some("http://json-schema.org/draft-07/schema#"), 0.66);
}

#[test]
fn draft2020_12_examples_are_accepted() {
    check("draft2020-12", None, 0.63);
}

fn check(draft: &str, dialect: Option<&str>, least_rejected: f64) {
    let (server, examples) = read(&data("json-schema-test-suite").join(draft), dialect);
    let declared = declare(std::slice::from_ref(&server), Detail::Full);
    let lines: String = examples
        .iter()
        .map(|example| {
            let wanted = result_type("suite", &format!("t{}", example.tool));
            format!("{{ const value: {wanted} = {}; }}\n", expression(&example.value))
        })
        .collect();
    let complaints = compile(&[
        ("suite.d.ts".into(), declared.text.clone()),
        ("examples.ts".into(), lines + "export {};\n"),
    ]);
    let broken: Vec<_> = complaints.iter().filter(|complaint| complaint.file != "examples.ts").collect();
    assert!(broken.is_empty(), "declarations do not compile: {broken:#?}");

    let messages: HashMap<usize, &str> =
        complaints.iter().map(|complaint| (complaint.line - 1, complaint.message.as_str())).collect();
    let refused: Vec<String> = examples
        .iter()
        .enumerate()
        .filter(|(at, example)| example.valid && messages.contains_key(at))
        .map(|(at, example)| format!("{}: {}: {}", example.title, example.value, messages[&at]))
        .collect();
    assert!(refused.is_empty(), "{} valid examples are refused:\n{}", refused.len(), refused.join("\n"));

    let invalid: Vec<usize> = (0..examples.len()).filter(|at| !examples[*at].valid).collect();
    let rejected = invalid.iter().filter(|at| messages.contains_key(at)).count();
    let share = rejected as f64 / invalid.len() as f64;
    println!(
        "{draft}: {} schemas, {} valid examples accepted, {rejected} of {} invalid ones rejected ({:.1}%), {} widened",
        server.tools.len(),
        examples.len() - invalid.len(),
        invalid.len(),
        share * 100.0,
        declared.widened,
    );
    if std::env::var_os("SUITE_LIST").is_some() {
        let missed: HashSet<usize> = invalid.into_iter().filter(|at| !messages.contains_key(at)).collect();
        for (at, example) in examples.iter().enumerate().filter(|(at, _)| missed.contains(at)) {
            println!("accepted though invalid, line {}: {}: {}", at + 1, example.title, example.value);
        }
    }
    assert!(share >= least_rejected, "only {share:.3} of the invalid examples are rejected");
}

fn read(folder: &Path, dialect: Option<&str>) -> (ServerDefinition, Vec<Example>) {
    let mut files: Vec<_> = Vec::new();
    // `optional/format` is left out, because no type expresses a format.
    for place in [folder.to_owned(), folder.join("optional")] {
        let entries = fs::read_dir(&place).expect("the folder tests/data/json-schema-test-suite");
        files.extend(entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()));
    }
    files.sort();
    let mut server = ServerDefinition::new("suite", Vec::new());
    let mut examples = Vec::new();
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let groups: Value = match serde_json::from_str(&fs::read_to_string(&file).expect("a suite file")) {
            Ok(groups) => groups,
            // Numbers outside the range of a double cannot be read.
            Err(_) => continue,
        };
        for group in groups.as_array().expect("groups") {
            let mut schema = group["schema"].clone();
            if let (Some(dialect), Some(map)) = (dialect, schema.as_object_mut()) {
                map.entry("$schema").or_insert(json!(dialect));
            }
            let tool = server.tools.len();
            server.tools.push(answering(&format!("t{tool}"), &schema));
            for test in group["tests"].as_array().expect("tests") {
                examples.push(Example {
                    title: format!("{name}: {}: {}", group["description"], test["description"]),
                    tool,
                    value: test["data"].clone(),
                    valid: test["valid"] == json!(true),
                });
            }
        }
    }
    (server, examples)
}
