//! Addresses as operators write them: where a server listens, by which host names and from which
//! web pages it is used.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The port of an `http:` URL that names none.
const HTTP_PORT: u16 = 80;

/// The port of an `https:` URL that names none.
const HTTPS_PORT: u16 = 443;

/// The longest host name, in bytes (RFC 1035).
const MAX_HOST_BYTES: usize = 253;

/// The longest label between two dots of a host name, in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// The address on which a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Parses `IP:PORT`, `localhost:PORT` or `unix:PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("unix: needs the path of a socket, such as unix:/run/isolet.sock".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => {
                parse_socket_address(text).map(Self::Tcp).map_err(|error| format!("{error}, or unix:PATH"))
            }
        }
    }

    /// Resolves a relative socket path against `folder`.
    pub fn within(self, folder: &Path) -> Self {
        match self {
            Self::Unix(path) => Self::Unix(folder.join(path)),
            address @ Self::Tcp(_) => address,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Parses an IP address with a port. `localhost` may resolve to two addresses; it is taken as
/// 127.0.0.1, which every client tries.
pub fn parse_socket_address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| "an address is an IP address and a port, such as 127.0.0.1:8787".to_owned())
}

/// Parses a host name or an IP address without a port, and returns it in lower case and without
/// brackets. Fails for text that cannot be a host, such as the empty value of an unset variable.
pub fn parse_host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_LABEL_BYTES
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let is_name = |name: &str| {
        name.len() <= MAX_HOST_BYTES && name.strip_suffix('.').unwrap_or(name).split('.').all(is_label)
    };
    let is_address =
        if bare == text { text.parse::<IpAddr>().is_ok() } else { bare.parse::<Ipv6Addr>().is_ok() };
    match is_address || is_name(text) {
        true => Ok(bare.to_ascii_lowercase()),
        false => Err("a host is a name such as isolet.example, or an IP address: no port, no scheme, no `*`"
            .to_owned()),
    }
}

/// The origin of a web page, `scheme://host[:port]`, as browsers write it in the header `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Parses an origin, and removes the port that its scheme implies, as browsers do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted =
            || "an origin is scheme://host or scheme://host:port, such as http://localhost:3000".to_owned();
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").ok_or_else(wanted)?;
        let HostAndPort { host, port } = HostAndPort::parse(authority).ok_or_else(wanted)?;
        parse_host(&host).map_err(|_| wanted())?;
        let implied = match scheme {
            "" => return Err(wanted()),
            "http" => Some(HTTP_PORT),
            "https" => Some(HTTPS_PORT),
            _ => None,
        };
        match port.filter(|_| port == implied) {
            Some(port) => Ok(Self(text.trim_end_matches(&format!(":{port}")).to_owned())),
            None => Ok(Self(text)),
        }
    }

    /// Returns the origin as the header `Origin` has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host and the port of a `Host` header or of a URL.
#[derive(Debug, PartialEq, Eq)]
pub struct HostAndPort {
    /// The host in lower case; IPv6 addresses have no brackets.
    pub host: String,
    /// The port, if the text names one.
    port: Option<u16>,
}

impl HostAndPort {
    /// Parses `host[:port]`. Returns `None` for invalid text and for text with a user name.
    pub fn parse(text: &str) -> Option<Self> {
        let whole: http::uri::Authority = text.parse().ok().filter(|_| !text.contains('@'))?;
        let host = whole.host();
        let port = match text.strip_prefix(host)?.strip_prefix(':') {
            None => None,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (!bare.is_empty()).then(|| Self { host: bare.to_ascii_lowercase(), port })
    }

    /// Returns the port, or that of `http:`.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(HTTP_PORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_addresses_accept_localhost() {
        assert_eq!(parse_socket_address("localhost:80"), Ok(SocketAddr::from(([127, 0, 0, 1], 80))));
        assert_eq!(parse_socket_address("[::1]:0").map(|address| address.port()), Ok(0));
        for wrong in ["localhost", "8787", "example.com:80", "127.0.0.1:99999"] {
            assert!(parse_socket_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn listen_addresses_are_parsed() {
        assert_eq!(ListenAddress::parse("localhost:80"), Ok(ListenAddress::Tcp(([127, 0, 0, 1], 80).into())));
        let socket = ListenAddress::parse("unix:run/a.sock").unwrap();
        assert_eq!(socket.within(Path::new("/srv")), ListenAddress::Unix("/srv/run/a.sock".into()));
        for wrong in ["unix:", "unix", "example.com:80", "/run/a.sock"] {
            assert!(ListenAddress::parse(wrong).unwrap_err().contains("unix:"), "{wrong}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for (text, read) in [
            ("Isolet.Example", "isolet.example"),
            ("a_b-c", "a_b-c"),
            ("proxy.example.", "proxy.example."),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(parse_host(text).as_deref(), Ok(read));
        }
        for wrong in [
            "",
            " ",
            ".",
            "*",
            "*.a",
            "a:80",
            "http://x",
            "a/b",
            "a..b",
            "a@b",
            "a b",
            "bücher.example",
            "[a]",
            "[::1]:80",
        ] {
            assert!(parse_host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_parsed_as_browsers_write_them() {
        let read = |text| WebOrigin::parse(text).map(|origin| origin.0);
        assert_eq!(read("HTTP://LocalHost:80").as_deref(), Ok("http://localhost"));
        assert_eq!(read("https://a.example:443").as_deref(), Ok("https://a.example"));
        assert_eq!(read("https://a.example:80").as_deref(), Ok("https://a.example:80"));
        assert_eq!(read("http://[::1]:3000").as_deref(), Ok("http://[::1]:3000"));
        assert_eq!(read("chrome-extension://abc").as_deref(), Ok("chrome-extension://abc"));
        for wrong in [
            "*",
            "null",
            "localhost:3000",
            "http://",
            "http://a/",
            "http://a b",
            "://a",
            "http://*",
            "http://*.a:80",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
