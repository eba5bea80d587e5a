//! Suggestions for misspelled names.

/// The similarity by Jaro and Winkler from which a name may have been meant.
const MIN_SIMILARITY: f64 = 0.85;

/// The longest name that is compared, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// Returns `; did you mean …?` with the most similar name, or nothing if none is similar.
pub(crate) fn question<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    if wrong.len() > MAX_NAME_BYTES {
        return String::new();
    }
    let wrong = wrong.to_lowercase();
    known
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}
