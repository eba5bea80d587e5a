//! The text around the interfaces of servers.

/// The text around the interfaces of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// `Env` and `env` for a `.d.ts` file, and all members that servers have beside their tools.
    Whole,
    /// One line that declares `env`, without the members that every server has: for a model that
    /// knows how scripts are written.
    Line,
}

/// The source of the members that a server's interface has beside its tools.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The interface has no such members.
    None,
    /// The members stand in the interface.
    Inside(Frame),
    /// The interface extends `McpServer`.
    Inherited,
}
