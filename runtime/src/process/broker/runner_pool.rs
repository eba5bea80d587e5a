//! The pool of runners: zygotes fork them ahead of demand, and each run takes one.
//!
//! One task reads from each zygote and one writes to it (`zygote_process`). Runners arrive from
//! zygotes and wait in the pool; a run takes one and talks to it directly
//! ([`remote_run`](super::remote_run)). When a zygote ends its runners end too, and another zygote
//! is started at once. A zygote that stops responding is replaced too, and ends with its last run.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::catalogue_table::CatalogueTable;
use super::pool_options::PoolOptions;
use super::pooled_zygote::PooledZygote;
use super::process_limits::ProcessLimits;
use super::runner_handle::{RunnerHandle, RunnerOwner};
use super::status::ZygoteStatus;
use super::worker_process::WorkerLimits;
use super::zygote_starts::ZygoteStarts;
use crate::process::jail::exceptions::JailExceptions;
use crate::process::protocol::messages::{RunnerKind, ToZygote};
use crate::watchdog::{CHECK_INTERVAL, Watch, Watchdog};
use crate::{Catalogue, Limits};

/// The pool. Runs, and the tasks of its zygotes, share it.
pub(crate) struct RunnerPool {
    pub(super) options: PoolOptions,
    pub(super) tokio: tokio::runtime::Handle,
    state: Mutex<PoolState>,
    watchdog: Watchdog,
    pub(super) starts: ZygoteStarts,
    pub(super) this: Weak<Self>,
}

/// The part of the pool that changes.
#[derive(Default)]
pub(super) struct PoolState {
    last_zygote_id: u64,
    pub(super) zygotes: Vec<PooledZygote>,
    /// Runs that wait for a runner.
    waiting: VecDeque<oneshot::Sender<RunnerHandle>>,
    catalogues: CatalogueTable,
    /// The layers that a zygote's jail may lack. While it is `None`, the owner of the engine checks
    /// zygotes.
    exceptions: Option<JailExceptions>,
    closed: bool,
}

impl PoolState {
    pub(super) fn zygote(&mut self, id: u64) -> Option<&mut PooledZygote> {
        self.zygotes.iter_mut().find(|zygote| zygote.id == id)
    }

    /// Returns the layers that a zygote's jail may lack, if they are set.
    pub(super) fn jail_exceptions(&self) -> Option<JailExceptions> {
        self.exceptions
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }
}

impl RunnerPool {
    /// Creates the pool, and starts its zygotes in the background.
    pub(crate) fn start(options: PoolOptions, tokio: tokio::runtime::Handle) -> Arc<Self> {
        let pool = Arc::new_cyclic(|this| Self {
            tokio,
            state: Mutex::default(),
            watchdog: Watchdog::start(),
            starts: ZygoteStarts::default(),
            options,
            this: this.clone(),
        });
        for _ in 0..pool.options.zygotes {
            pool.clone().keep_zygote_running();
        }
        pool
    }

    pub(super) fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock()
    }

    /// Returns the number by which messages refer to a catalogue.
    pub(super) fn number_catalogue(&self, catalogue: &Arc<Catalogue>) -> u64 {
        let state = &mut *self.state();
        let zygotes = &state.zygotes;
        state.catalogues.number(catalogue, |message| {
            zygotes.iter().for_each(|zygote| zygote.send(message));
        })
    }

    /// Enforces the limits of a Worker's process until the returned value is dropped.
    pub(super) fn watch_worker(&self, limits: Box<WorkerLimits>) -> Watch {
        self.watchdog.watch(limits, Instant::now() + CHECK_INTERVAL)
    }

    /// Returns the bound on heap and array buffers of a runner, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.options.zygote.heap_bytes
    }

    /// Requests a runner, which is sent at once or when one is ready.
    pub(super) fn request_runner(&self) -> oneshot::Receiver<RunnerHandle> {
        let (sender, receiver) = oneshot::channel();
        self.replace_unresponsive_zygotes();
        let mut state = self.state();
        let fullest = state.zygotes.iter_mut().max_by_key(|zygote| zygote.idle_runners.len());
        match fullest.and_then(|zygote| zygote.idle_runners.pop()) {
            Some(runner) => _ = sender.send(runner),
            None if state.closed => {}
            None => state.waiting.push_back(sender),
        }
        self.refill(&mut state);
        receiver
    }

    /// Ends a runner whose run ended without a result, and asks its zygote whether the kernel had
    /// ended it for a forbidden system call. The answer is `false` if the zygote has ended too.
    pub(super) fn ended_by_forbidden_call(
        self: &Arc<Self>,
        runner: &RunnerHandle,
    ) -> BoxFuture<'static, bool> {
        /// The bound on each of the two steps. Both the runner and its zygote have little to do.
        const EXIT_QUERY_TIMEOUT: Duration = Duration::from_secs(2);
        let (pool, process, zygote) = (self.clone(), runner.process().clone(), runner.zygote());
        Box::pin(async move {
            process.kill_and_wait(EXIT_QUERY_TIMEOUT).await;
            let (sender, receiver) = oneshot::channel();
            let pid = process.pid();
            match pool.state().zygote(zygote) {
                Some(zygote) if zygote.supervisor.as_ref().is_some_and(|it| it.take_refused(pid)) => {
                    return true;
                }
                Some(zygote) => {
                    zygote.exit_queries.insert(pid, sender);
                    zygote.send(&ToZygote::QueryExit { pid });
                }
                None => return false,
            }
            matches!(tokio::time::timeout(EXIT_QUERY_TIMEOUT, receiver).await, Ok(Ok(true)))
        })
    }

    /// Returns `true` if there is no zygote that makes runners.
    pub(super) fn has_no_zygote(&self) -> bool {
        !self.state().zygotes.iter().any(PooledZygote::makes_runners)
    }

    /// Replaces zygotes that stopped responding, and requests missing runners. A run that has
    /// waited for long calls it, since its request may have been lost.
    pub(super) fn request_missing_runners(&self) {
        self.replace_unresponsive_zygotes();
        self.refill(&mut self.state());
    }

    /// Enforces a run's limits until the returned value is dropped.
    pub(super) fn enforce_limits(&self, runner: &RunnerHandle, limits: &Limits) -> Watch {
        let heap_bytes = self.options.zygote.heap_bytes;
        let process = runner.process().clone();
        let (limits, first) = ProcessLimits::start(process, limits, heap_bytes, runner.inherited_bytes());
        self.watchdog.watch(limits, first)
    }

    /// Returns the number of runners that wait for a run.
    pub(crate) fn warm(&self) -> usize {
        self.state().zygotes.iter().map(|zygote| zygote.idle_runners.len()).sum()
    }

    /// Returns the state of all zygotes.
    pub(crate) fn statuses(&self) -> Vec<ZygoteStatus> {
        self.replace_unresponsive_zygotes();
        self.state().zygotes.iter().map(PooledZygote::status).collect()
    }

    /// Sets the layers that the jails of zygotes may lack. A zygote that becomes ready later and
    /// lacks more is not used; one that lacks an allowed layer is logged.
    pub(crate) fn set_jail_exceptions(&self, exceptions: JailExceptions) {
        self.state().exceptions = Some(exceptions);
    }

    /// Returns the number of zygotes that were replaced.
    pub(crate) fn restarts(&self) -> usize {
        self.starts.restarts()
    }

    /// Waits until every zygote makes runners, it is known that none will, or `timeout` has passed.
    /// Returns `true` in the first case.
    pub(crate) async fn wait_until_started(&self, timeout: Duration) -> bool {
        self.starts.wait(self.options.zygotes, timeout).await
    }

    /// Returns the reason for which no zygote has become ready, once it is known.
    pub(crate) fn start_failure(&self) -> Option<String> {
        self.starts.failure()
    }

    /// Takes no more runs and ends all processes.
    pub(crate) fn close(&self) {
        let (zygotes, waiting) = {
            let mut state = self.state();
            state.closed = true;
            (std::mem::take(&mut state.zygotes), std::mem::take(&mut state.waiting))
        };
        // Without the lock, which runners take when they are dropped.
        zygotes.iter().for_each(PooledZygote::kill);
        drop((zygotes, waiting));
    }

    /// Requests runners from zygotes: those that are kept ahead of demand, and those that runs wait
    /// for.
    pub(super) fn refill(&self, state: &mut PoolState) {
        // Some callers have gone and do not wait any more.
        state.waiting.retain(|waiting| !waiting.is_closed());
        let mut missing = state.waiting.len();
        for zygote in state.zygotes.iter_mut().filter(|zygote| zygote.makes_runners()) {
            let coming = zygote.idle_runners.len() + zygote.pending_spawns;
            let wanted = (self.options.warm + missing).saturating_sub(coming);
            let alive = zygote.live_runners + zygote.pending_spawns;
            let count = wanted.min(self.options.live.saturating_sub(alive));
            missing = missing.saturating_sub((coming + count).saturating_sub(self.options.warm));
            if count > 0 {
                zygote.spawn(count);
            }
        }
    }

    /// Gives a runner that has arrived to the run that has waited longest, or keeps it.
    pub(super) fn add_runner(&self, mut runner: RunnerHandle) {
        let mut state = self.state();
        let state = &mut *state;
        let id = runner.zygote();
        let Some(zygote) = state.zygotes.iter_mut().find(|zygote| zygote.id == id) else { return };
        zygote.runner_arrived(runner.process().pid());
        runner.set_inherited_bytes(zygote.private_bytes.unwrap_or_default());
        if !zygote.makes_runners() {
            // Another zygote has taken its place. The runner is dropped after the lock is released.
            return;
        }
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(runner) {
                Ok(()) => return,
                // The caller has gone.
                Err(back) => runner = back,
            }
        }
        zygote.idle_runners.push(runner);
    }

    /// Records that a requested runner was lost.
    pub(super) fn runner_lost(&self, zygote: u64, kind: RunnerKind) {
        if let Some(zygote) = self.state().zygote(zygote) {
            zygote.spawn_answered();
            if kind == RunnerKind::AppZygote {
                zygote.waiting_workers.pop_front();
            }
        }
    }

    /// Has another zygote started in the place of each one that stopped responding. Its runs go on,
    /// and it is ended with the last of them.
    pub(super) fn replace_unresponsive_zygotes(&self) {
        let mut idle = Vec::new();
        let mut state = self.state();
        if state.zygotes.iter().all(|zygote| zygote.pending_since.is_none()) {
            return;
        }
        // At most as many are replaced at once as the pool has: their replacements may be stopped
        // too.
        let replaced = state.zygotes.iter().filter(|zygote| zygote.is_replaced()).count();
        let (now, mut left) = (Instant::now(), self.options.zygotes.saturating_sub(replaced));
        for zygote in &mut state.zygotes {
            if left == 0 || !zygote.is_unresponsive(now) {
                continue;
            }
            left -= 1;
            tracing::warn!(pid = zygote.pid, "a zygote does not answer; another one takes its place");
            idle.append(&mut zygote.replace());
            self.starts.count_not_ready();
            if zygote.live_runners == 0 {
                zygote.kill();
            }
        }
        if !idle.is_empty() {
            self.refill(&mut state);
        }
        // Before `idle` is dropped: runners take the lock when they are dropped.
        drop(state);
    }

    /// Adds a zygote that is starting; `create` gets its id. Returns `None` if the pool is closed.
    pub(super) fn add_zygote(&self, create: impl FnOnce(u64) -> PooledZygote) -> Option<u64> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.last_zygote_id += 1;
        let id = state.last_zygote_id;
        state.zygotes.push(create(id));
        Some(id)
    }

    /// Removes a zygote that has ended, and its runners. Returns `true` if it had been ready.
    pub(super) fn remove_zygote(&self, id: u64) -> bool {
        let removed = {
            let mut state = self.state();
            let at = state.zygotes.iter().position(|zygote| zygote.id == id);
            at.map(|at| state.zygotes.remove(at))
        };
        if removed.as_ref().is_some_and(PooledZygote::makes_runners) {
            self.starts.count_not_ready();
        }
        // `close` removes all zygotes.
        removed.is_none_or(|zygote| zygote.jail.is_some())
    }

    /// Counts a zygote that became ready, sends it the catalogues, and requests its first runners.
    pub(super) fn zygote_started(&self, state: &mut PoolState, id: u64) {
        let PoolState { zygotes, catalogues, .. } = state;
        if let Some(zygote) = zygotes.iter().find(|zygote| zygote.id == id) {
            catalogues.announced().iter().for_each(|message| zygote.send(message));
        }
        self.starts.count_ready();
        self.refill(state);
    }
}

impl RunnerOwner for RunnerPool {
    fn runner_ended(&self, zygote: u64) {
        let mut state = self.state();
        if let Some(zygote) = state.zygote(zygote) {
            zygote.live_runners = zygote.live_runners.saturating_sub(1);
            if zygote.is_replaced() && zygote.live_runners == 0 {
                zygote.kill();
            }
            self.refill(&mut state);
        }
    }

    /// The zygote waits for the ends of copies when it is told to. It is told once for many.
    fn copy_ended(&self, id: u64) {
        const REAP_PAUSE: Duration = Duration::from_millis(100);
        {
            let mut state = self.state();
            let Some(zygote) = state.zygote(id).filter(|zygote| !zygote.reaps_soon) else { return };
            zygote.reaps_soon = true;
        }
        let pool = self.this.clone();
        self.tokio.spawn(async move {
            tokio::time::sleep(REAP_PAUSE).await;
            let Some(pool) = pool.upgrade() else { return };
            if let Some(zygote) = pool.state().zygote(id) {
                zygote.reaps_soon = false;
                zygote.send(&ToZygote::Reap);
            }
        });
    }
}

#[cfg(test)]
mod tests;
