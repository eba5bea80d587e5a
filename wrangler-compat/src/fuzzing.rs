//! Properties of every text in a project, for the fuzz target in `fuzz/` and for tests.

use std::path::Path;

use crate::imports::Types;
use crate::module_kind::{Goal, Language};
use crate::warnings::Warnings;
use crate::{ProjectError, assets, config, dev_vars, import_scan, text_edits};

/// Reads a text as a configuration in both formats, as rules of assets, as `.dev.vars` and as a
/// module, and checks that the locations of errors are in the text.
///
/// # Panics
/// Panics if a location is not.
pub fn project(text: &str) {
    for file in ["wrangler.jsonc", "wrangler.toml"] {
        for environment in [None, Some("production")] {
            let mut warnings = Warnings::default();
            if let Err(error) = config::parse(Path::new(file), text, environment, &mut warnings) {
                assert_in_text(text, &error);
            }
        }
    }
    assets::parse_rules(text);
    let (_, malformed) = dev_vars::parse(text);
    assert!(malformed.iter().all(|at| text.is_char_boundary(*at)), "{malformed:?}");
    for typescript in [false, true] {
        let language = Language { typescript, jsx: !typescript, goal: Goal::Either };
        let types = Types { elide: typescript, drop: typescript };
        match import_scan::scan(Path::new("index.ts"), text, language, types) {
            Ok(scan) => {
                let in_text = scan.imports.iter().all(|import| import.offset < text.len());
                assert!(in_text, "{:?}", scan.imports);
                let mut blanked = text.to_owned();
                text_edits::blank(&mut blanked, &scan.types);
                assert_eq!(blanked.len(), text.len());
            }
            Err(error) => assert_in_text(text, &error),
        }
    }
}

/// Checks that the location of an error is in the text.
fn assert_in_text(text: &str, error: &ProjectError) {
    let (Some(line), Some(column)) = (error.location.line, error.location.column) else { return };
    let of_line = text.split('\n').nth(line as usize - 1).expect("a line of the text");
    assert!(column >= 1 && column as usize <= of_line.chars().count() + 1, "{error} of {text:?}");
}

#[cfg(test)]
#[path = "../../fuzz/seeds.rs"]
mod seeds;

#[test]
fn the_properties_hold_for_all_seeds() {
    seeds::each_text("project", project);
}
