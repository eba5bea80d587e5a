//! Messages for requests over HTTP that have no answer, with advice.

use http::StatusCode;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::MAX_EXCERPT_BYTES;
use crate::redact::Redactor;
use crate::text::{MAX_UPSTREAM_TEXT_BYTES, error_chain, printable, shortened};

/// The error of a request over HTTP that has no answer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct HttpFailure {
    message: String,
    /// The status of the response, if there was one.
    status: Option<StatusCode>,
}

/// Returns the HTTP status of the response that the error is about.
pub(crate) fn status_of(error: &(dyn std::error::Error + 'static)) -> Option<StatusCode> {
    match error.downcast_ref::<StreamableHttpError<HttpFailure>>()? {
        StreamableHttpError::Client(failure) => failure.status,
        _ => None,
    }
}

/// Describes an error of the transport with its causes, in bounded length.
pub(crate) fn transport_error_text(error: &(dyn std::error::Error + 'static)) -> String {
    let text = match error.downcast_ref::<StreamableHttpError<HttpFailure>>() {
        Some(StreamableHttpError::Client(failure)) => failure.to_string(),
        _ => error_chain(error),
    };
    shortened(&text, MAX_UPSTREAM_TEXT_BYTES).into_owned()
}

impl HttpFailure {
    /// Removes the credentials that the server may have repeated. rmcp logs failures by itself, so
    /// this happens before rmcp sees them.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> Self {
        self.message = redactor.redact(self.message);
        self
    }

    /// The request was not delivered, or the response broke off.
    pub(super) fn transport(error: reqwest::Error) -> Self {
        let what = if error.is_connect() {
            "cannot connect"
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            "the connection broke"
        };
        // The URL may contain a credential, and the message names the server anyway.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Self { message: format!("{what}: {cause}"), status: None }
    }

    /// There is a login, but it yields no token.
    pub(super) fn login(reason: String) -> Self {
        Self { message: reason, status: Some(StatusCode::UNAUTHORIZED) }
    }

    /// The response is not a message. `login` is the advice for a server that wants credentials.
    pub(super) fn status(
        status: StatusCode,
        location: Option<&str>,
        body: &[u8],
        login: Option<&str>,
    ) -> Self {
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match login {
                Some(advice) => format!("; {advice}"),
                None => "; check the credentials in the headers of its configuration".to_owned(),
            },
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "; check the URL, it often ends in /mcp".to_owned()
            }
            _ => String::new(),
        };
        let body = match printable(body, MAX_EXCERPT_BYTES) {
            excerpt if excerpt.trim().is_empty() => String::new(),
            excerpt => format!(": {}", excerpt.trim()),
        };
        let message = match location {
            Some(location) if status.is_redirection() => format!(
                "HTTP {}: the server has moved to {location}; put that URL into its configuration",
                status.as_u16()
            ),
            _ if status.is_success() => {
                format!("HTTP {}, but the answer is not an MCP message{body}", status.as_u16())
            }
            _ => format!("HTTP {}{advice}{body}", status.as_u16()),
        };
        Self { message, status: Some(status) }
    }
}

impl From<HttpFailure> for StreamableHttpError<HttpFailure> {
    fn from(failure: HttpFailure) -> Self {
        Self::Client(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_for_statuses_have_advice() {
        let text = |status, location, body: &str| {
            HttpFailure::status(StatusCode::from_u16(status).unwrap(), location, body.as_bytes(), None)
                .to_string()
        };
        assert_eq!(text(503, None, " busy\n"), "HTTP 503: busy");
        assert!(text(401, None, "").contains("check the credentials"));
        assert!(text(308, Some("http://x/mcp/"), "").contains("moved to http://x/mcp/"));
        assert!(text(200, None, "<html>").contains("not an MCP message: <html>"));
        assert!(text(500, None, &"x".repeat(10_000)).len() < MAX_EXCERPT_BYTES + 50);
    }
}
