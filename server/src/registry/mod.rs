//! The registry of MCP servers: which tools scripts and clients can use at this moment, and the
//! texts made of their definitions. All front ends and all runs share one [`Registry`].
//!
//! ```text
//!   MCP servers
//!       │ lists of tools
//!       ▼
//!   Gate (isolet-bindings): rules, generation number G
//!       │                                  results of calls
//!       │                                        │
//!       │     RememberedLists (disk)       InferredTypes (version V of each tenant)
//!       │             │                          │
//!       ├─────────────┼──────────────┬───────────┘
//!       ▼             ▼              ▼
//!   ToolSnapshot  AdvertisedTools  ToolSnapshot of one tenant
//!    │      │      (MCP clients)     │
//!    │      │                        ▼
//!    │      └──────────────────► DeclarationCache ──► DeclarationText (HTTP, `isolet types`)
//!    ▼
//!   RunView ──► RunHost (one run)
//! ```
//!
//! Nothing is invalidated explicitly. Each cache has a key that changes with what it depends on:
//!
//! | cache | key | replaced when |
//! |---|---|---|
//! | the current [`ToolSnapshot`] | G | a server announces another list, or rules withhold another tool |
//! | the snapshots of tenants | G and V | the same, or the type of a tool's results becomes known |
//! | a [`ListedServer`](declaration_cache::ListedServer) in a snapshot | the generation of its list, and V of its server | its own list or types change; else the next snapshot takes it over |
//! | [`RunView`](run_view::RunView) | G and the patterns | G changes: names do not depend on inferred types |
//! | [`DeclarationCache`](declaration_cache::DeclarationCache) | a digest of the server's list | never: the least recently used entries are dropped |
//! | [`DeclarationText`](declarations::DeclarationText) | the id of the snapshot, selection, detail | never, as above |
//! | [`AdvertisedTools`] | the id of the snapshot, and the servers that are still starting | a server lists its tools or fails |
//!
//! A snapshot is immutable and has an id that no other snapshot of the process has, and a
//! cache of something made from a snapshot (such as the MCP gateway has) uses the id as its key.
//!
//! | module | content |
//! |---|---|
//! | [`metrics`] | the metrics of the servers and of the caches |
//! | [`live`] | [`Registry`]: start, stop, background tasks |
//! | [`current`] | the snapshots of this moment, for runs, tenants and clients |
//! | [`current_tools`] | how a snapshot is built from the lists |
//! | [`waiting`] | waiting until servers have listed their tools |
//! | [`status`] | servers that cannot be used, and why |
//! | [`declarations`], [`selection`] | declarations as text, by selection |
//! | [`environment`], [`run_view`], [`tool_host`] | what a run finds in `env`, and how its calls are answered |
//! | [`snapshot`] | [`ToolSnapshot`]: all servers and tools at one moment |
//! | [`declaration_cache`] | declarations, search entries and token counts by content |
//! | [`inferred_types`] | result types inferred from results |
//! | [`remembered_lists`] | lists of tools from the last start |
//! | [`tool_filter`], [`unmatched_patterns`] | patterns such as `github/get_*`, and those that match nothing |
//! | [`named_servers`] | the servers that a script names |

mod current;
mod current_tools;
mod declaration_cache;
mod declarations;
mod environment;
mod inferred_types;
mod live;
mod metrics;
mod named_servers;
mod remembered_lists;
mod run_view;
mod selection;
mod snapshot;
mod status;
mod tool_filter;
mod tool_host;
pub mod unmatched_patterns;
mod waiting;

pub use current_tools::AdvertisedTools;
pub use declaration_cache::off_worker;
pub use inferred_types::Audience;
pub use live::Registry;
pub use named_servers::{NeededServers, needed_servers};
pub use remembered_lists::RememberedLists;
pub use selection::Selection;
pub use snapshot::{LookupError, PromptCosts, ToolSnapshot, server_advice};
pub use status::missing_tools_reason;
pub use tool_filter::{AliasedName, InvalidPattern, ToolFilter, split_patterns};
pub use unmatched_patterns::messages as unmatched_messages;
pub use waiting::SERVER_START_TIMEOUT;

/// The hidden first argument that makes this program the guard of one MCP server.
pub const GUARD_ARGUMENT: &str = "guard";

/// The number of search results where the caller names none.
pub const DEFAULT_SEARCH_HITS: usize = 8;
