//! The task of one server: connect, list the tools, wait for the end, connect again.
//!
//! A server that ends is connected again at once, and after a failure with growing delays.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::server::{Server, ServerAbout};
use super::status::ServerState;
use super::tool_lists::Announcer;
use crate::backoff::{Backoff, jittered};
use crate::config::Start;
use crate::connection::{Connection, SessionEnd};
use crate::handshake::{ConnectError, Retry};
use crate::text::line;

/// The target of log lines about failed servers. Commands that report failures themselves filter
/// them out.
const FAILURE_LOG_TARGET: &str = "isolet::upstream::failure";

/// Delays between attempts in the background.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(60);

/// After so many failures in a row, some ten minutes, only a call makes another attempt.
const MAX_BACKGROUND_ATTEMPTS: u32 = 15;

/// A session that lasted this long does not count as a failure: the next attempt comes at once.
const MIN_GOOD_SESSION: Duration = Duration::from_secs(10);

/// An open session, and how long its tool list stays valid.
type ReadySession = (Arc<Connection>, Option<Duration>);

impl Server {
    /// Runs until the server is stopped.
    pub(crate) async fn run(self: Arc<Self>, announcer: Arc<Announcer>) {
        if self.context.config.disabled || self.context.config.fault().is_some() {
            return;
        }
        if self.context.config.start == Start::Lazy && !self.wait_for_first_use().await {
            return;
        }
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        let mut warned = None;
        loop {
            let tools_changed = Arc::new(Notify::new());
            let attempt = tokio::select! {
                attempt = self.attempt(&tools_changed, &announcer) => attempt,
                () = self.stop.cancelled() => break,
            };
            let began = Instant::now();
            let failure = match attempt {
                Ok((connection, fresh_for)) => {
                    let stopped = self.stay(&connection, &tools_changed, &announcer, fresh_for).await;
                    if stopped {
                        connection.close().await;
                        break;
                    }
                    let SessionEnd { reason, output } = connection.session_end().await;
                    // The rest of the process ends before another one takes its place.
                    connection.close().await;
                    ConnectError { reason, output, retry: Retry::Later }
                }
                Err(failure) => failure,
            };
            if !self.recover(failure, began, &mut backoff, &mut warned).await {
                break;
            }
        }
        self.now.send_modify(|now| {
            now.state = ServerState::Stopped;
            now.connection = None;
        });
    }

    /// Waits until a lazy server is needed. Returns false if it is stopped before.
    async fn wait_for_first_use(&self) -> bool {
        tokio::select! {
            () = self.wanted.notified() => {
                self.now.send_modify(|now| now.state = ServerState::Starting);
                true
            }
            () = self.stop.cancelled() => {
                self.now.send_modify(|now| now.state = ServerState::Stopped);
                false
            }
        }
    }

    /// Reports a failure, and waits until the next attempt is due. Returns false if there is none.
    /// `warned` is the failure that was last reported as a warning.
    async fn recover(
        &self,
        failure: ConnectError,
        began: Instant,
        backoff: &mut Backoff,
        warned: &mut Option<String>,
    ) -> bool {
        let was_ready = self.now.borrow().state == ServerState::Ready;
        let reason = self.fit(failure.reason);
        let output = failure.output.map(|output| self.fit_lines(&output));
        // The log has one line for it.
        let shown = output.as_ref().map(|output| format!("; {}", output.replace('\n', " | ")));
        // A warning for each cause, not for each attempt.
        let news = format!("{reason}{}", shown.unwrap_or_default());
        match warned.as_ref() == Some(&news) {
            true => tracing::debug!(target: FAILURE_LOG_TARGET, server = self.context.name, "again: {news}"),
            false => tracing::warn!(target: FAILURE_LOG_TARGET, server = self.context.name, "{news}"),
        }
        *warned = (!was_ready).then_some(news);
        let at_once = was_ready && began.elapsed() >= MIN_GOOD_SESSION;
        self.now.send_modify(|now| {
            now.state = if at_once { ServerState::Restarting } else { ServerState::Failed };
            now.failed_at = (!was_ready).then(Instant::now);
            now.attempts += u32::from(!was_ready);
            now.connection = None;
            now.last_error = Some(reason);
            now.last_output = output;
            now.restarts += u32::from(was_ready);
        });
        if at_once {
            backoff.reset();
        } else if !self.wait_for_attempt(backoff, failure.retry).await {
            return false;
        }
        self.now.send_modify(|now| now.state = ServerState::Restarting);
        true
    }

    /// Waits until the next attempt is due. Returns false if there is none.
    async fn wait_for_attempt(&self, backoff: &mut Backoff, retry: Retry) -> bool {
        let delay = jittered(backoff.next_delay());
        let in_background = retry != Retry::Never && backoff.attempts() <= MAX_BACKGROUND_ATTEMPTS;
        tokio::select! {
            () = tokio::time::sleep(delay), if in_background => true,
            () = self.wanted.notified() => true,
            () = self.stop.cancelled() => false,
        }
    }

    /// Makes a reason fit to be shown: first without credentials, then as one line. In the other
    /// order a credential of several lines would not be found.
    pub(super) fn fit(&self, reason: String) -> String {
        line(&self.context.redactor.redact(reason)).into_owned()
    }

    /// Does the same for a text of several lines.
    fn fit_lines(&self, text: &str) -> String {
        let lines: Vec<String> = text.lines().map(|printed| self.fit(printed.to_owned())).collect();
        lines.join("\n")
    }

    /// Connects and lists the tools.
    async fn attempt(
        &self,
        tools_changed: &Arc<Notify>,
        announcer: &Announcer,
    ) -> Result<ReadySession, ConnectError> {
        let connection = self.open(tools_changed).await?;
        let about = ServerAbout::of(&connection);
        let list = self.list_tools(&connection).await;
        let (tools, rejected, problem, fresh_for) = match list {
            Ok((list, fresh_for)) => (Some(list.tools), list.rejected, None, fresh_for),
            Err(problem) if connection.has_ended() => {
                let SessionEnd { reason, output } = connection.session_end().await;
                let reason = format!("{problem}; {reason}");
                return Err(ConnectError { reason, output, retry: Retry::Later });
            }
            // The server answers, but not this request: scripts that know its tools can still call
            // them.
            Err(problem) => {
                let problem = self.fit(problem);
                tracing::warn!(target: "isolet::upstream", server = self.context.name, "{problem}");
                (None, Vec::new(), Some(problem), None)
            }
        };
        for reason in &rejected {
            tracing::warn!(target: "isolet::upstream", server = self.context.name, "left out: {reason}");
        }
        let connection = Arc::new(connection);
        self.now.send_modify(|now| {
            now.about = Some(about);
            now.rejected = rejected;
            if problem.is_some() {
                now.last_error = problem;
            }
            now.replace_tools(tools);
        });
        announcer.announce();
        self.now.send_modify(|now| {
            now.state = ServerState::Ready;
            now.attempts += 1;
            now.failed_at = None;
            now.connection = Some(connection.clone());
        });
        Ok((connection, fresh_for))
    }
}
