//! JSON → a shape, without building the value, within bounds.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::shape::{Field, MAX_DEPTH, MAX_FIELDS, ObjectShape, Shape, ShapeKinds, Sightings};
use crate::field_name::is_field_name;

/// The parts of one value that are kept while it is read. The items of an array are joined one by
/// one, so this bounds one object and its nested values, not the whole value.
const MAX_READ_PARTS: usize = 4096;

impl Shape {
    /// Returns the shape of one value.
    pub fn of(value: &Value) -> Self {
        // A value is a deserializer that does not fail for a visitor that accepts everything.
        let mut shape =
            ShapeSeed { depth: 0, parts: &mut 0 }.deserialize(value).unwrap_or_else(|_| Self::any());
        shape.bound();
        shape
    }

    /// Returns the shape of the value that `json` holds.
    ///
    /// # Errors
    /// Returns an error if the text is not one JSON value.
    pub fn of_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let mut shape = ShapeSeed { depth: 0, parts: &mut 0 }.deserialize(&mut reader)?;
        reader.end()?;
        shape.bound();
        Ok(shape)
    }
}

/// A reader of one value's shape.
struct ShapeSeed<'p> {
    depth: usize,
    /// The number of parts of the whole value that were read so far.
    parts: &'p mut usize,
}

impl<'de> DeserializeSeed<'de> for ShapeSeed<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        if self.depth > MAX_DEPTH || *self.parts > MAX_READ_PARTS {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Shape::any());
        }
        *self.parts += 1;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ShapeSeed<'_> {
    type Value = Shape;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::kind(ShapeKinds::NULL))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::kind(ShapeKinds::BOOLEAN))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::kind(ShapeKinds::NUMBER))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::kind(ShapeKinds::NUMBER))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::kind(ShapeKinds::NUMBER))
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::kind(ShapeKinds::STRING))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut all = Shape::default();
        loop {
            // Each item may have as many parts as are left now, because the items are joined.
            let mut parts = *self.parts;
            match items.next_element_seed(ShapeSeed { depth: self.depth + 1, parts: &mut parts })? {
                Some(item) => all.join(item),
                None => break,
            }
        }
        Ok(Shape { items: Some(Box::new(all)), ..Shape::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut object = ObjectShape::Fields(BTreeMap::new());
        while let Some(key) = members.next_key_seed(KeySeed)? {
            let shape = members.next_value_seed(ShapeSeed { depth: self.depth + 1, parts: self.parts })?;
            object = match (object, key) {
                (ObjectShape::Fields(mut fields), Some(name)) if fields.len() < MAX_FIELDS => {
                    // Of a repeated key the last one counts, as in JavaScript.
                    fields.insert(name, Field { shape, optional: false, seen: Sightings::default() });
                    ObjectShape::Fields(fields)
                }
                (object, _) => object.join(ObjectShape::Record(Box::new(shape))),
            };
        }
        Ok(Shape { object: Some(object), ..Shape::default() })
    }
}

/// A reader of a key. Returns `None` for a key that is not a name.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<String>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<String>, E> {
        Ok(is_field_name(key).then(|| key.to_owned()))
    }
}
