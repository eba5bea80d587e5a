//! Shared by the end-to-end tests, which drive the built binary `isolet` from outside, over sockets
//! and pipes.
//!
//! | module | contents |
//! |---|---|
//! | [`command`] | a command that runs to its end: output and exit code |
//! | [`confined`] | programs to which system calls are refused |
//! | [`daemon`] | a command that keeps running: `serve`, `dev`, `demo-mcp --http` |
//! | [`http`] | an HTTP client that can send invalid requests |
//! | [`events`] | server-sent events |
//! | [`folder`] | a directory for one test, with the `mcp.json` in it |
//! | [`home`] | a home for the commands of one test process |
//! | [`fake_server`] | an MCP server that misbehaves in chosen ways |
//! | [`mcp`] | hand-made MCP clients |
//! | [`origin`] | HTTP servers from which Workers fetch |
//! | [`model`] | a language model that follows a script |
//! | [`packages`] | packages that are installed once for all tests |
//! | [`npm`], [`pypi`] | the packages: real MCP servers, clients and SDKs |
//! | [`websocket`] | WebSocket clients, correct and not |
//! | [`processes`] | processes, from `/proc` |
//!
//! Every wait ends after [`WAIT_TIMEOUT`] at the latest, kills the process that it waited for, and
//! fails the test with the output until then.

pub mod command;
#[cfg(target_os = "linux")]
pub mod confined;
pub mod daemon;
pub mod events;
pub mod fake_server;
pub mod folder;
pub mod home;
pub mod http;
pub mod mcp;
pub mod model;
pub mod npm;
pub mod origin;
pub mod packages;
pub mod processes;
pub mod pypi;
pub mod websocket;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use command::{Output, isolet};
pub use daemon::Daemon;
pub use folder::Folder;
pub use serde_json::{Value, json};

/// The longest wait for anything. Operations take milliseconds, or seconds on two cores that
/// compile something at the same time. It is longer than the longest run, so that a run's own limit
/// is reached first.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(90);

/// The program under test.
pub const ISOLET: &str = env!("CARGO_BIN_EXE_isolet");

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// Waits for `wait`, at most [`WAIT_TIMEOUT`].
pub async fn bounded<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_TIMEOUT, wait).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing happened within {WAIT_TIMEOUT:?}"),
    }
}

/// Repeats `look` until it finds something, such as a value of `/metrics`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    bounded(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// The servers of an `mcp.json` with the built-in demo server alone.
pub fn demo() -> Value {
    json!({ "demo": { "command": ISOLET, "args": ["demo-mcp"] } })
}

/// The error of a report, which must have this code.
#[track_caller]
pub fn error<'a>(report: &'a Value, code: &str) -> &'a Value {
    assert_eq!(report["ok"], false, "a failure with the code {code} was expected: {report:#}");
    assert_eq!(report["error"]["code"], code, "{report:#}");
    assert!(report.get("result").is_none(), "a failed run has no result: {report:#}");
    &report["error"]
}

/// The result of a report, which must be a success.
#[track_caller]
pub fn result(report: &Value) -> &Value {
    assert_eq!(report["ok"], true, "{report:#}");
    assert!(report.get("error").is_none(), "a run that succeeded has no error: {report:#}");
    &report["result"]
}

/// The text at `value`, which must be a string.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// Fails unless `text` contains all of `parts`.
#[track_caller]
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}
