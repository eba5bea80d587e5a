//! The states of servers: which are connected, which cannot be used and why.

use isolet_bindings::text::line;
use isolet_bindings::{ServerState, ServerStatus};

use super::live::Registry;

impl Registry {
    /// Returns the names of servers that have neither connected nor failed yet.
    pub fn starting(&self) -> Vec<String> {
        let statuses = self.gate().statuses().into_iter();
        statuses.filter(|status| status.state == ServerState::Starting).map(|status| status.name).collect()
    }

    /// Returns the number of connected servers.
    pub(super) fn connected(&self) -> usize {
        self.gate().statuses().iter().filter(|status| status.state == ServerState::Ready).count()
    }

    /// Returns the document of `GET /v1/servers`.
    pub fn servers_json(&self) -> String {
        serde_json::json!({ "servers": self.gate().statuses() }).to_string()
    }

    /// Returns the reason why a server cannot be used now; `None` if it can.
    pub fn failure_reason(&self, server: &str) -> Option<String> {
        let status = self.gate().statuses().into_iter().find(|status| status.name == server)?;
        failure_reason(&status)
    }

    /// Returns a server that cannot be used now, with its last output. The output is for the
    /// operator alone: it may concern the calls of any tenant.
    pub fn failed_server(&self, server: &str) -> Option<FailedServer> {
        let status = self.gate().statuses().into_iter().find(|status| status.name == server)?;
        let reason = failure_reason(&status)?;
        Some(FailedServer::of(status, reason))
    }

    /// Returns the servers whose tools are missing, for the operator.
    pub fn failed_servers(&self) -> Vec<FailedServer> {
        let statuses = self.gate().statuses().into_iter();
        statuses
            .filter(|status| status.state != ServerState::Disabled)
            .filter_map(|status| {
                let reason = missing_tools_reason(&status)?;
                Some(FailedServer::of(status, reason))
            })
            .collect()
    }
}

/// A server that cannot be used.
#[derive(Debug, Clone)]
pub struct FailedServer {
    /// The server's name.
    pub name: String,
    /// The reason.
    pub reason: String,
    /// The last output of the server, line by line.
    output: Option<String>,
    /// Set if the command has shown the reason already, with its place in the configuration.
    is_reported: bool,
}

impl FailedServer {
    fn of(status: ServerStatus, reason: String) -> Self {
        Self { name: status.name, reason, output: status.last_output, is_reported: status.misconfigured }
    }

    /// Returns a message such as `the server "git" is missing: it ended`, followed by the output of
    /// the server, one indented line each.
    pub fn block(&self, what: &str, with_reason: bool) -> String {
        let reason = match (with_reason, self.is_reported) {
            (false, _) => String::new(),
            (true, false) => format!(": {}", self.reason),
            (true, true) => ": see the warning about its entry above".to_owned(),
        };
        let mut text = format!("the server \"{}\" {what}{reason}", line(&self.name));
        let output = self.output.as_deref().unwrap_or_default();
        let output = output.strip_prefix("stderr: ").unwrap_or(output);
        for printed in output.lines().filter(|printed| !printed.trim().is_empty()) {
            text.push_str("\n    ");
            text.push_str(&line(printed));
        }
        text
    }
}

/// Returns the reason why the tools of a server are missing; `None` if they are not.
pub fn missing_tools_reason(status: &ServerStatus) -> Option<String> {
    match status.state {
        ServerState::Starting => Some("it has not answered in time".to_owned()),
        // It answers calls, but its tools are unknown.
        ServerState::Ready if status.tools.is_none() => {
            let reason = status.last_error.clone();
            Some(reason.unwrap_or_else(|| "its tools cannot be listed".to_owned()))
        }
        _ => failure_reason(status),
    }
}

fn failure_reason(status: &ServerStatus) -> Option<String> {
    match status.state {
        ServerState::Ready | ServerState::Starting | ServerState::Idle => None,
        ServerState::Disabled => Some("it is disabled in the configuration".to_owned()),
        state => Some(status.last_error.clone().unwrap_or_else(|| state.to_string())),
    }
}
