//! The names of a server, and the web pages that may use it.
//!
//! Every page in the operator's browser can send requests to a server on this machine. Two headers
//! identify the page, and no page can change or omit them: browsers send `Origin` with all requests
//! but plain GET and HEAD, and `Sec-Fetch-Site` with every request to this machine. Neither helps
//! against DNS rebinding, where the page's own domain resolves to this server and browsers treat
//! both as the same origin: there the `Host` header has the domain of the page.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{Method, Request, Version};

use super::problem::Problem;
use crate::settings::address::{HostAndPort, WebOrigin};

/// The kind of a server, which decides how pages of other sites may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteKind {
    /// An API. Other sites cannot link to it.
    Api,
    /// A web site. Other sites can link to its pages.
    Site,
    /// A web site on its author's machine. Pages of other servers of that machine, such as a front
    /// end at http://localhost:5173, can use it too.
    Development,
}

impl SiteKind {
    fn has_pages(self) -> bool {
        matches!(self, Self::Site | Self::Development)
    }
}

/// The names of one server.
#[derive(Debug)]
pub struct ServerNames {
    listen: SocketAddr,
    hosts: Vec<String>,
    origins: Vec<WebOrigin>,
    kind: SiteKind,
}

impl ServerNames {
    /// Returns the names of a server on `listen`: `localhost`, loopback addresses, the address
    /// itself and `hosts`. Pages of `origins` may use the server as its own pages may.
    pub fn new(listen: SocketAddr, hosts: &[String], origins: Vec<WebOrigin>, kind: SiteKind) -> Self {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { listen, hosts, origins, kind }
    }

    /// Refuses a request to a name that is not the server's. A name with a final dot is a different
    /// one: browsers have separate cookies and origins for it.
    pub fn check_host<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let host = match only(request.headers(), "host")? {
            Some(host) => host.to_str().unwrap_or("?"),
            None => return Err(Problem::bad_request("The request has no `Host`.").with_hint(self.hint())),
        };
        let requested = HostAndPort::parse(host);
        if !requested.as_ref().is_some_and(|requested| self.has(&requested.host)) {
            return Err(
                Problem::forbidden(format!("`{host}` is not a name of this server.")).with_hint(self.hint())
            );
        }
        check_named(request, requested)
    }

    fn hint(&self) -> String {
        let port = self.listen.port();
        format!("Use http://127.0.0.1:{port}, or start isolet with --allow-host NAME.")
    }

    /// Refuses requests of web pages that may not use the server.
    pub fn check_page<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let headers = request.headers();
        if self.allowed_origin(headers).is_some() {
            return Ok(());
        }
        let site = only(headers, "sec-fetch-site")?.map(HeaderValue::as_bytes);
        let origin = only(headers, "origin")?;
        if self.kind == SiteKind::Development && is_of_this_machine(headers, site) {
            return Ok(());
        }
        if let Some(origin) = origin {
            let origin = origin.to_str().unwrap_or("?");
            // Forms send `null` from pages with `Referrer-Policy: no-referrer`. The server's own
            // pages have `Sec-Fetch-Site: same-origin` as well.
            let hidden = origin == "null" && site == Some(b"same-origin") && self.kind.has_pages();
            if !hidden && !self.is_own(origin, headers) {
                return Err(Problem::forbidden(format!("Web pages of `{origin}` may not use this server."))
                    .with_hint(format!(
                        "Start isolet with --allow-origin {origin} to let pages of that origin in."
                    )));
            }
        }
        match site {
            None | Some(b"same-origin" | b"none") => Ok(()),
            Some(_) if self.kind.has_pages() && is_link(request) => Ok(()),
            Some(_) => Err(Problem::forbidden("Web pages of other sites may not use this server.")
                .with_hint("Start isolet with --allow-origin ORIGIN to let pages of an origin in.")),
        }
    }

    /// Returns the origin of the page, if the operator allowed it.
    pub fn allowed_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = only(headers, "origin").ok()??;
        self.origins.iter().any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes()).then_some(origin)
    }

    /// Returns `true` if pages of `origin` are the server's own. The port is the one that it
    /// listens on or the one in `Host`, which differ with port forwarding.
    fn is_own(&self, origin: &str, headers: &HeaderMap) -> bool {
        let Some(page) = origin.strip_prefix("http://").and_then(HostAndPort::parse) else { return false };
        let is_requested = || {
            let requested = headers.get(HOST).and_then(|host| HostAndPort::parse(host.to_str().ok()?));
            requested.is_some_and(|host| host.host == page.host && host.port() == page.port())
        };
        self.has(&page.host) && (page.port() == self.listen.port() || is_requested())
    }

    fn has(&self, host: &str) -> bool {
        let is_ours = |address: IpAddr| {
            let address = address.to_canonical();
            let listen = self.listen.ip().to_canonical();
            address.is_loopback() || (address == listen && !listen.is_unspecified())
        };
        host == "localhost" || host.parse().is_ok_and(is_ours) || self.hosts.iter().any(|known| known == host)
    }
}

/// Returns `true` if a page of this machine sends the request to a name of this machine.
///
/// Names below `localhost` are this machine's in every browser (RFC 6761), so that no stranger's
/// page has such an origin. A page without a name of its own, `null`, can be anybody's.
fn is_of_this_machine(headers: &HeaderMap, site: Option<&[u8]>) -> bool {
    let is_here = |host: &str| {
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
    };
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if !text(HOST).and_then(HostAndPort::parse).is_some_and(|host| is_here(&host.host)) {
        return false;
    }
    match text(ORIGIN) {
        Some(origin) => {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            host.and_then(HostAndPort::parse).is_some_and(|page| is_here(&page.host))
        }
        // The same host with another port or scheme: images and scripts are asked for so.
        None => !headers.contains_key(ORIGIN) && site == Some(b"same-site"),
    }
}

/// Refuses a request that names no host, or two different ones. The host may be any.
pub fn check_target<B>(request: &Request<B>) -> Result<(), Problem> {
    let host = match only(request.headers(), "host")? {
        Some(host) => host.to_str().ok().and_then(HostAndPort::parse),
        None if request.version() < Version::HTTP_11 => return Ok(()),
        None => return Err(Problem::bad_request("The request has no `Host`.")),
    };
    check_named(request, host)
}

/// Refuses a request whose target names another server than `host`, which its `Host` names.
fn check_named<B>(request: &Request<B>, host: Option<HostAndPort>) -> Result<(), Problem> {
    let target = request.uri().authority().map(|target| HostAndPort::parse(target.as_str()));
    match target.is_some_and(|target| target != host) {
        true => Err(Problem::bad_request("`Host` and the request's target name different servers.")),
        false => Ok(()),
    }
}

/// Returns `true` if a browser sent the request. `Sec-Fetch-Mode` is not a sign of a browser: the
/// `fetch` of Node.js sends it too, without `Sec-Fetch-Site` and without `Origin`.
pub fn is_from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// Returns `true` if the user follows a link. The new page replaces the one with the link, which
/// learns nothing.
fn is_link<B>(request: &Request<B>) -> bool {
    let is =
        |name, value: &[u8]| request.headers().get(name).is_some_and(|given: &HeaderValue| given == value);
    matches!(*request.method(), Method::GET | Method::HEAD)
        && is("sec-fetch-mode", b"navigate")
        && is("sec-fetch-dest", b"document")
}

/// Returns the value of a header that may occur once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Problem::bad_request(format!("The request has more than one `{name}`."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<()> {
        let builder = Request::builder().method(method).uri(target);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(()).unwrap()
    }

    fn on(listen: &str, kind: SiteKind) -> ServerNames {
        let allowed = ["http://localhost:3000", "https://proxy.example:443"]
            .map(|text| WebOrigin::parse(text).unwrap());
        ServerNames::new(listen.parse().unwrap(), &["Proxy.example".to_owned()], allowed.to_vec(), kind)
    }

    fn host_on(names: &ServerNames, host: &str) -> u16 {
        status(names.check_host(&request("GET", "/", &[("host", host)])))
    }

    fn page(names: &ServerNames, headers: &[(&str, &str)]) -> u16 {
        let all = [headers, &[("host", "127.0.0.1:8787")]].concat();
        status(names.check_page(&request("POST", "/", &all)))
    }

    fn status(checked: Result<(), Problem>) -> u16 {
        checked.err().map_or(200, |problem| problem.status().as_u16())
    }

    #[test]
    fn names_of_this_machine_are_accepted_and_others_are_refused() {
        let names = on("127.0.0.1:8787", SiteKind::Api);
        let own = [
            "localhost",
            "LocalHost:8787",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]:8787",
            "[::ffff:127.0.0.1]",
            "proxy.example:80",
        ];
        for name in own {
            assert_eq!(host_on(&names, name), 200, "{name}");
        }
        let others = [
            "rebound.example:8787",
            "localhost.rebound.example",
            "127.0.0.1.rebound.example:8787",
            "localhost.:8787",
            "127.0.0.1.",
            "proxy.example.",
            "user@localhost",
            "localhost:80:80",
            "localhost:http",
            "[::1",
            "::1",
            "[::1]:8787]",
            "10.0.0.1",
            "0.0.0.0:8787",
            "[::]:8787",
            "2130706433",
            "",
        ];
        for name in others {
            assert_eq!(host_on(&names, name), 403, "{name}");
        }
    }

    #[test]
    fn the_listen_address_is_a_name() {
        assert_eq!(host_on(&on("192.0.2.1:80", SiteKind::Api), "192.0.2.1"), 200);
        assert_eq!(host_on(&on("192.0.2.1:80", SiteKind::Api), "192.0.2.2"), 403);
        assert_eq!(host_on(&on("[2001:db8::1]:80", SiteKind::Api), "[2001:db8::1]"), 200);
        assert_eq!(host_on(&on("[::ffff:192.0.2.1]:80", SiteKind::Api), "192.0.2.1"), 200);
        for everywhere in ["0.0.0.0:80", "[::]:80"] {
            assert_eq!(host_on(&on(everywhere, SiteKind::Api), "0.0.0.0"), 403);
            assert_eq!(host_on(&on(everywhere, SiteKind::Api), "[::]"), 403);
        }
    }

    #[test]
    fn a_request_must_name_one_host() {
        let names = on("127.0.0.1:8787", SiteKind::Api);
        let check =
            |target, headers: &[(&str, &str)]| status(names.check_host(&request("GET", target, headers)));
        assert_eq!(check("/", &[]), 400);
        assert_eq!(check("/", &[("host", "localhost"), ("host", "localhost")]), 400);
        assert_eq!(check("http://rebound.example/", &[("host", "localhost")]), 400);
        assert_eq!(check("http://localhost:1/", &[("host", "localhost")]), 400);
        assert_eq!(check("http://LOCALHOST/", &[("host", "localhost")]), 200);
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let names = on("127.0.0.1:8787", SiteKind::Api);
        let own = [
            "http://localhost:8787",
            "http://127.0.0.1:8787",
            "http://[::1]:8787",
            "http://proxy.example:8787",
        ];
        let allowed = ["http://localhost:3000", "https://proxy.example"];
        for origin in [&own[..], &allowed].concat() {
            assert_eq!(page(&names, &[("origin", origin)]), 200, "{origin}");
        }
        let others = [
            "null",
            "",
            "http://localhost",
            "http://localhost:3001",
            "https://localhost:8787",
            "https://localhost:3000",
            "foo://localhost:8787",
            "http://localhost.:8787",
            "http://127.9.9.9:3000",
            "http://[::1]:3000",
            "http://rebound.example:8787",
            "http://localhost:8787.rebound.example",
            "http://localhost:8787@rebound.example",
            "https://proxy.example:444",
            "chrome-extension://abcdefghijklmnop",
            "http://localhost:8787, http://localhost:8787",
        ];
        for origin in others {
            assert_eq!(page(&names, &[("origin", origin)]), 403, "{origin}");
        }
        let twice = [("origin", "http://localhost:8787"), ("origin", "http://evil.example")];
        assert_eq!(page(&names, &twice), 400);
    }

    #[test]
    fn pages_of_this_machine_may_use_a_site_under_development() {
        let names = on("127.0.0.1:8787", SiteKind::Development);
        let check = |host, headers: &[(&str, &str)]| {
            status(names.check_page(&request("POST", "/", &[headers, &[("host", host)]].concat())))
        };
        let site = |site| ("sec-fetch-site", site);
        for host in ["localhost:8787", "127.0.0.1:8787", "[::1]:8787"] {
            for origin in [
                "http://localhost:5173",
                "https://localhost:5173",
                "http://127.0.0.1:5173",
                "http://[::1]:5173",
                "http://app.localhost",
            ] {
                for headers in [&[("origin", origin), site("cross-site")][..], &[("origin", origin)]] {
                    assert_eq!(check(host, headers), 200, "{host} {origin}");
                    let api = on("127.0.0.1:8787", SiteKind::Site);
                    let strict = [headers, &[("host", host)]].concat();
                    assert_eq!(status(api.check_page(&request("POST", "/", &strict))), 403);
                }
            }
            assert_eq!(check(host, &[site("same-site")]), 200);
            for origin in [
                "null",
                "http://evil.example",
                "http://localhost.evil.example",
                "http://localhost:1@evil.example",
                "http://10.0.0.1:5173",
                "http://127.0.0.1.evil.example",
                "file://",
                "chrome-extension://localhost",
            ] {
                for with in ["same-site", "cross-site", "none"] {
                    assert_eq!(check(host, &[("origin", origin), site(with)]), 403, "{host} {origin} {with}");
                }
            }
            assert_eq!(check(host, &[site("cross-site")]), 403);
        }
        // A name that others may have pages below of.
        assert_eq!(check("proxy.example", &[site("same-site")]), 403);
        assert_eq!(check("proxy.example", &[("origin", "http://localhost:5173")]), 403);
        let twice = [("origin", "http://localhost:5173"), ("origin", "http://evil.example")];
        assert_eq!(check("localhost", &twice), 400);
    }

    #[test]
    fn a_forwarded_port_is_the_one_in_host() {
        let names = on("0.0.0.0:8787", SiteKind::Api);
        let forwarded = |host, origin| {
            status(names.check_page(&request("POST", "/", &[("host", host), ("origin", origin)])))
        };
        assert_eq!(forwarded("localhost:9000", "http://localhost:9000"), 200);
        assert_eq!(forwarded("proxy.example", "http://proxy.example"), 200);
        assert_eq!(forwarded("localhost:9000", "http://localhost:9001"), 403);
        assert_eq!(forwarded("rebound.example:9000", "http://rebound.example:9000"), 403);
    }

    #[test]
    fn pages_of_other_sites_are_refused_without_origin_too() {
        let names = on("127.0.0.1:8787", SiteKind::Api);
        for site in ["same-site", "cross-site", "Same-Origin", "", "new-word"] {
            assert_eq!(page(&names, &[("sec-fetch-site", site)]), 403, "{site}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(page(&names, &[("sec-fetch-site", site)]), 200, "{site}");
        }
        let own = ("origin", "http://localhost:8787");
        assert_eq!(page(&names, &[own, ("sec-fetch-site", "cross-site")]), 403);
        let allowed = ("origin", "http://localhost:3000");
        assert_eq!(page(&names, &[allowed, ("sec-fetch-site", "same-site")]), 200);
    }

    #[test]
    fn other_sites_can_link_to_a_site_and_not_to_an_api() {
        let link = [
            ("host", "localhost:8787"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        let check = |kind, method, headers: &[(&str, &str)]| {
            status(on("127.0.0.1:8787", kind).check_page(&request(method, "/", headers)))
        };
        assert_eq!(check(SiteKind::Site, "GET", &link), 200);
        assert_eq!(check(SiteKind::Api, "GET", &link), 403);
        assert_eq!(check(SiteKind::Site, "POST", &link), 403);
        assert_eq!(
            check(SiteKind::Site, "GET", &[&link[..3], &[("sec-fetch-dest", "iframe")]].concat()),
            403
        );
        assert_eq!(check(SiteKind::Site, "GET", &link[..2]), 403);
        // A form on a page of its own, under `Referrer-Policy: no-referrer`.
        let hidden = [("host", "localhost:8787"), ("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert_eq!(check(SiteKind::Site, "POST", &hidden), 200);
        assert_eq!(check(SiteKind::Api, "POST", &hidden), 403);
        assert_eq!(check(SiteKind::Site, "POST", &hidden[..2]), 403);
    }
}
