//! HTTP as all listeners of isolet speak it: sockets, access checks, bodies, replies. The API
//! (`http`), the MCP endpoint (`mcp`) and the server of Workers (`workers`) build on it.
//!
//! | module | content |
//! |---|---|
//! | [`http_server`] | accepts connections within limits, answers their requests, ends them in order |
//! | [`listener`] | a listener on an address or a UNIX socket |
//! | [`connections`] | the number of connections, in total and of one address |
//! | [`disconnect`] | noticing that a client has disconnected: one table for all kinds of clients |
//! | [`write_timeout`] | clients that do not read their response |
//! | [`access`] | bearer tokens, and what a request without one needs |
//! | [`server_names`] | the names of a server, and the web pages that may use it |
//! | [`cors`] | headers for pages of allowed origins |
//! | [`body`] | reading a request's body within limits |
//! | [`reply`], [`problem`] | responses, and refusals (RFC 9457) |
//! | [`websocket`] | the handshake and the frames of WebSockets |
//! | [`mount`] | an endpoint that the HTTP API serves without knowing it |

pub mod access;
pub mod body;
pub mod connections;
pub mod cors;
pub mod disconnect;
pub mod http_server;
pub mod listener;
pub mod mount;
pub mod problem;
pub mod reply;
pub mod server_names;
pub mod websocket;
pub mod write_timeout;
