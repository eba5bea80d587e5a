//! Text → terms: identifiers are split into words, words are stemmed, CJK text is split into
//! characters and pairs of characters.

use super::normalization::normalized;
use super::stemmer::stem;

/// The terms of one text. Descriptions of real tools have fewer than 900; the bound is for hostile
/// ones.
const MAX_TERMS: usize = 2000;

/// The bytes of a word. Longer runs of letters are cut.
const MAX_WORD_BYTES: usize = 40;

/// The bytes of a part without white space that are read. A part of words of the greatest length
/// that has this many has as many terms as are kept.
const MAX_PART_BYTES: usize = MAX_TERMS * MAX_WORD_BYTES;

/// Words that nearly every query and description has.
const STOP_WORDS: [&str; 44] = [
    "a", "an", "the", "to", "of", "in", "on", "at", "for", "and", "or", "with", "from", "by", "is", "are",
    "be", "it", "its", "this", "that", "these", "as", "into", "my", "me", "i", "we", "you", "your", "our",
    "how", "do", "does", "can", "could", "should", "would", "want", "need", "please", "what", "which",
    "there",
];

/// Returns the terms of `text` in order, with repetitions.
pub(super) fn terms(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words(text, |word| found.push(stem(word)));
    found
}

/// Calls `found` for each word of `text` in order, with repetitions. The stem of a word is a term.
/// URLs are left out, because their parts do not describe the tool.
pub(super) fn words(text: &str, found: impl FnMut(&str)) {
    let mut found = WordSink { count: 0, found };
    let mut word = String::new();
    // Normalization may make text eleven times as long, so neither text after the last term nor the
    // end of a long part is normalized. It may also add white space (U+FDFA).
    for part in text.split_whitespace() {
        let part = &part[..part.floor_char_boundary(MAX_PART_BYTES)];
        for part in normalized(part).split_whitespace().filter(|part| !part.contains("://")) {
            split(part, &mut word, &mut found);
        }
        if found.is_full() {
            break;
        }
    }
}

/// A receiver of words, up to a number.
struct WordSink<F> {
    count: usize,
    found: F,
}

impl<F: FnMut(&str)> WordSink<F> {
    fn is_full(&self) -> bool {
        self.count >= MAX_TERMS
    }

    fn push(&mut self, word: &str) {
        self.count += 1;
        (self.found)(word);
    }

    fn flush(&mut self, word: &mut String) {
        if !word.is_empty() {
            self.push(word);
            word.clear();
        }
    }
}

/// Splits a text without white space into words.
fn split(text: &str, word: &mut String, found: &mut WordSink<impl FnMut(&str)>) {
    let mut before = CharKind::Other;
    let mut chars = text.chars().peekable();
    let mut last_cjk = None;
    while let Some(c) = chars.next() {
        if found.is_full() {
            break;
        }
        let kind = CharKind::of(c);
        let next = chars.peek().copied().map_or(CharKind::Other, CharKind::of);
        // A word begins at the `B` of `aB` and `ABc`, at the `1` of `a1`, and at the `a` of `1a`.
        let begins = match (before, kind) {
            (CharKind::Upper, CharKind::Upper) => next == CharKind::Lower,
            (CharKind::Upper, CharKind::Lower) => false,
            (a, b) => a != b,
        };
        if begins {
            found.flush(word);
        }
        if kind == CharKind::Cjk {
            found.push(c.encode_utf8(&mut [0; 4]));
            if let Some(previous) = last_cjk {
                found.push(&format!("{previous}{c}"));
            }
            last_cjk = Some(c);
        } else {
            last_cjk = None;
            if kind != CharKind::Other && word.len() < MAX_WORD_BYTES {
                if c.is_ascii() { word.push(c.to_ascii_lowercase()) } else { word.extend(c.to_lowercase()) }
            }
        }
        before = kind;
    }
    found.flush(word);
}

/// Returns the terms of a query, each once, without stop words unless there are no others.
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

/// The kind of a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CharKind {
    Lower,
    Upper,
    Digit,
    Cjk,
    Other,
}

impl CharKind {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            '\0'..='\u{7f}' => Self::Other,
            // Han and kana have no spaces between words; words of hangul have endings.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_part_is_not_read() {
        let long = format!("{}_tail after", "\u{fdfa}".repeat(MAX_PART_BYTES));
        let found = terms(&long);
        assert!(found.len() <= MAX_TERMS && !found.contains(&"tail".to_owned()), "{}", found.len());
        let long = format!("{}_tail after", "-".repeat(MAX_PART_BYTES));
        assert_eq!(terms(&long), ["after"]);
    }

    #[test]
    fn identifiers_are_split_into_words() {
        assert_eq!(terms("getHTTPResponse_v2"), ["get", "http", "respons", "v", "2"]);
        assert_eq!(terms("API-post-search"), ["api", "post", "search"]);
        assert_eq!(terms("see https://example.org/x now"), ["see", "now"]);
        assert_eq!(
            terms("讀取檔案 file"),
            ["讀", "取", "讀取", "檔", "取檔", "案", "檔案", "file".trim_end_matches('e')]
        );
    }

    #[test]
    fn queries_lose_their_stop_words() {
        assert_eq!(query_terms("how can I read the file and the files"), ["read", "fil"]);
        assert_eq!(query_terms("to do"), ["to", "do"]);
    }
}
