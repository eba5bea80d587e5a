//! The servers whose tools are missing, and why: the text before the overview of tools.

use isolet_bindings::{ServerState, ServerStatus};

use super::quote::{MAX_NAME_BYTES, cut, quoted};
use crate::registry::{Registry, ToolSnapshot};

/// The number of servers that are named.
const MAX_SERVERS: usize = 12;

/// The length of a reason. It may be a server's own text, so it is quoted.
const MAX_REASON_BYTES: usize = 120;

/// The length of each of the two lines: the tools that can be called matter more.
const MAX_LINE_BYTES: usize = 500;

/// Returns the text, which ends with an empty line; nothing if all servers have listed their tools.
pub fn text(registry: &Registry, snapshot: &ToolSnapshot) -> String {
    let statuses = registry.gate().statuses();
    let status = |name: &str| statuses.iter().find(|status| status.name == name);
    let unlisted = snapshot.servers().filter(|(_, tools)| tools.is_none());
    let unlisted: Vec<(&str, Option<&ServerStatus>)> =
        unlisted.map(|(server, _)| (server.alias, status(server.name))).collect();
    let is_idle =
        |status: Option<&ServerStatus>| status.is_some_and(|status| status.state == ServerState::Idle);
    let (idle, missing): (Vec<_>, Vec<_>) = unlisted.into_iter().partition(|(_, status)| is_idle(*status));
    let mut text = String::new();
    let missing = missing.into_iter().map(|(alias, status)| format!("{} ({})", named(alias), reason(status)));
    let idle = idle.into_iter().map(|(alias, _)| named(alias));
    for (what, servers) in [
        ("Not available now", missing.collect::<Vec<_>>()),
        ("Started when first used, or by `describe`", idle.collect()),
    ] {
        if let Some(line) = line(what, &servers, MAX_LINE_BYTES) {
            text.push_str(&line);
        }
    }
    text
}

fn named(alias: &str) -> String {
    format!("env.{}", cut(alias, MAX_NAME_BYTES))
}

/// Returns the reason, as callers of the server get it.
fn reason(status: Option<&ServerStatus>) -> String {
    let Some(status) = status else { return "unknown".to_owned() };
    let reason = status.last_error.as_deref().map(|reason| quoted(cut(reason.trim(), MAX_REASON_BYTES)));
    match (status.state, reason) {
        (ServerState::Starting, _) => "starting".to_owned(),
        (ServerState::Restarting, Some(reason)) => format!("starting again: {reason}"),
        (ServerState::Disabled, _) => "disabled".to_owned(),
        (ServerState::Ready, Some(reason)) => reason,
        (state, Some(reason)) => format!("{state}: {reason}"),
        (state, None) => state.to_string(),
    }
}

/// Returns a line such as `what: a, b and 3 more.`, with as many servers as fit.
fn line(what: &str, servers: &[String], max_bytes: usize) -> Option<String> {
    if servers.is_empty() {
        return None;
    }
    let mut shown: Vec<&str> = Vec::new();
    let mut left = max_bytes;
    for server in servers.iter().take(MAX_SERVERS) {
        let Some(rest) = left.checked_sub(server.len() + 2) else { break };
        left = rest;
        shown.push(server);
    }
    let more = servers.len() - shown.len();
    let mut list = shown.join(", ");
    if more > 0 {
        let joint = if shown.is_empty() { "" } else { " and " };
        list.push_str(&format!("{joint}{more} more"));
    }
    Some(format!("{what}: {list}.\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_and_counts_the_rest() {
        assert_eq!(line("Away", &[], MAX_LINE_BYTES), None);
        let servers: Vec<String> = (0..100).map(|at| format!("env.server{at}")).collect();
        assert_eq!(
            line("Away", &servers[..2], MAX_LINE_BYTES).unwrap(),
            "Away: env.server0, env.server1.\n\n"
        );
        let all = line("Away", &servers, MAX_LINE_BYTES).unwrap();
        assert!(all.ends_with(" and 88 more.\n\n"), "{all}");
        assert_eq!(line("Away", &["x".repeat(1000)], MAX_LINE_BYTES).unwrap(), "Away: 1 more.\n\n");
    }
}
