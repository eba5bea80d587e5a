//! The results of one server → JSON Schemas with shared definitions.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::groups::{GroupedShape, Groups, MAX_GROUPS, ShapePlace};
use super::shape::{Shape, ShapeKinds};
use super::shape_schema::any_of;

/// The parts of all schemas of one server together; definitions are counted for each tool that
/// needs them. With more, each tool's result is written by itself.
const MAX_PARTS: usize = 60_000;

/// Returns the schemas of the results of one server's tools, given by their names and shapes, in
/// the same order; `None` for an unknown shape.
///
/// Names of properties are shown as in [`Shape::to_confirmed_schema`]. Definitions that several
/// tools share have the same name and the same text in all schemas.
pub fn schemas(tools: &[(&str, &Shape)], min_runs: usize) -> Vec<Option<Value>> {
    let alone = |shape: &Shape| (!shape.is_unknown()).then(|| shape.to_confirmed_schema(min_runs));
    shared_schemas(tools, min_runs).unwrap_or_else(|| tools.iter().map(|(_, shape)| alone(shape)).collect())
}

/// Returns the schemas with shared definitions, or `None` if they exceed a bound.
fn shared_schemas(tools: &[(&str, &Shape)], min_runs: usize) -> Option<Vec<Option<Value>>> {
    let mut groups = Groups::default();
    let mut shapes: Vec<Option<GroupedShape>> = Vec::with_capacity(tools.len());
    for (tool, shape) in tools {
        let grouped = (!shape.is_unknown()).then(|| groups.add(shape, min_runs, ShapePlace::Result(tool)));
        shapes.push(grouped);
        if groups.all.len() > MAX_GROUPS {
            return None;
        }
    }
    groups.unite_all();
    let named = groups.named(shapes.iter().flatten());
    let mut written = 0;
    shapes
        .iter()
        .map(|shape| match shape {
            None => Some(None),
            Some(shape) => {
                let mut writer =
                    SchemaWriter { groups: &groups, named: &named, wanted: Vec::new(), parts: written };
                let schema = writer.document(shape);
                written = writer.parts;
                (written <= MAX_PARTS).then_some(Some(schema))
            }
        })
        .collect()
}

/// A writer of the schema of one tool.
struct SchemaWriter<'g> {
    groups: &'g Groups,
    named: &'g HashMap<usize, String>,
    /// The groups to which a reference was written.
    wanted: Vec<usize>,
    /// The number of parts written so far, for all tools.
    parts: usize,
}

impl SchemaWriter<'_> {
    /// Returns a schema with the definitions that it needs.
    fn document(&mut self, shape: &GroupedShape) -> Value {
        let schema = self.schema(shape);
        let mut definitions = Map::new();
        let mut next = 0;
        while let Some(at) = self.wanted.get(next).copied() {
            next += 1;
            let name = &self.named[&at];
            if !definitions.contains_key(name) {
                let body = self.object(at);
                definitions.insert(name.clone(), body);
            }
        }
        match schema {
            Value::Object(mut map) if !definitions.is_empty() => {
                map.insert("$defs".to_owned(), definitions.into());
                map.into()
            }
            other => other,
        }
    }

    fn schema(&mut self, shape: &GroupedShape) -> Value {
        self.parts += 1;
        let is_scalar = shape.items.is_none() && shape.record.is_none() && shape.group.is_none();
        let kinds = ShapeKinds(shape.kinds);
        if kinds.has(ShapeKinds::ANY)
            || is_scalar && (shape.kinds == 0 || shape.kinds == ShapeKinds::NULL)
            || self.parts > MAX_PARTS
        {
            return json!(true);
        }
        let mut alternatives: Vec<Value> = Vec::new();
        let scalars: Vec<&str> = kinds.names().collect();
        if !scalars.is_empty() {
            alternatives.push(json!({ "type": scalars }));
        }
        if let Some(items) = &shape.items {
            alternatives.push(json!({ "type": "array", "items": self.schema(items) }));
        }
        if let Some(values) = &shape.record {
            alternatives.push(json!({ "type": "object", "additionalProperties": self.schema(values) }));
        }
        if let Some(at) = shape.group.map(|at| self.groups.into[at]) {
            alternatives.push(match self.named.get(&at) {
                Some(name) => {
                    self.wanted.push(at);
                    json!({ "$ref": format!("#/$defs/{name}") })
                }
                None => self.object(at),
            });
        }
        any_of(alternatives)
    }

    /// Returns the schema of a group.
    fn object(&mut self, at: usize) -> Value {
        let groups = self.groups;
        let group = &groups.all[at];
        let mut properties = Map::new();
        let mut required: Vec<&str> = Vec::new();
        for (key, member) in &group.fields {
            properties.insert(key.clone(), self.schema(&member.shape));
            if !member.optional && member.shapes >= group.shapes {
                required.push(key);
            }
        }
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": group.open
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(values: &[Value]) -> Shape {
        let mut shape = Shape::default();
        for value in values {
            shape.merge(&Shape::of(value));
        }
        shape
    }

    fn schemas_of(tools: &[(&str, Value)]) -> Vec<Value> {
        let shapes: Vec<(&str, Shape)> =
            tools.iter().map(|(tool, value)| (*tool, shape(std::slice::from_ref(value)))).collect();
        let shapes: Vec<(&str, &Shape)> = shapes.iter().map(|(tool, shape)| (*tool, shape)).collect();
        schemas(&shapes, 0).into_iter().map(|schema| schema.unwrap_or(json!(true))).collect()
    }

    #[test]
    fn a_group_of_several_tools_is_written_once() {
        let order = |status: Value, items: Value| {
            json!({ "order_id": "x", "status": status, "address": { "street": "s", "city": "c", "country": "d" },
                "items": items, "shipping": { "street": "s", "city": null, "country": "d" } })
        };
        let item = json!([{ "item_id": "1", "product_id": "2", "price": 1, "options": { "colour": "red" } }]);
        let all = schemas_of(&[
            ("get_order_details", order(json!("open"), json!([]))),
            ("cancel_order", order(json!(null), item)),
            ("list_names", json!(["a"])),
        ]);
        assert_eq!(all[0]["$ref"], "#/$defs/Order");
        assert_eq!(all[0], all[1]);
        assert_eq!(all[2], json!({ "type": "array", "items": { "type": ["string"] } }));
        let order = &all[0]["$defs"]["Order"];
        assert_eq!(order["properties"]["status"], json!({ "type": ["string", "null"] }));
        assert_eq!(order["properties"]["address"]["$ref"], "#/$defs/Address");
        assert_eq!(order["properties"]["shipping"]["$ref"], "#/$defs/Address");
        assert_eq!(all[0]["$defs"]["Address"]["properties"]["city"], json!({ "type": ["string", "null"] }));
        let item = &order["properties"]["items"]["items"];
        assert_eq!(item["required"], json!(["item_id", "options", "price", "product_id"]), "{item}");
    }

    #[test]
    fn groups_that_are_small_or_used_once_stay_in_place() {
        let page = |rows: Value| json!({ "rows": rows, "ok": true });
        let all = schemas_of(&[
            ("list_a", page(json!([{ "id": 1, "name": "x" }]))),
            ("list_b", json!({ "other": 1, "much_longer_name_of_a_field": 2 })),
            ("list_c", json!({ "id": 1, "name": null })),
        ]);
        assert!(all.iter().all(|schema| schema.get("$defs").is_none()), "{all:#?}");
        // Equal keys are one thing nevertheless.
        assert_eq!(all[2]["properties"]["name"], json!({ "type": ["string", "null"] }));
    }

    #[test]
    fn a_group_that_contains_itself_has_a_name() {
        let node = json!({ "id": 1, "children": [{ "id": 2, "children": [{ "id": 3, "children": [] }] }] });
        let all = schemas_of(&[("get_tree", node)]);
        assert_eq!(all[0]["$ref"], "#/$defs/Tree");
        let children = &all[0]["$defs"]["Tree"]["properties"]["children"];
        assert_eq!(children["items"]["$ref"], "#/$defs/Tree");
    }

    #[test]
    fn groups_of_one_place_are_united() {
        let all = schemas_of(&[
            ("a", json!({ "first": { "k": 1, "l": 2 }, "same": 1 })),
            ("b", json!({ "first": { "k": "x", "m": { "k": 1, "l": 2 } }, "same": 1 })),
        ]);
        assert_eq!(all[0], all[1]);
        let inner = all[0]["properties"]["first"].clone();
        let target = match inner["$ref"].as_str() {
            Some(reference) => all[0].pointer(reference.trim_start_matches('#')).unwrap().clone(),
            None => inner,
        };
        assert_eq!(target["properties"]["k"], json!({ "type": ["number", "string"] }));
        assert_eq!(target["required"], json!(["k"]));
    }
}
