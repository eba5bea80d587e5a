//! The HTTP API of `isolet serve`.
//!
//! | module | content |
//! |---|---|
//! | [`server`] | connections, and the orderly stop |
//! | [`router`] | the handler of each path |
//! | [`run`], [`run_body`], [`run_events`] | `POST /v1/run`, errors in its body, its events |
//! | [`types`] | `GET /v1/types` |
//! | [`search`] | `GET /v1/search` |
//! | [`tool_definition`] | `GET /v1/tool` |
//! | [`runtime`] | `GET /v1/runtime` |
//! | [`openapi`] | `GET /openapi.json` |
//! | [`query`] | query strings |
//! | [`refused_requests`] | unauthenticated requests in the log and the audit log |
//!
//! `docs/http.md` describes each path and its responses.

mod openapi;
mod query;
mod refused_requests;
mod router;
mod run;
mod run_body;
mod run_events;
mod runtime;
mod search;
mod server;
mod tool_definition;
mod types;

pub use router::Api;
pub use server::serve;
