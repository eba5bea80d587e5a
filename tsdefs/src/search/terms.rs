//! Text → terms: identifiers split at their seams, words stemmed, CJK text in pairs of characters.

use super::fold::folded;

/// Terms taken of one text. Descriptions of real tools stay below 900; the bound is for hostile ones.
const MOST_TERMS: usize = 2000;

/// Longer runs of letters are cut: they are no words.
const LONGEST_WORD: usize = 40;

/// Words that nearly every question and description has.
const STOP_WORDS: [&str; 44] = [
    "a", "an", "the", "to", "of", "in", "on", "at", "for", "and", "or", "with", "from", "by", "is", "are",
    "be", "it", "its", "this", "that", "these", "as", "into", "my", "me", "i", "we", "you", "your", "our",
    "how", "do", "does", "can", "could", "should", "would", "want", "need", "please", "what", "which",
    "there",
];

/// The terms of `text`, in order, repetitions kept. Addresses have none: their parts say nothing of the tool.
pub(super) fn terms(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = folded(text);
    for part in text.split_whitespace().filter(|part| !part.contains("://")) {
        split(part, &mut found);
        if found.len() >= MOST_TERMS {
            break;
        }
    }
    found
}

fn split(text: &str, found: &mut Vec<String>) {
    let mut word = String::new();
    let mut before = Kind::Other;
    let mut chars = text.chars().peekable();
    let mut last_cjk = None;
    while let Some(c) = chars.next() {
        if found.len() >= MOST_TERMS {
            break;
        }
        let kind = Kind::of(c);
        let next = chars.peek().copied().map_or(Kind::Other, Kind::of);
        // `aB`, `ABc` before the B, `a1` and `1a` are seams.
        let seam = match (before, kind) {
            (Kind::Upper, Kind::Upper) => next == Kind::Lower,
            (Kind::Upper, Kind::Lower) => false,
            (a, b) => a != b,
        };
        if seam {
            flush(&mut word, found);
        }
        if kind == Kind::Cjk {
            found.push(c.to_string());
            if let Some(previous) = last_cjk {
                found.push(format!("{previous}{c}"));
            }
            last_cjk = Some(c);
        } else {
            last_cjk = None;
            if kind != Kind::Other && word.len() < LONGEST_WORD {
                word.extend(c.to_lowercase());
            }
        }
        before = kind;
    }
    flush(&mut word, found);
}

/// The terms of a question: without stop words, unless nothing else is left, and each once.
pub(super) fn query_terms(text: &str) -> Vec<String> {
    let all = terms(text);
    let mut kept: Vec<String> = Vec::new();
    let stop: Vec<String> = STOP_WORDS.iter().map(|word| stem(word)).collect();
    for term in &all {
        if !stop.contains(term) && !kept.contains(term) {
            kept.push(term.clone());
        }
    }
    if kept.is_empty() { all } else { kept }
}

fn flush(word: &mut String, found: &mut Vec<String>) {
    if !word.is_empty() {
        found.push(stem(word));
        word.clear();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Cjk,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            // Han, kana, hangul: scripts without spaces between words, or, for hangul, with endings on them.
            '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7af}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}' => Self::Cjk,
            c if c.is_uppercase() => Self::Upper,
            c if c.is_alphabetic() => Self::Lower,
            c if c.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }
}

/// An English word without its ending: the first steps of Porter's stemmer, which bring plurals, `-ing`, `-ed`,
/// `-tion` and `-er` together. The later steps join words that differ in meaning, and tool names are short of words.
pub(super) fn stem(word: &str) -> String {
    if word.len() < 4 || !word.is_ascii() {
        return word.to_owned();
    }
    let mut word = plural_free(word);
    for ending in ["ingly", "edly", "ing", "ed"] {
        if let Some(base) = word.strip_suffix(ending).filter(|base| has_vowel(base) && base.len() >= 3) {
            word = repaired(base);
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

fn plural_free(word: &str) -> String {
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

/// `runn` → `run`; `creat` stays, as `create` loses its `e` too.
fn repaired(base: &str) -> String {
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
    fn identifiers_split_at_their_seams() {
        assert_eq!(terms("getHTTPResponse_v2"), ["get", "http", "respons", "v", "2"]);
        assert_eq!(terms("API-post-search"), ["api", "post", "search"]);
        assert_eq!(terms("see https://example.org/x now"), ["see", "now"]);
        assert_eq!(
            terms("讀取檔案 file"),
            ["讀", "取", "讀取", "檔", "取檔", "案", "檔案", "file".trim_end_matches('e')]
        );
    }

    #[test]
    fn forms_of_a_word_meet() {
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

    #[test]
    fn questions_lose_their_small_words() {
        assert_eq!(query_terms("how can I read the file and the files"), ["read", "fil"]);
        assert_eq!(query_terms("to do"), ["to", "do"]);
    }
}
