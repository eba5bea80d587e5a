//! The pool's record of one zygote.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::copies::CopySupervisor;
use super::runner_handle::RunnerHandle;
use super::status::ZygoteStatus;
use super::stderr::StartupOutput;
use crate::process::jail::JailReport;
use crate::process::protocol::frames;
use crate::process::protocol::messages::{RunnerKind, ToZygote};

/// The time after which a zygote that was asked for runners and has sent none is suspected of
/// having stopped.
pub(super) const SPAWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The time for which a suspicion must last. Meanwhile this process, which may itself have been
/// stopped, reads the messages that have arrived.
pub(super) const SUSPICION_PERIOD: Duration = Duration::from_millis(500);

/// A zygote and its runners.
pub(super) struct PooledZygote {
    pub(super) id: u64,
    pub(super) pid: u32,
    frames: mpsc::UnboundedSender<Vec<u8>>,
    kill: mpsc::UnboundedSender<()>,
    pub(super) startup_output: StartupOutput,
    /// The layers of its jail, once it is ready.
    pub(super) jail: Option<JailReport>,
    /// The index of the library that it evaluates or has evaluated last.
    pub(super) evaluating: Option<u32>,
    /// Its private memory when it was ready, in bytes; `None` if it cannot be read.
    pub(super) private_bytes: Option<u64>,
    pub(super) idle_runners: Vec<RunnerHandle>,
    /// The number of runners that were requested and have not arrived.
    pub(super) pending_spawns: usize,
    /// The number of runners that are alive, with those in `idle_runners`.
    pub(super) live_runners: usize,
    /// Allows copies of its runners, if the kernel can ask this process.
    pub(super) supervisor: Option<Arc<CopySupervisor>>,
    /// Workers that wait for an app zygote.
    pub(super) waiting_workers: VecDeque<oneshot::Sender<RunnerHandle>>,
    /// `true` if it will be told soon to take note of processes that have ended.
    pub(super) reaps_soon: bool,
    /// Senders for the answers to [`ToZygote::QueryExit`], by the runner's process id.
    pub(super) exit_queries: HashMap<u32, oneshot::Sender<bool>>,
    /// The time since which it has not sent a requested runner.
    pub(super) pending_since: Option<Instant>,
    /// The time since which it is suspected of having stopped.
    suspected_since: Option<Instant>,
    /// Starts another zygote in its place; `None` after that was done.
    replace: Option<oneshot::Sender<()>>,
}

impl PooledZygote {
    /// Creates the record of a zygote that is starting. Sending on `kill` ends it, and on `replace`
    /// starts another zygote in its place.
    pub(super) fn new(
        id: u64,
        pid: u32,
        frames: mpsc::UnboundedSender<Vec<u8>>,
        kill: mpsc::UnboundedSender<()>,
        startup_output: StartupOutput,
        replace: oneshot::Sender<()>,
    ) -> Self {
        Self {
            id,
            pid,
            frames,
            kill,
            startup_output,
            jail: None,
            evaluating: None,
            private_bytes: None,
            idle_runners: Vec::new(),
            pending_spawns: 0,
            live_runners: 0,
            supervisor: None,
            waiting_workers: VecDeque::new(),
            reaps_soon: false,
            exit_queries: HashMap::new(),
            pending_since: None,
            suspected_since: None,
            replace: Some(replace),
        }
    }

    /// Returns `true` if it is ready and was not replaced.
    pub(super) fn makes_runners(&self) -> bool {
        self.jail.is_some() && self.replace.is_some()
    }

    /// Returns `true` if another zygote was started in its place.
    pub(super) fn is_replaced(&self) -> bool {
        self.replace.is_none()
    }

    /// Has another zygote started in its place. Its idle runners are returned; its runs go on, and
    /// the Workers that wait for an app zygote ask another one.
    pub(super) fn replace(&mut self) -> Vec<RunnerHandle> {
        self.pending_since = None;
        self.waiting_workers.clear();
        let _ = self.replace.take().map(|replace| replace.send(()));
        std::mem::take(&mut self.idle_runners)
    }

    /// Requests runners.
    pub(super) fn spawn(&mut self, count: usize) {
        self.spawn_of_kind(count, RunnerKind::Runner);
    }

    /// Requests an app zygote.
    pub(super) fn spawn_app_zygote(&mut self, worker: oneshot::Sender<RunnerHandle>) {
        self.waiting_workers.push_back(worker);
        self.spawn_of_kind(1, RunnerKind::AppZygote);
    }

    fn spawn_of_kind(&mut self, count: usize, kind: RunnerKind) {
        self.pending_spawns += count;
        self.pending_since = self.pending_since.or_else(|| Some(Instant::now()));
        self.send(&ToZygote::Spawn { count: count as u32, kind });
    }

    /// Records that one of the requested runners has arrived or was lost.
    pub(super) fn spawn_answered(&mut self) {
        self.pending_spawns = self.pending_spawns.saturating_sub(1);
        self.pending_since = (self.pending_spawns > 0).then(Instant::now);
        self.suspected_since = None;
    }

    /// Counts a requested runner that has arrived.
    pub(super) fn runner_arrived(&mut self, pid: u32) {
        self.spawn_answered();
        self.live_runners += 1;
        // An earlier process may have had the id.
        let _ = self.supervisor.as_ref().map(|supervisor| supervisor.take_refused(pid));
    }

    /// Returns `true` if it has not sent a requested runner for [`SPAWN_TIMEOUT`], and a call at
    /// least [`SUSPICION_PERIOD`] before has found the same.
    pub(super) fn is_unresponsive(&mut self, now: Instant) -> bool {
        let overdue =
            self.pending_since.is_some_and(|since| now.saturating_duration_since(since) >= SPAWN_TIMEOUT);
        if !overdue || !self.makes_runners() {
            return false;
        }
        let suspected_since = *self.suspected_since.get_or_insert(now);
        now.saturating_duration_since(suspected_since) >= SUSPICION_PERIOD
    }

    /// Queues a message.
    pub(super) fn send(&self, message: &ToZygote) {
        match frames::encode(message) {
            Ok(frame) => _ = self.frames.send(frame),
            // Only a catalogue can be too large. Its runs cannot be sent either, and their callers
            // get an error.
            Err(error) => tracing::warn!(%error, "a message to a zygote was not sent"),
        }
    }

    /// Ends the zygote, and with it its runners.
    pub(super) fn kill(&self) {
        let _ = self.kill.send(());
    }

    pub(super) fn status(&self) -> ZygoteStatus {
        ZygoteStatus {
            pid: self.pid,
            ready: self.makes_runners(),
            runs: self.live_runners - self.idle_runners.len(),
            warm: self.idle_runners.len(),
            layers: self.jail.clone(),
            memory_watched: self.private_bytes.is_some(),
        }
    }
}
