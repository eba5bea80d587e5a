//! Why a call has no result.

use std::time::Duration;

use serde_json::Value;

use crate::policy::Refusal;
use crate::status::State;

/// Why a call has no result. The text says which server and which operation, and [`hint`](CallError::hint) what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No server has this name.
    #[error("there is no server \"{server}\"")]
    UnknownServer {
        /// The name that was asked for.
        server: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A rule of the operator refuses the call; nothing was sent.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server is not running, or not yet.
    #[error("the server \"{server}\" is not available ({state}): {reason}")]
    NotReady {
        /// The server.
        server: String,
        /// Its state.
        state: State,
        /// What went wrong last, or what it is doing.
        reason: String,
    },
    /// The server went away in the middle of the call.
    #[error("the server \"{server}\" went away during {operation}: {reason}")]
    Died {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
        /// How it ended and what it said last.
        reason: String,
    },
    /// No answer in time. The call was cancelled upstream.
    #[error(
        "{operation} of server \"{server}\" did not answer within {:?} and was cancelled{}",
        whole_ms(*.after), more(.printed.as_deref())
    )]
    Timeout {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
        /// How long it had.
        after: Duration,
        /// What the server printed meanwhile that was no answer.
        printed: Option<String>,
    },
    /// The server answered with a JSON-RPC error; `message` is its own.
    #[error("{operation} of server \"{server}\" failed: {message} (error {code})")]
    Upstream {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
        /// JSON-RPC's code, -32602 for wrong arguments.
        code: i32,
        /// The server's own words.
        message: String,
        /// What else it sent, unless there was a credential in it.
        data: Option<Box<Value>>,
    },
    /// The request could not be delivered or its answer not fetched.
    #[error("{operation} of server \"{server}\" could not be completed: {reason}")]
    Transport {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
        /// What the transport says.
        reason: String,
    },
    /// The server answered, but with nothing that the protocol knows.
    #[error("{operation} of server \"{server}\" gave an answer that cannot be used: {reason}")]
    Malformed {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The arguments are no JSON object; nothing was sent.
    #[error("the arguments of {operation} of server \"{server}\" are not a JSON object: {reason}")]
    Arguments {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
        /// What the parser says.
        reason: String,
    },
    /// The arguments nest deeper than isolet reads JSON (serde_json's bound on recursion); nothing was sent.
    #[error("the arguments of {operation} of server \"{server}\" nest deeper than 127 levels")]
    TooDeep {
        /// The server.
        server: String,
        /// The tool, or the protocol's name of another request.
        operation: String,
    },
}

/// What is left of a deadline is 29.999985518s; people asked for 30s.
fn whole_ms(after: Duration) -> Duration {
    Duration::from_millis(u64::try_from(after.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
}

fn more(text: Option<&str>) -> String {
    text.map(|text| format!("; {text}")).unwrap_or_default()
}

impl CallError {
    /// What to do next, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::UnknownServer { known, .. } if known.is_empty() => {
                "no servers are configured: see --mcp-config".to_owned()
            }
            Self::UnknownServer { known, .. } => format!("servers: {}", known.join(", ")),
            Self::NotReady { state: State::Starting | State::Restarting, .. } => {
                "it is still starting: try again in a moment".to_owned()
            }
            Self::NotReady { state: State::Disabled, .. } => {
                "remove \"disabled\": true from its configuration".to_owned()
            }
            Self::NotReady { .. } => {
                "the next call tries to start it again; /v1/servers shows its state".to_owned()
            }
            Self::Died { .. } => {
                "it is being restarted; call again, if doing it twice does no harm".to_owned()
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
