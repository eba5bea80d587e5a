//! JSON Schema → TypeScript declarations for MCP tools. Pure: no I/O, no clock, no network.
//!
//! | module | content |
//! |---|---|
//! | `definition` | the definitions of servers and tools |
//! | `tools_list` | saved `tools/list` results |
//! | `lenient_json` | tool definitions that the strict JSON reader refuses |
//! | `stored_schema` | schemas that are kept as JSON text |
//! | `schema` | JSON Schema → a graph of types: conjunctions of conditions |
//! | `render` | a graph of types → TypeScript, within a budget |
//! | `namespace` | the types that the tools of a server share |
//! | `declarations` | servers → text: a section for each server, assembled under `interface Env` |
//! | `detail` | the level of detail of declarations |
//! | `signature` | one tool on one line, with types |
//! | `parameter_list` | one tool with the names of its parameters alone |
//! | `summary` | the first sentence of a description that other tools do not share |
//! | [`inference`] | result types inferred from results, for tools that declare none |
//! | `deprecation` | the sentence that says that a tool is deprecated |
//! | `field_name` | the names of fields, as against keys that are data or address the reader |
//! | `search` | the search for tools: BM25 over weighted fields |
//! | [`tokens`] | the cost of a text in a prompt (feature `tokens`) |
//! | `names` | identifiers, aliases, type names |
//! | `text` | text from servers in comments, literals and property names |
//! | `parallel` | work on many servers, on one thread for each core |
//! | `fuzzing` | properties of every definition, for the fuzz target and tests |
#![deny(missing_docs)]

mod declarations;
mod definition;
mod deprecation;
mod detail;
mod field_name;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod inference;
mod lenient_json;
mod names;
mod namespace;
mod parallel;
mod parameter_list;
mod render;
mod schema;
mod search;
mod signature;
mod stored_schema;
mod summary;
mod text;
#[cfg(feature = "tokens")]
pub mod tokens;
mod tools_list;

pub use declarations::{
    Declarations, Frame, Section, assemble, assemble_in, declare, declare_in, declare_server, declare_tool,
    declare_where,
};
pub use definition::{Offers, ServerDefinition, ToolDefinition};
pub use deprecation::is_deprecated;
pub use detail::{Detail, UnknownDetail};
pub use lenient_json::parse_tool_json;
pub use names::{aliases, is_identifier};
pub use parallel::parallel_map;
pub use parameter_list::parameter_names;
pub use schema::keyword;
pub use search::{Hit, SearchEntries, SearchIndex};
pub use signature::signature;
pub use stored_schema::Schema;
pub use summary::summary;
pub use text::is_invisible;
pub use tools_list::{SkippedTool, ToolsListError};
