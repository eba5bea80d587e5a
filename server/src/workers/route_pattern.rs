//! The pattern of a route, in the form that Cloudflare documents: a host and a path.
//!
//! | pattern | requests |
//! |---|---|
//! | `shop.example/*` | all of this host |
//! | `shop.example/api/*` | those whose path begins so |
//! | `shop.example/about` | this path, without a query |
//! | `*.shop.example/*` | all hosts below it |
//! | `*shop.example/*` | it and all hosts below it |
//! | `*/*` | all |
//!
//! `http://` and `https://` before the host are accepted and mean nothing: who terminates TLS is in
//! front of isolet.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use url::Url;

use crate::settings::address::parse_host;

/// The longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 2048;

/// A host and a path that a Worker answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    host: HostPattern,
    path: PathPattern,
}

/// The hosts of a pattern. Names are in lower case, as in [`HostAndPort`].
///
/// [`HostAndPort`]: crate::settings::address::HostAndPort
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host: `a.example`.
    Exact(String),
    /// This host and those below it: `*a.example`.
    WithSubdomains(String),
    /// The hosts below it: `*.a.example`.
    Subdomains(String),
    /// All: `*`.
    Any,
}

/// The paths of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// The path, or its beginning.
    text: String,
    /// Set if the path and the query may go on.
    is_prefix: bool,
}

impl RoutePattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Returns the reason and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(format!("the pattern is longer than {MAX_PATTERN_BYTES} bytes"));
        }
        let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.unwrap_or(text);
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => return Err(format!("the pattern has no path: `{rest}/*` is all of the host")),
        };
        Ok(Self { host: HostPattern::parse(host)?, path: PathPattern::parse(path)? })
    }

    /// Returns the pattern of all paths of `host`.
    ///
    /// # Errors
    /// Returns the reason for which it is not a host.
    pub fn whole_host(host: &str) -> Result<Self, String> {
        Ok(Self { host: HostPattern::parse(host)?, path: PathPattern::all() })
    }

    /// Returns a host and a path that the pattern has, in text that a shell takes between single
    /// quotes. Returns `None` if it has every host, or such a text is not known.
    pub fn example(&self) -> Option<(String, &str)> {
        let host = match &self.host {
            HostPattern::Exact(host) if host.contains(':') => format!("[{host}]"),
            HostPattern::Exact(host) | HostPattern::WithSubdomains(host) => host.clone(),
            HostPattern::Subdomains(host) => format!("www.{host}"),
            HostPattern::Any => return None,
        };
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\'';
        self.path.text.bytes().all(is_plain).then_some((host, self.path.text.as_str()))
    }

    /// The hosts.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// The paths.
    pub fn path(&self) -> &PathPattern {
        &self.path
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match &self.host {
            HostPattern::Exact(host) => f.write_str(&bracketed(host))?,
            HostPattern::WithSubdomains(host) => write!(f, "*{host}")?,
            HostPattern::Subdomains(host) => write!(f, "*.{host}")?,
            HostPattern::Any => f.write_str("*")?,
        }
        write!(f, "{}{}", self.path.text, if self.path.is_prefix { "*" } else { "" })
    }
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (is_wild, rest) = match text.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if is_wild && rest.is_empty() {
            return Ok(Self::Any);
        }
        let below = if is_wild { rest.strip_prefix('.') } else { None };
        let name = below.unwrap_or(rest);
        if name.contains('*') {
            return Err("`*` may only begin the host and end the path".to_owned());
        }
        let host = parse_host(name).map_err(|_| {
            "the host is a name such as shop.example, without a port; names of other alphabets are written in \
             Punycode (xn--…)"
                .to_owned()
        })?;
        Ok(match (is_wild, below) {
            (false, _) => Self::Exact(host),
            (true, None) => Self::WithSubdomains(host),
            (true, Some(_)) => Self::Subdomains(host),
        })
    }

    /// Returns `true` if the pattern has this host, which is in lower case.
    pub fn matches(&self, host: &str) -> bool {
        let is_below = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        match self {
            Self::Exact(name) => host == name,
            Self::WithSubdomains(name) => host == name || is_below(name),
            Self::Subdomains(name) => is_below(name),
            Self::Any => true,
        }
    }

    /// Compares by how much the pattern says: the more specific one is less.
    pub fn by_specificity(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self| match pattern {
            Self::Exact(_) => (0, 0, 0),
            // A longer name has fewer hosts; of one name, those below it are fewer.
            Self::Subdomains(name) => (1, usize::MAX - name.len(), 0),
            Self::WithSubdomains(name) => (1, usize::MAX - name.len(), 1),
            Self::Any => (2, 0, 0),
        };
        rank(self).cmp(&rank(other))
    }
}

impl PathPattern {
    /// Returns the pattern of all paths.
    pub fn all() -> Self {
        Self { text: "/".to_owned(), is_prefix: true }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (path, is_prefix) = match text.strip_suffix('*') {
            Some(path) => (path, true),
            None => (text, false),
        };
        if path.contains('*') {
            return Err("`*` may only begin the host and end the path".to_owned());
        }
        if path.contains(['?', '#']) {
            return Err("a pattern has no query; one that ends with `*` also has the requests with a query"
                .to_owned());
        }
        Ok(Self { text: normalized(path).into_owned(), is_prefix })
    }

    /// Returns `true` if the pattern has this path with its query, which [`normalized`] returned.
    pub fn matches(&self, path_and_query: &str) -> bool {
        match self.is_prefix {
            true => path_and_query.starts_with(&self.text),
            false => path_and_query == self.text,
        }
    }

    /// Compares by how much the pattern says: the more specific one is less.
    pub fn by_specificity(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self| (usize::MAX - pattern.text.len(), pattern.is_prefix);
        rank(self).cmp(&rank(other))
    }
}

/// Returns a path with its query as patterns are compared with it: without `.` and `..`, and with
/// the letters, digits and `-._~` that it may have in percent-encoding as they are. A Worker finds
/// the same path in `new URL(request.url)`, but for the encoding.
pub fn normalized(path_and_query: &str) -> Cow<'_, str> {
    let is_plain = !path_and_query.contains(['%', '\\']) && !path_and_query.contains("/.");
    if is_plain {
        return Cow::Borrowed(path_and_query);
    }
    let decoded = decode_unreserved(path_and_query);
    match Url::parse(&format!("http://h{decoded}")) {
        Ok(url) => Cow::Owned(url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()),
        Err(_) => Cow::Owned(decoded),
    }
}

/// Decodes the percent-encoding of characters that need none (RFC 3986, section 2.3), and writes
/// the rest of it in upper case.
fn decode_unreserved(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest.get(1..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                decoded.push(char::from(byte));
                rest = &rest[3..];
            }
            Some(byte) => {
                decoded.push_str(&format!("%{byte:02X}"));
                rest = &rest[3..];
            }
            None => {
                decoded.push('%');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> RoutePattern {
        RoutePattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn has(text: &str, host: &str, path: &str) -> bool {
        let pattern = pattern(text);
        pattern.host.matches(host) && pattern.path.matches(&normalized(path))
    }

    #[test]
    fn a_pattern_has_the_requests_that_cloudflare_documents() {
        for (text, host, path) in [
            ("example.com/*", "example.com", "/"),
            ("example.com/*", "example.com", "/a?b=c"),
            ("https://Example.com/*", "example.com", "/a"),
            ("example.com/", "example.com", "/"),
            ("*example.com/*", "example.com", "/"),
            ("*example.com/*", "www.example.com", "/"),
            ("*.example.com/*", "a.b.example.com", "/"),
            ("example.com/images/*", "example.com", "/images/cat.png"),
            ("example.com/path*", "example.com", "/path2/path3"),
            ("example.com/path*", "example.com", "/path?foo"),
            ("*/*", "10.0.0.1", "/x"),
            ("*/api/*", "any.example", "/api/x"),
            ("[2001:DB8::1]/*", "2001:db8::1", "/"),
        ] {
            assert!(has(text, host, path), "{text} has http://{host}{path}");
        }
        for (text, host, path) in [
            ("example.com/*", "www.example.com", "/"),
            ("example.com/", "example.com", "/a"),
            ("example.com/", "example.com", "/?a"),
            ("*.example.com/*", "example.com", "/"),
            // Textually a suffix, but another domain.
            ("*example.com/*", "badexample.com", "/"),
            ("example.com/images/*", "example.com", "/images"),
            ("example.com/Images*", "example.com", "/images"),
        ] {
            assert!(!has(text, host, path), "{text} has not http://{host}{path}");
        }
    }

    #[test]
    fn a_path_is_the_one_that_the_worker_sees() {
        for path in ["/a/../admin/x", "/%61dmin/x", "/./admin/x", "/a/%2e%2E/admin/x", "/a\\..\\..\\admin/x"]
        {
            assert!(has("example.com/admin/*", "example.com", path), "{path}");
        }
        assert!(!has("example.com/admin/*", "example.com", "/admin/../x"));
        // An encoded slash is not a slash.
        assert!(!has("example.com/admin/*", "example.com", "/admin%2Fx"));
        assert!(has("example.com/caf%c3%a9", "example.com", "/caf%C3%A9"));
        assert!(has("example.com/*", "example.com", "/%"));
    }

    #[test]
    fn a_pattern_that_cloudflare_refuses_is_refused() {
        for (text, wanted) in [
            ("example.com", "`example.com/*`"),
            ("", "no path"),
            ("exa*mple.com/", "may only begin"),
            ("example.com/*.jpg", "may only begin"),
            ("example.com/?foo=*", "no query"),
            ("example.com:80/*", "without a port"),
            ("ftp://example.com/*", "without a port"),
            ("bücher.example/*", "Punycode"),
            ("/*", "the host"),
            ("*./*", "the host"),
        ] {
            let error = RoutePattern::parse(text).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_was_written() {
        for text in ["example.com/*", "*.example.com/a/*", "*example.com/a", "*/*", "[::1]/*"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        assert_eq!(RoutePattern::whole_host("Shop.example").unwrap().to_string(), "shop.example/*");
    }
}
