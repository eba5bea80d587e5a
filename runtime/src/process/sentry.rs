//! What ends a runner that uses too much: the broker's watchdog looks at it from outside.
//!
//! Nothing inside the runner takes part, so nothing that a script does can put it off: the kernel counts CPU time and
//! memory, and SIGKILL needs nobody's consent.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, pidfd_send_signal};

use crate::Limits;
use crate::control::StopReason;
use crate::thread_clock::ThreadClock;
use crate::watchdog::{LOOK, Subject};

/// A runner's process, from outside.
pub(crate) struct Process {
    descriptor: OwnedFd,
    pid: u32,
    clock: ThreadClock,
    /// Why it was ended, as a [`StopReason`], or 0.
    reason: AtomicU8,
    /// CPU that it had used then, in microseconds.
    used: AtomicU64,
}

impl Process {
    pub(crate) fn new(descriptor: OwnedFd, pid: u32) -> Self {
        let clock = ThreadClock::of_process(pid);
        Self { descriptor, pid, clock, reason: AtomicU8::new(0), used: AtomicU64::new(0) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// CPU that it has used so far; `None` when it has ended.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        self.clock.read()
    }

    /// Ends it. Harmless when it has ended.
    pub(crate) fn end(&self) {
        let _ = pidfd_send_signal(&self.descriptor, Signal::KILL);
    }

    fn end_for(&self, reason: StopReason, used: Duration) {
        self.used.store(used.as_micros() as u64, Ordering::Relaxed);
        let _ = self.reason.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
        self.end();
    }

    /// Why the broker ended it, and the CPU that it had used.
    pub(crate) fn ended_for(&self) -> Option<(StopReason, Duration)> {
        let reason = StopReason::from_u8(self.reason.load(Ordering::Acquire))?;
        Some((reason, Duration::from_micros(self.used.load(Ordering::Relaxed))))
    }
}

/// A run that waits when its time is up is the first to know, and can say what it waited for. This is how long it has.
const LAST: Duration = Duration::from_millis(15);

/// Looks after one run in its process.
pub(crate) struct Sentry {
    process: Arc<Process>,
    cpu_until: Duration,
    wall_until: Instant,
    /// Bytes of private memory.
    memory: u64,
}

/// What a runner may hold besides what its zygote held and what its run is charged for: V8's compiler at work, a result on its
/// way out.
const OWN: u64 = 64 << 20;

impl Sentry {
    /// From now on, with the earliest moment at which a limit on time can be reached. `held` is what the zygote held when it was
    /// copied, in bytes: that counts as the runner's own, though most of it is shared.
    pub(crate) fn over(
        process: Arc<Process>,
        limits: &Limits,
        heap_bytes: usize,
        held: u64,
    ) -> (Box<dyn Subject>, Instant) {
        let now = Instant::now();
        let wall_until = now + limits.wall + LAST;
        let cpu_until = process.cpu().unwrap_or_default() + limits.cpu;
        let memory = held + OWN + (heap_bytes + crate::isolate::GRACE) as u64;
        let first = (now + limits.cpu.min(LOOK)).min(wall_until);
        (Box::new(Self { process, cpu_until, wall_until, memory }), first)
    }
}

impl Subject for Sentry {
    fn look(&mut self, now: Instant) -> Duration {
        // A clock that cannot be read is that of a process which has ended, most likely; the wall limit holds all the same.
        let used = self.process.cpu().unwrap_or_default();
        if used >= self.cpu_until {
            self.process.end_for(StopReason::Cpu, used);
        } else if now >= self.wall_until {
            self.process.end_for(StopReason::Wall, used);
        } else if private_memory(self.process.pid).is_some_and(|bytes| bytes > self.memory) {
            self.process.end_for(StopReason::Memory, used);
        } else {
            return self.cpu_until.saturating_sub(used).min(self.wall_until - now).min(LOOK);
        }
        LOOK
    }
}

/// Memory of a process that is not shared with files. `None` where it cannot be told.
pub(crate) fn private_memory(pid: u32) -> Option<u64> {
    let page = rustix::param::page_size() as u64;
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map_while(|number| number.parse::<u64>().ok());
    let (resident, shared) = (pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared) * page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_limit_holds_where_the_clock_cannot_be_read() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let descriptor = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        // No process has this number, so no clock is found for it.
        let process = Arc::new(Process::new(descriptor, (1 << 22) - 1));
        assert!(process.cpu().is_none());
        let limits = Limits { wall: Duration::ZERO, ..Limits::default() };
        let (mut sentry, _) = Sentry::over(process.clone(), &limits, limits.heap_bytes, 0);
        sentry.look(Instant::now() + LAST);
        assert_eq!(process.ended_for().map(|(reason, _)| reason), Some(StopReason::Wall));
        assert!(!child.wait().unwrap().success());
    }
}
