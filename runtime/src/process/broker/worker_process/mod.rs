//! A Worker in a runner of its own, from the broker's side.
//!
//! ```text
//!  start ── Worker ──► evaluating ── WorkerReady ──► serving ──── memory is high ────► retiring
//!                          │                           │  │                               │
//!               WorkerFailed, limit on the start       │  └─ limit, violation, crash      │ no request left,
//!                          ▼                           ▼                                  ▼ or the Worker is dropped
//!                        failed                 closed: requests fail ─────────────────► killed
//! ```
//!
//! The broker does not trust the runner. It checks each message: those about requests in
//! [`Exchanges`], the others here.
//!
//! | module | contents |
//! |---|---|
//! | [`app_zygote`] | the process that has evaluated the modules and is copied |
//! | `driver` | the messages of the runner |
//! | `calls` | the calls in flight |
//! | `link` | the messages to the runner |
//! | `limits` | limits on CPU time and memory, enforced from outside |

pub(crate) mod app_zygote;
mod calls;
mod driver;
mod limits;
mod link;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use self::driver::{Driver, End};
pub(super) use self::limits::WorkerLimits;
use self::link::RunnerLink;
use super::runner_handle::RunnerHandle;
use super::runner_pool::RunnerPool;
use crate::job::WorkerJob;
use crate::process::protocol::messages::{ToRunner, WorkerStart};
use crate::run_channel::AbortOnDrop;
use crate::stop::StopReason;
use crate::watchdog::Watch;
use crate::worker::bindings::Fetches;
use crate::worker::exchange::{Exchanges, ended};
use crate::worker::instance::Instance;
use crate::{Catalogue, ErrorCode, RunError, error};

/// The time within which a runner must be there for a Worker.
const RUNNER_TIMEOUT: Duration = Duration::from_secs(20);

/// A Worker's process. Dropping it ends the process.
pub(crate) struct WorkerProcess {
    exchanges: Arc<Exchanges>,
    link: Arc<RunnerLink>,
    _watch: Watch,
    _task: AbortOnDrop,
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.link.runner.process().kill();
        self.link.close();
        // The task that would do so ends with this.
        self.exchanges.close(0, &ended());
    }
}

impl Instance for WorkerProcess {
    fn exchanges(&self) -> &Arc<Exchanges> {
        &self.exchanges
    }

    fn takes_requests(&self) -> bool {
        !self.link.closed.load(Ordering::Relaxed) && !self.link.retiring.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.link.runner.process().kill();
    }
}

impl WorkerProcess {
    /// Gives the Worker to a runner, and waits until its modules were evaluated.
    pub(crate) async fn start(pool: &Arc<RunnerPool>, job: &WorkerJob) -> Result<Self, RunError> {
        let runner = match tokio::time::timeout(RUNNER_TIMEOUT, pool.request_runner()).await {
            Ok(Ok(runner)) => runner,
            Ok(Err(_)) | Err(_) => return Err(no_process()),
        };
        Self::evaluate(pool, job, runner, false).await
    }

    /// Gives the Worker to `runner`, and waits until its modules were evaluated.
    async fn evaluate(
        pool: &Arc<RunnerPool>,
        job: &WorkerJob,
        runner: RunnerHandle,
        is_app_zygote: bool,
    ) -> Result<Self, RunError> {
        let catalogue = &job.environment.catalogue;
        let catalogue_id = pool.number_catalogue(catalogue);
        let start = WorkerStart {
            catalogue: catalogue_id,
            is_app_zygote,
            main: job.main.clone(),
            modules: job.modules.to_vec(),
            features: job.features(),
            vars: serde_json::Value::Object(job.environment.vars.clone()).to_string(),
            start_limits: job.start_limits.clone(),
            limits: job.limits.clone(),
        };
        let has_catalogue = runner.has_catalogue(catalogue_id);
        let (ready, is_ready) = oneshot::channel();
        let process = Self::connect(pool, job, runner, Some(ready));
        if !has_catalogue {
            process.link.send_message(&ToRunner::Catalogue {
                id: catalogue_id,
                catalogue: Catalogue::clone(catalogue),
            });
        }
        process.link.send_message(&ToRunner::Worker(Box::new(start)));
        match tokio::time::timeout(job.start_limits.wall, is_ready).await {
            Ok(Ok(Ok(()))) => Ok(process),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(error::stopped_worker(StopReason::Wall, &job.start_limits)),
        }
    }

    /// Handles a runner's messages and enforces its limits. `ready` gets the outcome of its start;
    /// a copy of an app zygote has started already.
    fn connect(
        pool: &Arc<RunnerPool>,
        job: &WorkerJob,
        runner: RunnerHandle,
        ready: Option<oneshot::Sender<Result<(), RunError>>>,
    ) -> Self {
        let link = Arc::new(RunnerLink::new(runner, job));
        if ready.is_none() {
            link.has_started(&job.limits);
        }
        let fetches = Some(Fetches::of(job, pool.tokio.clone()));
        let exchanges =
            Exchanges::new(link.clone(), job.log.clone(), &job.start_limits, &job.limits, fetches);
        let watch = pool.watch_worker(WorkerLimits::new(link.clone(), pool.heap_bytes()));
        let driver = Driver::new(link.clone(), exchanges.clone(), job, ready);
        let task = AbortOnDrop(pool.tokio.spawn(drive(driver, pool.clone())).abort_handle());
        Self { exchanges, link, _watch: watch, _task: task }
    }
}

fn no_process() -> RunError {
    let text = "No process that could run the Worker has started.";
    RunError::new(ErrorCode::Crashed, "CrashedError", text)
        .with_hint("isolet goes on trying to start one; its log has the reason why none starts.")
}

/// Serves the Worker until its process has ended or has to be ended, and closes its requests.
async fn drive(mut driver: Driver, pool: Arc<RunnerPool>) {
    let end = driver.serve().await;
    driver.link.close();
    let process = driver.link.runner.process();
    let pid = process.pid();
    let only = driver.exchanges.only_request();
    let (culprit, error) = match (end, process.kill_reason()) {
        (End::Violation(error), _) => {
            tracing::warn!(pid, %error, "violation: a Worker's process broke the rules; it is ended");
            (only, violation())
        }
        (End::Unresponsive(reason), _) => {
            tracing::warn!(pid, reason, "a Worker's process does not respond; it is ended");
            (0, ended())
        }
        (End::Reported(request, error), _) => (request, error),
        // Without its word it is not known which of several requests was at fault.
        (End::Closed, Some(reason)) => (only, error::stopped_worker(reason, driver.limits())),
        (End::Closed, None) if pool.ended_by_forbidden_call(&driver.link.runner).await => {
            tracing::warn!(
                pid,
                "violation: a Worker's process made a system call that no Worker makes; the kernel ended it (SIGSYS)"
            );
            (only, violation())
        }
        (End::Closed, None) => (0, ended()),
    };
    process.kill();
    if error.code == ErrorCode::Violation {
        (driver.violated)(&error);
    }
    if let Some(ready) = driver.ready.take() {
        let _ = ready.send(Err(error.clone()));
    }
    driver.exchanges.close(culprit, &error);
}

fn violation() -> RunError {
    let text = "The process that ran the Worker did what no Worker has the means to do, and was ended.";
    RunError::new(ErrorCode::Violation, "ViolationError", text)
        .with_hint("Either the Worker breaks out of its engine, or isolet has a fault. Its operator finds more in the log.")
}
