//! The errors of looking up servers and tools by name.

/// A name or pattern that a snapshot has nothing for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No server has this name.
    #[error("there is no server `{name}`: {}", server_advice(.nearest, .known))]
    UnknownServer {
        /// The name that was asked for.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
        /// The names of all servers.
        known: Vec<String>,
    },
    /// The server has no tool of this name.
    #[error("the server `{server}` has no tool `{name}`{}", did_you_mean(.nearest))]
    UnknownTool {
        /// The server's exact name.
        server: String,
        /// The name that was asked for.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// No tool matches any of the patterns, or a pattern is invalid.
    #[error("{0}")]
    NoMatch(String),
    /// The server has not listed its tools.
    #[error("the server `{0}` has not listed its tools")]
    Unlisted(String),
}

/// Returns the advice about the name of a server that does not exist: similar names, else the names
/// that there are.
pub fn server_advice(nearest: &[String], known: &[String]) -> String {
    /// The number of names that are listed.
    const MAX_NAMES: usize = 20;
    match (nearest, known) {
        ([], []) => "no servers are configured".to_owned(),
        ([], _) => format!("expected one of: {}", known[..known.len().min(MAX_NAMES)].join(", ")),
        _ => format!("did you mean {}?", nearest.join(", ")),
    }
}

/// Returns `: did you mean a, b?`, or nothing without names.
fn did_you_mean(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": did you mean {}?", names.join(", ")) }
}
