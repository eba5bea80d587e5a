//! The status of a server, as `/v1/servers` shows it.

use std::fmt;

use serde::Serialize;

use crate::protocol::Handshake;

/// The state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerState {
    /// Connecting for the first time.
    Starting,
    /// Waiting for its first use (`"start": "lazy"`).
    Idle,
    /// Connected; its tools are known.
    Ready,
    /// Connecting again after it was ready, or after a failure.
    Restarting,
    /// Not connected. The next call makes an attempt; for some time isolet does so by itself.
    Failed,
    /// Stopped by [`Upstreams::shutdown`](crate::Upstreams::shutdown).
    Stopped,
    /// `"disabled": true` in the configuration.
    Disabled,
}

impl ServerState {
    /// Returns whether the state stays the same until something happens.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Starting | Self::Restarting)
    }
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Ready => "ready",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Disabled => "disabled",
        })
    }
}

/// The status of one server.
#[derive(Debug, Clone, Serialize)]
pub struct ServerStatus {
    /// The name in the configuration.
    pub name: String,
    /// The transport: `stdio` or `http`.
    pub transport: &'static str,
    /// The state.
    pub state: ServerState,
    /// The revision of MCP that was negotiated, such as `2025-11-25`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// The handshake of that revision: `legacy` or `modern`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub era: Option<Handshake>,
    /// The name that the server reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The version that the server reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// The number of its tools; `None` while they are not known.
    pub tools: Option<usize>,
    /// The reasons why tools of its list are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected_tools: Vec<String>,
    /// The last error, also if the server works again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The last lines that it printed before the error. Only for the operator: they may be about
    /// anybody's call.
    #[serde(skip)]
    pub last_output: Option<String>,
    /// True if its configuration is invalid. A warning with the position was logged when the file
    /// was read.
    #[serde(skip)]
    pub misconfigured: bool,
    /// The process id; the guard's, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The number of times that it was connected again.
    pub restarts: u32,
    /// The number of lines on stdout that were not messages, since its last start.
    pub garbage_lines: u64,
}
