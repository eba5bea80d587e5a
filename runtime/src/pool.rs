//! Warm threads.
//!
//! One thread for each isolate: the thread's CPU clock is the run's, a hot loop holds up nobody else's turn, and no
//! isolate ever migrates. A thread makes an isolate, waits for a job, runs it, reports, disposes the isolate (after the
//! report, so off the request's path) and begins again, or ends if enough others are warm.
//!
//! ```text
//!  push ─► queue ─► idle thread: run ─► report ─► dispose ─► make ─► idle …
//!             └── none idle and none being made: the spawner starts one more, up to `live`
//! ```

use std::collections::VecDeque;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::Limits;
use crate::control::Control;
use crate::engine::Ticket;
use crate::execution::{self, Text};
use crate::isolate::FreshIsolate;
use crate::outlet::Outlet;
use crate::state::{Names, RunState, milliseconds};
use crate::watchdog::{OnThread, Watch, Watchdog};

/// Stack of a JavaScript thread. V8 takes about 1 MB of it before it throws; natives and the parser need the rest.
const STACK: usize = 4 * 1024 * 1024;

/// A job on its way to an isolate.
pub(crate) struct Queued {
    text: Text,
    names: Names,
    limits: Limits,
    outlet: Box<dyn Outlet>,
    ticket: Arc<Ticket>,
    since: Instant,
}

impl Queued {
    pub(crate) fn new(
        text: Text,
        names: Names,
        limits: Limits,
        outlet: Box<dyn Outlet>,
        ticket: Arc<Ticket>,
    ) -> Self {
        Self { text, names, limits, outlet, ticket, since: Instant::now() }
    }
}

/// How many isolates to keep ready and to let live, and how large they may grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    pub(crate) warm: usize,
    pub(crate) live: usize,
    pub(crate) heap_bytes: usize,
}

/// The threads and the queue before them.
pub(crate) struct Pool {
    options: PoolOptions,
    watchdog: Watchdog,
    state: Mutex<State>,
    arrived: Condvar,
    spawner: Sender<Spawn>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Queued>,
    /// Threads that wait for a job.
    idle: usize,
    /// Threads that make an isolate and will then wait.
    making: usize,
    /// All threads.
    live: usize,
    closed: bool,
}

/// What the spawner thread is asked for: the body of a thread.
pub(crate) type Spawn = Box<dyn FnOnce() + Send>;

impl Pool {
    /// Fills the pool in the background. V8 must be running.
    pub(crate) fn start(options: PoolOptions) -> Arc<Self> {
        let (spawner, requests) = channel::<Spawn>();
        // All threads that enter isolates descend from this one, which was made after V8 was started: see
        // `v8_process::start`. The caller's thread may be one of tokio's, made before.
        std::thread::Builder::new()
            .name("isolet-spawner".into())
            .stack_size(256 * 1024)
            .spawn(move || {
                for body in requests {
                    let spawned =
                        std::thread::Builder::new().name("isolet-js".into()).stack_size(STACK).spawn(body);
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
            let mut state = pool.lock();
            pool.add_thread(&mut state);
        }
        pool
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.options.heap_bytes
    }

    /// Threads that wait for a job.
    pub(crate) fn idle(&self) -> usize {
        self.lock().idle
    }

    /// Starts a thread outside of the pool, for a Worker.
    pub(crate) fn spawn(&self, body: Spawn) {
        let _ = self.spawner.send(body);
    }

    /// Queues a job for the next idle thread.
    pub(crate) fn push(self: &Arc<Self>, queued: Queued) {
        let mut state = self.lock();
        state.queue.push_back(queued);
        if state.idle + state.making < state.queue.len() && state.live < self.options.live {
            self.add_thread(&mut state);
        }
        drop(state);
        self.arrived.notify_one();
    }

    fn add_thread(self: &Arc<Self>, state: &mut State) {
        state.live += 1;
        state.making += 1;
        let pool = Arc::downgrade(self);
        let heap_bytes = self.options.heap_bytes;
        self.spawn(Box::new(move || {
            // The isolate is made before the pool is asked for, so that a pool that is dropped meanwhile can go.
            loop {
                let fresh = FreshIsolate::new(heap_bytes);
                let Some(pool) = pool.upgrade() else { return };
                let Some(queued) = pool.next_job() else { return };
                pool.execute(fresh, queued);
                if !pool.again() {
                    return;
                }
            }
        }));
    }

    /// Waits for a job. `None` when the pool is closed.
    fn next_job(&self) -> Option<Queued> {
        let mut state = self.lock();
        state.making -= 1;
        state.idle += 1;
        loop {
            if let Some(queued) = state.queue.pop_front() {
                if queued.ticket.cancelled() {
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
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// After a run: whether this thread makes another isolate.
    fn again(&self) -> bool {
        let mut state = self.lock();
        let wanted = self.options.warm.max(state.queue.len());
        let again = !state.closed && state.idle + state.making < wanted;
        if again {
            state.making += 1;
        } else {
            state.live -= 1;
        }
        again
    }

    /// Runs one job and disposes the isolate.
    fn execute(&self, mut fresh: FreshIsolate, queued: Queued) {
        let Queued { text, names, limits, outlet, ticket, since } = queued;
        if !ticket.claim(&fresh.control) {
            return;
        }
        let (control, cpu) = (fresh.control.clone(), limits.cpu);
        let state = RunState::new(names, limits, control.clone(), outlet, fresh.sender());
        execution::execute(&mut fresh, None, &text, state, milliseconds(since), |wall_until| {
            let (subject, first) = OnThread::this(control, cpu, wall_until);
            self.watchdog.watch(subject, first)
        });
    }

    /// Looks after what a Worker does on the calling thread, until what is returned is dropped.
    pub(crate) fn watch_this_thread(
        &self,
        control: &Arc<Control>,
        limits: &Limits,
        wall_until: Instant,
    ) -> Watch {
        let (subject, first) = OnThread::this(control.clone(), limits.cpu, wall_until);
        self.watchdog.watch(subject, first)
    }

    /// Lets idle threads end; those that run finish first.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}
