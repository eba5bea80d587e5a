//! The keywords of JSON Schema, in one table.
//!
//! The other modules match on [`Keyword`] or on one of its groups without a wildcard, so the
//! compiler lists the places that a new row concerns. A new [`Annotation`] concerns few of them: it
//! never makes a value invalid.
//!
//! | column | content |
//! |---|---|
//! | name | the keyword as a schema spells it |
//! | holds | the schemas inside its value |
//! | kinds | the kinds of values that it can make invalid; values of other kinds it leaves valid |
//! | drafts | the drafts in which isolet reads it |
//! | tag | how a comment shows it, for limits that no type expresses |
//!
//! The order of the rows is the order in which tags are shown and schemas in place are visited.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::dialect::{Dialect, Drafts};
use super::kinds::Kinds;

/// The schemas inside the value of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// No schema: a number, a name, a list of names.
    Data,
    /// One schema.
    Schema,
    /// A list of schemas.
    List,
    /// An object whose values are schemas.
    Map,
    /// A list of schemas or one schema: `items`, which was both before 2020-12.
    SchemaOrList,
}

/// The JSDoc tag that shows a keyword's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// The keyword has no tag.
    None,
    /// The tag shows a string.
    Text,
    /// The tag shows a number.
    Number,
}

/// One row of the table.
struct Row {
    name: &'static str,
    holds: Holds,
    kinds: Kinds,
    drafts: Drafts,
    tag: Tag,
}

macro_rules! keywords {
    ($(
        $(#[$doc:meta])*
        $group:ident: $type:ident {
            $( $keyword:ident $name:literal $holds:ident $kinds:ident $drafts:ident $tag:ident; )*
        }
    )*) => {
        /// A keyword of JSON Schema, or one that OpenAPI adds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Keyword {
            $( $(#[$doc])* $group($type), )*
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $type {
                $( #[doc = concat!("The keyword `", $name, "`.")] $keyword, )*
            }
        )*

        impl Keyword {
            /// All keywords, in the order of the table.
            pub(crate) const ALL: &'static [Self] = &[ $( $( Self::$group($type::$keyword), )* )* ];

            const fn row(self) -> Row {
                match self {
                    $( $( Self::$group($type::$keyword) => Row {
                        name: $name,
                        holds: Holds::$holds,
                        kinds: Kinds::$kinds,
                        drafts: Drafts::$drafts,
                        tag: Tag::$tag,
                    }, )* )*
                }
            }
        }
    };
}

keywords! {
    // keyword             name                     holds        kinds            drafts    tag
    /// References to other schemas.
    Reference: Reference {
        Ref                "$ref"                   Data         ALL              All       None;
        DynamicRef         "$dynamicRef"            Data         ALL              From2019  None;
        RecursiveRef       "$recursiveRef"          Data         ALL              From2019  None;
    }
    /// Assertions about values of every kind. `nullable` is OpenAPI's.
    General: General {
        Type               "type"                   Data         ALL              All       None;
        Const              "const"                  Data         ALL              All       None;
        Enum               "enum"                   Data         ALL              All       None;
        Nullable           "nullable"               Data         ALL              All       None;
    }
    /// Combinations of schemas for the same value.
    Logic: Logic {
        AllOf              "allOf"                  List         ALL              All       None;
        AnyOf              "anyOf"                  List         ALL              All       None;
        OneOf              "oneOf"                  List         ALL              All       None;
        Not                "not"                    Schema       ALL              All       None;
        If                 "if"                     Schema       ALL              All       None;
        Then               "then"                   Schema       ALL              All       None;
        Else               "else"                   Schema       ALL              All       None;
    }
    /// Limits on strings and numbers.
    Scalar: Scalar {
        Format             "format"                 Data         STRING_OR_NUMBER All       Text;
        Pattern            "pattern"                Data         STRING           All       Text;
        Minimum            "minimum"                Data         NUMBER           All       Number;
        Maximum            "maximum"                Data         NUMBER           All       Number;
        ExclusiveMinimum   "exclusiveMinimum"       Data         NUMBER           All       Number;
        ExclusiveMaximum   "exclusiveMaximum"       Data         NUMBER           All       Number;
        MultipleOf         "multipleOf"             Data         NUMBER           All       Number;
        MinLength          "minLength"              Data         STRING           All       Number;
        MaxLength          "maxLength"              Data         STRING           All       Number;
    }
    /// Assertions about arrays.
    Array: Array {
        PrefixItems        "prefixItems"            List         ARRAY            From2020  None;
        Items              "items"                  SchemaOrList ARRAY            All       None;
        AdditionalItems    "additionalItems"        Schema       ARRAY            All       None;
        UnevaluatedItems   "unevaluatedItems"       Schema       ARRAY            From2019  None;
        MinItems           "minItems"               Data         ARRAY            All       Number;
        MaxItems           "maxItems"               Data         ARRAY            All       Number;
        UniqueItems        "uniqueItems"            Data         ARRAY            All       None;
        Contains           "contains"               Schema       ARRAY            All       None;
        MinContains        "minContains"            Data         ARRAY            From2019  None;
        MaxContains        "maxContains"            Data         ARRAY            From2019  None;
    }
    /// Assertions about objects.
    Object: Object {
        Properties         "properties"             Map          OBJECT           All       None;
        PatternProperties  "patternProperties"      Map          OBJECT           All       None;
        AdditionalProperties "additionalProperties" Schema       OBJECT           All       None;
        UnevaluatedProperties "unevaluatedProperties" Schema     OBJECT           From2019  None;
        Required           "required"               Data         OBJECT           All       None;
        PropertyNames      "propertyNames"          Schema       OBJECT           All       None;
        MinProperties      "minProperties"          Data         OBJECT           All       None;
        MaxProperties      "maxProperties"          Data         OBJECT           All       None;
        DependentRequired  "dependentRequired"      Data         OBJECT           From2019  None;
        DependentSchemas   "dependentSchemas"       Map          OBJECT           From2019  None;
        Dependencies       "dependencies"           Map          OBJECT           Until7    None;
    }
    /// Keywords that never make a value invalid: identifiers, definitions, and words for readers.
    /// `example` and `discriminator` are OpenAPI's.
    Annotation: Annotation {
        Id                 "$id"                    Data         NONE             All       None;
        Schema             "$schema"                Data         NONE             All       None;
        Anchor             "$anchor"                Data         NONE             All       None;
        DynamicAnchor      "$dynamicAnchor"         Data         NONE             All       None;
        RecursiveAnchor    "$recursiveAnchor"       Data         NONE             All       None;
        Vocabulary         "$vocabulary"            Data         NONE             All       None;
        Comment            "$comment"               Data         NONE             All       None;
        Defs               "$defs"                  Map          NONE             All       None;
        Definitions        "definitions"            Map          NONE             All       None;
        Title              "title"                  Data         NONE             All       None;
        Description        "description"            Data         NONE             All       None;
        Default            "default"                Data         NONE             All       None;
        Examples           "examples"               Data         NONE             All       None;
        Example            "example"                Data         NONE             All       None;
        Deprecated         "deprecated"             Data         NONE             All       None;
        ReadOnly           "readOnly"               Data         NONE             All       None;
        WriteOnly          "writeOnly"              Data         NONE             All       None;
        ContentEncoding    "contentEncoding"        Data         NONE             All       Text;
        ContentMediaType   "contentMediaType"       Data         NONE             All       Text;
        ContentSchema      "contentSchema"          Schema       NONE             All       None;
        Discriminator      "discriminator"          Data         NONE             All       None;
    }
}

/// The keywords by the length of their names, each with its name. Every key of a schema is looked
/// up.
static BY_LENGTH: LazyLock<Vec<Vec<(&'static str, Keyword)>>> = LazyLock::new(|| {
    let mut by_length = Vec::new();
    for keyword in Keyword::ALL {
        let name = keyword.name();
        if by_length.len() <= name.len() {
            by_length.resize(name.len() + 1, Vec::new());
        }
        by_length[name.len()].push((name, *keyword));
    }
    by_length
});

impl Keyword {
    /// Returns the keyword that is spelled `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        let candidates = BY_LENGTH.get(name.len())?;
        candidates.iter().find(|(known, _)| *known == name).map(|(_, keyword)| *keyword)
    }

    /// The keyword as a schema spells it.
    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// The value of the keyword in a schema's `map`.
    pub(crate) fn value(self, map: &Map<String, Value>) -> Option<&Value> {
        map.get(self.name())
    }

    /// The schemas inside `value`, which is the keyword's value. `items` holds a list or one
    /// schema.
    pub fn holds(self, value_is_list: bool) -> Holds {
        match self.row().holds {
            Holds::SchemaOrList if value_is_list => Holds::List,
            Holds::SchemaOrList => Holds::Schema,
            holds => holds,
        }
    }

    /// The kinds of values that the keyword can make invalid.
    pub(crate) fn kinds(self) -> Kinds {
        self.row().kinds
    }

    /// The drafts in which isolet reads the keyword.
    pub(crate) fn drafts(self) -> Drafts {
        self.row().drafts
    }

    /// The tag that shows the keyword's value in a comment.
    pub(crate) fn tag(self) -> Tag {
        self.row().tag
    }

    /// Returns the schemas directly inside `value`, which is the keyword's value.
    pub(crate) fn schemas(self, value: &Value) -> impl Iterator<Item = &Value> {
        let (one, list, map) = match (self.holds(value.is_array()), value) {
            (Holds::Schema | Holds::SchemaOrList, schema) => (Some(schema), None, None),
            (Holds::List, Value::Array(list)) => (None, Some(list), None),
            (Holds::Map, Value::Object(map)) => (None, None, Some(map)),
            (Holds::List | Holds::Map | Holds::Data, _) => (None, None, None),
        };
        let list = list.into_iter().flatten();
        one.into_iter().chain(list).chain(map.into_iter().flat_map(Map::values))
    }
}

/// Returns whether `name` is a keyword that never makes a value invalid. An unknown keyword is not:
/// its meaning is unknown.
pub(crate) fn is_annotation(name: &str) -> bool {
    matches!(Keyword::from_name(name), Some(Keyword::Annotation(_)))
}

/// Returns the keywords of a schema with their values, without unknown ones.
pub(crate) fn known_keywords(map: &Map<String, Value>) -> impl Iterator<Item = (Keyword, &Value)> {
    map.iter().filter_map(|(name, value)| Some((Keyword::from_name(name)?, value)))
}

/// Returns the known keywords of a schema that count: `$ref` alone where it hides the others.
pub(crate) fn effective_keywords(
    map: &Map<String, Value>,
    dialect: Dialect,
) -> impl Iterator<Item = (Keyword, &Value)> {
    let reference = Keyword::Reference(Reference::Ref);
    let only_reference = dialect.ref_hides_siblings() && reference.value(map).is_some();
    known_keywords(map).filter(move |(keyword, _)| !only_reference || *keyword == reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_has_a_name_of_its_own() {
        for keyword in Keyword::ALL {
            assert_eq!(Keyword::from_name(keyword.name()), Some(*keyword));
        }
        assert_eq!(Keyword::from_name("Type"), None);
    }

    /// The keywords that the random schemas lack: the validator does not know `nullable`, and the
    /// meaning of the others depends on a draft or on an anchor.
    const NOT_GENERATED: [&str; 5] =
        ["nullable", "$dynamicRef", "$recursiveRef", "additionalItems", "dependencies"];

    /// The compiler does not show these places to the author of a new row.
    #[test]
    fn every_assertion_is_tested_and_documented() {
        let snapshot = include_str!("../../tests/keywords.rs");
        let generator = include_str!("../../tests/support/generate.rs");
        let page = include_str!("../../../docs/declarations.md");
        let (_, table) = page.split_once("\n| keyword | as a type |\n").expect("a table of keywords");
        let (table, _) = table.split_once("\n\n").expect("text after the table of keywords");
        let mut missing = Vec::new();
        for keyword in Keyword::ALL.iter().filter(|keyword| !keyword.kinds().is_empty()) {
            let name = keyword.name();
            let quoted = format!("\"{name}\"");
            if !snapshot.contains(&quoted) {
                missing.push(format!("a case of {quoted} in tsdefs/tests/keywords.rs"));
            }
            if !generator.contains(&quoted) && !NOT_GENERATED.contains(&name) {
                missing.push(format!("{quoted} in the schemas of tsdefs/tests/support/generate.rs"));
            }
            if !table.contains(&format!("`{name}`")) {
                missing.push(format!("`{name}` in the table of keywords in docs/declarations.md"));
            }
        }
        assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
    }

    #[test]
    fn only_annotations_leave_every_kind_valid() {
        for keyword in Keyword::ALL {
            let annotation = matches!(keyword, Keyword::Annotation(_));
            assert_eq!(keyword.kinds().is_empty(), annotation, "{}", keyword.name());
        }
    }

    #[test]
    fn items_holds_a_list_or_one_schema() {
        let items = Keyword::Array(Array::Items);
        assert_eq!((items.holds(true), items.holds(false)), (Holds::List, Holds::Schema));
    }
}
