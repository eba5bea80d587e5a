//! JSON Schema → TypeScript declarations for MCP tools. Pure: no I/O, no clock, no network.
//!
//! | module | one idea |
//! |---|---|
//! | [`definition`] | what is declared: servers and tools, read tolerantly from a `tools/list` result |
//! | [`detail`] | how much a declaration says |
//! | [`declare`](mod@declare) | servers → text: a section a server, put together under `interface Env` |
//! | [`lenient`] | definitions that the strict JSON reader refuses |
//! | [`names`] | identifiers, aliases, type names that never meet |
//! | `schema` | JSON Schema → a graph of types: conjunctions of schema nodes |
//! | `render` | a graph of types → TypeScript, within a budget |
//! | [`observed`] | result types learned from results, for tools that promise none |
//! | `tool` | one tool's types, and the namespace that a server's tools share |
//! | [`search`] | finding the right tool among thousands: BM25 over weighted fields |
//! | `tokens` | what a text costs in a prompt (feature `tokens`) |
//! | [`parallel`] | many servers on as many threads as there are cores |
//! | `fuzzing` | what must hold whatever a server sends, for the fuzz target and tests |
//! | `text` | foreign text inside TypeScript: comments, literals, member names |
#![deny(missing_docs)]

pub mod declare;
pub mod definition;
pub mod detail;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod lenient;
pub mod names;
pub mod observed;
pub mod parallel;
mod render;
mod schema;
pub mod search;
mod text;
#[cfg(feature = "tokens")]
pub mod tokens;
mod tool;

pub use declare::{Declarations, Section, assemble, declare, declare_server, declare_tool, declare_where};
pub use definition::{ServerDefinition, SkippedTool, ToolDefinition, ToolsListError};
pub use detail::{Detail, UnknownDetail};
pub use names::{aliases, is_identifier};
pub use search::{Hit, SearchEntries, SearchIndex};
pub use tool::signature;
