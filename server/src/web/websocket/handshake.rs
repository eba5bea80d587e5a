//! The request that becomes a WebSocket (RFC 6455, sections 4.1 and 4.2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};
use tungstenite::handshake::derive_accept_key;

/// The version of the protocol, the only one that was ever in use.
const VERSION: &str = "13";

/// The length of the random bytes in `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;

/// Headers of the answer to a handshake that are the server's own word.
pub const OWN_HEADERS: [HeaderName; 4] = [
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
];

/// A request that is not a valid handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHandshake {
    /// The status of the answer.
    pub status: StatusCode,
    /// The reason.
    pub reason: &'static str,
}

/// A request that does not ask for a WebSocket, and gets one as its answer.
pub const NOT_REQUESTED: InvalidHandshake = InvalidHandshake {
    status: StatusCode::UPGRADE_REQUIRED,
    reason: "The answer is a WebSocket, and the request does not ask for one.",
};

/// Returns `true` if a request asks for a WebSocket.
pub fn is_requested(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
}

/// Checks a handshake. Returns the value of `Sec-WebSocket-Accept`.
///
/// # Errors
/// Returns what is wrong with it.
pub fn check(head: &Parts) -> Result<HeaderValue, InvalidHandshake> {
    let invalid = |status, reason| Err(InvalidHandshake { status, reason });
    let headers = &head.headers;
    if head.method != Method::GET || head.version != Version::HTTP_11 {
        return invalid(
            StatusCode::BAD_REQUEST,
            "The handshake of a WebSocket is a GET request of HTTP/1.1.",
        );
    }
    if !is_requested(headers) {
        return Err(NOT_REQUESTED);
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return invalid(StatusCode::BAD_REQUEST, "The handshake has no header `Connection: Upgrade`.");
    }
    if single(headers, &header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        return invalid(StatusCode::UPGRADE_REQUIRED, "The version of the WebSocket protocol must be 13.");
    }
    let key = single(headers, &header::SEC_WEBSOCKET_KEY).unwrap_or_default();
    if STANDARD.decode(key).map_or(0, |bytes| bytes.len()) != KEY_BYTES {
        return invalid(
            StatusCode::BAD_REQUEST,
            "The header `Sec-WebSocket-Key` must be 16 bytes in base64.",
        );
    }
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    accept.or(invalid(StatusCode::BAD_REQUEST, "The header `Sec-WebSocket-Key` is not valid."))
}

/// Makes the answer to a handshake the start of a WebSocket. Other headers than
/// [`OWN_HEADERS`] stay. Extensions are not offered.
pub fn switch<B>(response: &mut Response<B>, accept: HeaderValue) {
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    for name in OWN_HEADERS {
        headers.remove(name);
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
}

/// Makes a request ask for a WebSocket. Other headers than [`OWN_HEADERS`] stay. Returns the value
/// of `Sec-WebSocket-Accept` that its answer must have.
pub fn ask(headers: &mut HeaderMap) -> String {
    for name in OWN_HEADERS {
        headers.remove(name);
    }
    let mut nonce = [0; KEY_BYTES];
    // It shows that the answer is to this request, and need not be secret.
    let _ = getrandom::fill(&mut nonce);
    let key = STANDARD.encode(nonce);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
    let accept = derive_accept_key(key.as_bytes());
    if let Ok(key) = HeaderValue::from_str(&key) {
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
    }
    accept
}

/// Checks the headers of an answer with status 101 to a request for a WebSocket.
///
/// # Errors
/// Returns what is wrong with it.
pub fn check_answer(headers: &HeaderMap, accept: &str) -> Result<(), &'static str> {
    if !is_requested(headers) || !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err("the server switches to another protocol than WebSocket");
    }
    if single(headers, &header::SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value != accept) {
        return Err("the server's Sec-WebSocket-Accept is not the one for this request");
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err("the server wants an extension of WebSocket that was not offered");
    }
    Ok(())
}

/// Adds what a client needs to know after an invalid handshake.
pub fn explain<B>(response: &mut Response<B>) {
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
}

/// Returns `true` if the list of a header, or of several, has a token.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Returns the value of a header that comes once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The key and its answer in RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn head(change: impl Fn(&mut Parts)) -> Parts {
        let request = Request::get("/")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", KEY);
        let mut head = request.body(()).unwrap().into_parts().0;
        change(&mut head);
        head
    }

    fn without(name: &'static str) -> Parts {
        head(|head| _ = head.headers.remove(name))
    }

    fn with(name: &'static str, value: &'static str) -> Parts {
        head(|head| _ = head.headers.insert(name, HeaderValue::from_static(value)))
    }

    #[test]
    fn a_handshake_is_answered() {
        assert_eq!(check(&head(|_| ())).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_invalid_handshake_is_refused() {
        let cases = [
            (head(|head| head.method = Method::POST), 400),
            (head(|head| head.version = Version::HTTP_10), 400),
            (without("connection"), 400),
            (with("connection", "keep-alive"), 400),
            (without("upgrade"), 426),
            (with("upgrade", "h2c"), 426),
            (without("sec-websocket-version"), 426),
            (with("sec-websocket-version", "8"), 426),
            (without("sec-websocket-key"), 400),
            (with("sec-websocket-key", "c2hvcnQ="), 400),
            (with("sec-websocket-key", "not base64 at all!!!"), 400),
            (head(|head| _ = head.headers.append("sec-websocket-key", HeaderValue::from_static(KEY))), 400),
        ];
        for (head, status) in cases {
            let found = check(&head).unwrap_err();
            assert_eq!(found.status, status, "{found:?}: {head:?}");
        }
    }

    #[test]
    fn an_answer_is_that_to_the_request() {
        let mut asked = HeaderMap::new();
        asked.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("permessage-deflate"));
        asked.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("chosen"));
        let (accept, other) = (ask(&mut asked), ask(&mut HeaderMap::new()));
        assert_ne!(accept, other);
        assert!(!asked.contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
        let mut request = head(|_| ());
        request.headers = asked;
        assert_eq!(check(&request).unwrap(), accept.as_str());

        let answer = |change: fn(&mut HeaderMap)| {
            let mut response = Response::new(());
            switch(&mut response, HeaderValue::from_str(&accept).unwrap());
            change(response.headers_mut());
            check_answer(response.headers(), &accept)
        };
        assert_eq!(answer(|_| ()), Ok(()));
        let wrong: [fn(&mut HeaderMap); 6] = [
            |headers| _ = headers.remove(header::UPGRADE),
            |headers| _ = headers.insert(header::UPGRADE, HeaderValue::from_static("h2c")),
            |headers| _ = headers.remove(header::CONNECTION),
            |headers| _ = headers.remove(header::SEC_WEBSOCKET_ACCEPT),
            |headers| _ = headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("x")),
            |headers| _ = headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("x")),
        ];
        for change in wrong {
            assert!(answer(change).is_err());
        }
    }

    #[test]
    fn what_a_worker_says_of_the_connection_is_replaced() {
        let mut response = Response::builder()
            .header("sec-websocket-accept", "forged")
            .header("sec-websocket-extensions", "permessage-deflate")
            .header("sec-websocket-protocol", "chat")
            .body(())
            .unwrap();
        switch(&mut response, HeaderValue::from_static("right"));
        let headers = response.headers();
        assert_eq!(
            (response.status(), &headers["sec-websocket-accept"]),
            (StatusCode::SWITCHING_PROTOCOLS, &HeaderValue::from_static("right"))
        );
        assert!(!headers.contains_key("sec-websocket-extensions"));
        assert_eq!(headers["sec-websocket-protocol"], "chat");
    }
}
