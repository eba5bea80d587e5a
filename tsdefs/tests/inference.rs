//! Inferred result types: every observed value belongs to the type, and the type has nothing of the
//! values.

mod support;

use isolet_tsdefs::inference::Shape;
use isolet_tsdefs::{Detail, ServerDefinition, ToolDefinition, declare};
use serde_json::{Map, Value, json};
use support::compiler::compile;
use support::generate::{Chance, any_value, mutated};
use support::{expression, result_type};

/// A mark in every string, and in every key that is not a name.
const MARK: &str = "zebra";

/// Returns the value with marked strings, and sometimes a key that is data.
fn marked(chance: &mut Chance, value: Value) -> Value {
    match value {
        Value::String(text) => json!(format!("{text}{MARK}{}", chance.below(1000))),
        Value::Array(items) => items.into_iter().map(|item| marked(chance, item)).collect(),
        Value::Object(members) => {
            let mut members: Map<String, Value> =
                members.into_iter().map(|(key, value)| (key, marked(chance, value))).collect();
            if chance.one_in(8) {
                let key = *chance.pick(&["zebra@example.org", "a zebra", "2026-11-zebra", "zebra/1"]);
                members.insert(key.to_owned(), json!(chance.below(9)));
            }
            if chance.one_in(8) {
                members.insert((*chance.pick(&["constructor", "toString", "then"])).to_owned(), json!(1));
            }
            members.into()
        }
        other => other,
    }
}

fn tool(name: &str, shape: &Shape) -> ToolDefinition {
    ToolDefinition {
        output_schema: Some(shape.to_schema().into()),
        output_inferred: true,
        ..ToolDefinition::new(name, json!({ "type": "object" }))
    }
}

#[test]
fn observed_values_belong_to_the_inferred_type() {
    let mut chance = Chance::new(7);
    let mut tools = Vec::new();
    let mut lines = String::new();
    let mut fed = 0;
    for at in 0..600 {
        let mut shape = Shape::default();
        let name = format!("t{at}");
        let first = any_value(&mut chance, 4);
        let mut values = vec![marked(&mut chance, first)];
        for _ in 0..chance.below(5) {
            let next =
                if chance.one_in(3) { any_value(&mut chance, 3) } else { mutated(&mut chance, &values[0]) };
            values.push(marked(&mut chance, next));
        }
        for value in &values {
            shape.merge(&Shape::of_json(value.to_string().as_bytes()).expect("JSON"));
            let mut again = shape.clone();
            assert!(!again.merge(&Shape::of(value)), "{value} is not in {shape:?}");
        }
        let known = format!("{shape:?}{}", shape.to_schema());
        assert!(!known.contains(MARK), "{known}");
        for value in &values {
            fed += 1;
            lines.push_str(&format!(
                "{{ const value: {} = {}; }}\n",
                result_type("s", &name),
                expression(value)
            ));
        }
        tools.push(tool(&name, &shape));
    }
    let server = ServerDefinition::new("s", tools);
    for detail in [Detail::Brief, Detail::Full] {
        let text = declare(std::slice::from_ref(&server), detail).text;
        assert!(!text.contains(MARK));
        let complaints =
            compile(&[("s.d.ts".into(), text), ("values.ts".into(), format!("{lines}export {{}};\n"))]);
        assert!(complaints.is_empty(), "of {fed} values: {:#?}", &complaints[..complaints.len().min(5)]);
    }
}

#[test]
fn an_inferred_type_is_marked_and_refuses_other_uses() {
    let shape = Shape::of(&json!({ "files": [{ "path": "a.txt", "size": 12 }], "next": null }));
    let server = ServerDefinition::new("s", vec![tool("list", &shape)]);
    let brief = declare(std::slice::from_ref(&server), Detail::Brief).text;
    assert!(
        brief.contains(
            "list(input?: object): Observed<{ files: { path: string; size: number }[]; next: unknown }>;"
        ),
        "{brief}"
    );
    assert!(brief.contains("/** Resolves to what was observed, not promised. */"), "{brief}");
    let full = declare(std::slice::from_ref(&server), Detail::Full).text;
    assert!(full.contains("Observed<{ files: { path: string; size: number }[]; next: unknown }>"), "{full}");
    let right = "const r: string = (await env.s.list()).files[0].path;";
    let wrong = "const r: string = (await env.s.list()).files[0].size;";
    let complaints = compile(&[
        ("s.d.ts".into(), full),
        ("uses.ts".into(), format!("{right}\n{wrong}\nexport {{}};\n").replace("const r", "var r")),
    ]);
    let lines: Vec<usize> = complaints.iter().map(|complaint| complaint.line).collect();
    assert_eq!(lines, [2], "{complaints:#?}");
}

#[test]
fn hostile_names_are_escaped() {
    let hostile = json!({ "__proto__": { "constructor": 1 }, "a*/": 1 });
    let mut value = Map::new();
    value.insert("__proto__".into(), json!({ "then": "x" }));
    value.insert("ключ".into(), json!([1]));
    value.insert("a-b".into(), json!(true));
    let tools = vec![tool("a", &Shape::of(&hostile)), tool("b", &Shape::of(&value.into()))];
    let text = declare(&[ServerDefinition::new("s", tools)], Detail::Full).text;
    assert!(!text.contains("a*/"), "{text}");
    let complaints = compile(&[("s.d.ts".into(), text)]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
