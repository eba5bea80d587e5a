//! The transports of MCP: Streamable HTTP, and standard input and output.
//!
//! | module | content |
//! |---|---|
//! | [`http`] | `/mcp`: isolet's limits and session rules around rmcp's HTTP service |
//! | [`sessions`] | the sessions of each token |
//! | [`batch`] | several messages in one body |
//! | [`accept`] | the content types that a client accepts |
//! | [`stdio`] | one message a line |

mod accept;
mod batch;
mod http;
mod sessions;
mod stdio;

pub use self::http::HttpEndpoint;
pub use self::stdio::StdioTransport;
