//! The types of a graph, by number. Each is a union of parts.

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::kinds::Kinds;
use super::pattern::Template;

/// The number of a type. Numbers follow the order of discovery, breadth first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub u32);

impl TypeId {
    /// The type of every value.
    pub const UNKNOWN: Self = Self(0);
    /// The type without values.
    pub const NEVER: Self = Self(1);
    /// The type of every value, because the document exceeds a bound.
    pub const TOO_LARGE: Self = Self(2);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The reason why a type is wider than its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Note {
    /// The schema or the text exceeds a bound.
    TooLarge,
    /// The combinations of alternatives exceed a bound.
    TooManyChoices,
    /// A reference has no target in the document.
    Unresolved(String),
}

/// The source of a name for a type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum NameHint {
    #[default]
    None,
    /// The key under which the type was found first.
    Key(String),
    /// The name of the definition that a reference has as its target.
    Definition(String),
}

/// A union of parts. A value belongs to the type if it belongs to one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Type<'a> {
    /// The scalar kinds that belong as a whole. Arrays and objects are shapes.
    pub scalars: Option<Kinds>,
    pub strings: Vec<&'a str>,
    pub numbers: Vec<&'a Number>,
    pub arrays: Vec<ArrayShape>,
    pub objects: Vec<ObjectShape<'a>>,
    /// Other types that belong as a whole: alternatives that are definitions and may have a name.
    pub others: Vec<TypeId>,
    pub note: Option<Note>,
}

impl<'a> Type<'a> {
    /// Returns the type of every value.
    pub fn everything() -> Self {
        Self {
            scalars: Some(Kinds::SCALARS),
            arrays: vec![ArrayShape::anything()],
            objects: vec![ObjectShape::anything()],
            ..Self::default()
        }
    }

    pub fn scalar_kinds(&self) -> Kinds {
        self.scalars.unwrap_or(Kinds::NONE)
    }

    /// Returns whether the type has no scalar kind and no literal.
    pub fn has_no_scalars(&self) -> bool {
        self.scalar_kinds().is_empty() && self.strings.is_empty() && self.numbers.is_empty()
    }

    /// Returns whether every object belongs to the type.
    pub fn has_any_object(&self) -> bool {
        self.objects.iter().any(ObjectShape::is_anything)
    }

    /// Returns whether every array belongs to the type.
    pub fn has_any_array(&self) -> bool {
        self.arrays.iter().any(ArrayShape::is_anything)
    }

    /// Returns the types that the parts of this type refer to.
    pub fn children(&self) -> impl Iterator<Item = TypeId> {
        let objects = self.objects.iter().flat_map(ObjectShape::children);
        let arrays = self.arrays.iter().flat_map(ArrayShape::children);
        objects.chain(arrays).chain(self.others.iter().copied())
    }

    pub fn add_scalars(&mut self, kinds: Kinds) {
        self.scalars = Some(self.scalar_kinds().or(kinds));
    }

    pub fn add_string(&mut self, text: &'a str) {
        if !self.strings.contains(&text) {
            self.strings.push(text);
        }
    }

    pub fn add_number(&mut self, number: &'a Number) {
        if !self.numbers.iter().any(|known| known.as_f64() == number.as_f64()) {
            self.numbers.push(number);
        }
    }

    /// Adds an object shape. A shape that allows every object replaces the others.
    pub fn add_object(&mut self, shape: ObjectShape<'a>) {
        if self.objects.iter().any(|known| known.is_anything() || *known == shape) {
            return;
        }
        if shape.is_anything() {
            self.objects.clear();
        }
        self.objects.push(shape);
    }

    /// Adds an array shape. A shape that allows every array replaces the others.
    pub fn add_array(&mut self, shape: ArrayShape) {
        if self.arrays.iter().any(|known| known.is_anything() || *known == shape) {
            return;
        }
        if shape.is_anything() {
            self.arrays.clear();
        }
        self.arrays.push(shape);
    }

    /// Adds all parts of `other`, and its note if this type has none.
    pub fn merge(&mut self, other: &Self) {
        self.add_scalars(other.scalar_kinds());
        other.strings.iter().for_each(|text| self.add_string(text));
        other.numbers.iter().for_each(|number| self.add_number(number));
        other.arrays.iter().for_each(|shape| self.add_array(shape.clone()));
        other.objects.iter().for_each(|shape| self.add_object(shape.clone()));
        for id in &other.others {
            if !self.others.contains(id) {
                self.others.push(*id);
            }
        }
        if self.note.is_none() {
            self.note.clone_from(&other.note);
        }
    }
}

/// The shape of an array: the types of the first items, then the type of the rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArrayShape {
    pub prefix: Vec<TypeId>,
    pub rest: TypeId,
    pub min_length: usize,
    pub max_length: Option<usize>,
}

impl ArrayShape {
    /// Returns the shape of every array.
    pub fn anything() -> Self {
        Self { prefix: Vec::new(), rest: TypeId::UNKNOWN, min_length: 0, max_length: None }
    }

    pub fn is_anything(&self) -> bool {
        *self == Self::anything()
    }

    pub fn children(&self) -> impl Iterator<Item = TypeId> {
        self.prefix.iter().copied().chain([self.rest])
    }
}

/// The shape of an object: listed properties, keys by pattern, and all other keys.
#[derive(Debug, Clone)]
pub(crate) struct ObjectShape<'a> {
    pub properties: IndexMap<&'a str, Property<'a>>,
    /// The types of keys that match a template literal.
    pub patterns: Vec<(Template, TypeId)>,
    /// The type of all other keys; `NEVER` if other keys are forbidden.
    pub rest: TypeId,
    pub note: Option<Note>,
}

/// A property of an object.
#[derive(Debug, Clone)]
pub(crate) struct Property<'a> {
    pub required: bool,
    pub value: TypeId,
    /// The schemas that document the property, nearest first.
    pub sources: Vec<&'a Value>,
}

impl PartialEq for ObjectShape<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rest == other.rest
            && self.patterns == other.patterns
            && self.properties.len() == other.properties.len()
            && self.properties.iter().all(|(key, a)| {
                other.properties.get(key).is_some_and(|b| a.required == b.required && a.value == b.value)
            })
    }
}

impl ObjectShape<'_> {
    /// Returns the shape of every object.
    pub fn anything() -> Self {
        Self { properties: IndexMap::new(), patterns: Vec::new(), rest: TypeId::UNKNOWN, note: None }
    }

    pub fn is_anything(&self) -> bool {
        self.properties.is_empty() && self.patterns.is_empty() && self.rest == TypeId::UNKNOWN
    }

    pub fn children(&self) -> impl Iterator<Item = TypeId> {
        let known = self.properties.values().map(|property| property.value);
        known.chain(self.patterns.iter().map(|(_, value)| *value)).chain([self.rest])
    }
}
