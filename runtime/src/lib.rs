//! The engine of isolet: runs one script in one fresh V8 isolate, under limits.
//!
//! This crate knows nothing of MCP, HTTP servers or configuration files. A script reaches the
//! outside through one trait, [`ToolHost`]: a server's name, an operation and JSON bytes go out,
//! JSON bytes come back.
//!
//! | module | contents |
//! |---|---|
//! | [`job`] | what to run: source text, entry point, environment, limits |
//! | [`limits`] | the table of limits |
//! | [`tools`] | the trait by which a run reaches tools |
//! | [`catalogue`] | the names that a run can see: servers, tools, aliases, nearest names |
//! | [`report`] | the report of a run: result or error, logs, calls, statistics; error codes |
//! | `script` | source text → prepared JavaScript: fences, shapes, TypeScript blanked in place |
//! | [`engine`] | takes jobs, returns runs |
//! | `engine_options` | the number of isolates, their memory, and their isolation |
//! | `process` | a jailed process for each run |
//! | `pool` | warm threads, one isolate each, and their queue |
//! | [`libraries`](Libraries) | packages that one-shot scripts import |
//! | `isolate` | a fresh isolate and context from the snapshot that build.rs makes of `js/` |
//! | `execution` | one script in one fresh isolate, from text to outcome |
//! | `event_loop` | JavaScript and the waits between its turns |
//! | `messages` | the messages to an isolate's thread |
//! | `run_channel` | the channel for a run's events and calls |
//! | `state` | the state of a run: calls in flight, logs, result |
//! | `counts` | the use of the limits on calls and logs |
//! | `calls` | the calls of a run as errors, warnings and records describe them |
//! | `omissions` | warnings about a script that ended well |
//! | `rejections` | promises that were rejected and never handled |
//! | `numbers` | integers in JSON that JavaScript rounds |
//! | `hints` | hints for errors of scripts |
//! | `suggestions` | messages about names that do not exist |
//! | `error` | exceptions and stop reasons → errors of the report |
//! | [`worker`] | long-lived isolates that answer requests |
//! | `blob`, `bounded`, `byte_queue` | bytes and lists in messages, and bytes that wait |
//! | `html_rewriter` | `HTMLRewriter`: HTML in two passes, through `lol_html` |
//! | `aws_lc` | the algorithms of `crypto.subtle`, in C |
//! | `modules` | ES modules: the script's, a project's, the built-in ones |
//! | `js_interface` | the tables that Rust and js/ share: host functions, entry functions |
//! | `shared_enums` | the enumerations of these tables |
//! | `natives` | the host functions that JavaScript can call |
//! | `stop`, `watchdog`, `thread_clock`, `array_buffers` | enforcement of limits |
//! | `testing` | internals for this crate's own examples, benchmarks and tests |
//! | `fuzzing` | invariants for fuzz targets and tests |
//! | `v8_process`, `entropy`, `address_space` | V8 in this process: flags, platform, snapshots, random bytes |
//! | [`v8_build`] | the version and build of V8 |
#![deny(missing_docs)]
// The only crate that may use `unsafe`; every block says why it is sound.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod address_space;
mod array_buffers;
mod aws_lc;
mod blob;
mod bounded;
mod byte_queue;
mod calls;
pub mod catalogue;
mod counts;
pub mod engine;
mod engine_options;
mod entropy;
mod error;
mod event_loop;
mod execution;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hints;
mod html_rewriter;
mod isolate;
pub mod job;
mod js_interface;
mod libraries;
pub mod limits;
mod messages;
mod modules;
mod natives;
mod numbers;
mod omissions;
mod pool;
mod process;
mod rejections;
pub mod report;
mod run_channel;
mod script;
mod shared_enums;
mod source_positions;
mod state;
mod stop;
mod suggestions;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod thread_clock;
pub mod tools;
mod utf8_stream;
pub mod v8_build;
mod v8_process;
mod watchdog;
pub mod worker;

pub use catalogue::{Catalogue, ServerTools};
pub use engine::{Engine, EngineOptions, Isolation, Run, ZygoteProcesses};
pub use error::frame as source_frame;
pub use job::{
    Entry, Environment, Job, Language, LogSink, Module, ModuleImport, ModuleKind, NodeFeatures,
    ViolationSink, WebSocketFeatures, WorkerIsolation, WorkerJob, compile_typescript,
};
pub use libraries::{Libraries, Library};
pub use limits::Limits;
pub use modules::built_in_modules;
pub use process::broker::status::ZygoteStatus;
pub use process::jail::exceptions::JailExceptions;
pub use process::jail::report::{JailReport, LayerState};
pub use process::zygote::main as zygote_main;
pub use process::{rlimit, set_undumpable};
pub use report::{
    CallRecord, CallStart, ErrorCode, LogLevel, LogLine, Outcome, Report, RunError, RunEvent, StackFrame,
    Stats, ToolPath, Warning, WarningCode,
};
pub use source_positions::{SourcePosition, SourcePositions};
pub use stop::StopReason;
pub use tools::{Operation, ToolFailure, ToolFuture, ToolHost, ToolRequest};
pub use utf8_stream::Utf8Stream;
pub use worker::{
    BrokenBody, CACHES, CDN_LOOP, CLOSE_CODE_LOST, CallChain, Destination, Entrypoint, FetchBindings,
    FetchError, FetchFuture, FetchHost, FetchRequest, FetchedBody, FetchedResponse, GLOBAL_FETCH,
    HttpRequest, HttpResponse, LoadedCode, MAX_CLOSE_REASON_BYTES, MAX_LOADED_WORKERS, RefusedPiece,
    RequestBody, RequestHead, RequestOrigin, ResponseBody, ResponseHead, SocketOutput, SocketPiece,
    SocketServer, Worker, WorkerLoader, WorkerSocket, WorkerStream, relay_sockets,
};
