//! Why a handshake failed, and what to try next.

use std::time::Duration;

use rmcp::model::{ErrorData, ProtocolVersion};
use rmcp::service::ClientInitializeError;

use crate::text::{MAX_UPSTREAM_TEXT_BYTES, shortened};
use crate::transport::http::{status_of, transport_error_text};

/// Versions of a server that a message names.
const MAX_NAMED_VERSIONS: usize = 10;

/// Why no session was opened.
#[derive(Debug)]
pub(crate) struct ConnectError {
    /// For people.
    pub reason: String,
    /// The output of the server. Only for the operator.
    pub output: Option<String>,
    /// The remedy.
    pub retry: Retry,
}

/// The remedy for a failed attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The other handshake, or a new child, at once.
    OtherHandshake,
    /// The same again, later.
    Later,
    /// Nothing but a change of the configuration or of the machine.
    Never,
}

/// An error of a handshake.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The server's output ended.
    Ended,
    /// Nothing usable arrived within this time.
    Timeout(Duration),
    /// The server refused every handshake that was tried. Of two answers, the more specific one.
    Refused(ErrorData),
    /// The server supports none of isolet's revisions, but these.
    Revisions(Vec<ProtocolVersion>),
    /// The answer does not follow MCP.
    NotMcp,
    /// The message could not be sent.
    Send(String),
    /// An error of rmcp, over HTTP.
    Http(Box<ClientInitializeError>),
}

impl ConnectError {
    /// An error that another attempt cannot mend.
    pub(crate) fn permanent(reason: String) -> Self {
        Self { reason, output: None, retry: Retry::Never }
    }
}

impl HandshakeError {
    /// Describes the error for people, and decides what may help.
    pub(crate) fn describe(self) -> ConnectError {
        let (reason, retry) = match self {
            Self::Timeout(timeout) => (
                format!(
                    "it did not answer the handshake within {timeout:?}; \"startupTimeout\" in its configuration or \
                     --startup-timeout gives it longer"
                ),
                Retry::OtherHandshake,
            ),
            Self::Ended => (ENDED.to_owned(), Retry::OtherHandshake),
            Self::Refused(error) => (refusal(&error), Retry::Later),
            Self::Revisions(versions) => (unsupported(&versions), Retry::Later),
            Self::NotMcp => (NOT_MCP.to_owned(), Retry::Later),
            Self::Send(reason) => (reason, Retry::Later),
            Self::Http(error) => describe_http(*error),
        };
        ConnectError { reason, output: None, retry }
    }
}

const ENDED: &str = "it ended before it answered the handshake";
const NOT_MCP: &str = "its answer to the handshake is not valid MCP";

fn describe_http(error: ClientInitializeError) -> (String, Retry) {
    match error {
        ClientInitializeError::JsonRpcError(error) => {
            let retry = if is_of_discover(&error) { Retry::Later } else { Retry::OtherHandshake };
            (refusal(&error), retry)
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            (unsupported(&server_supported), Retry::OtherHandshake)
        }
        ClientInitializeError::TransportError { error, .. } => {
            // Authentication, redirects and overload do not depend on the handshake.
            let depends = status_of(error.error.as_ref()).is_some_and(|status| {
                !status.is_redirection() && !matches!(status.as_u16(), 401 | 403 | 407 | 408 | 429 | 503)
            });
            let retry = if depends { Retry::OtherHandshake } else { Retry::Later };
            (transport_error_text(error.error.as_ref()), retry)
        }
        ClientInitializeError::ConnectionClosed(_) => (ENDED.to_owned(), Retry::OtherHandshake),
        ClientInitializeError::ExpectedInitResult(_) | ClientInitializeError::ExpectedInitResponse(_) => {
            (NOT_MCP.to_owned(), Retry::OtherHandshake)
        }
        other => (shortened(&other.to_string(), MAX_UPSTREAM_TEXT_BYTES).into_owned(), Retry::Later),
    }
}

fn refusal(error: &ErrorData) -> String {
    let message = shortened(&error.message, MAX_UPSTREAM_TEXT_BYTES);
    format!("it refuses the handshake: {message} (error {})", error.code.0)
}

fn unsupported(versions: &[ProtocolVersion]) -> String {
    let versions: Vec<_> = versions.iter().take(MAX_NAMED_VERSIONS).map(ProtocolVersion::to_string).collect();
    let versions = shortened(&versions.join(", "), 200).into_owned();
    format!("it supports no revision of MCP that isolet supports; it offers: {versions}")
}

/// Returns whether only servers with `server/discover` answer so: unsupported revision, missing
/// capability, header mismatch.
pub(super) fn is_of_discover(error: &ErrorData) -> bool {
    (-32022..=-32020).contains(&error.code.0)
}
