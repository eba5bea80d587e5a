//! isolet as one MCP server in front of many: `isolet mcp` on standard input and output, `/mcp`
//! over HTTP.
//!
//! | module | content |
//! |---|---|
//! | [`gateway`] | the server that clients talk to: what it lists, and which request is answered by what |
//! | [`session_state`] | the log level and the subscriptions of one session |
//! | [`tools`], [`own_tools`] | isolet's own tools `search`, `describe` and `run`; their definitions, cached |
//! | [`passthrough`] | requests that are forwarded to the upstream that owns the tool, prompt or resource |
//! | [`transport`] | Streamable HTTP, and standard input and output |
//! | [`wire`] | JSON that rmcp cannot represent |
//! | [`client_traits`] | what is known of clients: how much of a description they show, and how they show results |
//! | [`request_context`] | the sender and the protocol revision of a request |
//! | [`disconnect`] | requests whose client is gone |
//! | [`list_changed`], [`resource_subscriptions`] | notifications of changed lists and resources |
//! | [`invalid_params`] | errors of requests whose parameters are invalid |

mod client_traits;
mod disconnect;
mod gateway;
mod invalid_params;
mod list_changed;
mod own_tools;
mod passthrough;
mod request_context;
mod resource_subscriptions;
mod session_state;
mod tools;
mod transport;
mod wire;

pub use gateway::{DEFAULT_LIST_TIMEOUT, Gateway, GatewayOptions};
pub use passthrough::ToolExposure;
pub use transport::{HttpEndpoint, StdioTransport};
