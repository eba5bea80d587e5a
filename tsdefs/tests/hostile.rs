//! Hostile schemas: size, depth, explosion, confusion. Text and time stay bounded, and the
//! declarations compile.

mod support;

use std::time::{Duration, Instant};

use isolet_tsdefs::{Detail, ServerDefinition, ToolDefinition, declare, declare_server, signature};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use support::compiler::compile;
use support::generate::{Chance, any_document};
use support::{alone, answering};

/// The bytes of one tool: twice 24 KiB of types, and the description.
const MAX_TOOL_BYTES: usize = (2 * 24 + 9) << 10;

/// The time of one case without optimisation. An optimised build takes a tenth of it.
const MAX_TIME: Duration = Duration::from_secs(8);

/// Returns the declaration, made on a stack of the usual size of a thread. The test needs a larger
/// stack, because to clone or to drop a value recurses.
fn declared(schema: &Value) -> String {
    let mut tool = answering("t", schema);
    tool.input_schema = schema.clone().into();
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().stack_size(1 << 20);
        worker
            .spawn_scoped(scope, || declared_on_this_stack(tool))
            .expect("a thread")
            .join()
            .expect("no panic")
    })
}

fn with_a_large_stack(test: fn()) {
    let worker = std::thread::Builder::new().stack_size(1 << 30);
    worker.spawn(test).expect("a thread").join().expect("no panic");
}

fn declared_on_this_stack(tool: ToolDefinition) -> String {
    let start = Instant::now();
    let line = signature("s", "t", &tool, 1);
    assert!(line.len() < 600, "{} bytes of signature", line.len());
    let server = std::mem::ManuallyDrop::new(ServerDefinition::new("s", vec![tool]));
    let brief = declare_server(&server, Detail::Brief);
    let full = declare_server(&server, Detail::Full);
    println!("  {:?}, {} and {} bytes", start.elapsed(), brief.text.len(), full.text.len());
    assert!(start.elapsed() < MAX_TIME, "{:?}", start.elapsed());
    for text in [&brief.text, &full.text] {
        assert!(text.len() < MAX_TOOL_BYTES, "{} bytes", text.len());
    }
    assert!(brief.text.lines().all(|line| !line.contains("//") || line.contains("http")));
    alone(&full.text)
}

#[test]
fn declarations_of_hostile_schemas_are_bounded_and_compile() {
    with_a_large_stack(all_cases);
}

fn all_cases() {
    let nested = |depth: usize, wrap: fn(Value) -> Value| {
        let mut schema = json!({ "type": "string" });
        for _ in 0..depth {
            schema = wrap(schema);
        }
        schema
    };
    let many = |count: usize, each: fn(usize) -> (String, Value)| -> Map<String, Value> {
        (0..count).map(each).collect()
    };
    let cases: Vec<(&str, Value)> = vec![
        ("exponential chain of definitions", {
            let definitions = many(40, |at| {
                let next = json!({ "$ref": format!("#/$defs/d{}", at + 1) });
                (format!("d{at}"), json!({ "type": "object", "properties": { "left": next, "right": next } }))
            });
            json!({ "$ref": "#/$defs/d0", "$defs": definitions })
        }),
        ("exponential choices", {
            let choice = |at: usize| json!({ "anyOf": [{ "required": [format!("a{at}")] }, { "required": [format!("b{at}")] }] });
            json!({ "type": "object", "allOf": (0..60).map(choice).collect::<Vec<_>>() })
        }),
        ("dependencies of each on each", {
            let all = many(80, |at| (format!("k{at}"), json!([format!("k{}", (at * 7) % 80)])));
            json!({ "type": "object", "dependentRequired": all })
        }),
        ("ten thousand definitions", {
            let definitions = many(10_000, |at| {
                (
                    format!("d{at}"),
                    json!({ "type": "object", "properties": { "next": { "$ref": format!("#/$defs/d{}", (at + 1) % 10_000) } } }),
                )
            });
            json!({ "$ref": "#/$defs/d0", "$defs": definitions })
        }),
        ("twenty thousand properties", {
            json!({ "type": "object", "properties": many(20_000, |at| (format!("p{at}"), json!({ "type": "number" }))) })
        }),
        (
            "an enum of a hundred thousand",
            json!({ "enum": (0..100_000).map(|at| format!("e{at}")).collect::<Vec<_>>() }),
        ),
        ("ten megabytes of descriptions", {
            let text = "lorem */ ipsum ".repeat(70_000);
            json!({ "type": "object", "description": text, "properties": many(10, |at| (format!("p{at}"), json!({})))
                .into_iter().map(|(key, _)| (key, json!({ "description": text }))).collect::<Map<_, _>>() })
        }),
        ("long names and literals", {
            let long = "x".repeat(1 << 20);
            json!({ "type": "object", "required": [long], "properties": { (long.clone()): { "const": long } } })
        }),
        (
            "nesting of objects",
            nested(250, |inner| json!({ "type": "object", "properties": { "p": inner }, "required": ["p"] })),
        ),
        ("nesting of arrays", nested(250, |inner| json!({ "type": "array", "items": inner }))),
        ("nesting of choices", nested(250, |inner| json!({ "anyOf": [inner, { "type": "null" }] }))),
        ("nesting of negations", nested(250, |inner| json!({ "not": inner }))),
        ("nesting of allOf", nested(250, |inner| json!({ "allOf": [inner] }))),
        ("nesting of names", nested(250, |inner| json!({ "propertyNames": inner }))),
        (
            "nesting of conditions",
            nested(
                1000,
                |inner| json!({ "if": inner, "then": { "type": "string" }, "else": { "type": "null" } }),
            ),
        ),
        (
            "references in a circle",
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "allOf": [{ "$ref": "#/$defs/a" }] } } }),
        ),
        (
            "aliases in a circle",
            json!({ "$ref": "#/$defs/a", "$defs": {
            "a": { "anyOf": [{ "$ref": "#/$defs/b" }, { "type": "string" }] },
            "b": { "oneOf": [{ "$ref": "#/$defs/a" }, { "type": "number" }, { "$ref": "#/$defs/b" }] } } }),
        ),
        (
            "a contradiction of itself",
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "not": { "$ref": "#/$defs/a" } } } }),
        ),
        (
            "references to the network",
            json!({ "type": "object", "properties": {
            "a": { "$ref": "https://example.org/schema.json#/x" }, "b": { "$ref": "file:///etc/passwd" },
            "c": { "$ref": "*/ }; declare const x: any; /*" }, "d": { "$dynamicRef": "#nowhere" } } }),
        ),
        (
            "hostile patterns",
            json!({ "type": "object", "properties": { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": {} },
            "patternProperties": { "^(a+)+$": { "type": "string" }, "(x{1000}){1000}": { "type": "number" }, "[": {}, "`${": {} } }),
        ),
        (
            "names that shadow",
            json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/Promise" }, "b": { "$ref": "#/$defs/Array" } },
            "$defs": { "Promise": { "type": "array", "items": { "$ref": "#/$defs/Promise" } },
                "Array": { "type": "object", "properties": { "x": { "$ref": "#/$defs/Array" } } } } }),
        ),
        (
            "names that collide",
            json!({ "type": "array", "prefixItems": [{ "$ref": "#/$defs/a-b" }, { "$ref": "#/$defs/a.b" },
            { "$ref": "#/$defs/創建" }, { "$ref": "#/$defs/用戶" }, { "$ref": "#/$defs/t" }], "$defs": {
            "a-b": { "type": "array", "items": { "$ref": "#/$defs/a-b" } },
            "a.b": { "type": "object", "properties": { "x": { "$ref": "#/$defs/a.b" } } },
            "創建": { "type": "object", "properties": { "x": { "$ref": "#/$defs/創建" } } },
            "用戶": { "type": "array", "items": { "$ref": "#/$defs/用戶" } },
            "t": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/t" } } } }),
        ),
        (
            "keywords of the wrong kind",
            json!({ "type": 3, "properties": [1], "required": "a", "items": "x", "enum": {}, "anyOf": {},
            "allOf": [3, null, []], "$ref": 5, "additionalProperties": "no", "minItems": -1, "patternProperties": { "(": 1 }, "not": 7 }),
        ),
    ];
    let mut files = Vec::new();
    let mut names = Vec::new();
    for (name, schema) in cases {
        println!("{name}");
        files.push((format!("case-{}.ts", names.len()), declared(&schema)));
        names.push(name);
    }
    let complaints = compile(&files);
    assert!(complaints.is_empty(), "{names:#?} {complaints:#?}");
}

#[test]
fn a_nesting_of_ten_thousand_is_cut() {
    let mut schema = json!({ "type": "string" });
    for _ in 0..10_000 {
        let mut map = Map::new();
        map.insert("items".to_owned(), schema);
        map.insert("type".to_owned(), json!("array"));
        schema = Value::Object(map);
    }
    let tool = std::mem::ManuallyDrop::new(ToolDefinition::new("deep", schema));
    let server = std::mem::ManuallyDrop::new(ServerDefinition {
        name: "s".to_owned(),
        description: None,
        // The tool is moved, because to clone it recurses.
        offers: isolet_tsdefs::Offers::default(),
        tools: vec![std::mem::ManuallyDrop::into_inner(tool)],
    });
    let declared = declare_server(&server, Detail::Full);
    assert!(declared.widened > 0 && declared.text.len() < MAX_TOOL_BYTES);
}

#[test]
fn a_network_reference_has_a_note() {
    let schema = json!({ "type": "object", "properties": { "a": { "$ref": "https://example.org/x" } } });
    let text = declared(&schema);
    assert!(text.contains("a?: unknown /** widened: unresolved https://example.org/x */"), "{text}");
}

/// Generates any JSON, with keywords of JSON Schema among the keys.
fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 24] = [
        "type",
        "properties",
        "items",
        "anyOf",
        "allOf",
        "oneOf",
        "not",
        "$ref",
        "$defs",
        "enum",
        "const",
        "required",
        "additionalProperties",
        "patternProperties",
        "prefixItems",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "unevaluatedProperties",
        "dependentSchemas",
        "$id",
        "description",
    ];
    let text = prop_oneof![
        prop::sample::select(vec![
            "object",
            "array",
            "string",
            "#",
            "#/$defs/a",
            "#/properties/b",
            "a",
            "*/",
            "__proto__"
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        text.clone().prop_map(Value::String),
    ];
    let key = prop_oneof![3 => prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned), 1 => text];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_a_schema(schema in any_json(), name in ".{1,12}", description in ".{0,40}") {
        let mut tool = answering(&name, &schema);
        tool.input_schema = schema.into();
        tool.description = Some(description);
        signature(&name, &name, &tool, 1);
        let server = ServerDefinition::new(name, vec![tool]);
        for detail in Detail::ALL {
            let declared = declare_server(&server, detail);
            prop_assert!(declared.text.len() < MAX_TOOL_BYTES);
        }
    }
}

/// Compiles a sample of the values of the property test in one run.
#[test]
fn any_value_compiles() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut chance = Chance::new(7);
    let mut tools = Vec::new();
    for at in 0..400 {
        let schema = match at % 2 {
            0 => any_json().new_tree(&mut runner).expect("a value").current(),
            _ => any_document(&mut chance, 4),
        };
        let mut tool = answering(&format!("t-{at}"), &schema);
        tool.description = Some(".{0,9}".new_tree(&mut runner).expect("a text").current());
        tool.input_schema = schema.into();
        tools.push(tool);
    }
    let server = ServerDefinition::new("any", tools);
    for detail in [Detail::Brief, Detail::Full] {
        let text = declare(std::slice::from_ref(&server), detail).text;
        let complaints = compile(&[("any.d.ts".into(), text.clone())]);
        let shown = complaints.first().and_then(|complaint| text.lines().nth(complaint.line - 1));
        assert!(complaints.is_empty(), "{detail}: {complaints:#?}\n{shown:?}");
    }
}
