//! A pool of warm threads, each with an isolate.
//!
//! Each isolate has a thread of its own: the thread's CPU clock is the run's, a busy loop does not
//! delay other runs, and isolates do not move between threads. A thread makes an isolate, waits for
//! a job, runs it, reports, disposes of the isolate (after the report, so that the request does not
//! wait for it) and starts over, or ends if enough other threads are warm.
//!
//! ```text
//!  push ─► queue ─► idle thread: run ─► report ─► dispose ─► make ─► idle …
//!             └── none idle and none being made: the spawner starts one more, up to `live`
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::execution::{self, ScriptText};
use crate::isolate::FreshIsolate;
use crate::libraries::{self, EVALUATION_TIMEOUT};
use crate::run_channel::RunChannel;
use crate::state::{RunState, ScriptEnv, milliseconds};
use crate::stop::{Cancellation, RunControl};
use crate::watchdog::{Watch, Watchdog, WatchedThread};
use crate::{Libraries, Limits};

/// The stack of a thread that runs JavaScript. V8 uses about 1 MB of it; host functions and the
/// parser need the rest.
const THREAD_STACK_BYTES: usize = 4 * 1024 * 1024;

/// A job that waits for an isolate.
pub(crate) struct QueuedRun {
    text: ScriptText,
    names: ScriptEnv,
    limits: Limits,
    channel: Box<dyn RunChannel>,
    cancellation: Arc<Cancellation>,
    since: Instant,
}

impl QueuedRun {
    pub(crate) fn new(
        text: ScriptText,
        names: ScriptEnv,
        limits: Limits,
        channel: Box<dyn RunChannel>,
        cancellation: Arc<Cancellation>,
    ) -> Self {
        Self { text, names, limits, channel, cancellation, since: Instant::now() }
    }
}

/// The numbers of warm and of all isolates, and their memory.
#[derive(Debug, Clone)]
pub(crate) struct ThreadPoolOptions {
    pub(crate) warm: usize,
    pub(crate) live: usize,
    pub(crate) memory: usize,
    /// The libraries that each isolate evaluates before its run.
    pub(crate) libraries: Option<Arc<Libraries>>,
}

/// The threads and their queue.
pub(crate) struct ThreadPool {
    options: ThreadPoolOptions,
    watchdog: Watchdog,
    state: Mutex<PoolState>,
    arrived: Condvar,
    spawner: Sender<ThreadBody>,
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<QueuedRun>,
    /// The number of threads that wait for a job.
    idle: usize,
    /// The number of threads that are making an isolate.
    making: usize,
    /// The number of all threads.
    live: usize,
    /// The result of the first evaluation of the libraries.
    evaluated: Option<Result<(), String>>,
    closed: bool,
}

/// The body of a thread, for the spawner.
pub(crate) type ThreadBody = Box<dyn FnOnce() + Send>;

impl ThreadPool {
    /// Fills the pool in the background. V8 must be running.
    pub(crate) fn start(options: ThreadPoolOptions) -> Arc<Self> {
        let (spawner, requests) = channel::<ThreadBody>();
        // All threads that enter isolates are children of this one, which starts after V8 (see
        // `v8_process::start`). The caller's thread may be a thread of tokio from before.
        std::thread::Builder::new()
            .name("isolet-spawner".into())
            .stack_size(256 * 1024)
            .spawn(move || {
                for body in requests {
                    let spawned = std::thread::Builder::new()
                        .name("isolet-js".into())
                        .stack_size(THREAD_STACK_BYTES)
                        .spawn(body);
                    if let Err(error) = spawned {
                        tracing::error!(%error, "no thread for an isolate");
                    }
                }
            })
            .expect("a thread for the spawner");
        let pool = Arc::new(Self {
            watchdog: Watchdog::start(),
            state: Mutex::default(),
            arrived: Condvar::new(),
            spawner,
            options,
        });
        for _ in 0..pool.options.warm {
            let mut state = pool.state.lock();
            pool.add_thread(&mut state);
        }
        pool
    }

    pub(crate) fn memory(&self) -> usize {
        self.options.memory
    }

    /// Threads that wait for a job.
    pub(crate) fn idle(&self) -> usize {
        self.state.lock().idle
    }

    /// Starts a thread outside of the pool, for a Worker.
    pub(crate) fn spawn(&self, body: ThreadBody) {
        let _ = self.spawner.send(body);
    }

    /// Queues a job for the next idle thread.
    pub(crate) fn push(self: &Arc<Self>, queued: QueuedRun) {
        let mut state = self.state.lock();
        state.queue.push_back(queued);
        if state.idle + state.making < state.queue.len() && state.live < self.options.live {
            self.add_thread(&mut state);
        }
        drop(state);
        self.arrived.notify_one();
    }

    fn add_thread(self: &Arc<Self>, state: &mut PoolState) {
        state.live += 1;
        state.making += 1;
        let pool = Arc::downgrade(self);
        let memory = self.options.memory;
        self.spawn(Box::new(move || {
            // The isolate is made before the pool is upgraded, so that the pool can be dropped
            // meanwhile.
            loop {
                let fresh = FreshIsolate::new(memory);
                let Some(pool) = pool.upgrade() else { return };
                let fresh = pool.with_libraries(fresh);
                let Some(queued) = pool.next_job() else { return };
                pool.execute(fresh, queued);
                if !pool.wants_another() {
                    return;
                }
            }
        }));
    }

    /// Evaluates the libraries in an isolate. If that fails, returns one without libraries.
    fn with_libraries(&self, mut fresh: FreshIsolate) -> FreshIsolate {
        let Some(libraries) = self.options.libraries.as_deref() else { return fresh };
        let limits = Limits { memory: self.options.memory, cpu: EVALUATION_TIMEOUT, ..Limits::default() };
        let until = Instant::now() + EVALUATION_TIMEOUT;
        let watch = self.watch_this_thread(&fresh.control, EVALUATION_TIMEOUT, until);
        let limits = Limits { wall: EVALUATION_TIMEOUT, ..limits };
        let evaluated =
            libraries::evaluate(&mut fresh, libraries, limits, |_| ()).map(|()| libraries::end(&mut fresh));
        drop(watch);
        let first = self.state.lock().evaluated.get_or_insert_with(|| evaluated.clone()).is_err();
        self.arrived.notify_all();
        match evaluated {
            Ok(()) => fresh,
            Err(reason) => {
                // The first failure ends the start, with its reason.
                if !first {
                    tracing::error!("a run has no libraries: {reason}");
                }
                drop(fresh);
                FreshIsolate::new(self.options.memory)
            }
        }
    }

    /// Returns the reason why the libraries cannot be evaluated. Waits for the first evaluation, at
    /// most for `timeout`.
    pub(crate) fn libraries_failure(&self, timeout: Duration) -> Option<String> {
        self.options.libraries.as_ref()?;
        let mut state = self.state.lock();
        let until = Instant::now() + timeout;
        while state.evaluated.is_none() {
            if self.arrived.wait_until(&mut state, until).timed_out() {
                return Some("they were not evaluated in time".to_owned());
            }
        }
        state.evaluated.clone()?.err()
    }

    /// Waits for a job. Returns `None` when the pool is closed.
    fn next_job(&self) -> Option<QueuedRun> {
        let mut state = self.state.lock();
        state.making -= 1;
        state.idle += 1;
        loop {
            if let Some(queued) = state.queue.pop_front() {
                if queued.cancellation.is_cancelled() {
                    continue;
                }
                state.idle -= 1;
                return Some(queued);
            }
            if state.closed {
                state.idle -= 1;
                state.live -= 1;
                return None;
            }
            self.arrived.wait(&mut state);
        }
    }

    /// Decides, after a run, whether this thread makes another isolate.
    fn wants_another(&self) -> bool {
        let mut state = self.state.lock();
        let wanted = self.options.warm.max(state.queue.len());
        let again = !state.closed && state.idle + state.making < wanted;
        if again {
            state.making += 1;
        } else {
            state.live -= 1;
        }
        again
    }

    /// Runs one job and disposes of the isolate.
    fn execute(&self, mut fresh: FreshIsolate, queued: QueuedRun) {
        let QueuedRun { text, names, limits, channel, cancellation, since } = queued;
        if !cancellation.attach(&fresh.control) {
            return;
        }
        let (control, cpu) = (fresh.control.clone(), limits.cpu);
        let state = RunState::new(names, limits, control.clone(), channel, fresh.sender());
        execution::execute(&mut fresh, None, &text, state, milliseconds(since), |wall_until| {
            let (watched, first) = WatchedThread::this(control, cpu, wall_until);
            self.watchdog.watch(watched, first)
        });
    }

    /// Watches the limits of a Worker's turn on the calling thread, until the returned guard is
    /// dropped.
    pub(crate) fn watch_this_thread(
        &self,
        control: &Arc<RunControl>,
        cpu: Duration,
        wall_until: Instant,
    ) -> Watch {
        let (watched, first) = WatchedThread::this(control.clone(), cpu, wall_until);
        self.watchdog.watch(watched, first)
    }

    /// Closes the pool: idle threads end, and the others when their run has ended.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_all();
    }
}
