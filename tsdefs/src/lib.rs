//! JSON Schema → TypeScript declarations for MCP tools. Pure: no I/O, no clock, no network.
//!
//! | module | one idea |
//! |---|---|
//! | [`definition`] | what is declared: servers and tools, read tolerantly from a `tools/list` result |
//! | [`detail`] | how much a declaration says |
//! | [`declare`](mod@declare) | servers → text: a section a server, put together under `interface Env` |
//! | [`names`] | identifiers, aliases, type names that never meet |
//! | `text` | foreign text inside TypeScript: comments, literals, member names |
#![deny(missing_docs)]

pub mod declare;
pub mod definition;
pub mod detail;
pub mod names;
mod text;

pub use declare::{
    Declarations, Section, assemble, declare, declare_server, declare_tool, declare_where, signature,
};
pub use definition::{ServerDefinition, SkippedTool, ToolDefinition, ToolsListError};
pub use detail::{Detail, UnknownDetail};
pub use names::{aliases, is_identifier};
