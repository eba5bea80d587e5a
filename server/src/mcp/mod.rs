//! isolet as one MCP server in front of many: `isolet mcp` on standard input and output, `/mcp` over HTTP.
//!
//! | module | idea |
//! |---|---|
//! | [`gateway`] | the server that clients talk to: which request goes where |
//! | [`tools`] | the three tools as a model sees them: names, schemas, descriptions |
//! | [`catalogue`] | which tools scripts can call, in the few words that `run`'s description has room for |
//! | [`search`], [`describe`], [`run`] | the three tools |
//! | [`report`] | a run's report as the result of a tool |
//! | [`progress`] | what a run does, told while it goes on |
//! | [`changes`] | telling clients that the list of tools has changed |
//! | [`subscriptions`] | telling clients that a resource has changed |
//! | [`hang_up`] | noticing that nobody waits for an answer any more |
//! | [`exposure`] | pass-through: which upstream tools are offered as they are, and their names |
//! | [`definition`] | one upstream tool's definition, made fit for clients |
//! | [`numbers`] | numbers that rmcp would round |
//! | [`passage`] | the part of the gateway that passes through |
//! | [`pass`], [`shelves`] | pass-through of requests, and of prompts and resources |
//! | [`unfit`] | requests whose parameters do not fit |
//! | [`questions`] | what a server wants from the user, put to older clients |
//! | [`stdio`], [`outline`] | standard input and output; which request a line is that is too long |
//! | [`endpoint`], [`sessions`], [`batch`] | Streamable HTTP; several messages in one body |
//!
//! The descriptions here are the product's user interface for a model. Whatever they say of upstream servers is those
//! servers' text, and stays data: names become identifiers, descriptions stay in comments and quotes, all of it bounded.

pub mod batch;
pub mod catalogue;
pub mod changes;
pub mod definition;
pub mod describe;
pub mod endpoint;
pub mod exposure;
pub mod gateway;
pub mod hang_up;
pub mod numbers;
pub mod outline;
pub mod pass;
pub mod passage;
pub mod progress;
pub mod questions;
pub mod report;
pub mod run;
pub mod search;
pub mod sessions;
pub mod shelves;
pub mod stdio;
pub mod subscriptions;
pub mod tools;
pub mod unfit;

pub use endpoint::Endpoint;
pub use gateway::{Gateway, Options};
