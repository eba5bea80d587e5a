//! English words without their endings.

/// Returns an English word without its ending.
///
/// These are the first steps of Porter's stemmer, which remove plurals, `-ing`, `-ed` and `-tion`.
/// The later steps would join words of different meaning, and names of tools have few words.
pub(super) fn stem(word: &str) -> String {
    if word.len() < 4 || !word.is_ascii() {
        return word.to_owned();
    }
    let mut word = without_plural(word);
    for ending in ["ingly", "edly", "ing", "ed"] {
        if let Some(base) = word.strip_suffix(ending).filter(|base| has_vowel(base) && base.len() >= 3) {
            word = without_doubled_letter(base);
            break;
        }
    }
    for (ending, replaced) in [
        ("ization", "iz"),
        ("ations", "at"),
        ("ation", "at"),
        ("ition", "it"),
        ("tion", "t"),
        ("ment", ""),
        ("ness", ""),
    ] {
        if let Some(base) = word.strip_suffix(ending).filter(|base| base.len() >= 3) {
            word = format!("{base}{replaced}");
            break;
        }
    }
    if let Some(base) = word.strip_suffix('y').filter(|base| base.len() >= 3) {
        return format!("{base}i");
    }
    word.strip_suffix('e').filter(|base| base.len() >= 3).map_or(word.clone(), str::to_owned)
}

/// Returns a word without the ending of a plural.
fn without_plural(word: &str) -> String {
    if let Some(base) = word.strip_suffix("sses") {
        return format!("{base}ss");
    }
    if let Some(base) = word.strip_suffix("ies") {
        return format!("{base}y");
    }
    for ending in ["ches", "shes", "xes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    match word.strip_suffix('s') {
        Some(base) if !base.ends_with(['s', 'u', 'i']) => base.to_owned(),
        _ => word.to_owned(),
    }
}

/// Returns a stem without a doubled letter: `run` for `runn`. `creat` stays, because `create` loses
/// its `e` too.
fn without_doubled_letter(base: &str) -> String {
    let mut letters = base.chars().rev();
    match (letters.next(), letters.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'z') => base[..base.len() - 1].to_owned(),
        _ => base.to_owned(),
    }
}

fn has_vowel(text: &str) -> bool {
    text.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for group in [
            &["create", "creates", "created", "creating", "creation"][..],
            &["query", "queries", "querying"],
            &["file", "files", "filing"],
            &["run", "running", "runs"],
            &["search", "searches", "searching", "searched"],
            &["branch", "branches"],
            &["delete", "deleted", "deletion"],
        ] {
            let stems: Vec<String> = group.iter().map(|word| stem(word)).collect();
            assert!(stems.iter().all(|other| *other == stems[0]), "{stems:?}");
        }
        assert_ne!(stem("status"), stem("state"));
    }
}
