//! What must hold of any text that a server sends as a tool's definition: for the fuzz target in `fuzz/` and for tests.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::lenient;

/// The lenient reader reads what the strict one reads, as it does, and the rest of JSON as something that the strict one
/// reads.
///
/// # Panics
/// If that does not hold.
pub fn definition(text: &str) {
    // Without a tree, and so at any depth.
    if serde_json::from_str::<&RawValue>(text).is_err() {
        let _ = lenient::read(text);
        return;
    }
    let read = lenient::read(text).expect("it is JSON");
    if let Ok(strict) = serde_json::from_str::<Value>(text)
        && depth(&strict) <= lenient::DEEPEST_SCHEMA
    {
        assert_eq!(read, strict);
    }
    let said = read.to_string();
    assert_eq!(serde_json::from_str::<Value>(&said).ok(), Some(read), "{said}");
}

/// How many containers lie in each other.
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

/// Where fuzzing begins, and what it has found.
#[test]
fn it_holds_of_the_seeds() {
    seeds::each_text("definition", definition);
}
