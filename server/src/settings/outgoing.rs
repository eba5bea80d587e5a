//! The hosts that a Worker may fetch from, as operators write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;

use ipnet::IpNet;
use url::Host;

/// The longest entry, in bytes: a host name has at most 253.
const MAX_ENTRY_BYTES: usize = 300;

/// The forms of an entry, for messages.
const FORMS: &str = "expected a host such as \"api.example.com\", \"*.example.com:8443\", \"http://localhost:9000\" or \"*\", \
                     or a network such as \"10.0.0.0/8\"";

/// One entry of an allow-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingEntry {
    /// URLs that may be fetched.
    Destination(Destination),
    /// Addresses that allowed names may have, although they are not public.
    Network(IpNet),
}

/// URLs that may be fetched: a scheme, a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The only scheme; `None` is both.
    pub scheme: Option<Scheme>,
    /// The host.
    pub host: HostRule,
    /// The port.
    pub port: PortRule,
}

/// A scheme that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http:`
    Http,
    /// `https:`
    Https,
}

/// The hosts of an entry. Names are in lower case and in Punycode, without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// `*`: every name but those of this machine, and every public address.
    Public,
    /// One name.
    Name(String),
    /// `*.NAME`: every name below it.
    Below(String),
    /// One address.
    Address(IpAddr),
}

/// The ports of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortRule {
    /// The one that the scheme implies.
    Implied,
    /// One port.
    Only(u16),
    /// `:*`: every port.
    Any,
}

impl Scheme {
    /// Returns the scheme of a URL, if it can be fetched.
    pub fn of(url: &url::Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    /// Returns the port of URLs that name none.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl OutgoingEntry {
    /// Parses `[SCHEME://]HOST[:PORT]` or a network.
    ///
    /// # Errors
    /// Returns the reason why the text is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_ENTRY_BYTES {
            return Err(FORMS.to_owned());
        }
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some((other, _)) => return Err(format!("`{other}:` cannot be fetched, but http and https")),
        };
        let authority = if scheme.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
        if scheme.is_none() && authority.contains('/') {
            return IpNet::from_str(authority).map(|network| Self::Network(network.trunc())).map_err(|_| {
                format!("an entry has no path, and a network is an address with a length; {FORMS}")
            });
        }
        if authority.contains(['/', '?', '#', '@']) {
            return Err("an entry has a host and a port, but no path, query or user".to_owned());
        }
        let (host, port) = split_port(authority)?;
        Ok(Self::Destination(Destination { scheme, host: HostRule::parse(host)?, port }))
    }
}

/// Splits `HOST[:PORT]`.
fn split_port(text: &str) -> Result<(&str, PortRule), String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text, PortRule::Implied));
    }
    let (host, port) = match text.rsplit_once(':') {
        // The last colon is one of an address in brackets.
        Some((_, rest)) if rest.ends_with(']') => (text, None),
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let rule = match port {
        None => PortRule::Implied,
        Some("*") => PortRule::Any,
        Some(digits) => {
            let port = digits.parse().ok().filter(|port| *port != 0);
            PortRule::Only(port.ok_or("a port is a number from 1 to 65535, or `*`")?)
        }
    };
    Ok((host, rule))
}

impl HostRule {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Public);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.contains('*') {
            return Err("`*` stands alone, or before the first dot: \"*.example.com\"".to_owned());
        }
        match Host::parse(name) {
            Ok(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
                match name.is_empty() {
                    true => Err(FORMS.to_owned()),
                    false => Ok(if below { Self::Below(name) } else { Self::Name(name) }),
                }
            }
            Ok(_) if below => Err("`*.` stands before a name, not before an address".to_owned()),
            Ok(Host::Ipv4(address)) => Ok(Self::Address(address.into())),
            Ok(Host::Ipv6(address)) => Ok(Self::Address(IpAddr::from(address).to_canonical())),
            Err(_) => Err(FORMS.to_owned()),
        }
    }
}

impl fmt::Display for OutgoingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination(destination) => destination.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.name())?;
        }
        match &self.host {
            HostRule::Public => f.write_str("*")?,
            HostRule::Name(name) => f.write_str(name)?,
            HostRule::Below(name) => write!(f, "*.{name}")?,
            HostRule::Address(IpAddr::V4(address)) => address.fmt(f)?,
            HostRule::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        match self.port {
            PortRule::Implied => Ok(()),
            PortRule::Only(port) => write!(f, ":{port}"),
            PortRule::Any => f.write_str(":*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_hosts_with_ports_or_networks() {
        for (text, shown) in [
            ("api.example.com", "api.example.com"),
            ("API.Example.com.", "api.example.com"),
            ("*.example.com:8443", "*.example.com:8443"),
            ("https://bücher.example/", "https://xn--bcher-kva.example"),
            ("http://localhost:9000", "http://localhost:9000"),
            ("localhost:*", "localhost:*"),
            ("*", "*"),
            ("https://*:*", "https://*:*"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("0x7f.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[::ffff:10.0.0.1]:81", "10.0.0.1:81"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("fd00::/8", "fd00::/8"),
        ] {
            assert_eq!(
                OutgoingEntry::parse(text).map(|entry| entry.to_string()),
                Ok(shown.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_neither_says_what_is_wrong() {
        for (text, reason) in [
            ("", "expected a host"),
            ("a b", "expected a host"),
            (".", "expected a host"),
            ("a.example/path", "no path"),
            ("https://a.example/path", "no path"),
            ("https://user@a.example", "no path, query or user"),
            ("ftp://a.example", "cannot be fetched"),
            ("a.*.example", "`*` stands alone"),
            ("*a.example", "`*` stands alone"),
            ("*.10.0.0.1", "not before an address"),
            ("a.example:0", "a port is"),
            ("a.example:65536", "a port is"),
            ("a.example:", "a port is"),
            ("10.0.0.0/33", "a network is"),
            ("*.", "expected a host"),
        ] {
            let error = OutgoingEntry::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(OutgoingEntry::parse(&"a".repeat(MAX_ENTRY_BYTES + 1)).is_err());
    }
}
