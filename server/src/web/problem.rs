//! Problem documents (RFC 9457): the responses to requests that are refused.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::reply::{Reply, full};
use crate::service::error::{
    RETRY_WHEN_BUSY, RETRY_WHEN_UNAVAILABLE, RequestError, RequestErrorKind, text_with_hint,
};

/// The reason why a request is refused.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    hint: Option<String>,
    header: Option<(HeaderName, &'static str)>,
}

/// The document, with its fields in the order in which people read them.
#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Problem {
    /// Returns a problem of this kind, which is the end of its `type` URI and stable.
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), hint: None, header: None }
    }

    /// Returns 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// Returns 401.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with_header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// Returns 403: the request comes from a web page, or is addressed to a name that is not this
    /// server's.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Returns 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// Returns 405.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!("This path supports {allow} only."),
        )
        .with_header(header::ALLOW, allow)
    }

    /// Returns 408.
    pub fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", detail)
    }

    /// Returns 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// Returns 415.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    /// Returns 429.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "queue-full", detail).with_header(header::RETRY_AFTER, "1")
    }

    /// Returns 503: the server is about to stop.
    pub fn draining() -> Self {
        RequestError::draining().into()
    }

    /// Returns 503: something that the request needs is not available now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Returns what is wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns what to do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the text for a model: what to do first, then what is wrong.
    fn text(&self) -> String {
        let hint = match (self.hint(), self.status.as_u16()) {
            (Some(hint), _) => Some(hint),
            (None, 429) => Some(RETRY_WHEN_BUSY),
            (None, 503) => Some(RETRY_WHEN_UNAVAILABLE),
            (None, _) => None,
        };
        text_with_hint(hint, &self.detail)
    }

    /// Returns the response as plain text.
    pub fn into_text(self) -> Reply {
        let text = self.text();
        self.response("text/plain; charset=utf-8", text)
    }

    fn response(self, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
        let mut response = Response::new(full(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some((name, value)) = self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let problem = match error.kind {
            RequestErrorKind::Invalid => Self::bad_request(error.detail),
            RequestErrorKind::Forbidden => Self::forbidden(error.detail),
            RequestErrorKind::TooLarge => Self::too_large(error.detail),
            RequestErrorKind::Busy => Self::busy(error.detail),
            RequestErrorKind::Draining => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", error.detail)
                    .with_header(header::CONNECTION, "close")
            }
        };
        Self { hint: error.hint, ..problem }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let document = ProblemDocument {
            r#type: format!("urn:isolet:problem:{}", problem.kind),
            title: problem.status.canonical_reason().unwrap_or("Error"),
            status: problem.status.as_u16(),
            detail: &problem.detail,
            hint: problem.hint.as_deref(),
        };
        let text = serde_json::to_vec(&document).expect("strings and a number serialise");
        problem.response("application/problem+json", text)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_problem_is_a_document_with_its_status_and_headers() {
        let reply: Reply = Problem::busy("1,024 runs are waiting.").with_hint("Try again.").into();
        assert_eq!(reply.status(), 429);
        assert_eq!(reply.headers()["retry-after"], "1");
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        let text = reply.into_body().collect().await.unwrap().to_bytes();
        let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document["type"], "urn:isolet:problem:queue-full");
        assert_eq!(document["title"], "Too Many Requests");
        assert_eq!(document["status"], 429);
        assert_eq!(document["hint"], "Try again.");
    }
}
