//! What the end-to-end tests share: they drive the built binary `isolet` from outside, over sockets and pipes.
//!
//! | module | idea |
//! |---|---|
//! | [`command`] | one command with a beginning and an end: its output and exit code |
//! | [`daemon`] | one command that goes on: `serve`, `dev`, `demo-mcp --http` |
//! | [`http`] | an HTTP client that also says odd things |
//! | [`events`] | server-sent events |
//! | [`folder`] | a directory for one test, with the `mcp.json` in it |
//! | [`odd`] | an MCP server that misbehaves as it is told |
//! | [`mcp`] | MCP clients made by hand |
//! | [`npm`] | real MCP servers from npm, installed once |
//! | [`pypi`] | real MCP servers from PyPI, installed once |
//! | [`processes`] | who is alive, from `/proc` |
//!
//! Nothing here waits for ever: every wait ends after [`PATIENCE`] at the latest, kills what it waited for and fails the
//! test with what was said until then.

#![allow(dead_code, unused_imports, reason = "every test binary compiles all of this and uses a part")]

pub mod command;
pub mod daemon;
pub mod events;
pub mod folder;
pub mod http;
pub mod mcp;
pub mod npm;
pub mod odd;
pub mod processes;
pub mod pypi;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use command::{Output, isolet};
pub use daemon::Daemon;
pub use folder::Folder;
pub use serde_json::{Value, json};

/// The longest wait for anything. Things take milliseconds here; two slow cores that compile something else at the same
/// time make seconds of them. It is longer than the longest run, so that a run's own limit speaks first.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The program under test.
pub const ISOLET: &str = env!("CARGO_BIN_EXE_isolet");

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// Waits for `what`, but not for ever.
pub async fn bounded<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing happened within {PATIENCE:?}"),
    }
}

/// Asks again and again until `look` finds something: for what announces itself nowhere, such as a counter in `/metrics`.
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

/// The error of a report, which must be of this kind.
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

/// The text at `value`, which must be one.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Fails unless `text` contains all of `parts`.
#[track_caller]
pub fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}
