//! The choice of tools whose declarations a caller asks for.

/// The tools whose declarations are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// The tools of all servers.
    All,
    /// All tools of these servers, by name or alias.
    Servers(Vec<String>),
    /// The tools that match any of these patterns.
    Tools(Vec<String>),
    /// One tool.
    Tool {
        /// The server's name or alias.
        server: String,
        /// The tool's name or alias.
        tool: String,
    },
}
