//! The terms of an index that stand for a term of a query.

use std::collections::BTreeMap;
use std::ops::Bound;

/// The share at which a replaced term counts, by the reason.
mod share {
    pub const SAME: f32 = 1.0;
    pub const SYNONYM: f32 = 0.5;
    pub const COMPOUND: f32 = 0.5;
    pub const PREFIX: f32 = 0.6;
    pub const TYPO: f32 = 0.5;
}

/// The terms that replace one for one reason.
const MAX_SIMILAR: usize = 16;

/// The bytes of a term that is completed to longer ones.
const MIN_PREFIX_BYTES: usize = 3;

/// The bytes of a term for which compounds and typos are looked for.
const MIN_TYPO_BYTES: usize = 4;

/// Verbs of the same meaning, as stems: those that people write, and those in names of tools.
const SYNONYMS: [&[&str]; 9] = [
    &["creat", "add", "new", "mak", "insert", "open"],
    &["delet", "remov", "eras", "drop", "clear"],
    &["get", "fetch", "retriev", "read", "show", "view", "load", "look", "display"],
    &["updat", "edit", "modifi", "chang", "set", "patch"],
    &["search", "find", "queri", "lookup", "locat"],
    &["list", "enumerat", "all"],
    &["send", "post", "submit", "publish", "writ"],
    &["run", "execut", "invok", "start", "call"],
    &["folder", "directori", "dir", "path"],
];

/// Returns the keys of `index` that stand for `term`, with the share at which each counts.
pub(super) fn similar_terms<'i, P>(index: &'i BTreeMap<Box<str>, P>, term: &str) -> Vec<(&'i str, f32)> {
    let mut similar: Vec<(&str, f32)> = Vec::new();
    let add = |similar: &mut Vec<(&'i str, f32)>, term: &str, share| {
        if let Some((known, _)) = index.get_key_value(term)
            && !similar.iter().any(|(other, _)| *other == &**known)
        {
            similar.push((&**known, share));
        }
    };
    add(&mut similar, term, share::SAME);
    for group in SYNONYMS.iter().filter(|group| group.contains(&term)) {
        group.iter().for_each(|other| add(&mut similar, other, share::SYNONYM));
    }
    if term.len() >= MIN_TYPO_BYTES {
        // `sheet` is a part of `worksheet` and `spreadsheet`.
        let compounds = index.keys().filter(|known| known.len() > term.len() && known.ends_with(term));
        similar.extend(compounds.take(MAX_SIMILAR).map(|known| (&**known, share::COMPOUND)));
    }
    if similar.is_empty() && term.len() >= MIN_PREFIX_BYTES {
        let longer = index
            .range::<str, _>((Bound::Included(term), Bound::Unbounded))
            .take_while(|(known, _)| known.starts_with(term));
        similar.extend(longer.take(MAX_SIMILAR).map(|(known, _)| (&**known, share::PREFIX)));
    }
    if similar.is_empty() && term.len() >= MIN_TYPO_BYTES {
        let near = index.keys().filter(|known| is_within_one_edit(known, term));
        similar.extend(near.take(MAX_SIMILAR).map(|known| (&**known, share::TYPO)));
    }
    similar
}

/// Returns whether `b` is `a` with one letter wrong, missing, additional or swapped with its
/// neighbour.
fn is_within_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[same..], &b[same..]);
    let tail = |a: &[char], skip_a: usize, b: &[char], skip_b: usize| a.get(skip_a..) == b.get(skip_b..);
    tail(rest_a, 1, rest_b, 1)
        || tail(rest_a, 1, rest_b, 0)
        || tail(rest_a, 0, rest_b, 1)
        || (rest_a.len() >= 2
            && rest_b.len() >= 2
            && rest_a[0] == rest_b[1]
            && rest_a[1] == rest_b[0]
            && rest_a[2..] == rest_b[2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_missing_additional_or_swapped_letter_is_one_edit() {
        for (a, b) in [
            ("abcd", "abxd"),
            ("abcd", "abd"),
            ("abcd", "abccd"),
            ("abcd", "bacd"),
            ("abcd", "abdc"),
            ("abcd", "abcde"),
        ] {
            assert!(is_within_one_edit(a, b) && is_within_one_edit(b, a), "{a} {b}");
        }
        assert!(!is_within_one_edit("abcd", "axyd") && !is_within_one_edit("abcd", "ab"));
    }
}
