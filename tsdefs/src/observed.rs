//! Result types learned from results: the shape of what a tool has answered, for tools that promise nothing.
//!
//! A [`Shape`] is an element of a lattice. It starts as "nothing seen"; each value widens it as far as it contradicts
//! what was seen before, and never narrows it: every value that was ever taken in has the shape. Values are not kept.
//! A shape holds kinds and the names of properties, and those only where they look like names: an object whose keys
//! look like data (addresses, identifiers, sentences) is a record from the start. Strings are just strings, however few
//! different ones there were: three observed words are no enumeration, and they may be somebody's.
//!
//! It is read straight from JSON text, without building the value, and bounded on the way: what is too deep or has too
//! many parts becomes "anything".

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// Nesting that is looked at. Results of real tools have 3 to 6 levels.
const DEEPEST: usize = 8;

/// Properties of one object; with more it is a record.
const MOST_FIELDS: usize = 64;

/// Parts of one shape; what comes beyond is "anything". About 8 KiB of declarations.
const MOST_PARTS: usize = 400;

/// The longest key that is taken for a name.
const LONGEST_NAME: usize = 48;

/// Digits that a name may have: `sha256`, `line_12`, but not `20261123` and no UUID.
const MOST_DIGITS: usize = 4;

/// What values have been seen in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    kinds: Kinds,
    items: Option<Box<Shape>>,
    object: Option<Object>,
}

/// Kinds without structure, as a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const NULL: u8 = 1;
    const BOOLEAN: u8 = 2;
    const NUMBER: u8 = 4;
    const STRING: u8 = 8;
    /// Everything, structure included.
    const ANY: u8 = 16;

    fn has(self, kind: u8) -> bool {
        self.0 & kind != 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Object {
    Fields(BTreeMap<String, Field>),
    Record(Box<Shape>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    shape: Shape,
    /// Missing in some object that was seen.
    optional: bool,
}

impl Shape {
    /// The shape of one value.
    pub fn of(value: &Value) -> Self {
        // A value is a deserializer that cannot fail for a visitor that takes everything.
        let mut shape = Seed { depth: 0, parts: &mut 0 }.deserialize(value).unwrap_or_else(|_| Self::any());
        shape.settle();
        shape
    }

    /// The shape of the value that `json` says.
    ///
    /// # Errors
    /// The text is not one JSON value.
    pub fn of_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let mut shape = Seed { depth: 0, parts: &mut 0 }.deserialize(&mut reader)?;
        reader.end()?;
        shape.settle();
        Ok(shape)
    }

    /// Widens this shape until it has room for `other`; says whether it had to.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = self.clone();
        self.join(other.clone());
        self.settle();
        *self != before
    }

    /// Whether nothing is known: nothing was seen, or all sorts of things.
    pub fn says_nothing(&self) -> bool {
        self.kinds.has(Kinds::ANY) || *self == Self::default()
    }

    /// The shape as a JSON Schema: exactly what was seen, so objects are closed. `null` alone says nothing of what may
    /// come instead, and is anything.
    pub fn to_schema(&self) -> Value {
        if self.says_nothing() || *self == Self::kind(Kinds::NULL) {
            return json!(true);
        }
        let mut alternatives: Vec<Value> = Vec::new();
        let words = [
            (Kinds::BOOLEAN, "boolean"),
            (Kinds::NUMBER, "number"),
            (Kinds::STRING, "string"),
            (Kinds::NULL, "null"),
        ];
        let scalars: Vec<&str> =
            words.iter().filter(|(kind, _)| self.kinds.has(*kind)).map(|(_, word)| *word).collect();
        if !scalars.is_empty() {
            alternatives.push(json!({ "type": scalars }));
        }
        if let Some(items) = &self.items {
            alternatives.push(json!({ "type": "array", "items": items.to_schema() }));
        }
        match &self.object {
            None => {}
            Some(Object::Record(values)) => {
                alternatives.push(json!({ "type": "object", "additionalProperties": values.to_schema() }));
            }
            Some(Object::Fields(fields)) => {
                let properties: Map<String, Value> =
                    fields.iter().map(|(name, field)| (name.clone(), field.shape.to_schema())).collect();
                let required: Vec<&String> =
                    fields.iter().filter(|(_, field)| !field.optional).map(|(name, _)| name).collect();
                alternatives.push(json!({
                    "type": "object", "properties": properties, "required": required, "additionalProperties": false
                }));
            }
        }
        match <[Value; 1]>::try_from(alternatives) {
            Ok([only]) => only,
            Err(several) => json!({ "anyOf": several }),
        }
    }

    fn any() -> Self {
        Self::kind(Kinds::ANY)
    }

    fn kind(kind: u8) -> Self {
        Self { kinds: Kinds(kind), ..Self::default() }
    }

    /// The least shape that has room for both.
    fn join(&mut self, other: Self) {
        if self.kinds.has(Kinds::ANY) || other.kinds.has(Kinds::ANY) {
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

    /// Keeps the whole within its bounds, innermost first.
    fn settle(&mut self) {
        let mut depth = DEEPEST;
        while self.parts() > MOST_PARTS && depth > 0 {
            depth -= 1;
            self.cut(depth);
        }
    }

    fn parts(&self) -> usize {
        let items = self.items.as_ref().map_or(0, |items| items.parts());
        let object = match &self.object {
            None => 0,
            Some(Object::Record(values)) => values.parts(),
            Some(Object::Fields(fields)) => fields.values().map(|field| field.shape.parts()).sum(),
        };
        1 + items + object
    }

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
            Some(Object::Record(values)) => values.cut(depth - 1),
            Some(Object::Fields(fields)) => fields.values_mut().for_each(|field| field.shape.cut(depth - 1)),
        }
    }
}

impl Object {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fields(mine), Self::Fields(theirs)) => join_fields(mine, theirs),
            (Self::Record(mut values), other) | (other, Self::Record(mut values)) => {
                values.join(other.values());
                Self::Record(values)
            }
        }
    }

    /// What all its values have in common.
    fn values(self) -> Shape {
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

/// Two objects of one place. If they have several keys each and none in common, the keys are data.
fn join_fields(mut mine: BTreeMap<String, Field>, theirs: BTreeMap<String, Field>) -> Object {
    let foreign = mine.len() > 1 && theirs.len() > 1 && !theirs.keys().any(|name| mine.contains_key(name));
    for (name, field) in &mut mine {
        field.optional |= !theirs.contains_key(name);
    }
    for (name, mut field) in theirs {
        match mine.get_mut(&name) {
            Some(known) => {
                known.optional |= field.optional;
                known.shape.join(field.shape);
            }
            None => {
                field.optional = true;
                mine.insert(name, field);
            }
        }
    }
    let object = Object::Fields(mine);
    match &object {
        Object::Fields(fields) if foreign || fields.len() > MOST_FIELDS => {
            Object::Record(Box::new(object.values()))
        }
        _ => object,
    }
}

/// Whether a key looks like the name of a property, and not like data.
fn is_name(key: &str) -> bool {
    let mut letters = key.chars();
    key.len() <= LONGEST_NAME
        && letters.next().is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '$'))
        && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '$'))
        && key.chars().filter(char::is_ascii_digit).count() <= MOST_DIGITS
}

/// Reads one value's shape.
struct Seed<'p> {
    depth: usize,
    /// Parts read so far, of the whole value.
    parts: &'p mut usize,
}

/// Parts of one value that are kept while it is read: the items of an array are joined one by one, so this is a bound
/// on one object and what is nested in it, not on the value.
const MOST_READ: usize = 4096;

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        if self.depth > DEEPEST || *self.parts > MOST_READ {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Shape::any());
        }
        *self.parts += 1;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Shape;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::kind(Kinds::NULL))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::kind(Kinds::BOOLEAN))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::kind(Kinds::NUMBER))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::kind(Kinds::NUMBER))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::kind(Kinds::NUMBER))
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::kind(Kinds::STRING))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut all = Shape::default();
        loop {
            // Each item may have as many parts as are left now: they melt into one.
            let mut parts = *self.parts;
            match items.next_element_seed(Seed { depth: self.depth + 1, parts: &mut parts })? {
                Some(item) => all.join(item),
                None => break,
            }
        }
        Ok(Shape { items: Some(Box::new(all)), ..Shape::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut object = Object::Fields(BTreeMap::new());
        while let Some(key) = members.next_key_seed(Key)? {
            let shape = members.next_value_seed(Seed { depth: self.depth + 1, parts: self.parts })?;
            object = match (object, key) {
                (Object::Fields(mut fields), Some(name)) if fields.len() < MOST_FIELDS => {
                    // Of a key that comes twice, the last counts, as in JavaScript.
                    fields.insert(name, Field { shape, optional: false });
                    Object::Fields(fields)
                }
                (object, _) => object.join(Object::Record(Box::new(shape))),
            };
        }
        Ok(Shape { object: Some(object), ..Shape::default() })
    }
}

/// Reads a key: `None` if it is no name.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<String>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<String>, E> {
        Ok(is_name(key).then(|| key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(values: &[Value]) -> Value {
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
        assert_eq!(learned(&seen), expected);
        let mixed = [json!("x"), json!({ "a": 1 })];
        assert_eq!(learned(&mixed)["anyOf"][0], json!({ "type": ["string"] }));
    }

    #[test]
    fn what_says_nothing_is_anything() {
        assert_eq!(learned(&[]), json!(true));
        assert_eq!(learned(&[json!(null)]), json!(true));
        assert_eq!(learned(&[json!([])])["items"], json!(true));
    }

    #[test]
    fn keys_that_are_data_make_a_record() {
        for key in ["ada@example.org", "2f1e0c9a-4b7d-4e55", "A long sentence.", "20261123", &"k".repeat(60)]
        {
            let schema = learned(&[json!({ key: 1, "name": 2 })]);
            assert_eq!(schema, json!({ "type": "object", "additionalProperties": { "type": ["number"] } }));
        }
        let different = [json!({ "ada": 1, "bob": 2 }), json!({ "eve": 3, "kim": 4 })];
        assert!(learned(&different).get("properties").is_none());
        let many: Map<String, Value> = (0..100_u8)
            .map(|n| (format!("k{}", char::from(b'a' + n % 26)).repeat(1 + usize::from(n / 26)), json!(n)))
            .collect();
        assert!(learned(&[many.into()]).get("properties").is_none());
    }

    #[test]
    fn a_shape_is_bounded() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!({ "a": deep });
        }
        assert!(learned(&[deep]).to_string().len() < 1500);
        let names = |prefix: char| -> Value {
            let name = |n: u8| format!("{prefix}{}", char::from(b'a' + n % 26));
            (0..26)
                .map(|n| (name(n), json!({ "x": [{ "y": 1, "z": { "w": [n] } }] })))
                .collect::<Map<_, _>>()
                .into()
        };
        let wide: Value = ('a'..='z').map(|c| (format!("o{c}"), names(c))).collect::<Map<_, _>>().into();
        let shape = Shape::of(&wide);
        assert!(shape.parts() <= MOST_PARTS, "{}", shape.parts());
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
    fn merging_again_changes_nothing() {
        let value = json!({ "a": [{ "b": 1 }, { "c": null }] });
        let mut shape = Shape::of(&value);
        assert!(!shape.merge(&Shape::of(&value)));
        assert!(shape.merge(&Shape::of(&json!({ "a": 1 }))));
    }
}
