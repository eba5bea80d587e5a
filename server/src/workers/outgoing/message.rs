//! Requests and responses, between the Worker and the HTTP client.
//!
//! What frames a message on the wire is the client's: a Worker's `Host`, `Content-Length` or
//! `Connection` is not sent.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use isolet_runtime::{
    CDN_LOOP, CallChain, FetchRequest, FetchedBody, FetchedResponse, RequestBody, ResponseHead,
};
use reqwest::Body;
use url::Url;

use super::failure::Failure;
use crate::workers::heads::{CONNECTION_HEADERS, latin1, latin1_bytes};

/// The methods that the Fetch standard forbids.
const FORBIDDEN_METHODS: [Method; 2] = [Method::CONNECT, Method::TRACE];

/// The header that names the Worker to the server that it fetches from. Cloudflare puts the zone
/// there.
const CF_WORKER: HeaderName = HeaderName::from_static("cf-worker");

/// The encodings that `Response` decodes.
const ACCEPTED_ENCODINGS: HeaderValue = HeaderValue::from_static("gzip");

/// The longest body that is given to the Worker with its head, in bytes.
const MAX_WHOLE_BYTES: usize = 64 << 10;

/// The time after which a body is given up of which nothing more comes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Returns the request of the Worker of this name as it is sent.
///
/// # Errors
/// No HTTP request has such a method or URL.
pub fn request(worker: &str, request: FetchRequest, url: &Url) -> Result<reqwest::Request, Failure> {
    let FetchRequest { head, body, chain } = request;
    let method = Method::from_bytes(head.method.as_bytes())
        .ok()
        .filter(|method| {
            !FORBIDDEN_METHODS.contains(method) && !method.as_str().eq_ignore_ascii_case("TRACK")
        })
        .ok_or_else(|| Failure::Invalid("no request has this method".to_owned()))?;
    let mut url = url.clone();
    url.set_fragment(None);
    // As in other Workers: credentials of a URL are not sent.
    let without_user = url.set_username("").and_then(|()| url.set_password(None));
    without_user.map_err(|()| Failure::Invalid("no request has this URL".to_owned()))?;
    let needs_length = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let mut sent = reqwest::Request::new(method, url);
    *sent.headers_mut() = request_headers(worker, &head.headers);
    if let Ok(loops) = HeaderValue::from_str(&chain.header()) {
        sent.headers_mut().append(CDN_LOOP, loops);
    }
    let (length, body) = match body {
        RequestBody::Empty => (needs_length.then_some(0), None),
        RequestBody::Whole(bytes) if bytes.is_empty() => (needs_length.then_some(0), None),
        RequestBody::Whole(bytes) => (None, Some(Body::from(bytes))),
        RequestBody::Stream(pieces) => {
            let length = length_of(&head.headers);
            (length, Some(Body::wrap_stream(of_length(pieces, length))))
        }
    };
    if let Some(length) = length {
        sent.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *sent.body_mut() = body;
    Ok(sent)
}

/// Returns the length that the Worker's side declares for a body in pieces.
fn length_of(headers: &[(String, String)]) -> Option<u64> {
    let declared = headers.iter().find(|(name, _)| name == "content-length");
    declared.and_then(|(_, length)| length.parse().ok())
}

/// A request's body broke off.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request broke off: {0}")]
struct BrokenUpload(String);

/// Returns a body that breaks off if it has another length than the one that was declared.
fn of_length(
    pieces: BoxStream<'static, Result<Bytes, String>>,
    declared: Option<u64>,
) -> impl futures_util::Stream<Item = Result<Bytes, BrokenUpload>> + Send + 'static {
    let is_wrong = || BrokenUpload("it does not have the length that it declares".to_owned());
    stream::try_unfold((pieces, declared), move |(mut pieces, left)| async move {
        match pieces.next().await {
            Some(Err(reason)) => Err(BrokenUpload(reason)),
            Some(Ok(piece)) => {
                let left = match left {
                    Some(left) => Some(left.checked_sub(piece.len() as u64).ok_or_else(is_wrong)?),
                    None => None,
                };
                Ok(Some((piece, (pieces, left))))
            }
            None if left.is_some_and(|left| left > 0) => Err(is_wrong()),
            None => Ok(None),
        }
    })
}

fn request_headers(worker: &str, given: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let value = latin1_bytes(value).and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value)
            && !CONNECTION_HEADERS.contains(&name)
            // With `Expect`, the status 100 would be the answer for some servers.
            && ![header::HOST, header::EXPECT, CF_WORKER].contains(&name)
            && !(name == CDN_LOOP && value.to_str().map_or(true, CallChain::is_in))
        {
            // The runtime bounds the number of headers far below the one that is refused here.
            let _ = headers.try_append(name, value);
        }
    }
    if let Ok(name) = HeaderValue::from_str(worker) {
        headers.insert(CF_WORKER, name);
    }
    headers.entry(header::ACCEPT_ENCODING).or_insert(ACCEPTED_ENCODINGS);
    headers
}

/// Returns the response as the Worker gets it. A body that has arrived with the head comes with it.
///
/// # Errors
/// No `Response` has this status or so many headers.
pub async fn response(response: reqwest::Response) -> Result<FetchedResponse, Failure> {
    let status = response.status();
    if !(200..=599).contains(&status.as_u16()) {
        return Err(Failure::Broken(format!("the server answered with status {}", status.as_u16())));
    }
    let head = response_head(&response)?;
    Ok(FetchedResponse { head, body: body_of(pieces(response)).await })
}

/// Returns the head of a response as the Worker gets it.
///
/// # Errors
/// It is longer than heads are.
pub fn response_head(response: &reqwest::Response) -> Result<ResponseHead, Failure> {
    let status = response.status();
    let phrase = response.extensions().get::<hyper::ext::ReasonPhrase>();
    let status_text = match phrase {
        Some(phrase) => phrase.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
        // HTTP/2 has no phrases.
        None if response.version() >= Version::HTTP_2 => String::new(),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    let shown = |name: &HeaderName| *name == header::CONTENT_LENGTH || !CONNECTION_HEADERS.contains(name);
    let headers = response.headers().iter().filter(|(name, _)| shown(name));
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), latin1(value))).collect();
    let head = ResponseHead { status: status.as_u16(), status_text, headers, encoded: true };
    if head.is_too_long() {
        return Err(Failure::Broken("the headers of the response are longer than 128 KiB".to_owned()));
    }
    Ok(head)
}

/// Returns the body as it comes.
fn pieces(response: reqwest::Response) -> BoxStream<'static, Result<Bytes, String>> {
    let body = response.bytes_stream().boxed();
    stream::try_unfold(body, |mut body| async move {
        match tokio::time::timeout(IDLE_TIMEOUT, body.next()).await {
            Ok(Some(Ok(piece))) => Ok(Some((piece, body))),
            Ok(Some(Err(error))) => Err(match Failure::of(&error) {
                Failure::Broken(reason) => reason,
                _ => "the connection broke".to_owned(),
            }),
            Ok(None) => Ok(None),
            Err(_) => Err(format!("nothing came for {} s", IDLE_TIMEOUT.as_secs())),
        }
    })
    .boxed()
}

/// Returns a body as a whole, as far as it is there and short; else as a stream.
async fn body_of(mut pieces: BoxStream<'static, Result<Bytes, String>>) -> FetchedBody {
    let mut arrived = BytesMut::new();
    loop {
        match pieces.next().now_or_never() {
            Some(None) if arrived.is_empty() => return FetchedBody::Empty,
            Some(None) => return FetchedBody::Whole(arrived.freeze()),
            Some(Some(Ok(piece))) => {
                arrived.extend_from_slice(&piece);
                if arrived.len() > MAX_WHOLE_BYTES {
                    break;
                }
            }
            Some(Some(Err(error))) => {
                let rest = stream::iter([Ok(arrived.freeze()), Err(error)]);
                return FetchedBody::Stream(rest.boxed());
            }
            None => break,
        }
    }
    let first = stream::iter((!arrived.is_empty()).then(|| Ok(arrived.freeze())));
    FetchedBody::Stream(first.chain(pieces).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: RequestBody,
    ) -> Option<reqwest::Request> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let head = isolet_runtime::RequestHead {
            method: method.into(),
            url: url.into(),
            headers,
            cf: String::new(),
        };
        let parsed = Url::parse(url).unwrap();
        request("shop", FetchRequest { head, body, chain: CallChain::default() }, &parsed).ok()
    }

    /// The request is one of a process in which code has broken out of V8.
    #[test]
    fn a_process_that_was_taken_over_frames_no_message() {
        let framing = [
            ("Host", "evil.example"),
            ("CONTENT-LENGTH", "7"),
            ("Transfer-Encoding", "chunked"),
            ("connection", "x-a"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("expect", "100-continue"),
            ("cf-worker", "other"),
            ("proxy-authorization", "x"),
            ("cdn-loop", "other, isolet; loops=0"),
            ("bad name", "x"),
            ("x-split", "a\r\nhost: evil.example"),
            ("x-nul", "a\0"),
            ("x-wide", "☃"),
        ];
        let sent =
            asked("POST", "http://u:p@a.example/x#y", &framing, RequestBody::Whole("ab".into())).unwrap();
        let names: Vec<&str> = sent.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["cf-worker", "accept-encoding", "cdn-loop"]);
        assert_eq!(sent.headers()["cdn-loop"], "isolet; loops=1");
        assert_eq!(sent.headers()["cf-worker"], "shop");
        assert_eq!(sent.url().as_str(), "http://a.example/x");
        for method in ["CONNECT", "TRACE", "track", "", "GET /", "A\r\nB", "ä"] {
            assert!(asked(method, "http://a.example/", &[], RequestBody::Empty).is_none(), "{method}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_body() {
        let length = |method: &str, body| {
            let sent = asked(method, "http://a.example/", &[("content-length", "4")], body).unwrap();
            sent.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned())
        };
        assert_eq!(length("POST", RequestBody::Empty).as_deref(), Some("0"));
        assert_eq!(length("PUT", RequestBody::Whole(Bytes::new())).as_deref(), Some("0"));
        assert_eq!(length("GET", RequestBody::Empty), None);
        let pieces = || stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cd"))]).boxed();
        assert_eq!(length("POST", RequestBody::Stream(pieces())).as_deref(), Some("4"));
    }

    #[tokio::test]
    async fn a_body_of_another_length_breaks_off() {
        for (declared, is_complete) in [(None, true), (Some(4), true), (Some(3), false), (Some(5), false)] {
            let pieces = stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cd"))]).boxed();
            let sent: Vec<_> = of_length(pieces, declared).collect().await;
            assert_eq!(sent.iter().all(Result::is_ok), is_complete, "{declared:?}");
            let bytes: usize = sent.iter().flatten().map(Bytes::len).sum();
            assert!(declared.is_none_or(|declared| bytes as u64 <= declared));
        }
    }

    #[tokio::test]
    async fn a_body_that_is_there_comes_with_the_head() {
        let whole = stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cd"))]).boxed();
        assert!(matches!(body_of(whole).await, FetchedBody::Whole(bytes) if bytes == "abcd"));
        assert!(matches!(body_of(stream::empty().boxed()).await, FetchedBody::Empty));
        let slow = stream::iter([Ok(Bytes::from_static(b"ab"))]).chain(stream::pending()).boxed();
        let FetchedBody::Stream(mut pieces) = body_of(slow).await else { panic!("a stream") };
        assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"ab"))));
        let long = stream::repeat_with(|| Ok(Bytes::from(vec![7; 10_000]))).take(100).boxed();
        let FetchedBody::Stream(pieces) = body_of(long).await else { panic!("a stream") };
        let sum =
            pieces.map(|piece| piece.unwrap().len()).collect::<Vec<_>>().await.into_iter().sum::<usize>();
        assert_eq!(sum, 1_000_000);
        let broken = stream::iter([Ok(Bytes::from_static(b"ab")), Err("broke".to_owned())]).boxed();
        let FetchedBody::Stream(pieces) = body_of(broken).await else { panic!("a stream") };
        assert_eq!(
            pieces.collect::<Vec<_>>().await,
            [Ok(Bytes::from_static(b"ab")), Err("broke".to_owned())]
        );
    }
}
