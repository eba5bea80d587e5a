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

/// Containers around the deepest value, and that value.
fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    /// Where fuzzing begins, and what it has found.
    #[test]
    fn it_holds_of_the_seeds() {
        for seed in seeds("definition") {
            super::definition(std::str::from_utf8(&seed).expect("text"));
        }
    }

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let files = std::fs::read_dir(folder).expect("a folder of seeds");
        let seeds: Vec<_> =
            files.map(|file| std::fs::read(file.expect("a file").path()).expect("bytes")).collect();
        assert!(seeds.len() > 2, "they are there");
        seeds
    }
}
