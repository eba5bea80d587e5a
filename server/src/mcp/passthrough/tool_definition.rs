//! The definition of an upstream tool, adapted to what clients accept: many refuse a whole list
//! because of one unusual definition.

use rmcp::model::Tool;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::{input_schema, output_schema};

/// The optional fields of a definition.
const OPTIONAL_FIELDS: [&str; 6] = ["title", "description", "outputSchema", "annotations", "icons", "_meta"];

/// Returns the definition under another name. An optional field that is invalid is left out.
/// Returns `None` if the value is not a definition.
pub fn adapt(definition: Value, name: &str) -> Option<Tool> {
    let Value::Object(mut given) = definition else { return None };
    let mut schema = match given.remove("inputSchema") {
        Some(Value::Object(schema)) => schema,
        _ => Map::new(),
    };
    // The protocol requires an object, whatever the definition has.
    schema.insert("type".to_owned(), "object".into());
    input_schema::merge_alternatives(&mut schema);
    normalise(&mut schema);
    let mut whole = Map::from_iter([
        ("name".to_owned(), Value::from(name)),
        ("inputSchema".to_owned(), Value::Object(schema)),
    ]);
    for field in OPTIONAL_FIELDS {
        let Some(mut value) = given.remove(field) else { continue };
        if let (true, Some(schema)) = (field.ends_with("Schema"), value.as_object_mut()) {
            normalise(schema);
            // Two schemas with the same `$id` are an error for some validators, and nothing refers
            // to it.
            if schema.get("$id").is_some_and(Value::is_string) {
                schema.remove("$id");
            }
        }
        if field == "outputSchema" && !output_schema::compiles(&value) {
            continue;
        }
        whole.insert(field.to_owned(), value);
    }
    Tool::deserialize(&whole).ok().or_else(|| {
        whole.retain(|field, value| !OPTIONAL_FIELDS.contains(&field.as_str()) || is_valid(field, value));
        Tool::deserialize(&whole).ok()
    })
}

/// Returns `true` if the field is valid.
fn is_valid(field: &str, value: &Value) -> bool {
    Tool::deserialize(&json!({ "name": "x", "inputSchema": {}, field: value })).is_ok()
}

/// Normalises the top level of a schema to what clients validate: `required` is a list of strings,
/// `properties` an object of objects. `true` and `false` are replaced by equivalent objects.
fn normalise(schema: &mut Map<String, Value>) {
    if schema.get("$schema").is_some_and(|name| !name.is_string()) {
        schema.remove("$schema");
    }
    if let Some(required) = schema.get_mut("required") {
        match required {
            Value::Array(names) => names.retain(Value::is_string),
            _ => drop(schema.remove("required")),
        }
    }
    let Some(properties) = schema.get_mut("properties") else { return };
    let Some(all) = properties.as_object_mut() else {
        schema.remove("properties");
        return;
    };
    for property in all.values_mut().filter(|property| !property.is_object()) {
        *property = if *property == Value::Bool(false) { json!({ "not": {} }) } else { json!({}) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_fields_are_left_out_one_by_one() {
        let odd = json!({
            "name": "x", "title": 5, "annotations": 7, "description": "kept", "_meta": { "kept": true },
            "outputSchema": { "type": "object", "required": "no list" }, "inputSchema": null, "execution": "?"
        });
        let tool = adapt(odd, "s__x").unwrap();
        let expected = json!({
            "name": "s__x", "description": "kept", "_meta": { "kept": true },
            "outputSchema": { "type": "object" }, "inputSchema": { "type": "object" }
        });
        assert_eq!(serde_json::to_value(&tool).unwrap(), expected);
    }

    #[test]
    fn the_input_schema_is_an_object_of_objects() {
        for (given, expected) in [
            (json!({}), json!({ "type": "object" })),
            (json!({ "type": ["object", "null"] }), json!({ "type": "object" })),
            (json!({ "type": "object", "required": null }), json!({ "type": "object" })),
            (json!({ "required": ["a", 7] }), json!({ "required": ["a"], "type": "object" })),
            (json!({ "properties": [] }), json!({ "type": "object" })),
            (
                json!({ "properties": { "a": true, "b": false, "c": "odd", "d": { "type": "string" } } }),
                json!({
                    "type": "object",
                    "properties": { "a": {}, "b": { "not": {} }, "c": {}, "d": { "type": "string" } }
                }),
            ),
        ] {
            let tool = adapt(json!({ "name": "x", "inputSchema": given }), "x").unwrap();
            assert_eq!(Value::Object((*tool.input_schema).clone()), expected);
        }
    }

    #[test]
    fn an_output_schema_that_does_not_compile_is_left_out() {
        let with = |schema: Value| {
            adapt(json!({ "name": "x", "inputSchema": {}, "outputSchema": schema }), "x").unwrap()
        };
        let missing = json!({ "type": "object", "properties": { "x": { "$ref": "#/$defs/Missing" } } });
        assert!(with(missing).output_schema.is_none());
        let named = with(json!({ "$id": "https://example.com/one", "type": "object" }));
        assert_eq!(
            named.output_schema.map(|schema| Value::Object((*schema).clone())),
            Some(json!({ "type": "object" }))
        );
    }

    #[test]
    fn a_value_that_is_not_a_definition_is_refused() {
        assert!(adapt(json!("x"), "x").is_none());
    }
}
