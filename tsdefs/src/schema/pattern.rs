//! Patterns of keys, as regular expressions and as template literals.
//!
//! Known keys are matched by a regular expression engine that is linear in the key. The type of
//! unknown keys is a template literal, exactly or as a superset.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// The bytes of one compiled pattern. Hostile repetitions fail instead of growing.
const MAX_COMPILED_BYTES: usize = 256 << 10;

/// The bytes of a pattern. A longer one is not compiled.
const MAX_PATTERN_BYTES: usize = 1024;

/// The bytes of a key. A longer one is not matched: an engine that is linear in the key still takes
/// a step for each state of the pattern.
const MAX_KEY_BYTES: usize = 256;

/// The units of work to compile a pattern, before those for its length.
const COMPILE_STEPS: usize = 3000;

/// The units of work to match one byte of a key.
const STEPS_PER_BYTE: usize = 2;

/// A set of keys as a template literal: `${string}` between fixed parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Template {
    /// The fixed text at the start.
    pub prefix: String,
    /// The fixed text at the end.
    pub suffix: String,
    /// The fixed text in the middle; empty if there is a prefix or a suffix.
    pub infix: String,
}

impl Template {
    /// Returns whether `key` has this form.
    pub fn matches(&self, key: &str) -> bool {
        key.len() >= self.prefix.len() + self.suffix.len()
            && key.starts_with(&self.prefix)
            && key.ends_with(&self.suffix)
            && key.contains(&self.infix)
    }
}

/// The keys that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySet<'p> {
    /// Exactly these keys.
    Names(Vec<&'p str>),
    /// Exactly the keys of this form.
    Exactly(Template),
    /// Some of the keys of this form.
    Within(Template),
    /// All keys.
    All,
    /// Keys that no template describes.
    Unknown,
}

/// The compiled patterns of one document.
#[derive(Default)]
pub(crate) struct Patterns {
    compiled: HashMap<String, Option<Regex>>,
}

impl Patterns {
    /// Returns the units of work that [`matches`](Self::matches) takes.
    pub fn cost(&self, pattern: &str, key: &str) -> usize {
        let compile = if self.compiled.contains_key(pattern) { 0 } else { COMPILE_STEPS + 4 * pattern.len() };
        compile + 20 + STEPS_PER_BYTE * key.len().min(MAX_KEY_BYTES)
    }

    /// Returns whether `key` matches `pattern`, or `None` if that is unknown: the pattern is too
    /// large, or uses syntax that a linear engine does not have.
    pub fn matches(&mut self, pattern: &str, key: &str) -> Option<bool> {
        if key.len() > MAX_KEY_BYTES {
            return None;
        }
        if !self.compiled.contains_key(pattern) {
            self.compiled.insert(pattern.to_owned(), compile(pattern));
        }
        Some(self.compiled.get(pattern)?.as_ref()?.is_match(key))
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return None;
    }
    // ECMA-262 and this engine differ in the meaning of `\d`, `\w`, `\s` and `$` beyond ASCII and
    // at line ends.
    if ["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B"].iter().any(|class| pattern.contains(class)) {
        let ascii = pattern.replace("\\d", "[0-9]").replace("\\w", "[0-9A-Za-z_]");
        if ["\\D", "\\W", "\\s", "\\S", "\\b", "\\B"].iter().any(|class| pattern.contains(class)) {
            return None;
        }
        return build(&ascii);
    }
    build(pattern)
}

fn build(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(64)
        .build()
        .ok()
}

/// Returns the keys that `pattern` matches.
pub(crate) fn key_set(pattern: &str) -> KeySet<'_> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return KeySet::Unknown;
    }
    let (anchored, body) = match pattern.strip_prefix('^') {
        Some(body) => (true, body),
        None => (false, pattern),
    };
    if let Some(names) = anchored.then(|| choice_of_names(body)).flatten() {
        return KeySet::Names(names);
    }
    let Some((fixed, rest)) = literal_run(body) else { return KeySet::Unknown };
    match (anchored, rest) {
        (true, "$") => body
            .strip_suffix('$')
            .filter(|name| *name == fixed)
            .map_or(KeySet::Unknown, |name| KeySet::Names(vec![name])),
        (true, "" | ".*") => prefixed(fixed, KeySet::Exactly),
        // `.` does not match line ends, and `.+` needs a character: the template allows a little
        // more.
        (true, ".*$" | ".+" | ".+$") => prefixed(fixed, KeySet::Within),
        (true, rest) if is_one_sequence(rest) => prefixed(fixed, KeySet::Within),
        (false, "$") => KeySet::Exactly(Template { suffix: fixed, ..Template::default() }),
        (false, ".*$") if fixed.is_empty() => KeySet::All,
        // A part that may repeat or be missing at an open end has no effect.
        (false, rest) if rest.is_empty() || rest == ".*" || is_optional(rest) => match fixed.is_empty() {
            true => KeySet::All,
            false => KeySet::Exactly(Template { infix: fixed, ..Template::default() }),
        },
        _ => KeySet::Unknown,
    }
}

fn prefixed(prefix: String, form: fn(Template) -> KeySet<'static>) -> KeySet<'static> {
    match form(Template { prefix, ..Template::default() }) {
        KeySet::Exactly(template) if template.prefix.is_empty() => KeySet::All,
        KeySet::Within(template) if template.prefix.is_empty() => KeySet::Unknown,
        keys => keys,
    }
}

/// Returns the names of `(a|b)$` and `(?:a|b)$`. They are borrowed from the pattern, so a name with
/// an escape gives `None`.
fn choice_of_names(body: &str) -> Option<Vec<&str>> {
    let inside = body.strip_prefix('(')?.strip_suffix(")$")?;
    let inside = inside.strip_prefix("?:").unwrap_or(inside);
    inside.split('|').map(|name| literal_run(name).filter(|(fixed, _)| fixed == name).map(|_| name)).collect()
}

/// Returns the plain characters at the start of `body` and the rest, or `None` if a choice at the
/// top level makes the start optional.
fn literal_run(body: &str) -> Option<(String, &str)> {
    let mut fixed = String::new();
    let mut at = 0;
    // The length of `fixed` before its last character, and where that character begins in `body`.
    let mut before_last = (0, 0);
    let mut chars = body.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let (literal, end) = match c {
            '\\' => match chars.peek() {
                Some((_, escaped)) if !escaped.is_alphanumeric() => {
                    let (next, escaped) = chars.next()?;
                    (escaped, next + escaped.len_utf8())
                }
                _ => break,
            },
            '.' | '[' | '(' | '$' | '^' | ')' => break,
            '|' => return None,
            '*' | '?' | '{' => {
                // The quantifier belongs to the character before it.
                fixed.truncate(before_last.0);
                at = before_last.1;
                break;
            }
            // The character before `+` occurs at least once. Without one, the pattern is invalid.
            '+' => return Some((fixed, &body[before_last.1..])),
            c => (c, start + c.len_utf8()),
        };
        before_last = (fixed.len(), at);
        fixed.push(literal);
        at = end;
    }
    Some((fixed, &body[at..]))
}

/// Returns whether `rest` is one plain character that may repeat or be missing.
fn is_optional(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next().is_some_and(char::is_alphanumeric) && matches!(chars.as_str(), "*" | "?")
}

/// Returns whether `rest` has no choice at its top level, so that the text before it is always
/// there.
fn is_one_sequence(rest: &str) -> bool {
    let mut depth = 0_usize;
    let mut class = false;
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth = depth.saturating_sub(1),
            '|' if !class && depth == 0 => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(prefix: &str, infix: &str, suffix: &str) -> Template {
        Template { prefix: prefix.into(), infix: infix.into(), suffix: suffix.into() }
    }

    #[test]
    fn patterns_become_templates() {
        for (pattern, expected) in [
            ("^x-", KeySet::Exactly(template("x-", "", ""))),
            ("^x\\-.*", KeySet::Exactly(template("x-", "", ""))),
            ("^x-.*$", KeySet::Within(template("x-", "", ""))),
            ("_id$", KeySet::Exactly(template("", "", "_id"))),
            ("foo", KeySet::Exactly(template("", "foo", ""))),
            ("^foo$", KeySet::Names(vec!["foo"])),
            ("^(a|b)$", KeySet::Names(vec!["a", "b"])),
            ("^S_[0-9]+$", KeySet::Within(template("S_", "", ""))),
            ("^S_(a|b)$", KeySet::Within(template("S_", "", ""))),
            ("^ab*$", KeySet::Within(template("a", "", ""))),
            ("^ab+$", KeySet::Within(template("ab", "", ""))),
            ("^aé+$", KeySet::Within(template("aé", "", ""))),
            ("^\\.+$", KeySet::Within(template(".", "", ""))),
            ("^+a", KeySet::Unknown),
            ("+", KeySet::Unknown),
            (".*", KeySet::All),
            ("^.*", KeySet::All),
            ("", KeySet::All),
            ("^a|b", KeySet::Unknown),
            ("^a[0-9]|b", KeySet::Unknown),
            ("^[a-z]+$", KeySet::Unknown),
            ("^\\d+$", KeySet::Unknown),
            ("f.*o", KeySet::Unknown),
            ("f.*", KeySet::Exactly(template("", "f", ""))),
            ("aaa*", KeySet::Exactly(template("", "aa", ""))),
            ("a*", KeySet::All),
        ] {
            assert_eq!(key_set(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn matching_is_exact_or_unknown() {
        let mut patterns = Patterns::default();
        assert_eq!(patterns.matches("^\\d+$", "12"), Some(true));
        assert_eq!(patterns.matches("^\\d+$", "a"), Some(false));
        assert_eq!(patterns.matches("(?=a)b", "b"), None);
        assert_eq!(patterns.matches("((a{100}){100}){100}", "b"), None);
        assert_eq!(patterns.matches("\\s", " "), None);
    }
}
