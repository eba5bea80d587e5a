//! A thread that stops runs at their limits on CPU and time, and with process isolation on memory.
//!
//! There is no timer and no thread per run. The watchdog reads the CPU clocks of the running
//! threads or processes at the earliest time at which one can have reached its limit; that is never
//! before its remaining CPU time has elapsed. Until then it sleeps.
//!
//! It watches values of [`Watched`]: threads of this process ([`WatchedThread`]), which it stops
//! through V8 and can only report if that has no effect (V8 cannot be interrupted in some of its
//! C++ code, such as a multiplication of huge BigInts); and runner processes, which it kills.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::stop::{RunControl, StopReason};
use crate::thread_clock::ThreadClock;

/// A thread or process with limits.
pub(crate) trait Watched: Send {
    /// Stops the run if it is past a limit. Returns the time until the next check.
    fn check(&mut self, now: Instant) -> Duration;
}

/// The guard of a watched run. Dropping it ends the watch.
pub(crate) struct Watch {
    shared: Arc<WatchdogShared>,
    id: u64,
}

/// The watchdog. Its thread sleeps while nothing runs. It ends when this value and all watches have
/// been dropped.
pub(crate) struct Watchdog {
    shared: Arc<WatchdogShared>,
}

#[derive(Default)]
struct WatchdogShared {
    table: Mutex<WatchTable>,
    earlier: Condvar,
}

#[derive(Default)]
struct WatchTable {
    next_id: u64,
    watched: HashMap<u64, Box<dyn Watched>>,
    /// The time at which the thread wakes up next, or `None` while it sleeps without a timeout.
    wakes_at: Option<Instant>,
    /// Set when the watchdog is dropped.
    closed: bool,
}

/// The shortest time between two checks, so that a run close to its limit does not keep the thread
/// busy.
const MIN_SLEEP: Duration = Duration::from_millis(1);

/// The longest time between two checks while something runs. They find runs that others have
/// stopped, and processes that use too much memory.
pub(crate) const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The time without runs after which the watchdog sleeps without a timeout. Until then, a new run
/// needs no system call.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

impl Watchdog {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(WatchdogShared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("isolet-watchdog".into())
            .stack_size(256 * 1024)
            .spawn(move || watch(&of_thread))
            .expect("a thread for the watchdog");
        Self { shared }
    }

    /// Watches `watched` from now on. It cannot reach a limit before `first`.
    pub(crate) fn watch(&self, watched: Box<dyn Watched>, first: Instant) -> Watch {
        let mut table = self.shared.table.lock();
        let id = table.next_id;
        table.next_id += 1;
        table.watched.insert(id, watched);
        if table.wakes_at.is_none_or(|wakes_at| first < wakes_at) {
            table.wakes_at = Some(first);
            self.shared.earlier.notify_one();
        }
        Watch { shared: self.shared.clone(), id }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.table.lock().closed = true;
        self.shared.earlier.notify_one();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.table.lock().watched.remove(&self.id);
    }
}

fn watch(shared: &WatchdogShared) {
    let mut table = shared.table.lock();
    let mut busy_at = Instant::now();
    // While something is watched, the thread wakes up every `CHECK_INTERVAL`, so that the last
    // watch need not wake it.
    while !(table.closed && table.watched.is_empty()) {
        let now = Instant::now();
        let mut next = now + CHECK_INTERVAL;
        for watched in table.watched.values_mut() {
            busy_at = now;
            next = next.min(now + watched.check(now).max(MIN_SLEEP));
        }
        table.wakes_at = (busy_at + IDLE_TIMEOUT > now).then_some(next);
        match table.wakes_at {
            None => shared.earlier.wait(&mut table),
            Some(next) => _ = shared.earlier.wait_for(&mut table, next.saturating_duration_since(now)),
        }
    }
}

/// A run on a thread of this process.
pub(crate) struct WatchedThread {
    control: Arc<RunControl>,
    clock: ThreadClock,
    /// The reading of `clock` at which the CPU time is used up.
    cpu_until: Duration,
    wall_until: Instant,
    /// The reading of `clock` at the first check after the run was stopped.
    stopped_at: Option<Duration>,
    reported: bool,
}

/// The CPU time that a stopped run may use before it is reported: V8 has to reach a check, or to
/// finish a garbage collection. It is measured on the run's own clock, since on a busy machine its
/// thread may wait for long.
const STOP_GRACE: Duration = Duration::from_millis(50);

/// The same for a run that was stopped for its memory. V8 finishes the collection of the full heap
/// and collects again before it stops: 100 to 200 ms with 32 MiB, more with more.
const MEMORY_STOP_GRACE: Duration = Duration::from_secs(1);

impl WatchedThread {
    /// Returns the calling thread's watch from now on, and the earliest time at which it can reach
    /// a limit.
    pub(crate) fn this(
        control: Arc<RunControl>,
        cpu: Duration,
        wall_until: Instant,
    ) -> (Box<dyn Watched>, Instant) {
        let clock = ThreadClock::of_this_thread();
        let cpu_until = clock.read().unwrap_or_default() + cpu;
        let first = (Instant::now() + cpu).min(wall_until);
        (Box::new(Self { control, clock, cpu_until, wall_until, stopped_at: None, reported: false }), first)
    }
}

impl Watched for WatchedThread {
    /// Stops the run if it is past a limit.
    fn check(&mut self, now: Instant) -> Duration {
        // A thread that has ended has no clock. Its watch ends with it, so that this occurs only in
        // a race at the end.
        let Some(used) = self.clock.read() else { return CHECK_INTERVAL };
        if self.control.stopped().is_none() {
            if used >= self.cpu_until {
                self.control.stop(StopReason::Cpu);
            } else if now >= self.wall_until {
                self.control.stop(StopReason::Wall);
            } else {
                return (self.cpu_until - used).min(self.wall_until - now);
            }
        }
        let Some(reason) = self.control.stopped() else { return CHECK_INTERVAL };
        let stopped_at = match self.stopped_at {
            Some(stopped_at) => {
                self.control.terminate_again();
                stopped_at
            }
            None => *self.stopped_at.insert(used),
        };
        let since = used.saturating_sub(stopped_at);
        let allowed = if reason == StopReason::Memory { MEMORY_STOP_GRACE } else { STOP_GRACE };
        if since < allowed {
            return (allowed - since).min(CHECK_INTERVAL);
        }
        if !std::mem::replace(&mut self.reported, true) {
            tracing::error!(?reason, "a run does not stop; only process isolation could end it");
        }
        CHECK_INTERVAL
    }
}
