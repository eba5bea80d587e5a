//! Upstream MCP servers as bindings: isolet as a client of servers.
//!
//! This crate knows nothing of V8. It starts the servers of an `mcp.json`, keeps their tool lists,
//! carries calls to them and brings back JSON; the server crate adapts it to the engine's
//! `ToolHost`. Every type has one public path: the crate root, or one of the public modules.
//!
//! | module | one idea |
//! |---|---|
//! | [`config`] | `mcp.json` and other clients' files: servers, commands, headers, variables |
//! | `protocol` | the revisions of MCP, and the features of each |
//! | `upstream` | all servers: started, watched, called, stopped |
//! | `handshake` | `initialize` or `server/discover`, over stdio or HTTP |
//! | `connection` | one session: requests, cancellation, notifications, its end |
//! | `transport` | messages over a child's pipes or Streamable HTTP |
//! | `child` | one child process: environment, stderr, shutdown |
//! | [`guard`] | the process between isolet and a child, which outlives isolet to clean up |
//! | `results` | the result of a tool, and the value that a script gets for it |
//! | `caller` | the run or client that makes a call |
//! | `gate` | every call passes it: judged, counted, sent, recorded |
//! | [`policy`] | the rules that allow and deny calls |
//! | [`lock`] | the approved definitions |
//! | [`audit`] | one line for each call and run |
//! | `oauth` | logins: tokens obtained, kept and renewed |
//! | `redact` | credentials removed from messages |
//! | `error` | why a call has no result |
//! | `backoff` | delays between attempts |
//! | `read_file` | the identity of a file that was read: path, size, digest |
//! | [`nesting`] | isolets started by isolets |
//! | [`private_files`] | files that only their owner may write |
//! | [`text`] | foreign text, shortened and fit to be shown |
//! | `fuzzing` | properties for fuzz targets and tests |
#![deny(missing_docs)]

pub mod audit;
mod backoff;
mod caller;
mod child;
pub mod config;
mod connection;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod guard;
mod handshake;
pub mod lock;
pub mod nesting;
mod oauth;
pub mod policy;
pub mod private_files;
mod protocol;
mod read_file;
mod redact;
mod results;
pub mod text;
mod transport;
mod upstream;

pub use self::caller::Caller;
pub use self::child::options::GuardCommand;
pub use self::connection::logs::{LogLevel, LogListener, LogMessage, LogSink};
pub use self::connection::progress::{Progress, ProgressSink};
pub use self::error::CallError;
pub use self::gate::{Gate, Rules, ToolSelections, VisibleServer, VisibleTools};
pub use self::oauth::{Login, LoginError, StoredLogin, TokenFolder};
pub use self::protocol::{Handshake, Revision, UnknownRevision};
pub use self::results::ToolResult;
pub use self::transport::message_id::MessageIdScanner;
pub use self::upstream::Upstreams;
pub use self::upstream::forward::Forward;
pub use self::upstream::listed_tool::ListedTool;
pub use self::upstream::options::{DEFAULT_CONNECT_TIMEOUT, UpstreamOptions};
pub use self::upstream::resource_watch::ResourceWatch;
pub use self::upstream::status::{ServerState, ServerStatus};
pub use self::upstream::tool_lists::{ServerTools, ToolLists};
