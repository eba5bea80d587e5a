//! One thread that stops runs which use too much CPU or time, and with process isolation too much memory.
//!
//! No timer and no thread per run: the watchdog reads the CPU clocks of the threads or processes that run something,
//! when the first of them can have reached its limit at the earliest, which is never before the remaining CPU time has
//! passed on the wall. With nothing near its limit it sleeps.
//!
//! What it looks after is a [`Subject`]: a [`Thread`](OnThread) of this process, which it stops through V8 and can only
//! report if that does not help (V8 cannot be interrupted in some of its C++, a multiplication of huge BigInts for one),
//! or a runner process, which it ends (`process::sentry`).

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::control::{Control, StopReason};
use crate::thread_clock::ThreadClock;

/// Something with limits.
pub(crate) trait Subject: Send {
    /// Ends it if it is past a limit, and says for how long nothing can happen.
    fn look(&mut self, now: Instant) -> Duration;
}

/// Handed to whoever runs something; dropping it ends the watch.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    id: u64,
}

/// Its thread sleeps on a condition variable when nothing runs, and ends with it, or with the last watch if that is later.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    earlier: Condvar,
}

#[derive(Default)]
struct Table {
    next_id: u64,
    subjects: HashMap<u64, Box<dyn Subject>>,
    /// When the thread wakes up next; `None` while it sleeps without a date.
    wakes_at: Option<Instant>,
    /// Nothing will be watched any more.
    closed: bool,
}

/// The watchdog looks at least this much later, so that a run that hovers at its limit does not make it spin.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// While something runs, the watchdog looks this often: whether a thread's run was stopped by something else than the watchdog,
/// how much memory a process holds.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// After so long without runs the watchdog sleeps without a date. Before that a new run costs no system call.
const LINGER: Duration = Duration::from_secs(1);

impl Watchdog {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new()
            .name("isolet-watchdog".into())
            .stack_size(256 * 1024)
            .spawn(move || watch(&of_thread))
            .expect("a thread for the watchdog");
        Self { shared }
    }

    /// Looks after `subject` from now on; nothing can happen to it before `first`.
    pub(crate) fn watch(&self, subject: Box<dyn Subject>, first: Instant) -> Watch {
        let mut table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let id = table.next_id;
        table.next_id += 1;
        table.subjects.insert(id, subject);
        if table.wakes_at.is_none_or(|wakes_at| first < wakes_at) {
            table.wakes_at = Some(first);
            self.shared.earlier.notify_one();
        }
        Watch { shared: self.shared.clone(), id }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.earlier.notify_one();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner).subjects.remove(&self.id);
    }
}

fn watch(shared: &Shared) {
    let mut table = shared.table.lock().unwrap_or_else(PoisonError::into_inner);
    let mut busy_at = Instant::now();
    // While anything is left to look after it wakes at least every `LOOK`, so it need not be told of the last.
    while !(table.closed && table.subjects.is_empty()) {
        let now = Instant::now();
        let mut next = now + LOOK;
        for subject in table.subjects.values_mut() {
            busy_at = now;
            next = next.min(now + subject.look(now).max(SHORTEST_SLEEP));
        }
        table.wakes_at = (busy_at + LINGER > now).then_some(next);
        table = match table.wakes_at {
            None => shared.earlier.wait(table).unwrap_or_else(PoisonError::into_inner),
            Some(next) => {
                let sleep = next.saturating_duration_since(now);
                shared.earlier.wait_timeout(table, sleep).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// A run on a thread of this process.
pub(crate) struct OnThread {
    control: Arc<Control>,
    clock: ThreadClock,
    /// Reading of `clock` at which the run is out of CPU.
    cpu_until: Duration,
    wall_until: Instant,
    /// Reading of `clock` when the run was first seen to be stopped.
    stopped_at: Option<Duration>,
    reported: bool,
}

/// CPU that a run may use after it was stopped before it is reported: time for V8 to reach a check, for a garbage
/// collection to end. Counted on the run's own clock, as on a busy machine its thread may get no turn for long.
const AFTER_STOP: Duration = Duration::from_millis(50);

/// The same for a run that was stopped for its memory: V8 notices in the middle of collecting a heap that is full, goes on
/// with that, and collects again before it gives up: 100 to 200 ms with 32 MiB, more with more.
const AFTER_STOP_FOR_MEMORY: Duration = Duration::from_secs(1);

impl OnThread {
    /// The calling thread, from now on. With the earliest moment at which it can reach a limit.
    pub(crate) fn this(
        control: Arc<Control>,
        cpu: Duration,
        wall_until: Instant,
    ) -> (Box<dyn Subject>, Instant) {
        let clock = ThreadClock::of_this_thread();
        let cpu_until = clock.read().unwrap_or_default() + cpu;
        let first = (Instant::now() + cpu).min(wall_until);
        (Box::new(Self { control, clock, cpu_until, wall_until, stopped_at: None, reported: false }), first)
    }
}

impl Subject for OnThread {
    /// Stops the run if it is time.
    fn look(&mut self, now: Instant) -> Duration {
        // A thread that has ended has no clock; it takes its watch along, so this is only a race at the end.
        let Some(used) = self.clock.read() else { return LOOK };
        if self.control.stopped().is_none() {
            if used >= self.cpu_until {
                self.control.stop(StopReason::Cpu);
            } else if now >= self.wall_until {
                self.control.stop(StopReason::Wall);
            } else {
                return (self.cpu_until - used).min(self.wall_until - now);
            }
        }
        let Some(reason) = self.control.stopped() else { return LOOK };
        let stopped_at = match self.stopped_at {
            Some(stopped_at) => {
                self.control.insist();
                stopped_at
            }
            None => *self.stopped_at.insert(used),
        };
        let since = used.saturating_sub(stopped_at);
        let allowed = if reason == StopReason::Memory { AFTER_STOP_FOR_MEMORY } else { AFTER_STOP };
        if since < allowed {
            return (allowed - since).min(LOOK);
        }
        if !std::mem::replace(&mut self.reported, true) {
            tracing::error!(?reason, "a run does not stop; only process isolation could end it");
        }
        LOOK
    }
}
