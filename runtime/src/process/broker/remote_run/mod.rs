//! One run in a runner, from the broker's side.
//!
//! The future of [`RemoteRun::next`] drives the run: it has no task of its own. Dropping the run
//! ends the runner and cancels the calls.
//!
//! ```text
//!              a runner is there              result, error, limit
//!  Waiting ───────────────────────► Running ──────────────────────► Ended ──► Done
//!     │  ▲                             │ the socket closed                ▲
//!     │  │ it did nothing and was not  ▼ without a result                 │
//!     │  └─────────── killed ──── QueryingExit ───────────────────────────┘
//!     ▼ no zygote, too large
//!  Failed ──► Done
//! ```
//!
//! The broker does not trust the runner (`runner_messages`).
//!
//! | module | contents |
//! |---|---|
//! | `pending_run` | a run as it is given to a runner |
//! | `live_run` | a run that has a runner: its socket, its calls in flight, its cost |
//! | `runner_messages` | the handling of each message from a runner |
//! | `checks` | the rules for messages that runs and Workers have in common |
//! | `errors` | the errors with which such runs end |

pub(super) mod checks;
mod errors;
mod live_run;
mod pending_run;
mod runner_messages;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use self::errors::{crashed, no_zygote, too_large, violation};
use self::live_run::LiveRun;
use self::pending_run::PendingRun;
use super::runner_handle::RunnerHandle;
use super::runner_pool::RunnerPool;
use super::send_queue::SendQueue;
use crate::process::protocol::messages::ToRunner;
use crate::report::Outcome;
use crate::state::milliseconds;
use crate::{Job, RunError, RunEvent, Stats};

/// The bound on the runners that get the same run, one after the other, while none begins it.
const MAX_PLACEMENTS: u32 = 3;

/// A run that has computed for longer without sending a message is not given to another runner: it
/// may be the reason for which its runner ended.
const REPLACEMENT_WINDOW: Duration = Duration::from_secs(1);

/// The interval at which a run that waits for a runner checks that there is a zygote.
const ZYGOTE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The number of checks in a row without any zygote after which a run fails.
const MAX_CHECKS_WITHOUT_ZYGOTE: u32 = 10;

/// A run that waits for a runner, or has one.
pub(crate) struct RemoteRun {
    pool: Arc<RunnerPool>,
    stage: Stage,
    queued_at: Instant,
    /// The number of runners that it has been given to.
    placements: u32,
    /// The number of checks in a row that found no zygote.
    checks_without_zygote: u32,
}

/// The stage of a run, as drawn above.
enum Stage {
    Waiting(Box<PendingRun>, oneshot::Receiver<RunnerHandle>),
    Running(Box<LiveRun>),
    QueryingExit {
        live: Box<LiveRun>,
        /// The time that the run took until its socket closed.
        elapsed: Duration,
        forbidden_call: BoxFuture<'static, bool>,
    },
    Failed(Box<RunError>),
    /// The events that are still to be returned.
    Ended(VecDeque<RunEvent>),
    Done,
}

impl RemoteRun {
    /// Gives a job to a runner of the pool, now or when one is ready.
    pub(crate) fn start(pool: Arc<RunnerPool>, job: Job) -> Self {
        let catalogue_id = pool.number_catalogue(&job.environment.catalogue);
        let pending = PendingRun::new(job, catalogue_id);
        let stage = Stage::Done;
        let mut run =
            Self { pool, stage, queued_at: Instant::now(), placements: 0, checks_without_zygote: 0 };
        run.stage = match pending {
            Ok(pending) => run.place(Box::new(pending)),
            Err(error) => Stage::Failed(Box::new(too_large(&error))),
        };
        run
    }

    /// Returns the next event; the last one is [`RunEvent::Done`]. The future may be dropped and
    /// the method called again at any time.
    pub(crate) async fn next(&mut self) -> RunEvent {
        loop {
            // Each stage is awaited in place, and taken out only after that.
            match &mut self.stage {
                Stage::Waiting(_, runner) => {
                    let arrived = tokio::time::timeout(ZYGOTE_CHECK_INTERVAL, runner).await;
                    match arrived {
                        Ok(runner) => self.runner_arrived(runner.ok()),
                        Err(_) => self.check_zygotes(),
                    }
                }
                Stage::Running(live) => match live.next().await {
                    Ok(Some(RunEvent::Done(outcome))) => self.run_ended(Ok(Some(*outcome))),
                    Ok(Some(event)) => return event,
                    Ok(None) => self.run_ended(Ok(None)),
                    Err(error) => self.run_ended(Err(error)),
                },
                Stage::QueryingExit { forbidden_call, .. } => {
                    let forbidden_call = forbidden_call.await;
                    self.exit_known(forbidden_call);
                }
                Stage::Ended(events) => match events.pop_front() {
                    Some(event) => return event,
                    None => self.stage = Stage::Done,
                },
                Stage::Failed(error) => {
                    let result = Err((**error).clone());
                    self.stage = Stage::Done;
                    return RunEvent::Done(Box::new(Outcome { result, stats: Stats::default() }));
                }
                Stage::Done => std::future::pending().await,
            }
        }
    }

    /// Takes the stage out, to replace it.
    fn take_stage(&mut self) -> Stage {
        std::mem::replace(&mut self.stage, Stage::Done)
    }

    /// Begins the run. `runner` is `None` if the pool was closed.
    fn runner_arrived(&mut self, runner: Option<RunnerHandle>) {
        if let Stage::Waiting(pending, _) = self.take_stage() {
            self.stage = match runner {
                Some(runner) => self.begin(pending, runner),
                None => Stage::Failed(Box::new(crashed())),
            };
        }
    }

    /// Fails if there has been no zygote for long. Otherwise all runners are busy, or a request was
    /// lost.
    fn check_zygotes(&mut self) {
        self.checks_without_zygote =
            if self.pool.has_no_zygote() { self.checks_without_zygote + 1 } else { 0 };
        if self.checks_without_zygote >= MAX_CHECKS_WITHOUT_ZYGOTE {
            self.stage = Stage::Failed(Box::new(no_zygote()));
        } else {
            self.pool.request_missing_runners();
        }
    }

    /// Handles the end of a run: its outcome, `None` if the socket closed, or the rule that the
    /// runner broke.
    fn run_ended(&mut self, end: io::Result<Option<Outcome>>) {
        let Stage::Running(live) = self.take_stage() else { return };
        let outcome = match (end, live.kill_reason()) {
            (Ok(Some(outcome)), _) => outcome,
            (Ok(None), Some(reason)) => live.outcome(Err(crate::error::stopped(reason, live.limits()))),
            (Ok(None), None) => {
                let forbidden_call = self.pool.ended_by_forbidden_call(live.runner());
                let elapsed = live.elapsed();
                self.stage = Stage::QueryingExit { live, elapsed, forbidden_call };
                return;
            }
            (Err(error), _) => {
                let pid = live.pid();
                tracing::warn!(pid, %error, "violation: a runner broke the rules; it is ended");
                live.outcome(Err(violation()))
            }
        };
        self.stage = Stage::Ended(live.into_events(outcome));
    }

    /// Handles the answer of the zygote about a runner whose socket closed without a result.
    fn exit_known(&mut self, forbidden_call: bool) {
        let Stage::QueryingExit { live, elapsed, .. } = self.take_stage() else { return };
        if forbidden_call {
            tracing::warn!(
                pid = live.pid(),
                "violation: a runner made a system call that no script makes; the kernel ended it (SIGSYS)"
            );
        }
        // A run without effects, such as calls and log lines, can begin again.
        let no_effects = !live.has_begun() && elapsed < REPLACEMENT_WINDOW;
        if no_effects && !forbidden_call && self.placements < MAX_PLACEMENTS {
            self.stage = self.place(live.into_pending());
            return;
        }
        let outcome = live.outcome(Err(if forbidden_call { violation() } else { crashed() }));
        self.stage = Stage::Ended(live.into_events(outcome));
    }

    /// Requests a runner, and begins at once if one is ready.
    fn place(&mut self, pending: Box<PendingRun>) -> Stage {
        let mut runner = self.pool.request_runner();
        match runner.try_recv() {
            Ok(runner) => self.begin(pending, runner),
            Err(_) => Stage::Waiting(pending, runner),
        }
    }

    /// Gives the run to a runner.
    fn begin(&mut self, pending: Box<PendingRun>, runner: RunnerHandle) -> Stage {
        self.placements += 1;
        let mut to_send = SendQueue::default();
        if !runner.has_catalogue(pending.catalogue_id) {
            let catalogue = (*pending.catalogue).clone();
            let message = ToRunner::Catalogue { id: pending.catalogue_id, catalogue };
            if let Err(error) = to_send.push(&message) {
                return Stage::Failed(Box::new(too_large(&error)));
            }
        }
        to_send.push_frame(pending.frame.clone());
        let watch = self.pool.enforce_limits(&runner, &pending.limits);
        let mut live = LiveRun::new(pending, runner, watch, milliseconds(self.queued_at), to_send);
        // Most frames fit into the socket at once. The rest is sent when there is space.
        live.send();
        Stage::Running(Box::new(live))
    }
}
