//! Errors of calls.

use std::time::Duration;

use serde_json::Value;

use crate::policy::Refusal;
use crate::upstream::status::ServerState;

/// The reason why a call has no result. The text names the server and the operation, and
/// [`hint`](CallError::hint) what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No server has this name.
    #[error("there is no server \"{server}\"")]
    UnknownServer {
        /// The requested name.
        server: String,
        /// The names of all servers.
        known: Vec<String>,
    },
    /// A rule of the operator refuses the call. Nothing was sent.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server is not connected.
    #[error("the server \"{server}\" is not available ({state}): {reason}")]
    NotReady {
        /// The server.
        server: String,
        /// The state of the server.
        state: ServerState,
        /// The last error, or what the server is doing.
        reason: String,
    },
    /// The configuration of the server is invalid.
    #[error("the server \"{server}\" cannot be used: {reason}")]
    Unusable {
        /// The server.
        server: String,
        /// The reason.
        reason: String,
    },
    /// The server ended during the call.
    #[error("the server \"{server}\" went away during {operation}: {reason}")]
    Died {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
        /// The exit of the server.
        reason: String,
    },
    /// The server did not answer in time. The call was cancelled upstream.
    #[error(
        "{operation} of server \"{server}\" did not answer within {:?} and was cancelled{}",
        whole_ms(*.after), more(.printed.as_deref())
    )]
    Timeout {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
        /// The timeout.
        after: Duration,
        /// A description of what the server printed meanwhile.
        printed: Option<String>,
    },
    /// The server answered with a JSON-RPC error.
    #[error("{operation} of server \"{server}\" failed: {message} (error {code})")]
    Upstream {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
        /// The JSON-RPC error code, such as -32602 for invalid arguments.
        code: i32,
        /// The message of the server.
        message: String,
        /// The data of the error, unless it contains a credential.
        data: Option<Box<Value>>,
    },
    /// The request could not be delivered, or its answer could not be read.
    #[error("{operation} of server \"{server}\" could not be completed: {reason}")]
    Transport {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
        /// The error of the transport.
        reason: String,
    },
    /// The answer is not valid.
    #[error("{operation} of server \"{server}\" gave an answer that cannot be used: {reason}")]
    Malformed {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
        /// The reason.
        reason: String,
    },
    /// The arguments are not a JSON object. Nothing was sent.
    #[error("the arguments of {operation} of server \"{server}\" are not a JSON object: {reason}")]
    Arguments {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
        /// The error of the parser.
        reason: String,
    },
    /// The arguments nest deeper than serde_json's recursion limit. Nothing was sent.
    #[error("the arguments of {operation} of server \"{server}\" nest deeper than 127 levels")]
    TooDeep {
        /// The server.
        server: String,
        /// The tool, or the method of another request.
        operation: String,
    },
}

/// Rounds the rest of a deadline, such as 29.999985518 s, to the timeout of 30 s.
fn whole_ms(after: Duration) -> Duration {
    Duration::from_millis(u64::try_from(after.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
}

fn more(text: Option<&str>) -> String {
    text.map(|text| format!("; {text}")).unwrap_or_default()
}

impl CallError {
    /// Returns the advice for the caller, if there is any.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::UnknownServer { known, .. } if known.is_empty() => {
                "no servers are configured: see --mcp-config".to_owned()
            }
            Self::UnknownServer { known, .. } => format!("servers: {}", known.join(", ")),
            Self::NotReady { state: ServerState::Starting | ServerState::Restarting, .. } => {
                "it is still starting: try again in a moment".to_owned()
            }
            Self::NotReady { state: ServerState::Disabled, .. } => {
                "remove \"disabled\": true from its configuration".to_owned()
            }
            Self::NotReady { .. } => {
                "the next call tries to start it again; the operator sees its state and what it printed in isolet's log"
                    .to_owned()
            }
            Self::Unusable { .. } => {
                "its entry in isolet's configuration must be mended, and isolet started again; do without it".to_owned()
            }
            Self::Died { .. } => {
                "it is being restarted; call again, if doing it twice does no harm; isolet's log has what it printed"
                    .to_owned()
            }
            Self::Timeout { .. } => "ask for less at once, or give the call more time".to_owned(),
            Self::Upstream { code: -32602, .. } => {
                "compare the arguments with the tool's declaration".to_owned()
            }
            Self::Upstream { code: -32601, .. } => "this server does not offer that".to_owned(),
            Self::Transport { .. } => "check the server's address and credentials".to_owned(),
            Self::TooDeep { .. } => {
                "send a flatter structure: a list whose parts refer to each other".to_owned()
            }
            Self::Upstream { .. } | Self::Malformed { .. } | Self::Arguments { .. } => return None,
        })
    }
}
