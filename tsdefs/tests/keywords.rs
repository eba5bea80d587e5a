//! A snapshot of the type of each keyword, and of combinations that are easy to get wrong.
//!
//! The TypeScript compiler checks all of them. The differential test has valid and invalid values.

mod support;

use isolet_tsdefs::{Detail, ServerDefinition, declare};
use serde_json::{Value, json};
use support::answering;
use support::compiler::compile;

/// Returns the cases: name and schema.
fn cases() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "number" });
    let with = |key: &str, value: Value| json!({ "type": "object", "properties": { "a": number(), "b": text() }, key: value });
    vec![
        ("type", json!({ "type": "string" })),
        ("type integer", json!({ "type": "integer" })),
        ("type list", json!({ "type": ["string", "null", "array"] })),
        ("true", json!(true)),
        ("false", json!(false)),
        ("empty", json!({})),
        ("const", json!({ "const": "x" })),
        ("const object", json!({ "const": { "a": [1, null] } })),
        ("enum", json!({ "enum": ["a", 1, true, null] })),
        ("enum of another type", json!({ "type": "string", "enum": ["a", 1] })),
        ("enum and minimum", json!({ "enum": [1, 2, 3], "minimum": 2 })),
        ("enum and maximum", json!({ "enum": [1, 2, 3], "maximum": 2 })),
        ("enum and exclusiveMinimum", json!({ "enum": [1, 2, 3], "exclusiveMinimum": 2 })),
        ("enum and exclusiveMaximum", json!({ "enum": [1, 2, 3], "exclusiveMaximum": 2 })),
        ("enum and multipleOf", json!({ "enum": [1, 2, 3], "multipleOf": 2 })),
        ("enum and minLength", json!({ "enum": ["", "x"], "minLength": 1 })),
        ("nullable", json!({ "type": "string", "nullable": true })),
        ("properties", with("title", json!("T"))),
        ("required", with("required", json!(["a"]))),
        ("required without a schema", with("required", json!(["c"]))),
        ("additionalProperties false", with("additionalProperties", json!(false))),
        ("additionalProperties of one type", json!({ "type": "object", "additionalProperties": number() })),
        (
            "additionalProperties beside another type",
            with("additionalProperties", json!({ "type": "boolean" })),
        ),
        (
            "patternProperties prefix",
            json!({ "type": "object", "patternProperties": { "^x-": number() }, "additionalProperties": false }),
        ),
        (
            "patternProperties names",
            json!({ "type": "object", "patternProperties": { "^(a|b)$": number() }, "additionalProperties": false }),
        ),
        (
            "patternProperties class",
            json!({ "type": "object", "patternProperties": { "^[a-z]+$": number() }, "additionalProperties": false }),
        ),
        (
            "propertyNames",
            json!({ "type": "object", "propertyNames": { "enum": ["a", "b"] }, "additionalProperties": number() }),
        ),
        ("minProperties maxProperties", json!({ "type": "object", "minProperties": 1, "maxProperties": 0 })),
        (
            "unevaluatedProperties",
            json!({ "allOf": [with("required", json!(["a"]))], "properties": { "c": {} }, "unevaluatedProperties": false }),
        ),
        ("dependentRequired", with("dependentRequired", json!({ "a": ["b"] }))),
        ("dependentSchemas", with("dependentSchemas", json!({ "a": { "required": ["c"] } }))),
        (
            "dependencies in draft-07",
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": { "a": {} }, "dependencies": { "a": ["b"] } }),
        ),
        ("items", json!({ "type": "array", "items": text() })),
        ("items false", json!({ "type": "array", "items": false })),
        ("prefixItems open", json!({ "type": "array", "prefixItems": [text(), number()] })),
        (
            "prefixItems closed",
            json!({ "type": "array", "prefixItems": [text(), number()], "items": false, "minItems": 2 }),
        ),
        (
            "items list and additionalItems",
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [text()], "additionalItems": number() }),
        ),
        ("minItems", json!({ "type": "array", "items": text(), "minItems": 1 })),
        (
            "minItems of a long item",
            json!({ "type": "array", "minItems": 2, "items": with("required", json!(["a", "b"])) }),
        ),
        ("maxItems", json!({ "type": "array", "items": text(), "maxItems": 2 })),
        ("contains", json!({ "type": "array", "contains": text() })),
        ("minContains 0", json!({ "type": "array", "contains": text(), "minContains": 0 })),
        ("maxContains", json!({ "type": "array", "contains": text(), "maxContains": 1 })),
        ("unevaluatedItems", json!({ "type": "array", "prefixItems": [text()], "unevaluatedItems": false })),
        ("uniqueItems", json!({ "type": "array", "items": text(), "uniqueItems": true })),
        (
            "ranges, lengths, pattern, format",
            json!({ "type": ["string", "number"], "minimum": 1, "maxLength": 3, "pattern": "x", "format": "uri" }),
        ),
        (
            "allOf",
            json!({ "allOf": [{ "properties": { "a": text() }, "required": ["a"] }, { "properties": { "b": number() } }], "type": "object" }),
        ),
        ("allOf that contradicts", json!({ "allOf": [text(), number()] })),
        ("anyOf", json!({ "anyOf": [text(), number()] })),
        (
            "anyOf of required",
            json!({ "type": "object", "properties": { "a": text(), "b": text() }, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
        ),
        (
            "oneOf with a discriminant",
            json!({ "oneOf": [
            { "type": "object", "properties": { "kind": { "const": "a" }, "x": number() }, "required": ["kind"], "additionalProperties": false },
            { "type": "object", "properties": { "kind": { "const": "b" }, "y": text() }, "required": ["kind"], "additionalProperties": false }] }),
        ),
        (
            "oneOf with shared properties",
            json!({ "type": "object", "properties": { "id": text() }, "required": ["id"], "oneOf": [
            { "properties": { "a": number() }, "required": ["a"] }, { "properties": { "b": number() }, "required": ["b"] }] }),
        ),
        (
            "oneOf that overlaps in a kind",
            json!({ "oneOf": [{ "type": ["string", "array"] }, { "type": ["string", "number"] }] }),
        ),
        ("not a kind", json!({ "not": { "type": ["string", "object"] } })),
        (
            "not required",
            json!({ "type": "object", "properties": { "a": text() }, "not": { "required": ["a", "b"] } }),
        ),
        ("not a length", json!({ "type": "array", "items": text(), "not": { "maxItems": 1 } })),
        (
            "not an item",
            json!({ "type": "array", "not": { "contains": { "type": "null" } }, "items": { "type": ["string", "null"] } }),
        ),
        (
            "if then else",
            json!({ "type": "object", "properties": { "kind": { "enum": ["a", "b"] } }, "required": ["kind"],
            "if": { "properties": { "kind": { "const": "a" } } }, "then": { "required": ["x"] }, "else": { "required": ["y"] } }),
        ),
        (
            "$ref beside keywords",
            json!({ "$ref": "#/$defs/d", "required": ["b"], "$defs": { "d": with("required", json!(["a"])) } }),
        ),
        (
            "$ref beside keywords in draft-07",
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/d", "required": ["b"], "definitions": { "d": with("required", json!(["a"])) } }),
        ),
        (
            "$ref to a property",
            json!({ "type": "object", "properties": { "a": text(), "b": { "$ref": "#/properties/a" } } }),
        ),
        ("$ref to nowhere", json!({ "$ref": "#/$defs/none" })),
        ("$ref to the network", json!({ "$ref": "https://example.org/schema.json" })),
        ("$anchor", json!({ "$ref": "#here", "$defs": { "d": { "$anchor": "here", "type": "number" } } })),
        (
            "recursion",
            json!({ "$ref": "#/$defs/tree", "$defs": { "tree": { "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } } }, "additionalProperties": false } } }),
        ),
        (
            "mutual recursion",
            json!({ "$ref": "#/$defs/a", "$defs": {
            "a": { "anyOf": [{ "type": "null" }, { "type": "array", "items": { "$ref": "#/$defs/b" } }] },
            "b": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/a" }] } } }),
        ),
        (
            "a cycle of names",
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } }),
        ),
        (
            "$dynamicRef",
            json!({ "$id": "https://example.org/list", "type": "array", "items": { "$dynamicRef": "#item" }, "$defs": { "item": { "$dynamicAnchor": "item", "type": "number" } } }),
        ),
        (
            "$recursiveRef",
            json!({ "$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true, "type": "object", "properties": { "next": { "$recursiveRef": "#" } } }),
        ),
        (
            "odd names",
            json!({ "type": "object", "properties": { "a-b": {}, "__proto__": text(), "constructor": number(), "1": {}, "": {}, "\u{2028}*/": {} }, "additionalProperties": false }),
        ),
    ]
}

/// Returns the name of the tool of a case. Names of types are made from it, so that a new case
/// changes those of no other.
fn tool_name(case: &str) -> String {
    case.replace(|letter: char| !letter.is_alphanumeric(), "_")
}

#[test]
fn each_keyword_has_its_type() {
    let cases = cases();
    let tools = cases.iter().map(|(name, schema)| answering(&tool_name(name), schema)).collect();
    let text = declare(&[ServerDefinition::new("s", tools)], Detail::Brief).text;
    let results = text.lines().filter_map(|line| {
        let (tool, result) = line.trim().split_once('(')?;
        let (name, schema) = cases.iter().find(|(name, _)| tool_name(name) == tool)?;
        let result = result.split_once("): Promise<")?.1.strip_suffix(">;")?;
        Some(format!("{name}\n    {schema}\n    {result}\n"))
    });
    let mut shown: Vec<String> = results.collect();
    assert_eq!(shown.len(), cases.len());
    if let Some((_, definitions)) = text.split_once("declare namespace S {") {
        shown.push(format!(
            "definitions\n{}",
            definitions.split("\ninterface Env").next().unwrap_or_default()
        ));
    }
    insta::assert_snapshot!("each_keyword", shown.join("\n"));
    let complaints = compile(&[("s.d.ts".into(), text)]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
