//! Patterns with `*` and `:name`.

use std::fmt::Write as _;

use regex::Regex;

/// The name of what `*` stands for.
const SPLAT: &str = "splat";

/// The bytes of a text with its placeholders replaced. A longer one is not used.
const MAX_REPLACED_BYTES: usize = 64 << 10;

/// A pattern of paths, or of addresses with `https://`. Of `*`, which stands for any text, it has
/// at most one.
#[derive(Debug, Clone)]
pub(super) struct RulePattern {
    regex: Regex,
    has_host: bool,
}

/// The texts for which the placeholders of a pattern stand.
pub(super) struct Captures(Vec<(String, String)>);

/// Returns `true` if a pattern has `*` or `:name`.
pub(super) fn is_dynamic(pattern: &str) -> bool {
    pattern.contains('*') || placeholders(pattern).next().is_some()
}

/// Returns the placeholders `:name` of a text, each with its place.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(':').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        rest.starts_with(|letter: char| letter.is_ascii_alphabetic()).then(|| (at, &rest[..end]))
    })
}

impl RulePattern {
    /// Compiles a pattern. Returns `None` if a name is there twice.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let host_end = super::url_path::host(pattern).map(|(host, _)| "https://".len() + host.len());
        let mut regex = String::from("^");
        let literal = |text: &str, regex: &mut String| {
            for (index, part) in text.split('*').enumerate() {
                if index > 0 {
                    let _ = write!(regex, "(?<{SPLAT}>.*)");
                }
                regex.push_str(&regex::escape(part));
            }
        };
        let mut end = 0;
        for (at, name) in placeholders(pattern) {
            literal(&pattern[end..at], &mut regex);
            // In a host a name ends at a dot, too.
            let class = if host_end.is_some_and(|end| at < end) { "[^/.]" } else { "[^/]" };
            let _ = write!(regex, "(?<{name}>{class}+)");
            end = at + 1 + name.len();
        }
        literal(&pattern[end..], &mut regex);
        regex.push('$');
        Some(Self { regex: Regex::new(&regex).ok()?, has_host: host_end.is_some() })
    }

    /// Compares a request's host, without its port, and path with the pattern.
    pub(super) fn captures(&self, host: &str, path: &str) -> Option<Captures> {
        let text = if self.has_host { format!("https://{host}{path}") } else { path.to_owned() };
        let found = self.regex.captures(&text)?;
        let names = self.regex.capture_names().flatten();
        let texts = names.filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())));
        Some(Captures(texts.collect()))
    }
}

impl Captures {
    /// Replaces the placeholders of a text. Returns `None` if the result is too long.
    pub(super) fn replace(&self, text: &str) -> Option<String> {
        let (mut replaced, mut end) = (String::new(), 0);
        for (at, written) in placeholders(text) {
            // `:names` is `:name` with an `s` behind it, if only `name` is known.
            let named = self.0.iter().filter(|(name, _)| written.starts_with(name.as_str()));
            let Some((name, value)) = named.max_by_key(|(name, _)| name.len()) else { continue };
            replaced.push_str(&text[end..at]);
            replaced.push_str(value);
            end = at + 1 + name.len();
            if replaced.len() > MAX_REPLACED_BYTES {
                return None;
            }
        }
        replaced.push_str(&text[end..]);
        Some(replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, path: &str, text: &str) -> Option<String> {
        RulePattern::new(pattern)?.captures("www.shop.example", path)?.replace(text)
    }

    #[test]
    fn placeholders_stand_for_parts_of_a_path() {
        for (pattern, path, text, expected) in [
            ("/a/*", "/a/b/c", "/x/:splat", Some("/x/b/c")),
            ("/a/*", "/a/", "/x/:splat", Some("/x/")),
            ("/a/*", "/a", "/x", None),
            ("/:a/:b", "/1/2", "/:b/:a/:c", Some("/2/1/:c")),
            ("/:a", "/1/2", "/", None),
            ("/:name.html", "/x.html", "/:names", Some("/xs")),
            ("/a.b", "/axb", "/", None),
            ("/(x)/:a", "/(x)/1", ":a", Some("1")),
            ("https://:sub.shop.example/:a", "/1", ":sub :a", Some("www 1")),
            ("https://other.example/*", "/1", "", None),
            ("/:a", "/:a:a", ":a", Some(":a:a")),
        ] {
            assert_eq!(replaced(pattern, path, text).as_deref(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_name_is_there_once() {
        for pattern in ["/:a/:a", "/*/*", "/*/:splat"] {
            assert!(RulePattern::new(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn a_result_is_bounded() {
        let path = format!("/{}", ":a".repeat(30_000));
        assert_eq!(replaced("/:a", &path, &":a".repeat(1000)), None);
    }
}
