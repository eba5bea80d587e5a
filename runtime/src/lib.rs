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
//! | `script` | source text → prepared JavaScript: fences, shapes, TypeScript blanked in place |
//! | [`engine`] | takes jobs, gives runs |
//! | [`process`] | a jailed process for each run, behind a broker |
//! | `pool` | warm threads, one isolate each, and the queue before them |
//! | `isolate` | a fresh isolate and context from the snapshot that build.rs makes of `js/` |
//! | `execution` | one script in one fresh isolate, from text to outcome |
//! | `turns` | a run, turn by turn |
//! | `state` | what a run knows of itself: calls in flight, logs, result |
//! | `outlet` | where a run's events and calls go |
//! | [`worker`] | a long-lived isolate that answers requests |
//! | `modules` | ES modules: the script's, a project's, the built-in ones |
//! | `natives` | the host functions that JavaScript can reach |
//! | `control`, `watchdog`, `thread_clock`, `array_buffers` | limits that fire |
//! | `fault`, `unknown` | errors for the one who wrote the script |
//! | `phases` | what each part of a run costs, for those who measure |
//! | `fuzzing` | what must hold whatever is sent, for fuzz targets and tests |
//! | `v8_process`, `entropy` | V8 in this process: flags, platform, random bytes |
#![deny(missing_docs)]
// The only crate that may use `unsafe`; every block says why it is sound.
#![allow(unsafe_code)]

mod array_buffers;
pub mod catalogue;
mod control;
pub mod engine;
mod entropy;
mod execution;
mod fault;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod isolate;
pub mod job;
pub mod limits;
mod modules;
mod natives;
mod outlet;
#[doc(hidden)]
pub mod phases;
mod pool;
pub mod process;
pub mod report;
mod script;
mod state;
mod thread_clock;
pub mod tools;
mod turns;
mod unknown;
mod v8_process;
mod watchdog;
pub mod worker;

pub use catalogue::{Catalogue, ServerTools};
pub use engine::{Engine, EngineOptions, Isolation, Run, RunnerProcesses};
pub use job::{Entry, Environment, HttpRequest, HttpResponse, Job, Language, Module, WorkerJob};
pub use limits::Limits;
pub use process::broker::RunnerStatus;
pub use report::{CallRecord, ErrorCode, LogLevel, LogLine, Outcome, Report, RunError, RunEvent, Stats};
pub use tools::{Operation, ToolFailure, ToolFuture, ToolHost, ToolRequest};
pub use worker::{FetchReport, Worker};
