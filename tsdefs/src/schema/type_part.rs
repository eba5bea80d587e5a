//! The part of a type that each keyword decides.

use super::keyword::{Array, General, Keyword, Logic, Object, Reference, Scalar};

/// A part of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypePart {
    /// The kinds and literals that are allowed.
    Values,
    /// The shape of objects.
    Object,
    /// The shape of arrays.
    Array,
    /// Nothing for whole kinds, because TypeScript has no ranges; but literals outside are left
    /// out.
    Range,
    /// Alternatives, of which one has to hold.
    Choice,
}

impl TypePart {
    /// Returns the part that `keyword` decides by itself.
    ///
    /// Returns `None` for references and `allOf`, which are replaced by the schemas that they name;
    /// for keywords that only change the meaning of another one; for assertions that no type
    /// expresses; and for annotations.
    pub fn of(keyword: Keyword) -> Option<Self> {
        match keyword {
            Keyword::Reference(Reference::Ref) => None,
            Keyword::Reference(Reference::DynamicRef | Reference::RecursiveRef) => Some(Self::Choice),
            Keyword::General(General::Type | General::Const | General::Enum) => Some(Self::Values),
            Keyword::General(General::Nullable) => None,
            Keyword::Logic(Logic::AllOf | Logic::Then | Logic::Else) => None,
            Keyword::Logic(Logic::AnyOf | Logic::OneOf | Logic::Not | Logic::If) => Some(Self::Choice),
            Keyword::Scalar(
                Scalar::Minimum
                | Scalar::Maximum
                | Scalar::ExclusiveMinimum
                | Scalar::ExclusiveMaximum
                | Scalar::MinLength
                | Scalar::MaxLength,
            ) => Some(Self::Range),
            Keyword::Scalar(Scalar::Format | Scalar::Pattern | Scalar::MultipleOf) => None,
            Keyword::Array(
                Array::PrefixItems
                | Array::Items
                | Array::AdditionalItems
                | Array::UnevaluatedItems
                | Array::MinItems
                | Array::MaxItems
                | Array::Contains,
            ) => Some(Self::Array),
            Keyword::Array(Array::UniqueItems | Array::MinContains | Array::MaxContains) => None,
            Keyword::Object(
                Object::Properties
                | Object::PatternProperties
                | Object::AdditionalProperties
                | Object::UnevaluatedProperties
                | Object::Required
                | Object::PropertyNames
                | Object::MaxProperties,
            ) => Some(Self::Object),
            Keyword::Object(Object::MinProperties) => None,
            Keyword::Object(Object::DependentRequired | Object::DependentSchemas | Object::Dependencies) => {
                Some(Self::Choice)
            }
            Keyword::Annotation(_) => None,
        }
    }
}
