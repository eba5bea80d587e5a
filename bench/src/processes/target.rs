//! Starts the target, waits until it answers, and ends it with all its children.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::error::BenchError;
use crate::load::connection::Connection;
use crate::load::request::RequestPlan;
use crate::load::tally::FailureKind;

/// The pause between two attempts to reach a starting target: the resolution of the time to ready.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(1);
/// The time for one attempt; a target that accepts before it can answer keeps the attempt waiting.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that a target has to end by itself.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running child that leads its own process group. Dropping it kills the whole group.
pub struct Target {
    child: Child,
    group: Option<Pid>,
    started: Instant,
}

/// A command line as one text, for messages and reports.
pub fn command_text(command: &[String]) -> String {
    command.join(" ")
}

impl Target {
    /// Starts `command` without input. Its standard output is dropped; its standard error is
    /// printed, unless `quiet`.
    pub fn start(command: &[String], quiet: bool) -> Result<Self, BenchError> {
        let program = command.first().map_or("", String::as_str);
        let mut prepared = Command::new(program);
        prepared.args(&command[1.min(command.len())..]);
        prepared.stdin(Stdio::null()).stdout(Stdio::null());
        prepared.stderr(if quiet { Stdio::null() } else { Stdio::inherit() });
        // A group of its own: servers start runners and tools, and none may outlive the
        // measurement.
        prepared.process_group(0).kill_on_drop(true);
        let started = Instant::now();
        let child = prepared
            .spawn()
            .map_err(|source| BenchError::Start { command: command_text(command), source })?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group, started })
    }

    /// The id of the leader; `None` once it ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The time of its start.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits until a GET of `probe` answers with 2xx; returns the time since the start.
    pub async fn ready(
        &mut self,
        url: &str,
        probe: RequestPlan,
        limit: Duration,
    ) -> Result<Duration, BenchError> {
        let mut connection = Connection::default();
        let deadline = self.started + limit;
        let mut last = FailureKind::Connect;
        while Instant::now() < deadline {
            let exchange = tokio::select! {
                exchange = connection.exchange(&probe) => exchange,
                ended = self.child.wait() => {
                    let status = ended.map_err(BenchError::Runtime)?;
                    return Err(BenchError::EndedEarly { status });
                }
            };
            match exchange.outcome {
                Ok(()) => return Ok(self.started.elapsed()),
                Err(failure) => last = failure,
            }
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
        }
        let last = match last {
            FailureKind::Connect => "no connection".to_owned(),
            FailureKind::Status(status) => format!("status {status}"),
            FailureKind::Timeout => "no answer in time".to_owned(),
            FailureKind::Transport | FailureKind::Mismatch | FailureKind::Unsent => {
                "the connection broke".to_owned()
            }
        };
        Err(BenchError::NotReady { url: url.to_owned(), after: limit, last })
    }

    /// The time for one attempt of [`Target::ready`].
    pub fn attempt_timeout(limit: Duration) -> Duration {
        limit.min(ATTEMPT_TIMEOUT)
    }

    /// Asks the group to end, then kills it. Returns true if the target ended by itself in time.
    pub async fn end(mut self) -> bool {
        self.signal(Signal::TERM);
        let graceful = tokio::time::timeout(EXIT_TIMEOUT, self.child.wait()).await.is_ok();
        // Dropping kills the rest of the group.
        drop(self);
        graceful
    }

    /// Waits until it ends by itself.
    pub async fn wait(&mut self) -> Result<std::process::ExitStatus, BenchError> {
        self.child.wait().await.map_err(BenchError::Runtime)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // Fails only if the group is empty already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The group's id stays in use while it has members. This reaches another group only if the
        // leader was waited for, all members ended and the id was reused in that moment: ids are
        // handed out in turn.
        self.signal(Signal::KILL);
    }
}
