//! The engine of isolet: runs one script in one fresh V8 isolate, under limits.
//!
//! This crate knows nothing of MCP, HTTP servers or configuration files. A script reaches the outside through one
//! trait, [`ToolHost`]: a server's name, an operation and JSON bytes go out, JSON bytes come back.
//!
//! | module | one idea |
//! |---|---|
//! | [`job`] | what to run: source text, entry point, environment, limits |
//! | [`limits`] | how much a run may use |
//! | [`tools`] | how a run reaches tools: the trait, the failures |
//! | [`catalogue`] | which names exist: servers, tools, aliases, nearest names |
//! | [`report`] | what came of a run: result or error, logs, calls, figures |
//! | [`engine`] | warm threads, hand-out, cancellation |
#![deny(missing_docs)]
// The only crate that may use `unsafe`; every block says why it is sound.
#![allow(unsafe_code)]

pub mod catalogue;
pub mod engine;
pub mod job;
pub mod limits;
pub mod report;
pub mod tools;

pub use catalogue::{Catalogue, ServerTools};
pub use engine::{Engine, EngineOptions, FetchReport, Run, Worker};
pub use job::{Entry, Environment, HttpRequest, HttpResponse, Job, Language, Module, WorkerJob};
pub use limits::Limits;
pub use report::{CallRecord, ErrorCode, LogLevel, LogLine, Outcome, Report, RunError, RunEvent, Stats};
pub use tools::{Operation, ToolFailure, ToolFuture, ToolHost, ToolRequest};
