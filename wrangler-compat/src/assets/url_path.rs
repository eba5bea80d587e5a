//! Decoding and encoding of paths, URLs in rules.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// The characters that `encodeURIComponent` of JavaScript encodes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Decodes the path of a URL. A part that is not valid stays as it is; slashes side by side become
/// one.
pub(super) fn decode(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    for (index, part) in path.split('/').enumerate() {
        if index > 0 {
            decoded.push('/');
        }
        match is_valid(part).then(|| percent_decode_str(part).decode_utf8().ok()).flatten() {
            Some(text) => decoded.push_str(&text),
            None => decoded.push_str(part),
        }
    }
    single_slashes(&decoded)
}

/// Returns `true` if each `%` is followed by two hexadecimal digits.
fn is_valid(part: &str) -> bool {
    part.split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

/// Encodes a decoded path, all but its slashes.
pub(super) fn encode(path: &str) -> String {
    let parts: Vec<String> =
        path.split('/').map(|part| utf8_percent_encode(part, COMPONENT).to_string()).collect();
    parts.join("/")
}

/// Makes one slash of slashes side by side.
pub(super) fn single_slashes(path: &str) -> String {
    let mut single = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !single.ends_with('/') {
            single.push(letter);
        }
    }
    single
}

/// The parts of a URL in a rule that count.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleUrl {
    /// A URL with a host is allowed.
    pub(super) host: bool,
    /// Query and fragment are kept.
    pub(super) query: bool,
}

impl RuleUrl {
    /// Reads a URL of a rule: a path, or an address with `https://`.
    ///
    /// # Errors
    /// Returns the reason for which it is not valid.
    pub(super) fn read(self, text: &str) -> Result<String, String> {
        if let Some((host, path)) = host(text) {
            if !self.host {
                return Err("has an absolute URL where a path is needed".to_owned());
            }
            let has_port = host
                .rsplit_once(':')
                .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
            // A target may name a port.
            if has_port && !self.query {
                return Err("has a URL with a port".to_owned());
            }
            let path = self.path(path).ok_or("has a URL that is not valid")?;
            return Ok(format!("https://{host}{path}"));
        }
        let text = match text.starts_with('/') || self.host {
            true => text.to_owned(),
            false => format!("/{text}"),
        };
        if !text.starts_with('/') {
            return Err("has a URL that begins neither with / nor with https://".to_owned());
        }
        self.path(&text).ok_or_else(|| "has a URL that is not valid".to_owned())
    }

    /// Returns the path in normal form.
    fn path(self, text: &str) -> Option<String> {
        let slash = if text.starts_with('/') { "" } else { "/" };
        let url = Url::parse(&format!("relative://{slash}{text}")).ok()?;
        let mut path = url.path().to_owned();
        if self.query {
            path.extend(url.query().map(|query| format!("?{query}")));
            path.extend(url.fragment().map(|fragment| format!("#{fragment}")));
        }
        Some(path)
    }
}

/// Splits an address with `https://` into host and the rest.
pub(super) fn host(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("https://")?.trim_start_matches('/');
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (!host.is_empty()).then_some((host, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_and_encoded_as_in_javascript() {
        for (path, decoded, encoded) in [
            ("/a%20b", "/a b", "/a%20b"),
            ("/gr%c3%bcn", "/grün", "/gr%C3%BCn"),
            ("/[id]", "/[id]", "/%5Bid%5D"),
            ("/a%2Fb//c", "/a/b/c", "/a/b/c"),
            ("/%ff", "/%ff", "/%25ff"),
            ("/%", "/%", "/%25"),
            ("/%zz%20", "/%zz%20", "/%25zz%2520"),
            ("/-_.!~*'()", "/-_.!~*'()", "/-_.!~*'()"),
            ("/a@b+c,d;e=f", "/a@b+c,d;e=f", "/a%40b%2Bc%2Cd%3Be%3Df"),
        ] {
            assert_eq!(decode(path), decoded);
            assert_eq!(encode(&decode(path)), encoded);
        }
    }

    #[test]
    fn urls_of_rules_are_normalised() {
        let from = RuleUrl { host: false, query: false };
        let to = RuleUrl { host: true, query: true };
        for (rule, text, expected) in [
            (from, "/a/../b c?x#y", Some("/b%20c")),
            (from, "a/*", Some("/a/*")),
            (from, "//:splat", Some("//:splat")),
            (from, "https://x.example/a", None),
            (to, "/a?x#y", Some("/a?x#y")),
            (to, "https://x.example:8/a?x", Some("https://x.example:8/a?x")),
            (to, "https://x.example", Some("https://x.example/")),
            (to, "a", None),
            (to, "ftp://x", None),
            (RuleUrl { host: true, query: false }, "https://x:1/a", None),
        ] {
            assert_eq!(rule.read(text).ok().as_deref(), expected, "{text}");
        }
    }
}
