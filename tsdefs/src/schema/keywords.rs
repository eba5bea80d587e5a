//! Which keywords hold schemas.

/// How a keyword holds schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Its value is one.
    One,
    /// Each value of an object is one.
    Map,
    /// Each item of a list is one.
    List,
}

/// How `keyword` holds schemas; `None` if it holds none, as all that are unknown. `items` is a list or a schema, before
/// 2020-12, and so it counts what is there.
pub(crate) fn holds(keyword: &str, is_list: bool) -> Option<Holds> {
    Some(match keyword {
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
        | "dependencies" => Holds::Map,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Holds::List,
        "items" if is_list => Holds::List,
        "items"
        | "additionalItems"
        | "additionalProperties"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contains"
        | "propertyNames"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contentSchema" => Holds::One,
        _ => return None,
    })
}
