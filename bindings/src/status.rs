//! What `/v1/servers` shows of a server.

use std::fmt;

use serde::Serialize;

use crate::handshake::Era;

/// Where a server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Connecting for the first time.
    Starting,
    /// `"start": "lazy"`: not started until something is asked of it.
    Idle,
    /// Connected, its tools are known.
    Ready,
    /// Connecting again after it was ready once, or after a failure.
    Restarting,
    /// Not connected; the next call tries again, and for some time so does isolet by itself.
    Failed,
    /// Stopped by [`Upstreams::shutdown`](crate::Upstreams::shutdown).
    Stopped,
    /// `"disabled": true` in the configuration.
    Disabled,
}

impl State {
    /// Whether nothing is under way that would end in another state by itself soon.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Starting | Self::Restarting)
    }
}

impl fmt::Display for State {
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

/// One server as it is now.
#[derive(Debug, Clone, Serialize)]
pub struct ServerStatus {
    /// Its name in the configuration.
    pub name: String,
    /// `stdio` or `http`.
    pub transport: &'static str,
    /// Where it is in its life.
    pub state: State,
    /// The negotiated revision of the protocol, such as `2025-11-25`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// Which of the protocol's two lifecycles that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub era: Option<Era>,
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The version it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// How many tools it lists; `None` while that is not known.
    pub tools: Option<usize>,
    /// Tools of its list that cannot be used, each with a reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected_tools: Vec<String>,
    /// What went wrong last, even if it works again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The process, of the guard where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How often it was connected again.
    pub restarts: u32,
    /// Lines on stdout that were no messages, since it was started last.
    pub garbage_lines: u64,
}
