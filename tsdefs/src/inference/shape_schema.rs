//! A shape → JSON Schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{Field, ObjectShape, Shape, ShapeKinds};

impl Shape {
    /// Returns the shape as a JSON Schema of exactly the observed values, so objects are closed.
    /// `null` alone says nothing about other values, and becomes "anything".
    pub fn to_schema(&self) -> Value {
        self.to_confirmed_schema(0)
    }

    /// Returns the same as [`to_schema`](Self::to_schema), with only the names that at least
    /// `min_runs` runs (three at most) with different inputs have met. An object with other names
    /// too is open, and an object with only other names is a record.
    pub fn to_confirmed_schema(&self, min_runs: usize) -> Value {
        if self.is_unknown() || *self == Self::kind(ShapeKinds::NULL) {
            return json!(true);
        }
        let mut alternatives: Vec<Value> = Vec::new();
        let scalars: Vec<&str> = self.kinds.names().collect();
        if !scalars.is_empty() {
            alternatives.push(json!({ "type": scalars }));
        }
        if let Some(items) = &self.items {
            alternatives.push(json!({ "type": "array", "items": items.to_confirmed_schema(min_runs) }));
        }
        match &self.object {
            None => {}
            Some(ObjectShape::Record(values)) => {
                let values = values.to_confirmed_schema(min_runs);
                alternatives.push(json!({ "type": "object", "additionalProperties": values }));
            }
            Some(ObjectShape::Fields(fields)) => {
                alternatives.push(object_schema(fields, min_runs));
            }
        }
        any_of(alternatives)
    }
}

/// Returns the schema of one of several alternatives.
pub(super) fn any_of(alternatives: Vec<Value>) -> Value {
    match <[Value; 1]>::try_from(alternatives) {
        Ok([only]) => only,
        Err(several) => json!({ "anyOf": several }),
    }
}

fn object_schema(fields: &BTreeMap<String, Field>, min_runs: usize) -> Value {
    let shown: Vec<(&String, &Field)> =
        fields.iter().filter(|(_, field)| field.is_confirmed(min_runs)).collect();
    if shown.is_empty() && !fields.is_empty() {
        let values = ObjectShape::Fields(fields.clone()).values().to_confirmed_schema(min_runs);
        return json!({ "type": "object", "additionalProperties": values });
    }
    let properties: Map<String, Value> = shown
        .iter()
        .map(|(name, field)| ((*name).clone(), field.shape.to_confirmed_schema(min_runs)))
        .collect();
    let required: Vec<&String> =
        shown.iter().filter(|(_, field)| !field.optional).map(|(name, _)| *name).collect();
    let open = shown.len() < fields.len();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": open })
}
