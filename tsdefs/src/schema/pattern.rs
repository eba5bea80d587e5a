//! Patterns of keys. Whether a known key matches is decided by a regular expression engine that is linear in the key;
//! what unknown keys look like is said by a template literal, exactly or as a superset.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// A compiled pattern may take this many bytes: hostile repetitions give up instead of growing.
const LARGEST: usize = 256 << 10;

/// Longer patterns are not compiled.
const LONGEST: usize = 1024;

/// Longer keys are not looked at: an engine that is linear in the key still takes a step for each state of the pattern.
const LONGEST_KEY: usize = 256;

/// Steps that it takes to compile a pattern, whatever its length, and to match one byte of a key.
const COMPILE_STEPS: usize = 3000;
const BYTE_STEPS: usize = 2;

/// A set of keys as a template literal: `${string}` between fixed parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Template {
    /// Fixed text before.
    pub prefix: String,
    /// Fixed text behind.
    pub suffix: String,
    /// Fixed text in the middle; only where there is neither prefix nor suffix.
    pub infix: String,
}

impl Template {
    /// Whether `key` has this form.
    pub fn matches(&self, key: &str) -> bool {
        key.len() >= self.prefix.len() + self.suffix.len()
            && key.starts_with(&self.prefix)
            && key.ends_with(&self.suffix)
            && key.contains(&self.infix)
    }
}

/// What a template says of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keys<'p> {
    /// Exactly these keys.
    Names(Vec<&'p str>),
    /// Exactly the keys of this form.
    Exactly(Template),
    /// Some of the keys of this form.
    Within(Template),
    /// Any key, exactly.
    All,
    /// Nothing that a template can say.
    Unknown,
}

/// Compiled patterns of one document.
#[derive(Default)]
pub(crate) struct Patterns {
    compiled: HashMap<String, Option<Regex>>,
}

impl Patterns {
    /// What [`matches`](Self::matches) takes, in units of work.
    pub fn cost(&self, pattern: &str, key: &str) -> usize {
        let compile = if self.compiled.contains_key(pattern) { 0 } else { COMPILE_STEPS + 4 * pattern.len() };
        compile + 20 + BYTE_STEPS * key.len().min(LONGEST_KEY)
    }

    /// Whether `key` matches `pattern`; `None` if that is not known, because the pattern is too large or uses what a
    /// linear engine cannot do.
    pub fn matches(&mut self, pattern: &str, key: &str) -> Option<bool> {
        if key.len() > LONGEST_KEY {
            return None;
        }
        if !self.compiled.contains_key(pattern) {
            self.compiled.insert(pattern.to_owned(), compile(pattern));
        }
        Some(self.compiled.get(pattern)?.as_ref()?.is_match(key))
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    if pattern.len() > LONGEST {
        return None;
    }
    // ECMA-262 and this engine differ in what `\d`, `\w`, `\s` and `$` mean beyond ASCII and at line ends.
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
    RegexBuilder::new(pattern).size_limit(LARGEST).dfa_size_limit(LARGEST).nest_limit(64).build().ok()
}

/// What a template can say of `pattern`.
pub(crate) fn keys(pattern: &str) -> Keys<'_> {
    if pattern.len() > LONGEST {
        return Keys::Unknown;
    }
    let (anchored, body) = match pattern.strip_prefix('^') {
        Some(body) => (true, body),
        None => (false, pattern),
    };
    if let Some(names) = anchored.then(|| choice_of_names(body)).flatten() {
        return Keys::Names(names);
    }
    let Some((fixed, rest)) = literal_run(body) else { return Keys::Unknown };
    match (anchored, rest) {
        (true, "$") => body
            .strip_suffix('$')
            .filter(|name| *name == fixed)
            .map_or(Keys::Unknown, |name| Keys::Names(vec![name])),
        (true, "" | ".*") => prefixed(fixed, Keys::Exactly),
        // `.` leaves out line ends, and `.+` demands a character: the template says a little more.
        (true, ".*$" | ".+" | ".+$") => prefixed(fixed, Keys::Within),
        (true, rest) if one_sequence(rest) => prefixed(fixed, Keys::Within),
        (false, "$") => Keys::Exactly(Template { suffix: fixed, ..Template::default() }),
        (false, ".*$") if fixed.is_empty() => Keys::All,
        // What may repeat or be missing at an open end says nothing.
        (false, rest) if rest.is_empty() || rest == ".*" || is_optional(rest) => match fixed.is_empty() {
            true => Keys::All,
            false => Keys::Exactly(Template { infix: fixed, ..Template::default() }),
        },
        _ => Keys::Unknown,
    }
}

fn prefixed(prefix: String, form: fn(Template) -> Keys<'static>) -> Keys<'static> {
    match form(Template { prefix, ..Template::default() }) {
        Keys::Exactly(template) if template.prefix.is_empty() => Keys::All,
        Keys::Within(template) if template.prefix.is_empty() => Keys::Unknown,
        keys => keys,
    }
}

/// `(a|b)$` and `(?:a|b)$`, of plain names: they are borrowed from the pattern, so none may have an escape.
fn choice_of_names(body: &str) -> Option<Vec<&str>> {
    let inside = body.strip_prefix('(')?.strip_suffix(")$")?;
    let inside = inside.strip_prefix("?:").unwrap_or(inside);
    inside.split('|').map(|name| literal_run(name).filter(|(fixed, _)| fixed == name).map(|_| name)).collect()
}

/// The plain characters at the start of `body`, and what follows them. `None` if a choice at the top level makes the
/// start optional.
fn literal_run(body: &str) -> Option<(String, &str)> {
    let mut fixed = String::new();
    let mut at = 0;
    // How long `fixed` was, and where in `body` its last character begins.
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
            // What is before it comes at least once. Nothing may be: then this is no pattern.
            '+' => return Some((fixed, &body[before_last.1..])),
            c => (c, start + c.len_utf8()),
        };
        before_last = (fixed.len(), at);
        fixed.push(literal);
        at = end;
    }
    Some((fixed, &body[at..]))
}

/// One plain character that may repeat or be missing.
fn is_optional(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next().is_some_and(char::is_alphanumeric) && matches!(chars.as_str(), "*" | "?")
}

/// Whether `rest` has no choice at its top level, so that what precedes it always precedes.
fn one_sequence(rest: &str) -> bool {
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
            ("^x-", Keys::Exactly(template("x-", "", ""))),
            ("^x\\-.*", Keys::Exactly(template("x-", "", ""))),
            ("^x-.*$", Keys::Within(template("x-", "", ""))),
            ("_id$", Keys::Exactly(template("", "", "_id"))),
            ("foo", Keys::Exactly(template("", "foo", ""))),
            ("^foo$", Keys::Names(vec!["foo"])),
            ("^(a|b)$", Keys::Names(vec!["a", "b"])),
            ("^S_[0-9]+$", Keys::Within(template("S_", "", ""))),
            ("^S_(a|b)$", Keys::Within(template("S_", "", ""))),
            ("^ab*$", Keys::Within(template("a", "", ""))),
            ("^ab+$", Keys::Within(template("ab", "", ""))),
            ("^aé+$", Keys::Within(template("aé", "", ""))),
            ("^\\.+$", Keys::Within(template(".", "", ""))),
            ("^+a", Keys::Unknown),
            ("+", Keys::Unknown),
            (".*", Keys::All),
            ("^.*", Keys::All),
            ("", Keys::All),
            ("^a|b", Keys::Unknown),
            ("^a[0-9]|b", Keys::Unknown),
            ("^[a-z]+$", Keys::Unknown),
            ("^\\d+$", Keys::Unknown),
            ("f.*o", Keys::Unknown),
            ("f.*", Keys::Exactly(template("", "f", ""))),
            ("aaa*", Keys::Exactly(template("", "aa", ""))),
            ("a*", Keys::All),
        ] {
            assert_eq!(keys(pattern), expected, "{pattern}");
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
