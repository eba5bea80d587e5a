//! Reads JSON arguments from the command line, a file, or standard input.

use std::io::Read as _;

use serde_json::value::RawValue;

use crate::exit::Failure;
use crate::output::pretty::thousands;

/// The argument that means standard input.
pub const STANDARD_INPUT: &str = "-";

/// Reads the JSON text for the value `given` of `option`: the value itself, the content of `@FILE`,
/// or standard input for `-`. Fails if it has more than `max_bytes`.
pub fn read(option: &str, given: &str, max_bytes: usize) -> Result<String, Failure> {
    let too_large = || Failure::Usage(format!("{option} is larger than {} bytes", thousands(max_bytes)));
    let bounded = |stream: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        stream.take(max_bytes as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let (origin, bytes) = match given.strip_prefix('@') {
        Some(path) => {
            let origin = format!("{option}: {path}");
            (origin, std::fs::File::open(path).and_then(|mut file| bounded(&mut file)))
        }
        None if given == STANDARD_INPUT => {
            (format!("{option}: standard input"), bounded(&mut std::io::stdin().lock()))
        }
        None if given.len() > max_bytes => return Err(too_large()),
        None => (option.to_owned(), Ok(given.as_bytes().to_vec())),
    };
    let bytes = bytes.map_err(|error| Failure::Usage(format!("{origin} cannot be read: {error}")))?;
    if bytes.len() > max_bytes {
        return Err(too_large());
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{origin} is not UTF-8")))?;
    // A check without building a tree, which would limit the nesting, as scripts do not.
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Usage(format!("{origin} is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_from_the_command_line_or_a_file() {
        assert_eq!(read("--input", "[1]", 10).unwrap(), "[1]");
        assert!(read("--input", "[1", 10).unwrap_err().to_string().starts_with("--input is not JSON"));
        assert!(read("--input", "[1,2,3]", 3).unwrap_err().to_string().contains("larger than 3 bytes"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        std::fs::write(&file, "{\"a\": 1}").unwrap();
        let given = format!("@{}", file.display());
        assert_eq!(read("--input", &given, 100).unwrap(), "{\"a\": 1}");
        assert!(read("--input", &given, 3).is_err() && read("--input", "@/nowhere/a", 10).is_err());
    }
}
