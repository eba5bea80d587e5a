//! The limits of a run in a process, enforced by the broker's watchdog.
//!
//! Nothing inside of the runner takes part, so no script can evade them: the kernel counts CPU time
//! and memory, and the runner cannot handle `SIGKILL`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::runner_process::RunnerProcess;
use crate::Limits;
use crate::stop::StopReason;
use crate::watchdog::{CHECK_INTERVAL, Watched};

/// The time that a runner has after the wall limit to report its own timeout, with the call for
/// which it waited. Then it is killed.
const TIMEOUT_REPORT_GRACE: Duration = Duration::from_millis(15);

/// The memory that a runner may have beyond its zygote's and that of its script, in bytes: for V8's
/// compiler, and for a result that is being sent.
const OVERHEAD_BYTES: u64 = 64 << 20;

/// The limits of one run.
pub(super) struct ProcessLimits {
    process: Arc<RunnerProcess>,
    /// The reading of the process's CPU clock at the limit.
    cpu_until: Duration,
    wall_until: Instant,
    /// The bound on private memory, in bytes.
    max_memory: u64,
}

impl ProcessLimits {
    /// Starts the limits of a run, and returns the earliest time at which it can reach one.
    /// `inherited_bytes` is the private memory of the zygote: it counts as the runner's own, though
    /// most of it is shared.
    pub(super) fn start(
        process: Arc<RunnerProcess>,
        limits: &Limits,
        heap_bytes: usize,
        inherited_bytes: u64,
    ) -> (Box<dyn Watched>, Instant) {
        let now = Instant::now();
        let wall_until = now + limits.wall + TIMEOUT_REPORT_GRACE;
        let cpu_until = process.start_run() + limits.cpu;
        let max_memory = max_memory(inherited_bytes, heap_bytes);
        let first = (now + limits.cpu.min(CHECK_INTERVAL)).min(wall_until);
        (Box::new(Self { process, cpu_until, wall_until, max_memory }), first)
    }
}

/// Returns the bound on the private memory of a runner, in bytes.
pub(super) fn max_memory(inherited_bytes: u64, heap_bytes: usize) -> u64 {
    inherited_bytes + OVERHEAD_BYTES + (heap_bytes + crate::isolate::HEAP_GRACE_BYTES) as u64
}

impl Watched for ProcessLimits {
    fn check(&mut self, now: Instant) -> Duration {
        // A clock that cannot be read most likely belongs to a process that has ended. The wall
        // limit holds anyway.
        let used = self.process.cpu().unwrap_or_default();
        if used >= self.cpu_until {
            self.process.kill_for(StopReason::Cpu);
        } else if now >= self.wall_until {
            self.process.kill_for(StopReason::Wall);
        } else if self.process.private_memory().is_some_and(|bytes| bytes > self.max_memory) {
            self.process.kill_for(StopReason::Memory);
        } else {
            return self.cpu_until.saturating_sub(used).min(self.wall_until - now).min(CHECK_INTERVAL);
        }
        CHECK_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_limit_holds_if_the_clock_cannot_be_read() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        // No process has this id, so it has no clock.
        let process = Arc::new(RunnerProcess::new(pidfd, (1 << 22) - 1));
        assert!(process.cpu().is_none());
        let limits = Limits { wall: Duration::ZERO, ..Limits::default() };
        let (mut watched, _) = ProcessLimits::start(process.clone(), &limits, limits.memory, 0);
        watched.check(Instant::now() + TIMEOUT_REPORT_GRACE);
        assert_eq!(process.kill_reason(), Some(StopReason::Wall));
        assert!(!child.wait().unwrap().success());
    }
}
