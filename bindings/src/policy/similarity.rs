//! Texts that a server may treat as equal: `PROD` and `prod`; `//etc/./passwd`,
//! `file:///etc/passwd` and `/etc/passwd`.
//!
//! Rules that deny use this comparison; rules that allow compare texts exactly.

use std::collections::HashSet;

use globset::{GlobBuilder, GlobMatcher};
use unicode_normalization::UnicodeNormalization as _;

use super::arguments::folded;
use super::glob::glob;
use super::invalid_rule::InvalidRule;
use super::text_variants::{TextVariants, clean};

/// A text that is compared with many. Its variants are computed once.
#[derive(Debug)]
pub(super) struct ComparedText {
    pub(super) variants: TextVariants,
    forms: HashSet<String>,
}

impl ComparedText {
    pub(super) fn new(text: &str) -> Self {
        let variants = TextVariants::of(text);
        let forms = variants.iter().flat_map(forms).collect();
        Self { variants, forms }
    }

    /// Returns whether a lenient server may take the text for `wanted`.
    pub(super) fn is_alike(&self, wanted: &str) -> bool {
        self.variants.are_unfinished()
            || TextVariants::of(wanted).iter().flat_map(forms).any(|form| self.forms.contains(&form))
    }
}

/// Returns whether a lenient server may take `value` for `wanted`.
pub(super) fn alike(wanted: &str, value: &str) -> bool {
    wanted == value || ComparedText::new(value).is_alike(wanted)
}

/// A glob for strict and for lenient matching.
#[derive(Debug, Clone)]
pub(super) struct TextPattern {
    strict: GlobMatcher,
    lenient: Vec<GlobMatcher>,
    /// The decoded glob, unless decoding adds metacharacters. For texts that it matches unchanged.
    decoded: Vec<GlobMatcher>,
    is_path: bool,
    /// True if the glob is about the contents of a folder. A glob with a slash at its end is about
    /// folders, and every path may be one.
    reaches_in: bool,
}

impl TextPattern {
    pub(super) fn new(text: &str, any_case: bool) -> Result<Self, InvalidRule> {
        let strict = glob(text, any_case)?;
        let is_path = text.contains('/');
        // The glob is not percent-decoded, since `%2a` is not a star. The slash at its end stays,
        // without which `*/` would match everything.
        let mut lenient: Vec<_> =
            [false, true].into_iter().flat_map(|drops| lenient(&clean(text, drops))).collect();
        // Normalization may have produced a metacharacter.
        if lenient.is_empty() {
            lenient.push(glob(text, true)?);
        }
        let signs = |text: &str| text.chars().filter(|letter| "*?[]{}!\\,".contains(*letter)).count();
        let variants = TextVariants::of(text);
        let decoded = variants.iter().filter(|reading| signs(reading) == signs(text));
        let decoded = decoded.flat_map(self::lenient).collect();
        Ok(Self { strict, lenient, decoded, is_path, reaches_in: is_path && !text.ends_with('/') })
    }

    /// Returns whether the glob matches the text unchanged.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.strict.is_match(value)
    }

    /// Returns whether the glob matches every variant of the text. A path with `..` is never
    /// certain.
    pub(super) fn surely_matches(&self, value: &str) -> bool {
        if !self.matches(value) {
            return false;
        }
        let variants = TextVariants::of(value);
        let meant = |text: &str| {
            let forms = forms(text);
            self.strict.is_match(text)
                || self
                    .lenient
                    .iter()
                    .chain(&self.decoded)
                    .any(|glob| forms.iter().any(|form| glob.is_match(form)))
        };
        let is_doubtful = variants.are_unfinished() || (self.is_path && variants.climb());
        !is_doubtful && variants.iter().all(meant)
    }

    /// Returns whether the glob matches any variant of the text. A glob about the contents of a
    /// folder matches the folder too, and every path with `..`.
    pub(super) fn may_match(&self, value: &str) -> bool {
        if self.matches(value) {
            return true;
        }
        let variants = TextVariants::of(value);
        let meant = |text: &str| self.lenient.iter().any(|glob| glob.is_match(text));
        let folder = |form: &str| self.reaches_in && meant(&format!("{form}/"));
        variants.are_unfinished()
            || (self.is_path && variants.climb())
            || variants.iter().any(|reading| {
                self.strict.is_match(reading) || forms(reading).iter().any(|form| meant(form) || folder(form))
            })
    }
}

/// The globs of a pattern for lenient matching.
fn lenient(pattern: &str) -> Vec<GlobMatcher> {
    let plain = plain(pattern);
    let written = [without_scheme(&plain), Some(plain.as_str())].into_iter().flatten().map(collapsed);
    let globs = written.filter(|pattern| !pattern.is_empty()).filter_map(|pattern| {
        Some(GlobBuilder::new(&pattern).literal_separator(false).build().ok()?.compile_matcher())
    });
    globs.collect()
}

/// The normalized forms of one variant: without differences of case and of path notation.
fn forms(reading: &str) -> Vec<String> {
    // Backslashes separate only on Windows.
    let text = plain(reading).replace('\\', "/");
    let mut forms = Vec::new();
    for form in [Some(text.as_str()), without_scheme(&text)].into_iter().flatten() {
        let form = collapsed(form);
        let form = form.strip_suffix('/').filter(|rest| !rest.is_empty()).map_or(form.clone(), str::to_owned);
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Normalizes case, width and composition, and trims blanks.
fn plain(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    // Folding may produce letters that compose.
    clean(&folded(&composed), false)
}

/// Returns the path of a `file:` URL, without its host.
fn without_scheme(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("file:")?;
    match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').map(|at| &rest[at..]),
        None => Some(rest),
    }
}

/// Removes empty segments and `.` segments. A slash at the beginning and one at the end stay.
fn collapsed(text: &str) -> String {
    if !text.contains('/') {
        return text.to_owned();
    }
    let segments: Vec<&str> = text.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
    let begin = if text.starts_with('/') { "/" } else { "" };
    let end = if text.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("{begin}{}{end}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ETC: [&str; 14] = [
        "/etc/passwd",
        "//etc/passwd",
        "/./etc/passwd",
        " /etc/passwd",
        "/etc/passwd\n",
        "file:///etc/passwd",
        "FILE://localhost/etc/passwd",
        "file:/etc//passwd",
        "/ETC/passwd",
        "/etc",
        "/etc/.",
        "\\etc\\passwd",
        "/\u{ff45}tc/passwd",
        "/%65tc%252fpasswd",
    ];

    #[test]
    fn a_path_matches_in_every_notation() {
        for pattern in ["/etc/*", "/etc/**", "file:///etc/*", "//etc/*", "/ETC/*"] {
            let pattern = TextPattern::new(pattern, false).unwrap();
            for path in ETC {
                assert!(pattern.may_match(path), "{path}");
            }
            for other in ["/tmp/etc/x", "/etcetera", "etc", "/e/tc", "https://h/etc/x", ""] {
                assert!(!pattern.may_match(other), "{other}");
            }
        }
        let strict = TextPattern::new("/etc/*", false).unwrap();
        assert_eq!(ETC.iter().filter(|path| strict.matches(path)).count(), 3, "as they are");
    }

    #[test]
    fn words_match_in_any_case_width_and_composition() {
        for word in ["prod", "prod ", "PROD", "\u{ff50}rod", "\u{a0}Prod\t", "pr%6fd"] {
            assert!(alike("prod", word), "{word}");
        }
        assert!(alike("Café", "cafe\u{301}") && alike("straße", "STRASSE") && alike("a/b", "a//b"));
        for other in ["production", "pro d", "", "rod"] {
            assert!(!alike("prod", other), "{other}");
        }
    }

    #[test]
    fn normalization_does_not_make_a_pattern_match_everything() {
        for pattern in ["*/", "./", "file://*", "\u{ff3b}", "%2a"] {
            assert!(!TextPattern::new(pattern, false).unwrap().may_match("word"), "{pattern}");
        }
        assert!(TextPattern::new("file://*", false).unwrap().may_match("FILE:///x"));
    }

    #[test]
    fn invisible_characters_are_ignored() {
        let etc = TextPattern::new("/etc/*", false).unwrap();
        for path in [
            "/srv/\u{ff0e}\u{ff0e}/etc/x",
            "/srv/\u{2025}/etc/x",
            "\u{feff}/etc/x",
            "/etc\u{200b}/x",
            "/srv/%25252e%25252e/etc/x",
            "/%e2%80%8betc/x",
            "/et\tc/x",
            "/etc%c0%afx",
        ] {
            assert!(etc.may_match(path) && !etc.surely_matches(path), "{path:?}");
        }
        for word in ["\u{feff}prod", "prod\u{feff}", "prod\u{200b}", "prod\u{ad}", "\u{2060}prod", "pr\0od"] {
            assert!(alike("prod", word), "{word:?}");
        }
        assert!(alike("pr\u{ad}od", "prod") && alike("100%", "100%") && !alike("prod", "pr\u{200a}od"));
    }

    #[test]
    fn a_text_matches_surely_if_all_its_variants_match() {
        let data = TextPattern::new("/srv/data/*", false).unwrap();
        for path in [
            "/srv/data/\u{ff0e}\u{ff0e}/x",
            "/srv/data/\u{2025}/x",
            "/srv/data/.\u{200b}./x",
            "/srv/data/.\t./x",
            "/srv/data/%25252e%25252e/x",
            "/srv/data/..;/x",
            "/srv/data/x%00",
        ] {
            assert!(!data.surely_matches(path) && data.may_match(path), "{path:?}");
        }
        for path in ["/srv/data/a b.txt", "/srv/data/a%20b", "/srv/data/100%", "/srv/data/\u{2764}\u{fe0f}"] {
            assert!(data.surely_matches(path), "{path:?}");
        }
        for (pattern, text) in
            [("https://h/a%20b/*", "https://h/a%20b/c"), ("*", "two\nlines"), ("[!a-z]*", "ABC")]
        {
            assert!(TextPattern::new(pattern, false).unwrap().surely_matches(text), "{pattern} {text:?}");
        }
        for (pattern, text) in [("pro???", "pro\u{200b}"), ("*%2f*", "a%2fb\0"), ("[!.]*", "\u{200b}.x")] {
            let pattern = TextPattern::new(pattern, false).unwrap();
            assert!(pattern.matches(text), "{text:?}");
        }
        assert!(!TextPattern::new("pro???", false).unwrap().surely_matches("pro\u{200b}"));
        assert!(!TextPattern::new("[!.]*", false).unwrap().surely_matches("\u{200b}.x"));
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,12}", "[/.%2eEfFaA\\\\ :é]{0,16}", "(file:|FILE:)?/{0,3}[a-c./]{0,10}"]
    }

    proptest! {
        #[test]
        fn equal_texts_are_alike(text in text()) {
            prop_assert!(alike(&text, &text));
            let variants =
                [text.to_uppercase(), format!(" {text}\n"), text.replace('/', "//"), text.replace('/', "/./")];
            // Letters without a reversible case mapping, such as the dotted I, equal only
            // themselves.
            for variant in &variants[1..] {
                prop_assert!(alike(&text, variant), "{text:?} {variant:?}");
            }
        }

        #[test]
        fn strict_matches_are_lenient_matches(
            pattern in "[/a-cA-C.*?%é]{1,12}", value in text(), any_case: bool
        ) {
            if let Ok(pattern) = TextPattern::new(&pattern, any_case) {
                prop_assert!(!pattern.matches(&value) || pattern.may_match(&value));
            }
        }

        #[test]
        fn sure_matches_are_strict_matches(pattern in "[/a-cA-C.*?%é]{1,12}", value in text()) {
            if let Ok(pattern) = TextPattern::new(&pattern, false) {
                prop_assert!(!pattern.surely_matches(&value) || pattern.matches(&value));
            }
        }

        #[test]
        fn invisible_characters_hide_nothing(
            pattern in "[/a-cA-C.*?é]{1,12}",
            value in "[/a-cA-C.é]{1,16}",
            places in prop::collection::vec((0..40_usize, "[\u{200b}\u{feff}\u{ad}\u{2060}\u{fe0f}\u{e0001}\u{202e}\t\n\u{1}]"), 1..5),
        ) {
            let mut letters: Vec<char> = value.chars().collect();
            for (at, letter) in places {
                let at = at % (letters.len() + 1);
                letters.splice(at..at, letter.chars());
            }
            let hidden: String = letters.into_iter().collect();
            prop_assert!(alike(&value, &hidden), "{hidden:?}");
            if let Ok(pattern) = TextPattern::new(&pattern, false) {
                prop_assert!(!pattern.may_match(&value) || pattern.may_match(&hidden), "{hidden:?}");
                prop_assert!(pattern.may_match(&value) || !pattern.surely_matches(&hidden), "{hidden:?}");
            }
        }

        #[test]
        fn a_file_below_a_folder_matches(name in "[a-z]{1,5}", rest in "[a-z.]{0,8}", noise in "(/|/\\./){0,3}") {
            let pattern = TextPattern::new(&format!("/{name}/*"), false).unwrap();
            let value = format!("/{noise}{name}{noise}/{rest}");
            prop_assert!(pattern.may_match(&value), "{value}");
            prop_assert!(pattern.may_match(&format!("file://{value}").to_uppercase()), "{value}");
        }
    }
}
