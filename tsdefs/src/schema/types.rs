//! The result: types by number, each a union of parts.

use indexmap::IndexMap;
use serde_json::{Number, Value};

/// A type of the graph. Numbers are given in order of discovery, breadth first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub u32);

impl TypeId {
    /// Every value.
    pub const UNKNOWN: Self = Self(0);
    /// No value.
    pub const NEVER: Self = Self(1);
    /// Every value, because the document is past a bound.
    pub const TOO_LARGE: Self = Self(2);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a type is wider than its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Note {
    /// A bound on the size of the schema or of the text.
    TooLarge,
    /// Combinations of alternatives past the bound.
    TooManyChoices,
    /// A reference to nowhere or to the network.
    Unresolved(String),
}

/// The kinds of JSON values, as a set; `true` and `false` are apart because literals and `not` tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub const NONE: Self = Self(0);
    pub const NULL: Self = Self(1);
    pub const TRUE: Self = Self(2);
    pub const FALSE: Self = Self(4);
    pub const BOOLEAN: Self = Self(6);
    pub const NUMBER: Self = Self(8);
    pub const STRING: Self = Self(16);
    pub const ARRAY: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    pub const ALL: Self = Self(127);

    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(true) => Self::TRUE,
            Value::Bool(false) => Self::FALSE,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The kind that `type` calls so; nothing for a word that JSON Schema does not know.
    pub fn named(word: &str) -> Self {
        match word {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "number" | "integer" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::NONE,
        }
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn bits(self) -> u8 {
        self.0
    }
}

/// A union of parts: a value belongs to the type if it belongs to one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Type<'a> {
    /// Scalar kinds that belong as a whole; never `ARRAY` or `OBJECT`, which are shapes below.
    pub scalars: Option<Kinds>,
    pub strings: Vec<&'a str>,
    pub numbers: Vec<&'a Number>,
    pub arrays: Vec<ArrayShape>,
    pub objects: Vec<ObjectShape<'a>>,
    /// Other types as a whole: alternatives that are somebody's definition and may have a name.
    pub others: Vec<TypeId>,
    pub note: Option<Note>,
}

impl<'a> Type<'a> {
    pub fn everything() -> Self {
        Self {
            scalars: Some(Kinds::ALL.without(Kinds::ARRAY).without(Kinds::OBJECT)),
            arrays: vec![ArrayShape::anything()],
            objects: vec![ObjectShape::anything()],
            ..Self::default()
        }
    }

    pub fn scalar_kinds(&self) -> Kinds {
        self.scalars.unwrap_or(Kinds::NONE)
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

    /// Adds an object alternative; one that allows every object makes the others superfluous.
    pub fn add_object(&mut self, shape: ObjectShape<'a>) {
        if self.objects.iter().any(|known| known.is_anything() || *known == shape) {
            return;
        }
        if shape.is_anything() {
            self.objects.clear();
        }
        self.objects.push(shape);
    }

    /// Adds an array alternative, in the same way.
    pub fn add_array(&mut self, shape: ArrayShape) {
        if self.arrays.iter().any(|known| known.is_anything() || *known == shape) {
            return;
        }
        if shape.is_anything() {
            self.arrays.clear();
        }
        self.arrays.push(shape);
    }

    /// Adds all parts of `other`, except that it may have a note of its own.
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

/// Arrays: the first items one by one, then the rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArrayShape {
    pub prefix: Vec<TypeId>,
    pub rest: TypeId,
    pub least: usize,
    pub most: Option<usize>,
}

impl ArrayShape {
    pub fn anything() -> Self {
        Self { prefix: Vec::new(), rest: TypeId::UNKNOWN, least: 0, most: None }
    }

    pub fn is_anything(&self) -> bool {
        *self == Self::anything()
    }

    pub fn children(&self) -> impl Iterator<Item = TypeId> {
        self.prefix.iter().copied().chain([self.rest])
    }
}

/// Objects: known properties, keys by pattern, and the rest.
#[derive(Debug, Clone)]
pub(crate) struct ObjectShape<'a> {
    pub properties: IndexMap<&'a str, Property<'a>>,
    /// Keys of a form that a template literal can say.
    pub patterns: Vec<(super::pattern::Template, TypeId)>,
    /// All other keys; `NEVER` if there may be none.
    pub rest: TypeId,
    pub note: Option<Note>,
}

/// One property.
#[derive(Debug, Clone)]
pub(crate) struct Property<'a> {
    pub required: bool,
    pub value: TypeId,
    /// The schemas that speak of it, nearest first: for its documentation.
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
