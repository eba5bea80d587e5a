//! A comparison with the generator of `@cloudflare/codemode`: the cost of the declarations, whether
//! they compile, and the values that they accept.
//!
//! The test prints the figures that `docs/declarations.md` has, and asserts only claims about
//! isolet.

mod support;

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use isolet_tsdefs::tokens::{TokenCounts, costs, counts};
use isolet_tsdefs::{Detail, ServerDefinition, declare};
use serde_json::{Value, json};
use support::compiler::compile;
use support::generate::{Chance, any_document};
use support::judge::{Judged, judged, real_schemas};
use support::{answering, expression, npm, real_servers, result_type};

/// Returns the declarations of that generator: one text for each list of tools.
fn theirs(lists: &[Vec<Value>]) -> Vec<String> {
    let folder = npm::installed("codemode");
    let script = folder.join("generate.mjs");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codemode/generate.mjs");
    std::fs::copy(source, &script).expect("a copy of the script beside the packages");
    let mut node = Command::new("node")
        .arg("--no-warnings")
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let input = json!(lists).to_string();
    let mut stdin = node.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).expect("node reads"));
    let output = node.wait_with_output().expect("node ends");
    writer.join().expect("all is written");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("texts")
}

/// Returns a tool in the format of that generator.
fn tool(name: &str, description: Option<&str>, input: &Value, output: Option<&Value>) -> Value {
    json!({ "name": name, "description": description, "inputSchema": input, "outputSchema": output })
}

#[test]
fn tokens_and_compilation() {
    let servers = real_servers();
    let lists: Vec<Vec<Value>> = servers
        .iter()
        .map(|server| {
            let tools = server.tools.iter();
            tools
                .map(|known| {
                    let description = known.description.as_deref();
                    let output = known.output_schema.as_ref().map(|schema| schema.read());
                    tool(&known.name, description, &known.input_schema.read(), output.as_deref())
                })
                .collect()
        })
        .collect();
    let texts = theirs(&lists);
    let count = lists.iter().map(Vec::len).sum::<usize>() as f64;
    let sum = texts.iter().map(|text| counts(text)).fold(TokenCounts::default(), |sum, one| TokenCounts {
        o200k: sum.o200k + one.o200k,
        cl100k: sum.cl100k + one.cl100k,
    });
    let mean = |counts: TokenCounts| (counts.o200k as f64 / count, counts.cl100k as f64 / count);
    let ours = costs(&servers);
    for (what, counts) in [("codemode", sum), ("ours, brief", ours.brief), ("ours, full", ours.full)] {
        println!("{what}: {:.1} o200k, {:.1} cl100k a tool", mean(counts).0, mean(counts).1);
    }
    // The tools of one server are one text, which is compiled on its own.
    let files: Vec<(String, String)> = texts
        .iter()
        .zip(&servers)
        .map(|(text, server)| (format!("{}.ts", server.name), format!("{text}\nexport {{}};\n")))
        .collect();
    let complaints = compile(&files);
    let broken: HashSet<&str> = complaints.iter().map(|complaint| complaint.file.as_str()).collect();
    println!("codemode: {} of {} texts do not compile: {broken:?}", broken.len(), files.len());
    complaints.iter().take(5).for_each(|complaint| println!("    {}: {}", complaint.file, complaint.message));
}

/// The values that declarations refuse, by position, and the schemas whose declarations do not
/// compile.
struct Judgement {
    refused: HashSet<usize>,
    /// The refused values with a key that the declaration does not list.
    further_key: HashSet<usize>,
    broken: HashSet<usize>,
}

const FURTHER_KEY: &str = "Object literal may only specify known properties";

fn judgement_of_theirs(schemas: &[Value], values: &[Judged]) -> Judgement {
    let lists: Vec<Vec<Value>> =
        schemas.iter().map(|schema| vec![tool("probe", None, schema, None)]).collect();
    let mut files: Vec<(String, String)> = theirs(&lists)
        .into_iter()
        .enumerate()
        .map(|(at, text)| (format!("v{at}.ts"), format!("{text}\nexport {{}};\n")))
        .collect();
    let before: Vec<usize> = files.iter().map(|(_, text)| text.lines().count()).collect();
    let mut places: HashMap<(usize, usize), usize> = HashMap::new();
    for (at, judged) in values.iter().enumerate() {
        let text = &mut files[judged.schema].1;
        places.insert((judged.schema, text.lines().count() + 1), at);
        text.push_str(&format!("{{ const value: ProbeInput = {}; }}\n", expression(&judged.value)));
    }
    let mut found =
        Judgement { refused: HashSet::new(), further_key: HashSet::new(), broken: HashSet::new() };
    for complaint in compile(&files) {
        let schema = complaint.file.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
        match places.get(&(schema, complaint.line)) {
            Some(at) => {
                found.refused.insert(*at);
                if complaint.message.contains(FURTHER_KEY) {
                    found.further_key.insert(*at);
                }
            }
            None if complaint.line <= before[schema] => drop(found.broken.insert(schema)),
            None => {}
        }
    }
    found
}

fn judgement_of_ours(schemas: &[Value], values: &[Judged]) -> Judgement {
    let tools = schemas.iter().enumerate().map(|(at, schema)| answering(&format!("t{at}"), schema)).collect();
    let text = declare(&[ServerDefinition::new("s", tools)], Detail::Brief).text;
    let lines: String = values
        .iter()
        .map(|judged| {
            let wanted = result_type("s", &format!("t{}", judged.schema));
            format!("{{ const value: {wanted} = {}; }}\n", expression(&judged.value))
        })
        .collect();
    let complaints =
        compile(&[("s.d.ts".into(), text), ("values.ts".into(), format!("{lines}export {{}};\n"))]);
    assert!(complaints.iter().all(|complaint| complaint.file == "values.ts"));
    Judgement {
        refused: complaints.iter().map(|complaint| complaint.line - 1).collect(),
        further_key: HashSet::new(),
        broken: HashSet::new(),
    }
}

#[test]
fn values() {
    let mut chance = Chance::new(1);
    let random: Vec<Value> = (0..600).map(|at| any_document(&mut chance, 2 + at % 3)).collect();
    for (what, schemas, each) in [("real schemas", real_schemas(), 24), ("random schemas", random, 12)] {
        let values = judged(&schemas, each, &mut Chance::new(1));
        for (who, found) in [
            ("codemode", judgement_of_theirs(&schemas, &values)),
            ("ours", judgement_of_ours(&schemas, &values)),
        ] {
            // Values of a declaration that does not compile are not counted.
            let counted = || {
                let usable = values.iter().enumerate().filter(|(_, v)| !found.broken.contains(&v.schema));
                usable.map(|(at, value)| (value, found.refused.contains(&at)))
            };
            let share = |of: &dyn Fn(&Judged) -> bool| {
                let of: Vec<bool> =
                    counted().filter(|(value, _)| of(value)).map(|(_, refused)| refused).collect();
                (of.iter().filter(|refused| **refused).count(), of.len())
            };
            let (valid, invalid) = (share(&|v| v.valid), share(&|v| !v.valid && !v.waived));
            let schemas_that_refuse: HashSet<usize> =
                counted().filter(|(value, refused)| value.valid && *refused).map(|(v, _)| v.schema).collect();
            let further_key = found.further_key.iter().filter(|at| values[**at].valid).count();
            println!(
                "{what}, {who}: {} of {} declarations do not compile; {} of {} valid values refused ({further_key} for a further key), under {} schemas; {:.2}% of {} invalid ones rejected",
                found.broken.len(),
                schemas.len(),
                valid.0,
                valid.1,
                schemas_that_refuse.len(),
                100.0 * invalid.0 as f64 / invalid.1.max(1) as f64,
                invalid.1,
            );
            assert!(who == "codemode" || valid.0 == 0, "ours refuses valid values");
        }
    }
}
