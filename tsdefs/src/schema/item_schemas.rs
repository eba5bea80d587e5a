//! The schemas of items, in the forms of all drafts.

use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::keyword::{Array, Keyword};

/// Returns the schemas of the first items, and the schema of the rest.
pub(crate) fn item_schemas(map: &Map<String, Value>, dialect: Dialect) -> (&[Value], Option<&Value>) {
    let items = Keyword::Array(Array::Items).value(map);
    let prefix_items = Keyword::Array(Array::PrefixItems);
    if prefix_items.drafts().include(dialect)
        && let Some(prefix) = prefix_items.value(map).and_then(Value::as_array)
    {
        return (prefix, items.filter(|items| !items.is_array()));
    }
    match items {
        Some(Value::Array(prefix)) => (prefix, Keyword::Array(Array::AdditionalItems).value(map)),
        other => (&[], other),
    }
}
