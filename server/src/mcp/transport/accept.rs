//! The content types that a client accepts, and conversion of responses to them.
//!
//! The protocol requires clients to accept both documents and events, and rmcp refuses other
//! requests. Many clients send `*/*`, no `Accept` header, or one of the two: they get a type that
//! they accept.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// The header that rmcp requires.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// The content types that a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedTypes {
    /// A JSON document.
    pub json: bool,
    /// Server-sent events.
    pub events: bool,
}

impl AcceptedTypes {
    /// Returns the types in the headers of a request. Without an `Accept` header it is both.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self { json: false, events: false };
        let mut has_types = false;
        for kind in headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|all| all.split(','))
        {
            let mut parts = kind.split(';').map(str::trim);
            let Some(essence) = parts.next().filter(|essence| !essence.is_empty()) else { continue };
            has_types = true;
            let refused = parts.any(|part| {
                part.strip_prefix("q=")
                    .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
            });
            if refused {
                continue;
            }
            let is = |wanted: &str| essence.eq_ignore_ascii_case(wanted);
            accepted.json |= is(JSON) || is("application/*") || is("*/*");
            accepted.events |= is(EVENTS) || is("text/*") || is("*/*");
        }
        if has_types { accepted } else { Self { json: true, events: true } }
    }

    /// Adds the missing type for rmcp, if the client accepts one of the two.
    pub fn widen(self, headers: &mut HeaderMap) {
        if self.json || self.events {
            headers.insert(ACCEPT, BOTH);
        }
    }

    /// Returns `true` if a response with these headers must be converted to the other type.
    pub fn must_convert(self, headers: &HeaderMap) -> bool {
        let is = |kind: &str| {
            headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.starts_with(kind))
        };
        is(JSON) && !self.json && self.events || is(EVENTS) && !self.events && self.json
    }
}

/// Converts a document to a stream with one event.
pub fn to_event(headers: &mut HeaderMap, document: &[u8]) -> Bytes {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.remove(http::header::CONTENT_LENGTH);
    [b"event: message\ndata: ".as_slice(), document.trim_ascii(), b"\n\n"].concat().into()
}

/// Converts a stream of events to the document of the response. Events before it, such as progress,
/// are left out. Returns `None` if the stream has no response.
pub fn to_document(headers: &mut HeaderMap, events: &[u8]) -> Option<Bytes> {
    let answer = std::str::from_utf8(events).ok()?.lines().rev().find_map(|line| {
        let data = line.strip_prefix("data:")?.trim();
        let message: serde_json::Map<String, serde_json::Value> = serde_json::from_str(data).ok()?;
        (message.contains_key("result") || message.contains_key("error"))
            .then(|| Bytes::from(data.to_owned()))
    })?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.remove(http::header::CONTENT_LENGTH);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: Option<&str>) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        if let Some(text) = text {
            headers.insert(ACCEPT, HeaderValue::from_str(text).unwrap());
        }
        let AcceptedTypes { json, events } = AcceptedTypes::of(&headers);
        (json, events)
    }

    #[test]
    fn all_forms_of_the_header_are_parsed() {
        for (text, expected) in [
            (None, (true, true)),
            (Some("*/*"), (true, true)),
            (Some(""), (true, true)),
            (Some("application/json"), (true, false)),
            (Some("Application/JSON;q=0.9"), (true, false)),
            (Some("text/event-stream, application/json;q=0"), (false, true)),
            (Some("text/html"), (false, false)),
        ] {
            assert_eq!(accepted(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_response_is_converted_to_the_other_type() {
        let mut headers = HeaderMap::new();
        let events = b"id: 1\ndata: {\"method\":\"x\"}\n\ndata: {\"id\":1,\"result\":{}}\n\n: over\n\n";
        assert_eq!(to_document(&mut headers, events).unwrap(), "{\"id\":1,\"result\":{}}");
        assert_eq!(headers[CONTENT_TYPE], JSON);
        assert_eq!(to_event(&mut headers, b"{}"), "event: message\ndata: {}\n\n");
        assert_eq!(to_document(&mut headers, b"data: {\"method\":\"x\"}\n\n"), None);
    }
}
