//! The app zygote of a Worker, from the broker's side.
//!
//! It is a Worker's process without requests. Its limits and rules are those of any other: it has
//! run the Worker's code, and the broker trusts nothing that it sends.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{RUNNER_TIMEOUT, WorkerProcess, no_process};
use crate::RunError;
use crate::job::WorkerJob;
use crate::process::broker::copies::{self, CopySupervisor, ExpectedCopy, Family};
use crate::process::broker::runner_handle::{RunnerHandle, RunnerOwner as _};
use crate::process::broker::runner_pool::RunnerPool;
use crate::process::broker::runner_process::RunnerProcess;
use crate::process::protocol::messages::ToRunner;
use crate::worker::exchange::ended;
use crate::worker::instance::Instance as _;

/// The time within which a copy must ask for its socket.
const COPY_TIMEOUT: Duration = Duration::from_secs(10);

/// The CPU time that an app zygote may use for a copy, in microseconds.
const COPY_CPU_US: u64 = 50_000;

/// The interval at which a Worker that waits for a process has its zygote checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The pause between two looks for room among the processes that there may be.
const ROOM_PAUSE: Duration = Duration::from_millis(5);

/// A process that has evaluated a Worker's modules, serves no request, and is copied. Dropping it
/// ends the process; copies go on.
pub(crate) struct AppZygote {
    process: WorkerProcess,
    pool: Arc<RunnerPool>,
    supervisor: Arc<CopySupervisor>,
    family: Family,
    /// Held while a copy is made.
    copying: tokio::sync::Mutex<()>,
}

impl AppZygote {
    /// Evaluates the Worker's modules in a process that can be copied. Returns `None` if the kernel
    /// cannot supervise copies.
    ///
    /// # Errors
    /// Returns what the modules threw, or the limit that they passed.
    pub(crate) async fn start(
        pool: &Arc<RunnerPool>,
        job: &WorkerJob,
    ) -> Result<Option<Arc<Self>>, RunError> {
        let until = Instant::now() + RUNNER_TIMEOUT;
        let (runner, supervisor) = loop {
            if pool.has_no_zygote() {
                // The wait for a runner waits for a zygote too.
                let waited = tokio::time::timeout(RUNNER_TIMEOUT, pool.request_runner()).await;
                drop(waited.map_err(|_| no_process())?.map_err(|_| no_process())?);
            }
            let Some((requested, supervisor)) = pool.request_app_zygote() else { return Ok(None) };
            match Self::arrival(pool, requested, until).await {
                Some(runner) => break (runner, supervisor),
                // The zygote was replaced, or there was no descriptor for the runner's socket.
                None if Instant::now() < until => tokio::time::sleep(ROOM_PAUSE).await,
                None => return Err(no_process()),
            }
        };
        let family =
            Arc::new(Mutex::new(HashMap::from([(runner.process().pid(), runner.process().clone())])));
        let process = WorkerProcess::evaluate(pool, job, runner, true).await?;
        let (pool, copying) = (pool.clone(), tokio::sync::Mutex::default());
        Ok(Some(Arc::new(Self { process, pool, supervisor, family, copying })))
    }

    /// Waits for a process that was requested, and has its zygote replaced if that stopped
    /// responding. Returns `None` if the process was lost, or has not come until then.
    async fn arrival(
        pool: &RunnerPool,
        mut requested: oneshot::Receiver<RunnerHandle>,
        until: Instant,
    ) -> Option<RunnerHandle> {
        loop {
            match tokio::time::timeout(CHECK_INTERVAL, &mut requested).await {
                Ok(arrived) => return arrived.ok(),
                Err(_) if Instant::now() < until => pool.request_missing_runners(),
                Err(_) => return None,
            }
        }
    }

    /// Returns `true` if it can be copied.
    pub(crate) fn is_alive(&self) -> bool {
        self.process.takes_requests()
    }

    /// Makes a copy, which serves requests.
    ///
    /// # Errors
    /// Returns an error if there is no room for another process for long, or no descriptor for its
    /// socket. Also if the app zygote has ended or does not respond: it is ended then. Also if it
    /// has forked and the copy has not asked for its socket, or it was taken over: the app zygote
    /// and all copies are ended then.
    pub(crate) async fn copy(self: &Arc<Self>, job: &Arc<WorkerJob>) -> Result<WorkerProcess, RunError> {
        let (zygote, job) = (self.clone(), job.clone());
        // In a task of its own: a fork that was allowed has to be followed to its end.
        let task = self.pool.tokio.spawn(async move {
            let runner = zygote.fork().await?;
            Ok(WorkerProcess::connect(&zygote.pool, &job, runner, None))
        });
        task.await.map_err(|_| ended())?
    }

    async fn fork(&self) -> Result<RunnerHandle, RunError> {
        let _copying = self.copying.lock().await;
        let runner = &self.process.link.runner;
        let until = Instant::now() + RUNNER_TIMEOUT;
        while !self.pool.reserve_copy(runner.zygote()) {
            if Instant::now() > until || !self.is_alive() {
                return Err(no_process());
            }
            tokio::time::sleep(ROOM_PAUSE).await;
        }
        let (broker_end, expected, copied) = match self.prepare_copy() {
            Ok(prepared) => prepared,
            Err(error) => {
                self.pool.runner_ended(runner.zygote());
                tracing::warn!(%error, "another process for a Worker could not be connected");
                return Err(no_process());
            }
        };
        if let Some(process) = self.request_copy(expected, copied).await {
            return Ok(runner.of_copy(process, broker_end, self.family.clone()));
        }
        self.pool.runner_ended(runner.zygote());
        let pid = runner.process().pid();
        if self.supervisor.expect_none(pid) {
            tracing::warn!(
                pid,
                "the process that has evaluated a Worker's modules made no copy in time; it is ended"
            );
            runner.process().kill();
        } else {
            tracing::warn!(
                pid,
                "the process that has evaluated a Worker's modules made a copy that is not known; it and its copies are ended"
            );
            copies::end_family(runner.process().pidfd());
        }
        self.process.link.close();
        Err(ended())
    }

    /// Makes what a copy needs: the broker's end of its socket, and what the supervisor has to know
    /// of it. Nothing has happened to the app zygote if that fails.
    fn prepare_copy(
        &self,
    ) -> io::Result<(tokio::net::UnixStream, ExpectedCopy, oneshot::Receiver<Arc<RunnerProcess>>)> {
        let (broker_end, socket) = UnixStream::pair()?;
        broker_end.set_nonblocking(true)?;
        let broker_end = tokio::net::UnixStream::from_std(broker_end)?;
        let mut key = [0; 8];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        let (reply, copied) = oneshot::channel();
        let key = u64::from_ne_bytes(key);
        let expected = ExpectedCopy { key, family: self.family.clone(), socket: socket.into(), reply };
        Ok((broker_end, expected, copied))
    }

    /// Waits for the one process that the app zygote may fork now.
    async fn request_copy(
        &self,
        expected: ExpectedCopy,
        copied: oneshot::Receiver<Arc<RunnerProcess>>,
    ) -> Option<Arc<RunnerProcess>> {
        let link = &self.process.link;
        let key = expected.key;
        self.supervisor.expect(link.runner.process().pid(), expected);
        link.total_cpu.fetch_add(COPY_CPU_US, Ordering::Relaxed);
        link.send_message(&ToRunner::Copy { key });
        let copied = tokio::time::timeout(COPY_TIMEOUT, copied).await.ok()?.ok()?;
        link.active.store(true, Ordering::Relaxed);
        Some(copied)
    }
}
