//! The lattice of shapes: kinds, items, properties, and their join.

use std::collections::BTreeMap;

/// The nesting of a shape. Results of real tools have 3 to 6 levels.
pub(super) const MAX_DEPTH: usize = 8;

/// The properties of one object. With more it is a record.
pub(super) const MAX_FIELDS: usize = 64;

/// The parts of one shape, which make about 8 KiB of declarations. Further ones are "anything".
pub(super) const MAX_PARTS: usize = 400;

/// The runs that a name remembers.
const MAX_SIGHTINGS: usize = 3;

/// The run that met a value, and the input of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// A digest of the run's number.
    pub run: u32,
    /// A digest of the tool's arguments.
    pub input: u32,
}

/// The sightings of one name. All of them have different runs and different inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sightings(Vec<Sighting>);

impl Sightings {
    fn add(&mut self, other: Sighting) {
        let differs = |known: &Sighting| known.run != other.run && known.input != other.input;
        if self.0.len() < MAX_SIGHTINGS && self.0.iter().all(differs) {
            self.0.push(other);
        }
    }
}

/// The shape of the values of one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    pub(super) kinds: ShapeKinds,
    pub(super) items: Option<Box<Shape>>,
    pub(super) object: Option<ObjectShape>,
}

/// A set of kinds without structure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ShapeKinds(pub(super) u8);

impl ShapeKinds {
    pub const NULL: u8 = 1;
    pub const BOOLEAN: u8 = 2;
    pub const NUMBER: u8 = 4;
    pub const STRING: u8 = 8;
    /// Every value, with structure or without.
    pub const ANY: u8 = 16;

    pub fn has(self, kind: u8) -> bool {
        self.0 & kind != 0
    }

    /// Returns the names of the kinds in a schema.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let names = [
            (Self::BOOLEAN, "boolean"),
            (Self::NUMBER, "number"),
            (Self::STRING, "string"),
            (Self::NULL, "null"),
        ];
        names.into_iter().filter(move |(kind, _)| self.has(*kind)).map(|(_, name)| name)
    }
}

/// The shape of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ObjectShape {
    /// The properties, by name.
    Fields(BTreeMap<String, Field>),
    /// The shape of all values, where the keys are data.
    Record(Box<Shape>),
}

/// A property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub shape: Shape,
    /// True if the property was missing in some object.
    pub optional: bool,
    pub seen: Sightings,
}

impl Field {
    /// Returns whether at least `min_runs` runs (three at most) with different inputs have met the
    /// name.
    pub fn is_confirmed(&self, min_runs: usize) -> bool {
        self.seen.0.len() >= min_runs.min(MAX_SIGHTINGS)
    }
}

impl Shape {
    /// Returns the shape with `sighting` added to every name in it.
    #[must_use]
    pub fn with_sighting(mut self, sighting: Sighting) -> Self {
        self.add_sighting(sighting);
        self
    }

    fn add_sighting(&mut self, sighting: Sighting) {
        if let Some(items) = &mut self.items {
            items.add_sighting(sighting);
        }
        match &mut self.object {
            None => {}
            Some(ObjectShape::Record(values)) => values.add_sighting(sighting),
            Some(ObjectShape::Fields(fields)) => {
                for field in fields.values_mut() {
                    field.seen.add(sighting);
                    field.shape.add_sighting(sighting);
                }
            }
        }
    }

    /// Widens this shape until it includes `other`. Returns whether it changed.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = self.clone();
        self.join(other.clone());
        self.bound();
        *self != before
    }

    /// Returns whether nothing is known, because there were no values or contradictory ones.
    pub fn is_unknown(&self) -> bool {
        self.kinds.has(ShapeKinds::ANY) || *self == Self::default()
    }

    /// Returns the shape of every value.
    pub(super) fn any() -> Self {
        Self::kind(ShapeKinds::ANY)
    }

    /// Returns the shape of the values of one kind.
    pub(super) fn kind(kind: u8) -> Self {
        Self { kinds: ShapeKinds(kind), ..Self::default() }
    }

    /// Makes this shape the least one that includes both.
    pub(super) fn join(&mut self, other: Self) {
        if self.kinds.has(ShapeKinds::ANY) || other.kinds.has(ShapeKinds::ANY) {
            *self = Self::any();
            return;
        }
        self.kinds.0 |= other.kinds.0;
        match (&mut self.items, other.items) {
            (Some(mine), Some(theirs)) => mine.join(*theirs),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
        self.object = match (self.object.take(), other.object) {
            (Some(mine), Some(theirs)) => Some(mine.join(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
    }

    /// Cuts the innermost parts until the shape is within its bound.
    pub(super) fn bound(&mut self) {
        let mut depth = MAX_DEPTH;
        while self.parts() > MAX_PARTS && depth > 0 {
            depth -= 1;
            self.cut(depth);
        }
    }

    /// Returns the number of parts.
    pub(super) fn parts(&self) -> usize {
        let items = self.items.as_ref().map_or(0, |items| items.parts());
        let object = match &self.object {
            None => 0,
            Some(ObjectShape::Record(values)) => values.parts(),
            Some(ObjectShape::Fields(fields)) => fields.values().map(|field| field.shape.parts()).sum(),
        };
        1 + items + object
    }

    /// Replaces the parts at a nesting of `depth` by "anything".
    fn cut(&mut self, depth: usize) {
        if depth == 0 {
            *self = Self::any();
            return;
        }
        if let Some(items) = &mut self.items {
            items.cut(depth - 1);
        }
        match &mut self.object {
            None => {}
            Some(ObjectShape::Record(values)) => values.cut(depth - 1),
            Some(ObjectShape::Fields(fields)) => {
                fields.values_mut().for_each(|field| field.shape.cut(depth - 1))
            }
        }
    }
}

impl ObjectShape {
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fields(mine), Self::Fields(theirs)) => join_fields(mine, theirs),
            (Self::Record(mut values), other) | (other, Self::Record(mut values)) => {
                values.join(other.values());
                Self::Record(values)
            }
        }
    }

    /// Returns the shape of all values.
    pub fn values(self) -> Shape {
        match self {
            Self::Record(values) => *values,
            Self::Fields(fields) => {
                let mut all = Shape::default();
                fields.into_values().for_each(|field| all.join(field.shape));
                all
            }
        }
    }
}

/// Returns the shape of two objects of one place. If they have several keys each and share none,
/// the keys are data.
fn join_fields(mut mine: BTreeMap<String, Field>, theirs: BTreeMap<String, Field>) -> ObjectShape {
    let disjoint = mine.len() > 1 && theirs.len() > 1 && !theirs.keys().any(|name| mine.contains_key(name));
    for (name, field) in &mut mine {
        field.optional |= !theirs.contains_key(name);
    }
    for (name, mut field) in theirs {
        match mine.get_mut(&name) {
            Some(known) => {
                known.optional |= field.optional;
                known.shape.join(field.shape);
                field.seen.0.into_iter().for_each(|sighting| known.seen.add(sighting));
            }
            None => {
                field.optional = true;
                mine.insert(name, field);
            }
        }
    }
    let object = ObjectShape::Fields(mine);
    match &object {
        ObjectShape::Fields(fields) if disjoint || fields.len() > MAX_FIELDS => {
            ObjectShape::Record(Box::new(object.values()))
        }
        _ => object,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn inferred(values: &[Value]) -> Value {
        let mut shape = Shape::default();
        for value in values {
            shape.merge(&Shape::of(value));
        }
        shape.to_schema()
    }

    fn object(properties: Value, required: &[&str]) -> Value {
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }

    #[test]
    fn contradictions_widen() {
        let seen = [json!({ "a": 1, "b": "x" }), json!({ "a": null, "c": [true] })];
        let expected = object(
            json!({
                "a": { "type": ["number", "null"] },
                "b": { "type": ["string"] },
                "c": { "type": "array", "items": { "type": ["boolean"] } },
            }),
            &["a"],
        );
        assert_eq!(inferred(&seen), expected);
        let mixed = [json!("x"), json!({ "a": 1 })];
        assert_eq!(inferred(&mixed)["anyOf"][0], json!({ "type": ["string"] }));
    }

    #[test]
    fn an_unknown_shape_is_every_value() {
        assert_eq!(inferred(&[]), json!(true));
        assert_eq!(inferred(&[json!(null)]), json!(true));
        assert_eq!(inferred(&[json!([])])["items"], json!(true));
    }

    #[test]
    fn keys_that_are_data_make_a_record() {
        for key in ["ada@example.org", "2f1e0c9a-4b7d-4e55", "A long sentence.", "20261123", &"k".repeat(60)]
        {
            let schema = inferred(&[json!({ key: 1, "name": 2 })]);
            assert_eq!(schema, json!({ "type": "object", "additionalProperties": { "type": ["number"] } }));
        }
        let different = [json!({ "ada": 1, "bob": 2 }), json!({ "eve": 3, "kim": 4 })];
        assert!(inferred(&different).get("properties").is_none());
        let many: Map<String, Value> = (0..100_u8)
            .map(|n| (format!("k{}", char::from(b'a' + n % 26)).repeat(1 + usize::from(n / 26)), json!(n)))
            .collect();
        assert!(inferred(&[many.into()]).get("properties").is_none());
    }

    #[test]
    fn a_shape_is_bounded() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!({ "a": deep });
        }
        assert!(inferred(&[deep]).to_string().len() < 1500);
        let names = |prefix: char| -> Value {
            let name = |n: u8| format!("{prefix}{}", char::from(b'a' + n % 26));
            (0..26)
                .map(|n| (name(n), json!({ "x": [{ "y": 1, "z": { "w": [n] } }] })))
                .collect::<Map<_, _>>()
                .into()
        };
        let wide: Value = ('a'..='z').map(|c| (format!("o{c}"), names(c))).collect::<Map<_, _>>().into();
        let shape = Shape::of(&wide);
        assert!(shape.parts() <= MAX_PARTS, "{}", shape.parts());
        let many: Value = (0..100_000).map(|n| json!({ "n": n })).collect();
        assert_eq!(Shape::of(&many).parts(), 3);
    }

    #[test]
    fn text_and_values_have_one_shape() {
        let value = json!([{ "a": 1.5, "b": [null, "x", -1, true] }, { "ключ": {} }]);
        assert_eq!(Shape::of_json(value.to_string().as_bytes()).unwrap(), Shape::of(&value));
        assert!(Shape::of_json(b"{} {}").is_err());
        assert!(Shape::of_json(b"plain text").is_err());
    }

    #[test]
    fn a_name_is_shown_once_several_runs_with_different_inputs_have_met_it() {
        let mut shape = Shape::default();
        let mut saw = |value: Value, run: u32, input: u32| {
            shape.merge(&Shape::of(&value).with_sighting(Sighting { run, input }));
            shape.to_confirmed_schema(3)
        };
        let rows = |more: Value| {
            let mut row = json!({ "id": 1 });
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "rows": [row] })
        };
        let record = |values: Value| json!({ "type": "object", "additionalProperties": values });
        let hidden = record(json!({ "type": "array", "items": record(json!({ "type": ["number"] })) }));
        assert_eq!(saw(rows(json!({})), 1, 1), hidden);
        assert_eq!(saw(rows(json!({})), 1, 2), hidden, "the same run");
        assert_eq!(saw(rows(json!({})), 2, 1), hidden, "the same input");
        assert_eq!(saw(rows(json!({ "jane_doe": 2 })), 2, 2), hidden);
        let shown = saw(rows(json!({})), 3, 3);
        let row = &shown["properties"]["rows"]["items"];
        assert_eq!(shown["additionalProperties"], false);
        assert_eq!(row["properties"], json!({ "id": { "type": ["number"] } }), "{shown}");
        assert_eq!(row["additionalProperties"], true, "{shown}");
        assert_eq!(row["required"], json!(["id"]));
    }

    #[test]
    fn merging_a_value_again_changes_nothing() {
        let value = json!({ "a": [{ "b": 1 }, { "c": null }] });
        let mut shape = Shape::of(&value);
        assert!(!shape.merge(&Shape::of(&value)));
        assert!(shape.merge(&Shape::of(&json!({ "a": 1 }))));
    }
}
