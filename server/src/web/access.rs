//! Access to the server: bearer tokens, and the checks of requests without one.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, Request, header};
use hyper::body::Body;

use super::problem::Problem;
use super::server_names::{self, ServerNames, is_from_browser};
use crate::service::client::{Client, Tenant, TokenId};
use crate::settings::token::Token;

/// A configuration that would make the server unsafe.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeListenError {
    /// Other machines can reach the server, and it would not ask for a token.
    #[error(
        "{0} can be reached from other machines, and no token is set: anybody who connects could run code and call \
         your tools. Set ISOLET_TOKEN (or --token), or listen on 127.0.0.1; use --allow-unauthenticated only if a \
         proxy in front of isolet authenticates clients"
    )]
    NoToken(SocketAddr),
    /// Web pages could reach the server by DNS rebinding.
    #[error(
        "--allow-unauthenticated on {0} needs --allow-host NAME: without a token, only the `Host` header protects \
         against web pages that use DNS rebinding. Name the hosts under which clients and the proxy reach this server"
    )]
    NoHost(SocketAddr),
}

/// Returns `true` if only this machine can reach `address`.
pub fn is_local(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Refuses to listen where anybody could connect without a token.
pub fn check_listen(
    listen: SocketAddr,
    tokens: &[Token],
    unauthenticated: bool,
    hosts: &[String],
) -> Result<(), UnsafeListenError> {
    match is_local(listen.ip()) || tokens.iter().any(|token| !token.secret.is_empty()) {
        true => Ok(()),
        false if !unauthenticated => Err(UnsafeListenError::NoToken(listen)),
        false if hosts.is_empty() => Err(UnsafeListenError::NoHost(listen)),
        false => Ok(()),
    }
}

/// The access rules of one server.
pub struct AccessRules {
    tokens: Vec<(TokenId, Option<Tenant>)>,
    /// `None` where no web page can connect: on a UNIX socket.
    names: Option<ServerNames>,
    /// The hint that says where the token is.
    token_hint: &'static str,
}

/// The hint of a server whose operator configured tokens.
const CONFIGURED_TOKEN_HINT: &str =
    "Use one of the tokens that this server was configured with; its operator knows them.";

/// The hint of a server that generated its token.
const GENERATED_TOKEN_HINT: &str = "isolet printed at its start which file its token is in; each start makes another one. For a token that \
                    stays, set ISOLET_TOKEN where isolet is started.";

impl AccessRules {
    /// Returns the rules for a server with these names; `None` for one on a UNIX socket.
    pub fn new(names: Option<ServerNames>, tokens: &[Token]) -> Self {
        let tokens = tokens.iter().filter(|token| !token.secret.is_empty());
        let tokens = tokens.map(|token| {
            let tenant = token.tenant.as_deref().map(|tenant| Tenant(tenant.into()));
            (TokenId::new(&token.secret, token.label.as_deref()), tenant)
        });
        Self { tokens: tokens.collect(), names, token_hint: CONFIGURED_TOKEN_HINT }
    }

    /// Sets whether the server generated its token.
    #[must_use]
    pub fn with_generated_token(self, is_generated: bool) -> Self {
        let token_hint = if is_generated { GENERATED_TOKEN_HINT } else { self.token_hint };
        Self { token_hint, ..self }
    }

    /// Authenticates the sender of a request from `peer`.
    pub fn check<B: Body>(&self, request: &Request<B>, peer: Option<SocketAddr>) -> Result<Client, Problem> {
        self.check_page(request)?;
        let sender = self.holder(request.headers());
        // A page that has a valid token got it from the operator. Without one, the request must
        // address the server by one of its names.
        match (&self.names, &sender) {
            (Some(names), Ok(None) | Err(_)) => names.check_host(request)?,
            (Some(_), Ok(Some(_))) => server_names::check_target(request)?,
            (None, _) => {}
        }
        Ok(match sender? {
            Some((token, tenant)) => Client { peer, token: Some(token.clone()), tenant: tenant.clone() },
            None => Client { peer, ..Client::default() },
        })
    }

    /// Refuses requests of web pages from other origins, on all paths.
    pub fn check_page<B: Body>(&self, request: &Request<B>) -> Result<(), Problem> {
        let Some(names) = &self.names else { return Ok(()) };
        names.check_page(request)?;
        // A page can send other content types, or none, without a CORS preflight.
        let headers = request.headers();
        if request.body().is_end_stream() || !is_from_browser(headers) || is_json(headers) {
            return Ok(());
        }
        Err(Problem::unsupported_media_type("Browsers must send JSON with its Content-Type.")
            .with_hint("Send the header `Content-Type: application/json`."))
    }

    /// Returns the origin of the page that sent the request, if the operator allowed it.
    pub fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.names.as_ref()?.allowed_origin(headers).cloned()
    }

    /// Finds the token of the request; `None` where the server asks for none.
    fn holder(&self, headers: &HeaderMap) -> Result<Option<&(TokenId, Option<Tenant>)>, Problem> {
        if self.tokens.is_empty() {
            return Ok(None);
        }
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(presented) = presented else {
            return Err(Problem::unauthorized("This server requires a token.")
                .with_hint(format!("Send the header `Authorization: Bearer <token>`. {}", self.token_hint)));
        };
        let known = self.tokens.iter().find(|(known, _)| known.is(presented));
        known.map(Some).ok_or_else(|| {
            Problem::unauthorized("The bearer token is not valid for this server.").with_hint(self.token_hint)
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::super::server_names::SiteKind;
    use super::*;
    use crate::settings::address::WebOrigin;

    type Sent = Request<Full<&'static [u8]>>;

    fn request(headers: &[(&str, &str)], body: &'static str) -> Sent {
        let builder = Request::builder().method("POST").uri("/v1/run");
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(Full::new(body.as_bytes())).unwrap()
    }

    fn on(listen: &str, tokens: &[Token]) -> AccessRules {
        let allowed = vec![WebOrigin::parse("http://localhost:3000").unwrap()];
        let names =
            ServerNames::new(listen.parse().unwrap(), &["proxy.example".to_owned()], allowed, SiteKind::Api);
        AccessRules::new(Some(names), tokens)
    }

    fn token(secret: &str, tenant: Option<&str>) -> Token {
        Token { secret: secret.to_owned(), tenant: tenant.map(str::to_owned), label: None }
    }

    fn status(checked: &Result<Client, Problem>) -> u16 {
        checked.as_ref().err().map_or(200, |problem| problem.status().as_u16())
    }

    #[test]
    fn an_open_address_needs_a_token_or_host_names() {
        let check = |listen: &str, tokens: &[Token], unauthenticated, hosts: &[String]| {
            check_listen(listen.parse().unwrap(), tokens, unauthenticated, hosts)
        };
        let open = "0.0.0.0:8787";
        let address = open.parse().unwrap();
        assert_eq!(check(open, &[], false, &[]), Err(UnsafeListenError::NoToken(address)));
        assert_eq!(check(open, &[token("", None)], false, &[]), Err(UnsafeListenError::NoToken(address)));
        assert_eq!(check(open, &[], true, &[]), Err(UnsafeListenError::NoHost(address)));
        assert_eq!(check(open, &[], true, &["a.example".to_owned()]), Ok(()));
        assert_eq!(check(open, &[token("secret", None)], false, &[]), Ok(()));
        for local in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(check(local, &[], false, &[]), Ok(()), "{local}");
        }
    }

    #[test]
    fn only_the_whole_token_is_accepted() {
        let access = on("0.0.0.0:1", &[token("secret", None)]);
        let with =
            |value| access.check(&request(&[("authorization", value), ("host", "localhost")], ""), None);
        assert!(with("Bearer secret").is_ok());
        assert!(with("bearer secret").is_ok());
        for wrong in ["Bearer secre", "Bearer secret1", "Basic secret", "secret", "Bearer"] {
            assert_eq!(status(&with(wrong)), 401, "{wrong}");
        }
        assert_eq!(status(&access.check(&request(&[("host", "localhost")], ""), None)), 401);
    }

    #[test]
    fn a_refusal_says_where_the_token_is() {
        let hints = |is_generated| {
            let access = on("127.0.0.1:1", &[token("secret", None)]).with_generated_token(is_generated);
            let host = ("host", "localhost");
            let hint = |headers: &[(&str, &str)]| {
                let problem = access.check(&request(headers, ""), None).unwrap_err();
                problem.hint().unwrap().to_owned()
            };
            [hint(&[host]), hint(&[host, ("authorization", "Bearer wrong")])]
        };
        for hint in hints(true) {
            assert!(hint.contains("which file its token is in") && hint.contains("ISOLET_TOKEN"), "{hint}");
        }
        for hint in hints(false) {
            assert!(hint.contains("configured with") && !hint.contains("which file"), "{hint}");
        }
    }

    #[test]
    fn each_of_several_tokens_is_accepted() {
        let access = on("0.0.0.0:1", &[token("first", None), token("second", Some("acme"))]);
        let with =
            |value| access.check(&request(&[("authorization", value), ("host", "a.example")], ""), None);
        assert_eq!(with("Bearer first").unwrap().tenant, None);
        let second = with("Bearer second").unwrap();
        assert_eq!(second.tenant, Some(Tenant("acme".into())));
        assert_eq!(second.token, Some(TokenId::new("second", None)));
        assert!(with("Bearer third").is_err());
    }

    #[test]
    fn requests_without_a_valid_token_must_address_the_server_by_name() {
        let rebound = ("host", "rebound.example");
        for listen in ["127.0.0.1:8787", "0.0.0.0:8787", "[::ffff:127.0.0.1]:8787"] {
            let open = on(listen, &[]);
            assert_eq!(status(&open.check(&request(&[rebound], ""), None)), 403, "{listen}");
            assert_eq!(
                status(&open.check(&request(&[rebound, ("authorization", "Bearer x")], ""), None)),
                403
            );
            assert_eq!(status(&open.check(&request(&[("host", "proxy.example")], ""), None)), 200);
            let closed = on(listen, &[token("secret", None)]);
            let with = |value| closed.check(&request(&[rebound, ("authorization", value)], ""), None);
            assert_eq!(status(&with("Bearer secret")), 200, "{listen}");
            assert_eq!(status(&with("Bearer wrong")), 403, "{listen}");
            assert_eq!(status(&closed.check(&request(&[rebound], ""), None)), 403, "{listen}");
        }
    }

    #[test]
    fn requests_with_a_token_need_exactly_one_host() {
        let access = on("127.0.0.1:8787", &[token("secret", None)]);
        let with = |target: &str, hosts: &[&str]| {
            let hosts: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let mut request = request(&[&hosts[..], &[("authorization", "Bearer secret")]].concat(), "");
            *request.uri_mut() = target.parse().unwrap();
            status(&access.check(&request, None))
        };
        assert_eq!(with("/", &["any.example"]), 200);
        assert_eq!(with("/", &[]), 400);
        assert_eq!(with("/", &["any.example", "any.example"]), 400);
        assert_eq!(with("http://any.example/", &["any.example"]), 200);
        assert_eq!(with("http://other.example/", &["any.example"]), 400);
        // HTTP/1.0 does not require `Host`.
        let mut old = request(&[("authorization", "Bearer secret")], "");
        *old.version_mut() = http::Version::HTTP_10;
        assert_eq!(status(&access.check(&old, None)), 200);
    }

    #[test]
    fn a_token_does_not_admit_pages_of_other_origins() {
        let access = on("127.0.0.1:8787", &[token("secret", None)]);
        let with = |headers: &[(&str, &str)]| {
            let all = [headers, &[("host", "proxy.example"), ("authorization", "Bearer secret")]].concat();
            status(&access.check(&request(&all, ""), None))
        };
        assert_eq!(with(&[]), 200);
        assert_eq!(with(&[("origin", "https://evil.example")]), 403);
        assert_eq!(with(&[("sec-fetch-site", "same-site")]), 403);
        assert_eq!(with(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")]), 200);
    }

    #[test]
    fn browsers_must_send_json() {
        let access = on("127.0.0.1:8787", &[]);
        let with = |headers: &[(&str, &str)], body| {
            let all = [headers, &[("host", "127.0.0.1:8787")]].concat();
            status(&access.check(&request(&all, body), None))
        };
        let own = ("origin", "http://127.0.0.1:8787");
        for browser in [own, ("sec-fetch-site", "same-origin")] {
            assert_eq!(with(&[browser], "{}"), 415);
            assert_eq!(with(&[browser], ""), 200);
            for wrong in
                ["text/plain", "application/x-www-form-urlencoded", "text/typescript", "application/jsonp"]
            {
                assert_eq!(with(&[browser, ("content-type", wrong)], "{}"), 415, "{wrong}");
            }
            for json in ["application/json", "Application/JSON ; charset=utf-8"] {
                assert_eq!(with(&[browser, ("content-type", json)], "{}"), 200, "{json}");
            }
        }
        assert_eq!(with(&[], "{}"), 200);
        assert_eq!(with(&[("content-type", "text/typescript")], "{}"), 200);
        // Sent by the `fetch` of Node.js.
        assert_eq!(with(&[("sec-fetch-mode", "cors"), ("content-type", "text/typescript")], "{}"), 200);
    }
}
