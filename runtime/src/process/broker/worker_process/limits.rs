//! The limits of a Worker's process, enforced by the broker's watchdog.
//!
//! A turn may use the CPU time of one request. The runner itself adds up the turns of a request;
//! for one in which code has broken out of V8, the process may use as much as the requests that it
//! has and ten others together. What ended requests have not used is lost. A process over a limit
//! is told so first, so that it can name the request at fault, and then killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::link::RunnerLink;
use crate::process::broker::process_limits::max_memory;
use crate::stop::StopReason;
use crate::watchdog::{CHECK_INTERVAL, Watched};

/// The time that a process has to name the request at fault.
const REPORT_GRACE: Duration = Duration::from_millis(20);

/// The limits of one process.
pub(in super::super) struct WorkerLimits {
    link: Arc<RunnerLink>,
    /// The reading of the CPU clock when the last turn was seen to have ended.
    turn_began: Duration,
    /// The reading at the start.
    start: Duration,
    /// The reading at the last check.
    last: Duration,
    /// The time at which the process was told that it is over the limit.
    told_at: Option<Instant>,
    /// The bound on private memory, and the size above which it gets no more requests, in bytes.
    max_memory: u64,
    retire_memory: u64,
}

impl WorkerLimits {
    pub(super) fn new(link: Arc<RunnerLink>, heap_bytes: usize) -> Box<Self> {
        let inherited = link.runner.inherited_bytes();
        let start = link.runner.process().start_run();
        Box::new(Self {
            link,
            turn_began: start,
            start,
            last: Duration::ZERO,
            told_at: None,
            max_memory: max_memory(inherited, heap_bytes),
            retire_memory: inherited + heap_bytes as u64 / 4 * 3,
        })
    }
}

impl Watched for WorkerLimits {
    fn check(&mut self, now: Instant) -> Duration {
        let process = self.link.runner.process();
        let Some(used) = process.cpu() else { return CHECK_INTERVAL };
        if self.link.active.swap(false, Ordering::Relaxed) {
            self.turn_began = used;
            self.told_at = None;
        }
        // A process that has computed nothing uses no more memory than before.
        if used == self.last {
            return CHECK_INTERVAL;
        }
        self.last = used;
        let micros =
            |counter: &std::sync::atomic::AtomicU64| Duration::from_micros(counter.load(Ordering::Relaxed));
        let of_turn = used.saturating_sub(self.turn_began);
        let (max_turn, max_total) = (micros(&self.link.turn_cpu), micros(&self.link.total_cpu));
        if of_turn > max_turn || used.saturating_sub(self.start) > max_total {
            match self.told_at {
                Some(told_at) if now >= told_at + REPORT_GRACE => process.kill_for(StopReason::Cpu),
                Some(_) => {}
                None => {
                    self.told_at = Some(now);
                    process.announce_cpu_limit();
                }
            }
            // The clock of a process that is ending may stand still.
            self.last = Duration::ZERO;
            return REPORT_GRACE;
        }
        if let Some(memory) = process.private_memory() {
            if memory > self.max_memory {
                process.kill_for(StopReason::Memory);
            } else if memory > self.retire_memory {
                self.link.retiring.store(true, Ordering::Relaxed);
            }
        }
        (max_turn - of_turn).min(CHECK_INTERVAL)
    }
}
