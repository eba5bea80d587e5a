//! Sets of kinds of JSON values.

use serde_json::Value;

/// A set of kinds of JSON values.
///
/// `true` and `false` are kinds of their own, because `const` and `not` tell them apart.
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
    pub const STRING_OR_NUMBER: Self = Self(24);
    pub const ARRAY: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    pub const ALL: Self = Self(127);
    /// All kinds but arrays and objects.
    pub const SCALARS: Self = Self(31);

    /// Returns the kind of `value`.
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

    /// Returns the kinds of `values`.
    pub fn of_all<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        values.into_iter().map(Self::of).fold(Self::NONE, Self::or)
    }

    /// Returns the kinds that the value of `type` allows, or `None` if it is not understood.
    pub fn of_type(value: &Value) -> Option<Self> {
        match value {
            Value::String(word) => Some(Self::from_type_name(word)).filter(|kinds| !kinds.is_empty()),
            Value::Array(words) => {
                let kinds = words.iter().map(|word| word.as_str().map_or(Self::NONE, Self::from_type_name));
                kinds.clone().all(|kinds| !kinds.is_empty()).then(|| kinds.fold(Self::NONE, Self::or))
            }
            _ => None,
        }
    }

    /// Returns the kinds of which `type` allows every value: those that it names, but not numbers
    /// where it names only `integer`. Returns `None` if the value of `type` is not understood.
    pub fn whole_of_type(value: &Value) -> Option<Self> {
        let kinds = Self::of_type(value)?;
        Some(if kinds.has(Self::NUMBER) && !names_number(value) {
            kinds.without(Self::NUMBER)
        } else {
            kinds
        })
    }

    /// Returns the kind that `type` spells `word`; no kind for a word that JSON Schema does not
    /// have.
    fn from_type_name(word: &str) -> Self {
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

    /// Returns the kinds that are not in the set.
    pub fn complement(self) -> Self {
        Self::ALL.without(self)
    }

    /// Returns whether the set has all of `other`.
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

/// Returns whether `type` names `number`, and not only `integer`.
fn names_number(value: &Value) -> bool {
    match value {
        Value::String(word) => word == "number",
        Value::Array(words) => words.iter().any(|word| word.as_str() == Some("number")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_a_part_of_the_numbers() {
        let integer = json!(["integer", "null"]);
        assert_eq!(Kinds::of_type(&integer), Some(Kinds::NUMBER.or(Kinds::NULL)));
        assert_eq!(Kinds::whole_of_type(&integer), Some(Kinds::NULL));
        let both = json!(["integer", "number"]);
        assert_eq!(Kinds::whole_of_type(&both), Some(Kinds::NUMBER));
    }

    #[test]
    fn an_unknown_type_name_is_not_understood() {
        assert_eq!(Kinds::of_type(&json!(["string", "text"])), None);
        assert_eq!(Kinds::of_type(&json!(7)), None);
    }
}
