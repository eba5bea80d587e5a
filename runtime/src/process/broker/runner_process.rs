//! The process of a runner: its CPU clock, its memory, and its end.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::stop::StopReason;
use crate::thread_clock::ThreadClock;

/// A runner's process, as other processes see it.
pub(super) struct RunnerProcess {
    pidfd: OwnedFd,
    pid: u32,
    clock: ThreadClock,
    /// The CPU time that the process had used when its run began, in microseconds.
    cpu_at_start: AtomicU64,
    /// The CPU time that the process had used when its clock was last read, in microseconds.
    cpu_last_read: AtomicU64,
    /// The limit for which it was killed, as a [`StopReason`], or 0.
    kill_reason: AtomicU8,
}

impl RunnerProcess {
    pub(super) fn new(pidfd: OwnedFd, pid: u32) -> Self {
        Self {
            pidfd,
            pid,
            clock: ThreadClock::of_process(pid),
            cpu_at_start: AtomicU64::new(0),
            cpu_last_read: AtomicU64::new(0),
            kill_reason: AtomicU8::new(0),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Reads the CPU time that the process has used. Returns `None` if the process has ended and
    /// its zygote has waited for it.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let used = self.clock.read()?;
        self.cpu_last_read.store(used.as_micros() as u64, Ordering::Relaxed);
        Some(used)
    }

    /// Records the CPU time that the process has used before its run, and returns it.
    pub(super) fn start_run(&self) -> Duration {
        let before = self.cpu().unwrap_or_default();
        self.cpu_at_start.store(before.as_micros() as u64, Ordering::Relaxed);
        before
    }

    /// Returns the CPU time of the run, by the process's clock. If the clock is gone, it returns
    /// `claimed`, the time that the runner has sent, or the clock's last reading if that is more.
    pub(super) fn cpu_of_run(&self, claimed: Duration) -> Duration {
        let now = self.cpu();
        let micros = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let measured =
            Duration::from_micros(micros(&self.cpu_last_read).saturating_sub(micros(&self.cpu_at_start)));
        if now.is_some() { measured } else { measured.max(claimed) }
    }

    /// Returns the private memory of the process in bytes, or `None` if it cannot be read.
    pub(super) fn private_memory(&self) -> Option<u64> {
        private_memory(self.pid)
    }

    /// Kills the process, and waits for its end for at most `timeout`.
    pub(super) async fn kill_and_wait(&self, timeout: Duration) {
        self.kill();
        wait_for_exit(&self.pidfd, timeout).await;
    }

    /// Kills the process. Does nothing if it has ended.
    pub(super) fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Returns `true` if the process has ended, after which another one may get its id.
    pub(super) fn has_ended(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut polled = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut polled, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// Tells a Worker's process that it is over its limit on CPU time, so that it names the request
    /// at fault and ends.
    pub(super) fn announce_cpu_limit(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::USR1);
    }

    /// Kills the process because its run has reached a limit. The first reason is kept.
    pub(super) fn kill_for(&self, reason: StopReason) {
        let _ = self.kill_reason.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
        self.kill();
    }

    /// Returns the limit for which the broker has killed the process.
    pub(super) fn kill_reason(&self) -> Option<StopReason> {
        StopReason::from_u8(self.kill_reason.load(Ordering::Acquire))
    }
}

/// Waits until the process of a pidfd has ended, for at most `timeout`.
async fn wait_for_exit(pidfd: impl AsFd, timeout: Duration) {
    // SAFETY: the descriptor is borrowed for longer than it is registered.
    if let Ok(pidfd) = unsafe { AsyncFd::register_with_interest(pidfd.as_fd(), Interest::READABLE) } {
        let _ = tokio::time::timeout(timeout, pidfd.readable()).await;
    }
}

/// Reads the memory of a process that it does not share with files, swapped out or not, and its
/// page tables, in bytes. Returns `None` if `/proc` does not show it.
pub(super) fn private_memory(pid: u32) -> Option<u64> {
    private_memory_of(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// Adds up the private memory in the text of `/proc/PID/status`.
fn private_memory_of(status: &str) -> Option<u64> {
    let kibibytes = |name: &str| -> Option<u64> {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    // Kernels without swap have no line for it.
    let total = kibibytes("RssAnon:")?
        + kibibytes("VmSwap:").unwrap_or_default()
        + kibibytes("VmPTE:").unwrap_or_default();
    Some(total << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pidfd_of(child: &std::process::Child) -> OwnedFd {
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap()
    }

    #[test]
    fn memory_includes_swap_and_page_tables() {
        let status = "VmRSS:\t  900 kB\nRssAnon:\t    100 kB\nRssFile:\t 800 kB\nVmPTE:\t      20 kB\nVmSwap:\t 3 kB\n";
        assert_eq!(private_memory_of(status), Some(123 << 10));
        assert_eq!(private_memory_of("Name:\tsh\n"), None);
        let own = private_memory(std::process::id()).unwrap();
        assert!((1 << 16..1 << 36).contains(&own), "{own}");
    }

    #[test]
    fn the_claimed_cpu_time_counts_only_if_the_clock_is_gone() {
        let mut child = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let process = RunnerProcess::new(pidfd_of(&child), child.id());
        process.start_run();
        let (little, much) = (Duration::ZERO, Duration::from_secs(3600));
        while process.cpu_of_run(little) < Duration::from_millis(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(process.cpu_of_run(much) < much);
        let measured = process.cpu_of_run(little);
        process.kill();
        child.wait().unwrap();
        assert!(process.cpu().is_none());
        assert!(process.cpu_of_run(little) >= measured && process.cpu_of_run(much) == much);
    }

    #[tokio::test]
    async fn waiting_for_a_process_ends_with_it_or_with_the_timeout() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pidfd = pidfd_of(&child);
        wait_for_exit(&pidfd, Duration::from_millis(50)).await;
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        child.kill().unwrap();
        wait_for_exit(&pidfd, Duration::from_secs(20)).await;
        assert!(child.try_wait().unwrap().is_some());
    }
}
