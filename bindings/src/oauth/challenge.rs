//! What a server says of logins when it is asked for something without one.

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{StatusCode, Uri};
use reqwest::Response;
use rmcp::transport::auth::WWWAuthenticateParams;
use serde_json::json;

use crate::config::HttpConfig;
use crate::handshake::MODERN;
use crate::http::Pools;

/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest challenge that is looked at, and the most of one that is kept.
const MAX_CHALLENGE: usize = 8 * 1024;
const MAX_SCOPES: usize = 64;
const MAX_SCOPE: usize = 256;

/// The challenge of a server: where its metadata is, and which scopes it wants first. `None` if it gives none.
///
/// rmcp looks for one with a GET, which many servers answer without: they have nothing there, and so nothing to protect. So
/// the server is asked what it would be asked first, as other clients do.
pub(super) async fn of_server(config: &HttpConfig) -> Option<String> {
    let client = Pools::default().for_url(&config.url).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        headers.insert(name.clone(), HeaderValue::from_str(value.expose()).ok()?);
    }
    // Some say what they are to everybody, and what they can do to their users only.
    for method in ["server/discover", "tools/list"] {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN.as_str(),
            "io.modelcontextprotocol/clientInfo": { "name": "isolet", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": { "_meta": meta } });
        let request = client
            .post(config.url.clone())
            .headers(headers.clone())
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header("mcp-protocol-version", MODERN.as_str())
            .header("mcp-method", method)
            .body(body.to_string())
            .timeout(PATIENCE);
        let response = request.send().await.ok()?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return challenge(&response).map(str::to_owned);
        }
    }
    None
}

fn challenge(response: &Response) -> Option<&str> {
    let challenge = response.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    (challenge.len() <= MAX_CHALLENGE).then_some(challenge)
}

/// The scopes that a server says a token lacks; none if that is not why it refuses.
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

/// What RFC 6749 lets a scope be, and no more than goes into a message and a URL.
fn is_scope(text: &str) -> bool {
    let of_scope = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=MAX_SCOPE).contains(&text.len()) && text.bytes().all(of_scope)
}

/// Whether a URL can be the id of a client that describes itself there.
pub(crate) fn is_client_id(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|url| url.scheme_str() == Some("https") && url.path().len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_scopes_are_taken_from_a_refusal() {
        let url = "https://h/mcp".parse().unwrap();
        let of = |challenge: &str| missing_in(challenge, &url);
        assert_eq!(of(r#"Bearer error="insufficient_scope", scope="write read write""#), ["read", "write"]);
        assert!(of(r#"Bearer error="invalid_token", scope="write""#).is_empty());
        assert!(of("Basic realm=\"x\"").is_empty());
        assert!(is_scope("https://h/read:all") && !is_scope("a\"b") && !is_scope("é") && !is_scope(""));
    }

    #[test]
    fn a_client_id_is_a_document_on_the_web() {
        assert!(is_client_id("https://example.com/isolet.json"));
        for wrong in
            ["http://example.com/isolet.json", "https://example.com/", "https://example.com", "isolet"]
        {
            assert!(!is_client_id(wrong), "{wrong}");
        }
    }
}
