//! The challenge of a server: its answer to a request without a token.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::Response;
use rmcp::transport::auth::WWWAuthenticateParams;
use serde_json::json;

use crate::config::HttpConfig;
use crate::protocol::Handshake;
use crate::transport::http::pools::Pools;

/// The time for one request.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest challenge that is read, and the most that is kept of it.
const MAX_CHALLENGE_BYTES: usize = 8 * 1024;
const MAX_SCOPES: usize = 64;
const MAX_SCOPE_BYTES: usize = 256;

/// Returns the challenge of a server, which names its metadata and the scopes to request first.
/// `None` if it has none.
///
/// rmcp sends a GET, which many servers answer without a challenge. So isolet sends the requests
/// that a client would send first.
pub(super) async fn of_server(config: &HttpConfig) -> Option<String> {
    let client = Pools::default().for_url(&config.url).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        headers.insert(name.clone(), HeaderValue::from_str(value.expose()).ok()?);
    }
    // Some servers let everybody discover them, but list tools only for their users.
    for method in ["server/discover", "tools/list"] {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": Handshake::Discover.newest().as_str(),
            "io.modelcontextprotocol/clientInfo": { "name": "isolet", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": { "_meta": meta } });
        let request = client
            .post(config.url.clone())
            .headers(headers.clone())
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header("mcp-protocol-version", Handshake::Discover.newest().as_str())
            .header("mcp-method", method)
            .body(body.to_string())
            .timeout(PROBE_TIMEOUT);
        let response = request.send().await.ok()?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return challenge(&response).map(str::to_owned);
        }
    }
    None
}

fn challenge(response: &Response) -> Option<&str> {
    let challenge = response.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    (challenge.len() <= MAX_CHALLENGE_BYTES).then_some(challenge)
}

/// Returns the scopes that the token lacks. Empty if the server refuses for another reason.
pub(crate) fn missing_scopes(response: &Response) -> Vec<String> {
    if response.status() != StatusCode::FORBIDDEN {
        return Vec::new();
    }
    challenge(response).map(|challenge| missing_in(challenge, response.url())).unwrap_or_default()
}

fn missing_in(challenge: &str, url: &url::Url) -> Vec<String> {
    let params = WWWAuthenticateParams::parse(challenge, url);
    let scope = params.scope.as_deref().filter(|_| params.is_insufficient_scope());
    let scopes: BTreeSet<&str> =
        scope.unwrap_or_default().split(' ').filter(|scope| is_scope(scope)).collect();
    scopes.into_iter().take(MAX_SCOPES).map(str::to_owned).collect()
}

/// Checks that a scope is valid by RFC 6749, and short enough for a message and a URL.
fn is_scope(text: &str) -> bool {
    let of_scope = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=MAX_SCOPE_BYTES).contains(&text.len()) && text.bytes().all(of_scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_scopes_are_read_from_a_refusal() {
        let url = "https://h/mcp".parse().unwrap();
        let of = |challenge: &str| missing_in(challenge, &url);
        assert_eq!(of(r#"Bearer error="insufficient_scope", scope="write read write""#), ["read", "write"]);
        assert!(of(r#"Bearer error="invalid_token", scope="write""#).is_empty());
        assert!(of("Basic realm=\"x\"").is_empty());
        assert!(is_scope("https://h/read:all") && !is_scope("a\"b") && !is_scope("é") && !is_scope(""));
    }
}
