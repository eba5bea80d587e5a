//! What must hold of any text in a project: for the fuzz target in `fuzz/` and for tests.

use std::path::Path;

use crate::{ProjectError, config, dev_vars, imports};

/// A configuration in both formats, `.dev.vars` and a module: what is wrong is wrong at a place in the text.
///
/// # Panics
/// If that does not hold.
pub fn project(text: &str) {
    for file in ["wrangler.jsonc", "wrangler.toml"] {
        for environment in [None, Some("production")] {
            let mut warnings = Vec::new();
            if let Err(error) = config::understood(Path::new(file), text, environment, &mut warnings) {
                is_in(text, &error);
            }
        }
    }
    let (_, malformed) = dev_vars::parse(text);
    assert!(malformed.iter().all(|at| text.is_char_boundary(*at)), "{malformed:?}");
    for typescript in [false, true] {
        match imports::scan(Path::new("index.ts"), text, typescript) {
            Ok(found) => assert!(found.iter().all(|import| import.offset < text.len()), "{found:?}"),
            Err(error) => is_in(text, &error),
        }
    }
}

fn is_in(text: &str, error: &ProjectError) {
    let (Some(line), Some(column)) = (error.place.line, error.place.column) else { return };
    let of_line = text.split('\n').nth(line as usize - 1).expect("a line of the text");
    assert!(column >= 1 && column as usize <= of_line.chars().count() + 1, "{error} of {text:?}");
}

#[cfg(test)]
#[path = "../../fuzz/seeds.rs"]
mod seeds;

/// Where fuzzing begins, and what it has found.
#[test]
fn it_holds_of_the_seeds() {
    seeds::each_text("project", project);
}
