//! The instances of a Worker.
//!
//! A request goes to the instance with the fewest requests, of those that are not stuck. While
//! requests wait for long before their first turn, there is another instance, up to a bound. One
//! that has had none for a while is given up; the last one, and after longer the process that is
//! copied for each, only if the job says so, and the next request starts one.
//!
//! With [`WorkerIsolation::Request`] each request takes an instance that was not used before. One
//! is started ahead of the next request; an instance ends with its request.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exchange::{Exchanges, ended};
use super::exports::Loopback;
use super::instance::Instance;
use super::instance_list::{InstanceList, Listed};
use super::thread::ThreadInstance;
use crate::job::{WorkerIsolation, WorkerJob};
use crate::pool::ThreadPool;
use crate::process::broker::runner_pool::RunnerPool;
use crate::process::broker::worker_process::WorkerProcess;
use crate::process::broker::worker_process::app_zygote::AppZygote;
use crate::{ErrorCode, Limits, RunError};

/// The wait for a first turn above which another instance is started: the average one, or that of
/// the oldest request. An instance whose oldest request has waited for longer is stuck.
const MAX_QUEUED: Duration = Duration::from_millis(5);

/// The time without requests after which an instance that is not the last is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The shortest interval at which unused instances are looked for.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The place of instances.
pub(crate) enum WorkerBackend {
    /// Threads of this process.
    Threads(Arc<ThreadPool>, tokio::runtime::Handle),
    /// Jailed processes, and the one that is copied for each of them.
    Processes(Arc<RunnerPool>, tokio::sync::Mutex<Option<Arc<AppZygote>>>),
}

impl WorkerBackend {
    /// Starts an instance. The future is on the heap: each request's future has a place for it, and
    /// is moved.
    fn start<'a>(&'a self, job: &'a Arc<WorkerJob>) -> BoxFuture<'a, Result<Arc<dyn Instance>, RunError>> {
        Box::pin(async move {
            Ok::<Arc<dyn Instance>, _>(match self {
                Self::Threads(pool, tokio) => Arc::new(ThreadInstance::start(pool, tokio, job).await?),
                Self::Processes(pool, app_zygote) => match Self::app_zygote(pool, app_zygote, job).await? {
                    Some(app_zygote) => Arc::new(app_zygote.copy(job).await?),
                    None => Arc::new(WorkerProcess::start(pool, job).await?),
                },
            })
        })
    }

    /// Returns the process that is copied, and starts it if there is none. `None` if the kernel
    /// cannot supervise copies: then each process evaluates the modules itself.
    async fn app_zygote(
        pool: &Arc<RunnerPool>,
        present: &tokio::sync::Mutex<Option<Arc<AppZygote>>>,
        job: &WorkerJob,
    ) -> Result<Option<Arc<AppZygote>>, RunError> {
        let mut present = present.lock().await;
        if !present.as_ref().is_some_and(|app_zygote| app_zygote.is_alive()) {
            *present = None;
            *present = AppZygote::start(pool, job).await?;
        }
        Ok(present.clone())
    }

    /// Returns `true` if there is a process that is copied, and none is being started.
    fn has_app_zygote(&self) -> bool {
        match self {
            Self::Threads(..) => false,
            Self::Processes(_, app_zygote) => app_zygote.try_lock().is_ok_and(|present| present.is_some()),
        }
    }

    /// Ends what only helps to start instances, unless it is being started.
    fn rest(&self) {
        if let Self::Processes(_, app_zygote) = self
            && let Ok(mut present) = app_zygote.try_lock()
        {
            *present = None;
        }
    }
}

/// The instances of one Worker.
pub(crate) struct Instances {
    backend: WorkerBackend,
    job: Arc<WorkerJob>,
    list: tokio::sync::Mutex<InstanceList>,
    /// `true` while another instance is being started.
    is_starting: AtomicBool,
    /// The length of the list when it was last looked at.
    count: AtomicUsize,
    /// The instances that single requests may have at once.
    single: Arc<Semaphore>,
}

/// An instance for one request. Dropping it ends the instance.
struct SingleUse {
    instance: Arc<dyn Instance>,
    _permit: OwnedSemaphorePermit,
}

impl Instance for SingleUse {
    fn exchanges(&self) -> &Arc<Exchanges> {
        self.instance.exchanges()
    }

    fn takes_requests(&self) -> bool {
        self.instance.takes_requests()
    }
}

impl Instances {
    pub(super) fn new(backend: WorkerBackend, mut job: WorkerJob) -> Arc<Self> {
        let idle_timeout = job.idle_timeout.unwrap_or(IDLE_TIMEOUT).min(IDLE_TIMEOUT);
        let list = tokio::sync::Mutex::default();
        let (is_starting, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let single = Arc::new(Semaphore::new(job.instances));
        let instances = Arc::new_cyclic(|this: &Weak<Self>| {
            if job.has_exports {
                job.fetchers.set_exports(Arc::new(Loopback::to(this.clone())));
            }
            Self { backend, job: Arc::new(job), list, is_starting, count, single }
        });
        tokio::spawn(Self::give_up_unused(Arc::downgrade(&instances), idle_timeout / 4));
        instances
    }

    /// Gives up instances that are not used, until the Worker is dropped.
    async fn give_up_unused(instances: Weak<Self>, interval: Duration) {
        let mut idle_since = None;
        loop {
            tokio::time::sleep(interval.max(MIN_CHECK_INTERVAL)).await;
            let Some(instances) = instances.upgrade() else { return };
            // Requests wait for this lock: nothing is waited for with it.
            let mut list = instances.list.lock().await;
            let now = Instant::now();
            list.retire(instances.job.instances);
            let list = &mut list.present;
            let idle_for = |listed: &Listed, time: Duration| {
                listed.instance.exchanges().live() == 0 && now > listed.used_at + time
            };
            while list.len() > 1
                && let Some(at) = list.iter().position(|listed| idle_for(listed, IDLE_TIMEOUT))
            {
                list.swap_remove(at);
            }
            if let Some(timeout) = instances.job.idle_timeout {
                // Another one is soon there where it is only copied.
                let starts_soon = instances.backend.has_app_zygote();
                let last_timeout = if starts_soon { timeout.min(IDLE_TIMEOUT) } else { timeout };
                if let [last] = list.as_slice()
                    && idle_for(last, last_timeout)
                {
                    idle_since = Some(last.used_at);
                    list.clear();
                }
                // The last one may also have ended in another way.
                idle_since = if list.is_empty() { idle_since.or(Some(now)) } else { None };
                if idle_since.take_if(|since| now > *since + timeout).is_some() {
                    instances.backend.rest();
                }
            }
            instances.count.store(list.len(), Ordering::Relaxed);
        }
    }

    /// Returns the number of instances that single requests have.
    fn taken(&self) -> usize {
        self.job.instances.saturating_sub(self.single.available_permits())
    }

    /// Returns the number of instances that take requests or have one of their own.
    pub(super) fn count(&self) -> usize {
        // While an instance starts the list is locked.
        let counted = self
            .list
            .try_lock()
            .map(|list| list.present.iter().filter(|listed| listed.instance.takes_requests()).count());
        counted.unwrap_or_else(|_| self.count.load(Ordering::Relaxed)) + self.taken()
    }

    /// Returns the number of requests that have not ended in these instances.
    pub(super) async fn requests(&self) -> usize {
        let live = |listed: &Listed| listed.instance.exchanges().live();
        self.list.lock().await.present.iter().map(live).sum::<usize>() + self.taken()
    }

    /// Starts the first instance, so that the errors of the modules are known.
    pub(super) async fn load(&self) -> Result<(), RunError> {
        let instance = self.backend.start(&self.job).await?;
        self.list.lock().await.present.push(Listed::new(instance));
        Ok(())
    }

    /// Returns an instance that was not used before.
    async fn unused(self: &Arc<Self>) -> Result<Arc<dyn Instance>, RunError> {
        let waiting = tokio::time::timeout(self.job.limits.wall, self.single.clone().acquire_owned());
        let Ok(permit) = waiting.await.map_err(|_| self.no_instance())? else { return Err(ended()) };
        let ready = {
            let mut list = self.list.lock().await;
            list.retire(self.job.instances);
            let ready = list.present.pop();
            if list.present.is_empty() && !self.is_starting.swap(true, Ordering::Relaxed) {
                tokio::spawn(self.clone().add());
            }
            ready
        };
        let instance = match ready {
            Some(listed) => listed.instance,
            None => self.backend.start(&self.job).await?,
        };
        Ok(Arc::new(SingleUse { instance, _permit: permit }))
    }

    /// Returns the error of a request that has waited for an instance of its own for too long.
    fn no_instance(&self) -> RunError {
        let (count, wall) = (self.job.instances, self.job.limits.wall.as_secs_f64());
        let text = format!("The Worker's {count} processes were all in use for {wall} s.");
        RunError::new(ErrorCode::WallLimit, "WallLimitError", text).with_hint(
            "With `isolation = \"request\"` each request has a process, as long as it lasts: also one with an open WebSocket. \
             Raise `processes`, or have WebSockets in a Worker without that isolation.",
        )
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.job.limits
    }

    /// Returns the instance for a request. Starts one if there is none.
    pub(super) async fn place(self: &Arc<Self>) -> Result<Arc<dyn Instance>, RunError> {
        if self.job.isolation == WorkerIsolation::Request {
            return self.unused().await;
        }
        let mut list = self.list.lock().await;
        let now = Instant::now();
        list.retire(self.job.instances);
        let list = &mut list.present;
        if list.is_empty() {
            let instance = self.backend.start(&self.job).await?;
            list.push(Listed::new(instance.clone()));
            return Ok(instance);
        }
        let live = |listed: &Listed| listed.instance.exchanges().live();
        let is_stuck = |listed: &Listed| listed.instance.exchanges().waiting() > MAX_QUEUED;
        let count = list.len();
        let Some(best) = list.iter_mut().min_by_key(|listed| (is_stuck(listed), live(listed))) else {
            return Err(ended());
        };
        best.used_at = now;
        let instance = best.instance.clone();
        let exchanges = instance.exchanges();
        let wait = exchanges.queued().max(exchanges.waiting());
        let is_busy = exchanges.live() > 0 && wait > MAX_QUEUED;
        if is_busy && count < self.job.instances && !self.is_starting.swap(true, Ordering::Relaxed) {
            tokio::spawn(self.clone().add());
        }
        Ok(instance)
    }

    /// Starts another instance.
    async fn add(self: Arc<Self>) {
        let started = self.backend.start(&self.job).await;
        match started {
            Ok(instance) => self.list.lock().await.present.push(Listed::new(instance)),
            Err(error) => tracing::warn!(%error, "another process for a Worker could not be started"),
        }
        self.is_starting.store(false, Ordering::Relaxed);
    }
}
