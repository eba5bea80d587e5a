//! Properties of every text that a server may send as a tool's definition, for the fuzz target in
//! `fuzz/` and for tests.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::lenient_json;

/// Checks that the lenient reader agrees with the strict one where that reads the text, and else
/// returns a value that the strict one can read.
///
/// # Panics
/// Panics if one of these properties does not hold.
pub fn definition(text: &str) {
    // `RawValue` has no limit of depth.
    if serde_json::from_str::<&RawValue>(text).is_err() {
        let _ = lenient_json::read(text);
        return;
    }
    let read = lenient_json::read(text).expect("the text is JSON");
    if let Ok(strict) = serde_json::from_str::<Value>(text)
        && depth(&strict) <= lenient_json::MAX_SCHEMA_DEPTH
    {
        assert_eq!(read, strict);
    }
    let written = read.to_string();
    assert_eq!(serde_json::from_str::<Value>(&written).ok(), Some(read), "{written}");
}

/// Returns the nesting of containers.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
#[path = "../../fuzz/seeds.rs"]
mod seeds;

#[test]
fn the_properties_hold_for_all_seeds() {
    seeds::each_text("definition", definition);
}
