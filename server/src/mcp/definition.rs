//! One upstream tool's definition, made fit for clients: many refuse a whole list over one definition that is odd.

use rmcp::model::Tool;
use serde_json::{Map, Value, json};

/// Parts that a tool can do without.
const OPTIONAL: [&str; 6] = ["title", "description", "outputSchema", "annotations", "icons", "_meta"];

/// The definition under another name. A part that cannot be read is left out: a tool with odd annotations is still that
/// tool. `None` if it is no definition at all.
pub fn read(definition: Value, name: &str) -> Option<Tool> {
    let Value::Object(mut given) = definition else { return None };
    let mut schema = match given.remove("inputSchema") {
        Some(Value::Object(schema)) => schema,
        _ => Map::new(),
    };
    // Whatever it said of the arguments: the protocol sends an object.
    schema.insert("type".to_owned(), "object".into());
    tame(&mut schema);
    let mut kept = Map::from_iter([
        ("name".to_owned(), Value::from(name)),
        ("inputSchema".to_owned(), Value::Object(schema)),
    ]);
    let bare = kept.clone();
    for part in OPTIONAL {
        let Some(mut value) = given.remove(part) else { continue };
        if let (true, Some(schema)) = (part.ends_with("Schema"), value.as_object_mut()) {
            tame(schema);
        }
        let mut alone = bare.clone();
        alone.insert(part.to_owned(), value.clone());
        if serde_json::from_value::<Tool>(Value::Object(alone)).is_ok() {
            kept.insert(part.to_owned(), value);
        }
    }
    serde_json::from_value(Value::Object(kept)).ok()
}

/// Writes what the top of a schema says as the clients' own schemas of schemas want it: `required` is a list of names,
/// `properties` an object of objects. `true` and `false` mean the same as the objects that take their place.
fn tame(schema: &mut Map<String, Value>) {
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
    fn odd_parts_are_left_out_one_by_one() {
        let odd = json!({
            "name": "x", "title": 5, "annotations": 7, "description": "kept", "_meta": { "kept": true },
            "outputSchema": { "type": "object", "required": "no list" }, "inputSchema": null, "execution": "?"
        });
        let tool = read(odd, "s__x").unwrap();
        let expected = json!({
            "name": "s__x", "description": "kept", "_meta": { "kept": true },
            "outputSchema": { "type": "object" }, "inputSchema": { "type": "object" }
        });
        assert_eq!(serde_json::to_value(&tool).unwrap(), expected);
    }

    #[test]
    fn input_is_an_object_whose_properties_are_objects() {
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
            let tool = read(json!({ "name": "x", "inputSchema": given }), "x").unwrap();
            assert_eq!(Value::Object((*tool.input_schema).clone()), expected);
        }
    }

    #[test]
    fn what_is_no_definition_is_none() {
        assert!(read(json!("x"), "x").is_none());
    }
}
