//! Who may talk to the server: the bearer token, and protection from web pages.
//!
//! A server on loopback is within reach of every page in the operator's browser. Two headers tell pages apart from
//! programs: `Origin`, which browsers add to every POST, and `Host`, which names the attacker's domain where DNS
//! rebinding made that domain point to 127.0.0.1.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;
use crate::settings::serving::Token;

/// Whose token a request has. In the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant(pub Arc<str>);

/// A tenant's name that can be a key in records and rates.
pub fn tenant(name: &str) -> Result<&str, String> {
    const LONGEST: usize = 128;
    match name.is_empty() || name.len() > LONGEST || name.contains(char::is_control) {
        true => Err(format!("a tenant's name has 1 to {LONGEST} bytes and no control characters")),
        false => Ok(name),
    }
}

/// The rules of one server.
pub struct Access {
    /// Of each token; comparing digests takes the same time whatever the difference.
    tokens: Vec<([u8; 32], Option<Tenant>)>,
    /// On loopback only local names are answered. Elsewhere the token protects, and names are the operator's business.
    local_names_only: bool,
    /// Names that are answered as well: those of a proxy in front.
    hosts: Vec<String>,
}

/// What would make a server unsafe.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{listen} can be reached from other machines, and no token is set: whoever connects could run code and call your \
     tools. Set ISOLET_TOKEN (or --token), or listen on 127.0.0.1; --allow-unauthenticated says that something in \
     front of isolet checks who is there"
)]
pub struct Unprotected {
    listen: SocketAddr,
}

impl Access {
    /// Rules for a server on `listen`.
    pub fn new(
        listen: SocketAddr,
        tokens: &[Token],
        hosts: Vec<String>,
        unauthenticated: bool,
    ) -> Result<Self, Unprotected> {
        let tokens = tokens.iter().filter(|token| !token.secret.is_empty());
        let tokens: Vec<_> = tokens
            .map(|token| {
                let tenant = token.tenant.as_deref().map(|tenant| Tenant(tenant.into()));
                (Sha256::digest(&token.secret).into(), tenant)
            })
            .collect();
        let loopback = listen.ip().is_loopback();
        if !loopback && tokens.is_empty() && !unauthenticated {
            return Err(Unprotected { listen });
        }
        Ok(Self {
            tokens,
            local_names_only: loopback,
            hosts: hosts.into_iter().map(|host| host.to_lowercase()).collect(),
        })
    }

    /// Lets a request through, and says whose it is if its token does; or says why not.
    pub fn check(&self, headers: &HeaderMap) -> Result<Option<Tenant>, Problem> {
        if self.local_names_only {
            self.check_names(headers)?;
        }
        if self.tokens.is_empty() {
            return Ok(None);
        }
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match given {
            Some(token) => self.whose(token),
            None => Err(Problem::unauthorized("This server wants a token.")
                .with_hint("Send the header `Authorization: Bearer <token>`.")),
        }
    }

    fn whose(&self, given: &str) -> Result<Option<Tenant>, Problem> {
        let digest = Sha256::digest(given);
        match self.tokens.iter().find(|(known, _)| known == digest.as_slice()) {
            Some((_, tenant)) => Ok(tenant.clone()),
            None => Err(Problem::unauthorized("The bearer token is not the server's.")),
        }
    }

    fn check_names(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if let Some(host) = headers.get(header::HOST) {
            let host = host.to_str().unwrap_or("?");
            if !self.is_known(without_port(host)) {
                return Err(Problem::forbidden(format!(
                    "`{host}` is not a name of this server, which listens for local programs."
                ))
                .with_hint("Use http://127.0.0.1:PORT, or start isolet with --allow-host NAME."));
            }
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or("?");
            let host = origin.split_once("://").map(|(_, host)| without_port(host));
            if !host.is_some_and(|host| self.is_known(host)) {
                return Err(Problem::forbidden(format!("Web pages of `{origin}` may not use this server."))
                    .with_hint("Start isolet with --allow-host NAME to let pages of that host in."));
            }
        }
        Ok(())
    }

    fn is_known(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            || self.hosts.contains(&host)
    }
}

/// `[::1]:80` → `::1`, `localhost:80` → `localhost`
fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn on(listen: &str, token: Option<&str>) -> Access {
        Access::new(listen.parse().unwrap(), &tokens(token), vec!["Proxy.example".to_owned()], true).unwrap()
    }

    fn tokens(token: Option<&str>) -> Vec<Token> {
        token.map(|secret| Token { secret: secret.to_owned(), tenant: None }).into_iter().collect()
    }

    #[test]
    fn an_open_address_wants_a_token() {
        let open: SocketAddr = "0.0.0.0:8787".parse().unwrap();
        assert!(Access::new(open, &tokens(None), Vec::new(), false).is_err());
        assert!(Access::new(open, &tokens(Some("")), Vec::new(), false).is_err());
        assert!(Access::new(open, &tokens(Some("secret")), Vec::new(), false).is_ok());
        assert!(Access::new(open, &tokens(None), Vec::new(), true).is_ok());
        assert!(Access::new("[::1]:1".parse().unwrap(), &tokens(None), Vec::new(), false).is_ok());
    }

    #[test]
    fn tokens_are_compared_whole() {
        let access = on("0.0.0.0:1", Some("secret"));
        assert!(access.check(&headers(&[("authorization", "Bearer secret")])).is_ok());
        assert!(access.check(&headers(&[("authorization", "bearer secret")])).is_ok());
        for wrong in ["Bearer secre", "Bearer secret1", "Basic secret", "secret", "Bearer"] {
            assert!(access.check(&headers(&[("authorization", wrong)])).is_err(), "{wrong}");
        }
        assert_eq!(access.check(&HeaderMap::new()).unwrap_err().status(), 401);
    }

    #[test]
    fn each_of_several_tokens_opens() {
        let token = |secret: &str, tenant: Option<&str>| Token {
            secret: secret.to_owned(),
            tenant: tenant.map(str::to_owned),
        };
        let both = [token("first", None), token("second", Some("acme"))];
        let access = Access::new("0.0.0.0:1".parse().unwrap(), &both, Vec::new(), false).unwrap();
        assert_eq!(access.check(&headers(&[("authorization", "Bearer first")])).unwrap(), None);
        let second = access.check(&headers(&[("authorization", "Bearer second")])).unwrap();
        assert_eq!(second, Some(Tenant("acme".into())));
        assert!(access.check(&headers(&[("authorization", "Bearer third")])).is_err());
    }

    #[test]
    fn pages_and_rebound_names_are_kept_out_of_loopback() {
        let access = on("127.0.0.1:8787", None);
        let passes =
            ["localhost", "localhost:8787", "127.0.0.1:8787", "[::1]:8787", "127.9.9.9", "proxy.example:80"];
        for host in passes {
            assert!(access.check(&headers(&[("host", host)])).is_ok(), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8787", "", "10.0.0.1"]
        {
            assert_eq!(access.check(&headers(&[("host", host)])).unwrap_err().status(), 403, "{host}");
        }
        assert!(access.check(&headers(&[("origin", "http://localhost:3000")])).is_ok());
        for origin in ["https://evil.example", "null", "http://localhost.evil.example"] {
            assert!(access.check(&headers(&[("origin", origin)])).is_err(), "{origin}");
        }
        assert!(on("0.0.0.0:1", None).check(&headers(&[("host", "public.example")])).is_ok());
    }
}
