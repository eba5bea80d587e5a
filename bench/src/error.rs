//! Errors before or around a measurement. Failures of single requests are figures, not errors.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// The reason why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("cannot start the asynchronous runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("interrupted; the target was ended")]
    Interrupted,
    #[error("{url}: {reason}")]
    Url { url: String, reason: String },
    #[error("--header {header:?} is not of the form NAME: VALUE")]
    Header { header: String },
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{path}: no report of isolet-bench --json: {source}", path = path.display())]
    Report { path: PathBuf, source: serde_json::Error },
    #[error("cannot write JSON: {0}")]
    Json(#[source] serde_json::Error),
    #[error("{what} must be at most {limit:?} (--max-duration raises it)")]
    TooLong { what: &'static str, limit: Duration },
    #[error("no process {pid}: {source}")]
    NoProcess { pid: u32, source: io::Error },
    #[error("cannot start {command}: {source}")]
    Start { command: String, source: io::Error },
    #[error("the target ended with {status} before it was ready")]
    EndedEarly { status: ExitStatus },
    #[error("the target did not answer {url} within {after:?}; last attempt: {last}")]
    NotReady { url: String, after: Duration, last: String },
    #[error("{path}: {reason}", path = path.display())]
    Definition { path: PathBuf, reason: String },
    #[error("there is no {kind} {name}; there are: {known}")]
    UnknownName { kind: &'static str, name: String, known: String },
    #[error("a generator thread ended unexpectedly")]
    GeneratorLost,
}
