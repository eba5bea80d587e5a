//! Hostile lists, as text: they take time, or try to make a tool disappear.

mod support;

use std::time::{Duration, Instant};

use isolet_tsdefs::{Detail, ServerDefinition, ToolDefinition, declare_server, signature};
use serde_json::{Map, Value, json};
use support::alone;
use support::compiler::compile;

/// The time of one test, without optimisation, on a busy machine. Without the bounds, it took
/// minutes.
const MAX_TIME: Duration = Duration::from_secs(60);

fn read(tools: &str) -> ServerDefinition {
    let (server, skipped) = ServerDefinition::from_tools_list("s", tools).expect("a list");
    assert!(skipped.is_empty(), "{skipped:?}");
    server
}

fn declared(schema: &Value) -> String {
    declare_server(&ServerDefinition::new("s", vec![ToolDefinition::new("t", schema.clone())]), Detail::Full)
        .text
}

/// Returns twelve definitions under long pointers. Each of their properties is a conjunction of
/// others.
fn mesh(path: &str, last: impl Fn(&str) -> String) -> Map<String, Value> {
    let to = |name: &str| json!({ "$ref": format!("{path}{}", last(name)) });
    let object = |each: &dyn Fn(usize) -> Value| {
        let properties: Map<String, Value> = (0..12).map(|at| (format!("p{at}"), each(at))).collect();
        json!({ "type": "object", "properties": properties })
    };
    let mut all = Map::new();
    all.insert("N".to_owned(), object(&|at| to(&format!("M{at}"))));
    for row in 0..12 {
        let both = |at: usize| json!({ "allOf": [to(&format!("M{row}")), to(&format!("M{at}")), to("N")] });
        all.insert(format!("M{row}"), object(&both));
    }
    all
}

#[test]
fn long_pointers_are_followed_once() {
    let start = Instant::now();
    let levels = 40;
    let mut inner = Value::Object(mesh(&format!("#{}/", "/a".repeat(levels)), str::to_owned));
    for _ in 0..levels {
        inner = json!({ "a": inner });
    }
    inner["properties"] = json!({ "x": { "$ref": format!("#{}/N", "/a".repeat(levels)) } });
    let escaped = "~1%41".repeat(3000);
    let key = "/A".repeat(3000);
    let wide: Map<String, Value> = mesh(&format!("#/$defs/{escaped}"), str::to_owned)
        .into_iter()
        .map(|(name, schema)| (format!("{key}{name}"), schema))
        .collect();
    let wide = json!({ "properties": { "x": { "$ref": format!("#/$defs/{escaped}N") } }, "$defs": wide });
    for schema in [inner, wide] {
        assert!(declared(&schema).contains("p11"));
    }
    assert!(start.elapsed() < MAX_TIME, "{:?}", start.elapsed());
}

#[test]
fn many_bad_tools_share_what_one_may_take() {
    let start = Instant::now();
    let mut schema = json!({ "$ref": "#/$defs/N" });
    schema["$defs"] = Value::Object(mesh("#/$defs/", str::to_owned));
    let tools = (0..60).map(|at| ToolDefinition::new(format!("t{at}"), schema.clone())).collect();
    let server = ServerDefinition::new("s", tools);
    declare_server(&server, Detail::Full);
    assert!(start.elapsed() < MAX_TIME, "{:?}", start.elapsed());
}

#[test]
fn a_definition_that_the_strict_reader_refuses_keeps_its_schema() {
    let server = read(
        r#"[{"name": "lone", "description": "a\ud800b", "inputSchema": {"type": "object", "title": "\udfff",
        "properties": {"b": {"type": "number", "maximum": 1e999}}, "required": ["b"]}}]"#,
    );
    assert_eq!(server.tools[0].description.as_deref(), Some("a\u{fffd}b"));
    let line = signature("s", "lone", &server.tools[0], 1);
    assert!(line.starts_with("env.s.lone(input: { b: number }"), "{line}");
}

#[test]
fn depth_is_cut_with_a_note() {
    let opening =
        r#"{"type": "object", "required": ["a"], "additionalProperties": false, "properties": {"a": "#;
    for levels in [70, 10_000] {
        let list = format!(
            r#"[{{"name": "deep", "inputSchema": {}true{}}}]"#,
            opening.repeat(levels),
            "}}".repeat(levels)
        );
        let declared = declare_server(&read(&list), Detail::Full);
        assert!(declared.text.contains("deep(input: ") && declared.widened > 0, "{}", declared.text);
        assert!(declared.text.contains("widened: too large"), "{}", declared.text);
    }
}

#[test]
fn a_definition_does_not_hide_a_global_type() {
    let object = |name: &str| {
        json!({ "type": "object", "required": ["x"], "properties": {
        "x": { "type": "string" }, "f": { "$ref": format!("#/$defs/{name}") } } })
    };
    let schema = json!({ "type": "object", "properties": { "toString": { "type": "string" },
        "f": { "$ref": "#/$defs/Function" }, "p": { "$ref": "#/$defs/Promise" } },
        "$defs": { "Function": object("Function"), "Promise": object("Promise") } });
    let tool =
        ToolDefinition { output_schema: Some(schema.clone().into()), ..ToolDefinition::new("t", schema) };
    let text = declare_server(&ServerDefinition::new("s", vec![tool]), Detail::Full).text;
    let uses = "const none: Awaited<ReturnType<Env[\"s\"][\"t\"]>> = {};\n";
    let complaints = compile(&[("shadow.ts".into(), format!("{}{uses}", alone(&text)))]);
    assert!(complaints.is_empty(), "{complaints:#?}\n{text}");
}

#[test]
fn arguments_that_must_not_be_empty_are_required() {
    for schema in [
        json!({ "type": "object", "minProperties": 1 }),
        json!({ "allOf": [{ "$ref": "#/$defs/x" }], "$defs": { "x": { "minProperties": 2 } } }),
    ] {
        assert!(declared(&schema).contains("t(input: "), "{}", declared(&schema));
    }
    assert!(declared(&json!({ "type": "object", "minProperties": 0 })).contains("t(input?: "));
}

#[test]
fn an_excluded_property_name_is_never() {
    let schema = json!({ "type": "object", "propertyNames": { "not": { "const": "a" } } });
    assert!(declared(&schema).contains("a?: never"), "{}", declared(&schema));
}

#[test]
fn a_branch_with_a_pattern_is_not_open() {
    let schema = json!({ "properties": { "v": { "enum": [3, 4], "oneOf": [{ "multipleOf": 2 }, { "const": 3 }] },
        "w": { "enum": ["b", "ab"], "oneOf": [{ "pattern": "^a" }, { "const": "b" }] } } });
    let text = declared(&schema);
    assert!(text.contains("v?: 4 | 3;") && text.contains("w?: \"ab\" | \"b\";"), "{text}");
}
