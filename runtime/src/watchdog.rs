//! One thread that stops runs which use too much CPU or time.
//!
//! No timer and no thread per run: the watchdog reads the CPU clocks of the threads that run something, when the first
//! of them can have reached its limit at the earliest, which is never before the remaining CPU time has passed on the
//! wall. With nothing near its limit it sleeps.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::control::{Control, StopReason};
use crate::thread_clock::ThreadClock;

/// Handed to whoever runs something; dropping it ends the watch.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    id: u64,
}

/// The thread's end is the process's: it sleeps on a condition variable when nothing runs.
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
    runs: HashMap<u64, Watched>,
    /// When the thread wakes up next; `None` while it sleeps without a date.
    wakes_at: Option<Instant>,
}

struct Watched {
    control: Arc<Control>,
    clock: ThreadClock,
    /// Reading of `clock` at which the run is out of CPU.
    cpu_until: Duration,
    wall_until: Instant,
}

/// The watchdog looks at least this much later, so that a run that hovers at its limit does not make it spin.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

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

    /// Watches the calling thread from now on.
    pub(crate) fn watch(&self, control: Arc<Control>, cpu: Duration, wall_until: Instant) -> Watch {
        let clock = ThreadClock::of_this_thread();
        let cpu_until = clock.read().unwrap_or_default() + cpu;
        let check_at = (Instant::now() + cpu).min(wall_until);
        let mut table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let id = table.next_id;
        table.next_id += 1;
        table.runs.insert(id, Watched { control, clock, cpu_until, wall_until });
        if table.wakes_at.is_none_or(|wakes_at| check_at < wakes_at) {
            table.wakes_at = Some(check_at);
            self.shared.earlier.notify_one();
        }
        Watch { shared: self.shared.clone(), id }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner).runs.remove(&self.id);
    }
}

fn watch(shared: &Shared) {
    let mut table = shared.table.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        for run in table.runs.values() {
            if run.control.stopped().is_some() {
                continue;
            }
            // A thread that has ended has no clock; it takes its watch along, so this is only a race at the end.
            let Some(used) = run.clock.read() else { continue };
            if used >= run.cpu_until {
                run.control.stop(StopReason::Cpu);
            } else if now >= run.wall_until {
                run.control.stop(StopReason::Wall);
            } else {
                let earliest = (now + (run.cpu_until - used)).min(run.wall_until);
                next = Some(next.map_or(earliest, |next| next.min(earliest)));
            }
        }
        table.wakes_at = next;
        table = match next {
            None => shared.earlier.wait(table).unwrap_or_else(PoisonError::into_inner),
            Some(next) => {
                let sleep = next.saturating_duration_since(now).max(SHORTEST_SLEEP);
                shared.earlier.wait_timeout(table, sleep).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
