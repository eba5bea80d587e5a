//! The texts that a model reads, whichever front end sends them: the description of the tool `run`
//! with the tools that scripts can call, and the report of a run.
//!
//! The texts are the product's user interface for a model. Whatever they quote of upstream servers
//! stays data: names become identifiers, descriptions stay in comments and quotes, all of it within
//! limits.
//!
//! | module | content |
//! |---|---|
//! | [`run_tool`] | the definition of `run`: description, input schema, output schema |
//! | [`overview`] | the tools that scripts can call, in the bytes that the description has left |
//! | [`server_lines`] | a line for each server, with as many of its tools as fit |
//! | [`example`] | the script that the description shows |
//! | [`libraries`] | the libraries that scripts can import |
//! | [`unavailable`] | servers whose tools are missing, and why |
//! | [`report`] | the report of a run as text |
//! | [`quote`] | quoting and cutting text of servers |

pub mod example;
pub mod libraries;
pub mod overview;
pub mod quote;
pub mod report;
pub mod run_tool;
mod server_lines;
pub mod unavailable;
