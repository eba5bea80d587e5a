//! Globs of names and texts.

use globset::{GlobBuilder, GlobMatcher};

use super::invalid_rule::InvalidRule;

/// The longest glob. Longer ones become large regular expressions.
const MAX_GLOB_BYTES: usize = 256;

/// Compiles a glob.
pub(super) fn glob(text: &str, any_case: bool) -> Result<GlobMatcher, InvalidRule> {
    let bad = |reason: String| InvalidRule::Glob { glob: text.to_owned(), reason };
    if text.len() > MAX_GLOB_BYTES {
        return Err(bad(format!("it is longer than {MAX_GLOB_BYTES} bytes")));
    }
    let glob = GlobBuilder::new(text).literal_separator(false).case_insensitive(any_case).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| bad(error.kind().to_string()))
}
