//! Upstream MCP servers as bindings: isolet is a client of servers that nobody here wrote.
//!
//! This crate knows nothing of V8. It starts the servers of an `mcp.json`, keeps their tool lists, carries calls to them
//! and brings back JSON; the server crate adapts it to the engine's `ToolHost`.
//!
//! | module | one idea |
//! |---|---|
//! | [`config`] | what an `mcp.json` says: servers, commands, headers, `${VAR}`; every complaint has a line and a column |
#![deny(missing_docs)]

pub mod config;
