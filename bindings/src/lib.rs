//! Upstream MCP servers as bindings: isolet is a client of servers that nobody here wrote.
//!
//! This crate knows nothing of V8. It starts the servers of an `mcp.json`, keeps their tool lists, carries calls to them
//! and brings back JSON; the server crate adapts it to the engine's `ToolHost`.
//!
//! | module | one idea |
//! |---|---|
//! | [`config`] | what an `mcp.json` says: servers, commands, headers, `${VAR}`; every complaint has a line and a column |
//! | [`upstreams`] | all servers together: start, watch, call, stop |
//! | `server` | the life of one server: connect, list, stay, connect again |
//! | `handshake` | which of the protocol's two eras a server speaks, and greeting it in that one |
//! | `connection` | one live session: requests, cancellation, subscriptions, its end |
//! | `stdio` | the transport over a child's pipes |
//! | `http` | Streamable HTTP: kept connections, events, failures with advice |
//! | [`oauth`] | logins: tokens got, kept and renewed |
//! | [`watching`] | resources that somebody watches |
//! | `wire` | JSON-RPC as servers really send it; results stay text |
//! | `params` | arguments repeated in HTTP headers |
//! | [`forward`] | requests of somebody else's, handed on as they are |
//! | [`logs`] | what servers log while they work on a request |
//! | [`progress`] | what servers report while they work |
//! | `questions` | what servers ask the user, where there is none |
//! | `child` | one child process: environment, stderr, being stopped |
//! | [`guard`] | the process between isolet and a child, which outlives isolet to clean up |
//! | `listing` | lists page by page, tools one by one |
//! | [`result`] | what a tool answered, and the value that a script gets for it |
//! | `media` | images, sound and files in results, bounded |
//! | [`gate`] | every call goes through here: judged, counted, sent, recorded |
//! | [`policy`] | which calls are allowed |
//! | [`audit`] | one line for each call and run |
//! | [`lock`] | which definitions were approved |
//! | [`status`] | what `/v1/servers` shows |
//! | [`error`] | why a call has no result |
//! | `fuzzing` | what must hold whatever is sent, for fuzz targets and tests |
//! | `redact` | credentials taken out of messages |
//! | `text` | strangers' text, cut and made printable |
#![deny(missing_docs)]

pub mod audit;
mod child;
pub mod config;
mod connection;
pub mod error;
pub mod forward;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gate;
pub mod guard;
mod handshake;
mod http;
mod listing;
pub mod lock;
pub mod logs;
mod media;
pub mod oauth;
mod params;
pub mod policy;
pub mod progress;
mod questions;
mod redact;
pub mod result;
mod server;
pub mod status;
mod stdio;
mod text;
pub mod upstreams;
pub mod watching;
mod wire;

pub use child::GuardCommand;
pub use config::{ConfigError, McpConfig, ServerConfig};
pub use error::CallError;
pub use forward::Forward;
pub use gate::{Caller, Gate, Rules};
pub use handshake::Era;
pub use logs::{LogLevel, LogListener, LogMessage, LogSink};
pub use oauth::{Login, LoginError, StoredLogin, TokenFolder};
pub use progress::{Progress, ProgressSink};
pub use result::ToolResult;
pub use status::{ServerStatus, State};
pub use upstreams::{ServerTools, ToolLists, UpstreamOptions, Upstreams};
pub use watching::ResourceWatch;
