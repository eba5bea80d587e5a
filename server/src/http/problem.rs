//! Problem documents (RFC 9457): how a request that never became a run is answered.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::reply::{Reply, full};

/// Why a request is refused.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    hint: Option<String>,
    header: Option<(HeaderName, &'static str)>,
}

/// The document, in the order in which people read it.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Problem {
    /// A problem of this `kind` (the end of its `type` URI, stable, for programs) with words for people.
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), hint: None, header: None }
    }

    /// 400
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// 401
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with_header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// 403: the request seems to come from a web page, or to a name that is not this server's.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 405
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!("This address answers {allow} only."),
        )
        .with_header(header::ALLOW, allow)
    }

    /// 408
    pub fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", detail)
    }

    /// 413
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 415
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    /// 429
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "queue-full", detail).with_header(header::RETRY_AFTER, "1")
    }

    /// 503: the server is about to stop.
    pub fn draining() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "The server is stopping and takes no new runs.",
        )
        .with_header(header::CONNECTION, "close")
    }

    /// 503: something that the request needs is not there (yet).
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// The same problem with what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// What is wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The status, for the log.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let document = Document {
            r#type: format!("urn:isolet:problem:{}", problem.kind),
            title: problem.status.canonical_reason().unwrap_or("Error"),
            status: problem.status.as_u16(),
            detail: &problem.detail,
            hint: problem.hint.as_deref(),
        };
        let text = serde_json::to_vec(&document).expect("strings and a number serialise");
        let mut response = Response::new(full(Bytes::from(text)));
        *response.status_mut() = problem.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = problem.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
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
