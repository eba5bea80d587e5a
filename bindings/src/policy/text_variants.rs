//! The variants of a text: every way in which a server may read it as a path or a word. It may be
//! composed, percent-decoded, and without invisible characters.

use isolet_tsdefs::is_invisible;
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;

/// The most rounds of decoding. Each round needs a text many times as long as the one before, so
/// that no honest text comes near this.
const MAX_ROUNDS: usize = 8;

/// The variants of one text.
#[derive(Debug)]
pub(super) struct TextVariants {
    texts: Vec<String>,
    /// True if there may be further variants.
    unfinished: bool,
}

impl TextVariants {
    pub(super) fn of(raw: &str) -> Self {
        let mut variants = Self { texts: vec![raw.to_owned()], unfinished: false };
        if raw.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'%') {
            variants.add(raw.trim().to_owned());
            return variants;
        }
        // Without composition: a rule may name the letters as they are.
        variants.add(raw.chars().filter(|letter| !is_dropped(*letter)).collect());
        for drops in [false, true] {
            variants.unfinished |= !variants.decode(raw, drops);
        }
        variants
    }

    /// Each variant once; the first is the unchanged text.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// Returns whether the text may have variants that are not among these.
    pub(super) fn are_unfinished(&self) -> bool {
        self.unfinished
    }

    /// Returns whether a variant may be a path with a `..` segment, or with a NUL, which ends
    /// paths.
    pub(super) fn climb(&self) -> bool {
        self.unfinished
            || self.iter().any(|text| text.contains('\0') || text.split(['/', '\\']).any(is_parent))
    }

    fn add(&mut self, text: String) {
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    /// Adds the text decoded once, twice, and completely. Returns whether decoding came to an end.
    fn decode(&mut self, raw: &str, drops: bool) -> bool {
        let first = clean(raw, drops);
        let once = |text: &str| {
            text.contains('%').then(|| clean(&percent_decode_str(text).decode_utf8_lossy(), drops))
        };
        if let Some(decoded) = once(&first) {
            once(&decoded).into_iter().for_each(|decoded| self.add(decoded));
            self.add(decoded);
        }
        let mut text = first;
        for _ in 0..MAX_ROUNDS {
            self.add(text.clone());
            match wholly_decoded(&text) {
                None => return true,
                Some(decoded) => text = clean(&decoded, drops),
            }
        }
        self.add(text);
        false
    }
}

/// Normalizes width and composition, and trims blanks. With `drops`, also removes invisible
/// characters.
pub(super) fn clean(text: &str, drops: bool) -> String {
    let kept = |letter: &char| !drops || !is_dropped(*letter);
    // An invisible character between two letters may have kept them from being composed.
    let composed: String = text.chars().filter(kept).nfkc().filter(kept).collect();
    let composed: String = composed.nfkc().collect();
    // A NUL ends paths; it is a blank only where it is dropped.
    let is_blank = |letter: char| letter.is_whitespace() || (is_dropped(letter) && letter != '\0');
    composed.trim_matches(is_blank).to_owned()
}

/// Returns whether a character is a control character, or one that Unicode lets programs ignore.
fn is_dropped(letter: char) -> bool {
    // The blank braille pattern looks like a blank, but is not ignored.
    letter.is_control() || (is_invisible(letter) && letter != '\u{2800}')
}

/// Returns whether a path segment means the parent folder: `..`, also after a drive or a scheme,
/// before a query or parameters, or with blanks that Windows drops.
fn is_parent(segment: &str) -> bool {
    let segment = segment.split([';', '?', '#']).next().unwrap_or_default();
    let segment = segment.rsplit(':').next().unwrap_or_default().trim();
    let dots = segment.chars().filter(|letter| *letter == '.').count();
    let has_blanks = segment.chars().any(char::is_whitespace);
    segment == ".."
        || (has_blanks && dots > 1 && segment.chars().all(|letter| letter == '.' || letter.is_whitespace()))
}

/// Decodes percent-encoding completely, however often the text was encoded. Returns `None` if there
/// is none. Linear in the length: decoded bytes become part of the text before them at once.
fn wholly_decoded(text: &str) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut changed = false;
    for byte in text.bytes() {
        bytes.push(byte);
        while let Some((length, meant)) = encoded_end(&bytes) {
            changed = true;
            bytes.truncate(bytes.len() - length);
            bytes.extend_from_slice(meant.as_bytes());
        }
    }
    changed.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The meaning of one encoded character.
enum Meant {
    Byte([u8; 1]),
    Letter(String),
}

impl Meant {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Byte(byte) => byte,
            Self::Letter(letter) => letter.as_bytes(),
        }
    }
}

/// Returns the length and the meaning of an encoded character that ends here: `%2e`, `%u002e`, or
/// an ASCII byte in an overlong encoding, which old decoders accept.
fn encoded_end(bytes: &[u8]) -> Option<(usize, Meant)> {
    let hex = |digits: &[u8]| {
        digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    };
    match bytes {
        [.., b'%', high, low] if hex(&[*high, *low]).is_some() => {
            let byte = u8::try_from(hex(&[*high, *low])?).ok()?;
            Some((3, Meant::Byte([byte])))
        }
        [.., b'%', b'u' | b'U', a, b, c, d] if hex(&[*a, *b, *c, *d]).is_some() => {
            let letter = char::from_u32(hex(&[*a, *b, *c, *d])?).unwrap_or(char::REPLACEMENT_CHARACTER);
            Some((6, Meant::Letter(letter.to_string())))
        }
        [.., first @ (0xc0 | 0xc1), second @ 0x80..=0xbf] => {
            Some((2, Meant::Byte([(first & 1) << 6 | (second & 0x3f)])))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parent_segments_are_found_in_every_notation() {
        for path in [
            "..",
            "/a/../b",
            "/a/\u{ff0e}\u{ff0e}/x",
            "/a/\u{2025}/x",
            "/a/\u{2024}\u{2024}/x",
            "/a/.\u{200b}./x",
            "/a/.\t./x",
            "/a/.\u{2028}./x",
            "/a\u{ff0f}..\u{ff3c}x",
            "/a/%2e%2E/x",
            "/a/%25252e%25252e/x",
            "/a/%252525252525252525252e./x",
            "/a/\u{ff05}2e./x",
            "/a/%EF%BC%8E%ef%bc%8e/x",
            "/a/%\u{200b}2e./x",
            "/a/%c0%ae%c0%ae/x",
            "/a%u002f%u002E%u002e/x",
            "/a/..;v=1/x",
            "/a/..?x",
            "/a/.. /x",
            "/a/. ./x",
            "file:../x",
            "C:..\\x",
            "/a/x\0",
            "/a/x%00",
            "/a/x%2500",
            "/a/x%c0%80",
        ] {
            assert!(TextVariants::of(path).climb(), "{path:?}");
        }
        for path in ["/a/..b", "/a/b..", "/a/.../b", "/a/./b", "/a/%2eb", "/a/\u{2026}", "..a", "", "a: b"] {
            assert!(!TextVariants::of(path).climb(), "{path:?}");
        }
    }

    #[test]
    fn a_text_that_is_encoded_too_often_stays_unfinished() {
        let again = |text: &str| text.replace('%', "%EF%BC%85");
        let mut text = "%2e".to_owned();
        for _ in 0..3 {
            text = again(&text);
            let variants = TextVariants::of(&text);
            assert!(!variants.are_unfinished() && variants.iter().any(|reading| reading == "."), "{text}");
        }
        for _ in 0..6 {
            text = again(&text);
        }
        assert!(TextVariants::of(&text).are_unfinished());
    }

    #[test]
    fn hostile_texts_are_read_in_bounded_time() {
        let began = Instant::now();
        for text in [
            format!("%{}2e", "25".repeat(100_000)),
            "%2e".repeat(60_000),
            "%25".repeat(60_000),
            "%".repeat(200_000),
            "\u{fdfa}".repeat(20_000),
            format!("a{}", "\u{301}\u{323}".repeat(30_000)),
            "\u{200b}%E2%80%8b".repeat(20_000),
        ] {
            assert!(TextVariants::of(&text).iter().count() < 24);
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    proptest! {
        #[test]
        fn decoding_is_complete(text in "[%0-9a-fuUx\\u{ff05}\\u{200b}]{0,40}") {
            let variants = TextVariants::of(&text);
            let last = |drops: bool| {
                let mut text = clean(&text, drops);
                while let Some(decoded) = wholly_decoded(&text) { text = clean(&decoded, drops); }
                text
            };
            for drops in [false, true] {
                let last = last(drops);
                prop_assert!(variants.are_unfinished() || variants.iter().any(|reading| reading == last));
            }
        }
    }
}
