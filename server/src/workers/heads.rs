//! The heads of requests and responses, between HTTP and the Worker.
//!
//! What frames a message on the wire is isolet's word, in both directions: a header of
//! [`CONNECTION_HEADERS`] that a Worker writes is not sent. So is who the client is: a
//! `CF-Connecting-IP` of the client's is replaced.

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request};
use http_body_util::Full;
use isolet_runtime::{HttpResponse, RequestHead, ResponseBody, WorkerStream};
use url::Url;

use crate::settings::address::HostAndPort;

/// Headers of a connection rather than of a message (RFC 9110, section 7.6.1), and the length.
/// isolet writes its own.
pub const CONNECTION_HEADERS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The methods that a `Request` cannot have (Fetch, section "Methods"). Code that makes another
/// request of the one that it gets would fail.
pub const FORBIDDEN_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// The header that names the client. A client's own is dropped.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// Returns the head of a request from `peer`, which UNIX sockets do not have, as the Worker gets
/// it; or `None` if it has no host.
pub fn request_head(head: &request::Parts, peer: Option<IpAddr>) -> Option<RequestHead> {
    let url = absolute_url(&head.uri, &head.headers)?;
    let mut headers = Vec::with_capacity(head.headers.len() + 1);
    let own = head.headers.iter().filter(|(name, _)| *name != CLIENT_ADDRESS);
    headers.extend(own.map(|(name, value)| (name.as_str().to_owned(), latin1(value))));
    if let Some(peer) = peer {
        headers.push((CLIENT_ADDRESS.as_str().to_owned(), peer.to_canonical().to_string()));
    }
    let encodings = head.headers.get(header::ACCEPT_ENCODING).map(latin1).unwrap_or_default();
    let cf = RequestProperties {
        http_protocol: format!("{:?}", head.version),
        client_accept_encoding: encodings,
        tls_version: "",
        tls_cipher: "",
    };
    let cf = serde_json::to_string(&cf).unwrap_or_default();
    Some(RequestHead { method: head.method.as_str().to_owned(), url, headers, cf })
}

/// The object `request.cf`, as far as it is known here.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestProperties {
    http_protocol: String,
    client_accept_encoding: String,
    tls_version: &'static str,
    tls_cipher: &'static str,
}

/// Returns the absolute URL of a request as the URL standard writes it, if its host is one that
/// URLs have. A target's own scheme does not count: with another one the URL would be read by other
/// rules than its routes are.
fn absolute_url(uri: &http::Uri, headers: &HeaderMap) -> Option<String> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    let url = format!("http://{host}{}", path_and_query(uri));
    // Routes compare the host as it is written, and the Worker sees the one that is parsed.
    let written = HostAndPort::parse(host)?.host;
    let url = Url::parse(&url).ok()?;
    let is_same = match url.host()? {
        url::Host::Domain(name) => name == written,
        url::Host::Ipv4(address) => written.parse() == Ok(address),
        url::Host::Ipv6(address) => written.parse() == Ok(address),
    };
    is_same.then(|| url.into())
}

/// Returns the path of a request's target with its query. It begins with a slash.
pub fn path_and_query(uri: &http::Uri) -> Cow<'_, str> {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    match path.as_bytes().first() {
        Some(b'/') => Cow::Borrowed(path),
        Some(b'?') => Cow::Owned(format!("/{path}")),
        // The target of `OPTIONS *` is not a path.
        _ => Cow::Borrowed("/"),
    }
}

/// Decodes a header value as Latin-1, as the Fetch standard does.
pub fn latin1(value: &HeaderValue) -> String {
    match value.to_str() {
        Ok(ascii) => ascii.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Returns the bytes of a Latin-1 text.
pub fn latin1_bytes(text: &str) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return Some(text.as_bytes().to_vec());
    }
    text.chars().map(|letter| u8::try_from(letter).ok()).collect()
}

/// The body of a response as a stream.
pub struct StreamWithLength {
    /// The body.
    pub stream: WorkerStream,
    /// Its length in bytes, if the Worker has promised one.
    pub length: Option<u64>,
}

/// Returns a Worker's response, with its body if it is whole, and else the stream of its body.
pub fn response(answered: HttpResponse) -> (Response<Full<Bytes>>, Option<StreamWithLength>) {
    let HttpResponse { head, body } = answered;
    // These statuses have no body by definition. Dropping a stream cancels it.
    let has_body = !matches!(head.status, 204 | 205 | 304);
    let (whole, stream) = match body {
        ResponseBody::Whole(bytes) if has_body => (bytes, None),
        ResponseBody::Stream(stream) if has_body => {
            let mut lengths =
                head.headers.iter().filter(|(name, _)| header::CONTENT_LENGTH == *name.as_str());
            let length = lengths.next().and_then(|(_, value)| value.parse().ok());
            (Bytes::new(), Some(StreamWithLength { stream, length }))
        }
        _ => (Bytes::new(), None),
    };
    let mut response = Response::new(Full::from(whole));
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let phrase = latin1_bytes(&head.status_text).filter(|phrase| !phrase.is_empty());
    if let Some(phrase) = phrase.and_then(|phrase| hyper::ext::ReasonPhrase::try_from(phrase).ok()) {
        response.extensions_mut().insert(phrase);
    } else if response.status().canonical_reason().is_none() {
        // Else hyper writes a phrase of its own.
        response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b""));
    }
    for (name, value) in head.headers {
        let value = latin1_bytes(&value).and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        match (HeaderName::from_bytes(name.as_bytes()), value) {
            (Ok(name), Some(value)) if !CONNECTION_HEADERS.contains(&name) => {
                // The runtime bounds the number of headers far below the one that is refused here.
                let _ = response.headers_mut().try_append(name, value);
            }
            _ => {}
        }
    }
    (response, stream)
}

#[cfg(test)]
mod tests {
    use isolet_runtime::ResponseHead;

    use super::*;

    #[test]
    fn urls_are_made_absolute() {
        let with = |host| HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        let url = |uri: &'static str, headers| absolute_url(&uri.parse().unwrap(), &headers);
        assert_eq!(url("/a?b=c", with("localhost:1")).as_deref(), Some("http://localhost:1/a?b=c"));
        assert_eq!(url("http://x.example/a", with("y")).as_deref(), Some("http://x.example/a"));
        assert_eq!(url("*", with("localhost")).as_deref(), Some("http://localhost/"));
        for (target, wanted) in [
            ("foo://x.example/b/../api/y", "http://x.example/api/y"),
            ("https://x.example:8443/a?b", "http://x.example:8443/a?b"),
            ("file://x.example/a", "http://x.example/a"),
            ("http://x.example", "http://x.example/"),
            ("http://x.example?b", "http://x.example/?b"),
        ] {
            assert_eq!(url(target, with("y")).as_deref(), Some(wanted), "{target}");
        }
        assert_eq!(url("/", HeaderMap::new()), None);
        for (host, wanted) in [
            ("A.Example:80", Some("http://a.example/")),
            ("xn--bcher-kva.example", Some("http://xn--bcher-kva.example/")),
            ("a_b.example.", Some("http://a_b.example./")),
            ("127.0.0.1:1", Some("http://127.0.0.1:1/")),
            ("[0:0::1]:1", Some("http://[::1]:1/")),
            // Those are not hosts, or are others in a URL.
            ("xn--a.wild.example", None),
            ("%61.example", None),
            ("0x7f.1", None),
            ("127.1", None),
            ("a.example:99999", None),
            ("user@a.example", None),
            ("", None),
        ] {
            assert_eq!(url("/", with(host)).as_deref(), wanted, "{host}");
        }
    }

    #[test]
    fn a_response_keeps_only_headers_of_the_message() {
        let connection = CONNECTION_HEADERS.map(|name| (name.as_str().to_owned(), "1".to_owned()));
        let mut headers = [("x-a", "1"), ("x-a", "2"), ("é", "x"), ("x-b", "a\nb")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        headers.extend(connection);
        let head = ResponseHead { status: 201, status_text: "Quite Fine".into(), headers, encoded: false };
        let (response, stream) = response(HttpResponse { head, body: ResponseBody::Whole("hi".into()) });
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers().len(), 2, "{:?}", response.headers());
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
        let phrase = response.extensions().get::<hyper::ext::ReasonPhrase>();
        assert_eq!(phrase.map(hyper::ext::ReasonPhrase::as_bytes), Some(&b"Quite Fine"[..]));
        assert!(stream.is_none());
    }

    #[test]
    fn any_number_of_headers_is_no_panic() {
        let headers = (0..100_000).map(|n| (format!("x-{n}"), String::new())).collect();
        let head = ResponseHead { status: 200, status_text: String::new(), headers, encoded: false };
        let (response, _) = response(HttpResponse { head, body: ResponseBody::Empty });
        assert!(response.headers().len() > 10_000);
    }

    #[test]
    fn the_client_does_not_say_who_it_is() {
        let request = http::Request::builder()
            .uri("/")
            .header("host", "localhost")
            .header("cf-connecting-ip", "6.6.6.6")
            .body(())
            .unwrap();
        let head = request_head(&request.into_parts().0, "::ffff:192.0.2.7".parse().ok()).unwrap();
        let named: Vec<_> = head.headers.iter().filter(|(name, _)| name == "cf-connecting-ip").collect();
        assert_eq!(named, [&("cf-connecting-ip".to_owned(), "192.0.2.7".to_owned())]);
    }
}
