//! The end of a session, described for messages about the server.

use std::time::Duration;

use super::{Connection, EXIT_TIMEOUT};
use crate::child::{Child, describe_exit};
use crate::text::joined;

/// Lines of stderr that are quoted.
const MAX_STDERR_LINES: usize = 5;

/// The time that the rest of a dead child's stderr may take to arrive.
const STDERR_TIMEOUT: Duration = Duration::from_millis(100);

/// The end of a session.
pub(crate) struct SessionEnd {
    /// For all callers of the server.
    pub reason: String,
    /// The last output of the server. Only for the operator: it may be about anybody's call.
    pub output: Option<String>,
}

impl Connection {
    /// Describes how the session ended. Waits shortly for the exit status of the child.
    pub(crate) async fn session_end(&self) -> SessionEnd {
        let unquoted = |reason: &str| SessionEnd { reason: reason.to_owned(), output: None };
        if let Some(reason) = self.close_reason.get() {
            return unquoted(reason);
        }
        let Some(child) = &self.child else { return unquoted("the connection was lost") };
        let (exit, stderr) = last_output(child).await;
        let reason = joined([Some("its output ended".to_owned()), exit, self.stray_output.describe()]);
        SessionEnd {
            reason: reason.unwrap_or_default(),
            output: joined([stderr, self.stray_output.quoted(), None]),
        }
    }
}

/// Returns how a child ended, if it ends within [`EXIT_TIMEOUT`], and its last lines on stderr.
pub(super) async fn last_output(child: &Child) -> (Option<String>, Option<String>) {
    let status = tokio::time::timeout(EXIT_TIMEOUT, child.exited()).await.ok().flatten();
    if status.is_some() {
        child.stderr().finished(STDERR_TIMEOUT).await;
    }
    let stderr = child.stderr().last_lines(MAX_STDERR_LINES).map(|lines| format!("stderr: {lines}"));
    (status.map(describe_exit), stderr)
}
