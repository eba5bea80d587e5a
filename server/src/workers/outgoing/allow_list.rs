//! The judgement of URLs and addresses by an allow-list.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::addresses::special_purpose;
use crate::settings::outgoing::{Destination, HostRule, OutgoingEntry, PortRule, Scheme};

/// The hosts that a Worker may fetch from, and the addresses that they may have.
#[derive(Debug, Default)]
pub struct AllowList {
    destinations: Vec<Destination>,
    networks: Vec<IpNet>,
}

impl AllowList {
    pub fn new(entries: impl IntoIterator<Item = OutgoingEntry>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            match entry {
                OutgoingEntry::Destination(destination) => list.destinations.push(destination),
                OutgoingEntry::Network(network) => list.networks.push(network),
            }
        }
        list
    }

    /// Returns `true` if a URL may be fetched. The addresses of a name are judged by
    /// [`AllowList::has_address`].
    pub fn has_url(&self, url: &Url) -> bool {
        let (Some(scheme), Some(host)) = (Scheme::of(url), url.host()) else { return false };
        let port = url.port().unwrap_or(scheme.port());
        self.destinations.iter().any(|destination| {
            destination.scheme.is_none_or(|only| only == scheme)
                && destination.port.has(port, scheme)
                && destination.host.has(&host)
        })
    }

    /// Returns `true` if a name that may be fetched may have this address.
    pub fn has_address(&self, name: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        special_purpose(address).is_none()
            || (is_localhost(name) && address.is_loopback())
            || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Returns the entry that would allow a URL, as an operator writes it.
pub fn entry_for(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_suffix('.').unwrap_or(host);
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Returns `true` for the names of this machine (RFC 6761), without a dot at the end.
pub fn is_localhost(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.len() > ".localhost".len()
            && name.as_bytes()[name.len() - ".localhost".len()..].eq_ignore_ascii_case(b".localhost")
}

impl PortRule {
    fn has(self, port: u16, scheme: Scheme) -> bool {
        match self {
            Self::Implied => port == scheme.port(),
            Self::Only(only) => port == only,
            Self::Any => true,
        }
    }
}

impl HostRule {
    fn has(&self, host: &Host<&str>) -> bool {
        let name = match host {
            Host::Domain(name) => name.strip_suffix('.').unwrap_or(name),
            Host::Ipv4(address) => return self.has_address((*address).into()),
            Host::Ipv6(address) => return self.has_address((*address).into()),
        };
        match self {
            Self::Public => !is_localhost(name),
            Self::Name(only) => name == only,
            Self::Below(above) => {
                name.strip_suffix(above.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            Self::Address(_) => false,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Public => special_purpose(address).is_none(),
            Self::Address(only) => address.to_canonical() == *only,
            Self::Name(_) | Self::Below(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(entries.iter().map(|entry| OutgoingEntry::parse(entry).unwrap()))
    }

    fn has(entries: &[&str], url: &str) -> bool {
        list(entries).has_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn scheme_host_and_port_are_matched_exactly() {
        for (entry, allowed, refused) in [
            (
                "api.example.com",
                &["https://api.example.com/x", "http://API.example.com.", "https://u:p@api.example.com:443/"]
                    [..],
                &[
                    "https://api.example.com:8443",
                    "http://api.example.com:443",
                    "https://example.com",
                    "https://x.api.example.com",
                    "https://api.example.com.evil.example",
                    "https://api.example.com@evil.example",
                    "ftp://api.example.com",
                ][..],
            ),
            (
                "https://*.example.com",
                &["https://a.example.com", "https://a.b.example.com"],
                &[
                    "https://example.com",
                    "http://a.example.com",
                    "https://aexample.com",
                    "https://.example.com",
                ],
            ),
            (
                "http://localhost:9000",
                &["http://localhost:9000/", "http://LOCALHOST.:9000/"],
                &[
                    "https://localhost:9000",
                    "http://localhost",
                    "http://127.0.0.1:9000",
                    "http://a.localhost:9000",
                ],
            ),
            (
                "127.0.0.1:*",
                &["http://127.0.0.1:1", "http://0x7f000001", "http://[::ffff:127.0.0.1]", "http://127.1"],
                &["http://127.0.0.2", "http://localhost", "http://[::1]"],
            ),
            ("[::1]", &["http://[0:0::1]"], &["http://[::2]", "http://localhost"]),
            (
                "bücher.example",
                &["https://xn--bcher-kva.example", "https://BÜCHER.example"],
                &["https://bucher.example"],
            ),
            (
                "*",
                &["https://a.example", "http://1.1.1.1", "http://[2606:4700::1]"],
                &[
                    "http://localhost",
                    "http://x.localhost",
                    "http://localhost.",
                    "http://127.0.0.1",
                    "http://169.254.169.254",
                    "http://[::1]",
                    "http://[::ffff:10.0.0.1]",
                    "http://[64:ff9b::7f00:1]",
                    "http://2130706433",
                    "https://a.example:8443",
                ],
            ),
            // A network lets names have its addresses, and allows no URL.
            ("10.0.0.0/8", &[], &["http://10.0.0.1"]),
        ] {
            for url in allowed {
                assert!(has(&[entry], url), "{entry} {url}");
            }
            for url in refused {
                assert!(!has(&[entry], url), "{entry} {url}");
            }
        }
        assert!(!has(&[], "https://a.example"));
    }

    #[test]
    fn names_have_public_addresses_or_those_of_a_named_network() {
        let has = |entries: &[&str], name: &str, address: &str| {
            list(entries).has_address(name, address.parse().unwrap())
        };
        assert!(has(&["a.example"], "a.example", "1.1.1.1"));
        for special in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"] {
            assert!(!has(&["a.example", "127.0.0.1", "10.0.0.1"], "a.example", special), "{special}");
        }
        assert!(has(&["10.0.0.0/24"], "a.example", "10.0.0.1"));
        assert!(has(&["10.0.0.0/24"], "a.example", "::ffff:10.0.0.1"));
        assert!(!has(&["10.0.0.0/24"], "a.example", "10.0.1.1"));
        assert!(has(&["localhost"], "localhost", "127.0.0.1"));
        assert!(has(&["*.localhost"], "a.localhost", "::1"));
        assert!(!has(&["localhost"], "localhost", "10.0.0.1"));
        assert!(!has(&["localhost"], "alocalhost", "127.0.0.1"));
    }

    #[test]
    fn the_entry_for_a_url_allows_it() {
        for url in [
            "https://a.example/x",
            "http://a.example.:81/",
            "http://127.0.0.1:9",
            "http://[::1]",
            "http://localhost:9",
        ] {
            let parsed = Url::parse(url).unwrap();
            assert!(list(&[&entry_for(&parsed)]).has_url(&parsed), "{url}");
        }
    }
}
