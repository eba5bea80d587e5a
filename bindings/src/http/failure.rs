//! Why a request over HTTP has no answer.

use http::StatusCode;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::MAX_EXCERPT;
use crate::redact::Redactor;
use crate::text::printable;

/// Why a request over HTTP has no answer, for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct HttpFailure {
    message: String,
    /// What the server answered, if it did.
    status: Option<StatusCode>,
}

/// The status of the answer that `error` is about, if it is an answer of HTTP.
pub(crate) fn status_of(error: &(dyn std::error::Error + 'static)) -> Option<StatusCode> {
    match error.downcast_ref::<StreamableHttpError<HttpFailure>>()? {
        StreamableHttpError::Client(failure) => failure.status,
        _ => None,
    }
}

impl HttpFailure {
    /// Without the credentials that the server may have repeated. rmcp logs failures by itself, so they must be clean
    /// before it sees them.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> Self {
        self.message = redactor.redact(self.message);
        self
    }

    /// The request was not delivered or the answer broke off.
    pub(super) fn transport(error: reqwest::Error) -> Self {
        let what = if error.is_connect() {
            "cannot connect"
        } else if error.is_timeout() {
            "no answer in time"
        } else {
            "the connection broke"
        };
        // The URL may hold a credential, and who reads this knows the server's name.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Self { message: format!("{what}: {cause}"), status: None }
    }

    /// There is a login, and no token to be had with it.
    pub(super) fn login(reason: String) -> Self {
        Self { message: reason, status: Some(StatusCode::UNAUTHORIZED) }
    }

    /// The server answered with something else than a message. `login` is what to do where it wants credentials.
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
        let body = match printable(body, MAX_EXCERPT) {
            excerpt if excerpt.trim().is_empty() => String::new(),
            excerpt => format!(": {}", excerpt.trim()),
        };
        let message = match location {
            Some(location) if status.is_redirection() => format!(
                "HTTP {}: the server has moved to {location}; put that URL into its configuration",
                status.as_u16()
            ),
            _ if status.is_success() => {
                format!("HTTP {}, but the answer is no MCP message{body}", status.as_u16())
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
    fn statuses_come_with_advice() {
        let text = |status, location, body: &str| {
            HttpFailure::status(StatusCode::from_u16(status).unwrap(), location, body.as_bytes(), None)
                .to_string()
        };
        assert_eq!(text(503, None, " busy\n"), "HTTP 503: busy");
        assert!(text(401, None, "").contains("check the credentials"));
        assert!(text(308, Some("http://x/mcp/"), "").contains("moved to http://x/mcp/"));
        assert!(text(200, None, "<html>").contains("no MCP message: <html>"));
        assert!(text(500, None, &"x".repeat(10_000)).len() < MAX_EXCERPT + 50);
    }
}
