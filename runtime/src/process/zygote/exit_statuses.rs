//! The exit statuses of runners, which only their zygote gets.
//!
//! The broker sees that a runner's socket closed. Only the exit status shows whether the kernel
//! ended the runner for a forbidden system call, and the kernel gives it to the parent. When a run
//! ends without a message, the broker asks the zygote (`ToZygote::QueryExit`).

use std::collections::VecDeque;

use super::syscall_token;

/// The process ids of runners that the kernel ended for a forbidden system call, latest last.
#[derive(Default)]
pub(crate) struct ExitStatuses {
    forbidden_calls: VecDeque<u32>,
}

/// The bound on the number of ids that are kept. The broker asks soon after an exit, unless nobody
/// waits for the run.
const MAX_KEPT_IDS: usize = 64;

impl ExitStatuses {
    /// Waits for all runners that have ended. The kernel then removes them from the process table
    /// and adds the CPU time that they used to the zygote's.
    pub(crate) fn reap(&mut self) {
        let mut status: libc::c_int = 0;
        let any = [usize::MAX, (&raw mut status) as usize, libc::WNOHANG as usize, 0, 0];
        loop {
            // SAFETY: the kernel writes the status to a live number, which nothing else uses
            // meanwhile.
            let waited = unsafe { syscall_token::syscall(libc::SYS_wait4, any) };
            let Some(pid) = waited.ok().filter(|pid| *pid > 0) else { return };
            // SAFETY: the number is live. The read is volatile, as the compiler does not know that
            // the kernel has written it.
            let status = unsafe { (&raw const status).read_volatile() };
            self.record(pid as u32, status);
        }
    }

    fn record(&mut self, pid: u32, status: libc::c_int) {
        // An earlier process may have had the same id.
        self.forget(pid);
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS {
            if self.forbidden_calls.len() == MAX_KEPT_IDS {
                self.forbidden_calls.pop_front();
            }
            self.forbidden_calls.push_back(pid);
        }
    }

    /// Forgets an earlier process with the id of a new runner.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.forbidden_calls.retain(|known| *known != pid);
    }

    /// Returns `true` if the kernel ended this runner for a forbidden system call, and forgets the
    /// runner. The runner must have ended.
    pub(crate) fn take_forbidden_call(&mut self, pid: u32) -> bool {
        self.reap();
        let before = self.forbidden_calls.len();
        self.forget(pid);
        self.forbidden_calls.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forbidden_system_calls_are_kept() {
        let mut statuses = ExitStatuses::default();
        for (pid, status) in [(1, 0), (2, libc::SIGKILL), (3, libc::SIGSYS), (4, libc::SIGSYS), (5, 31 << 8)]
        {
            statuses.record(pid, status);
        }
        assert_eq!(statuses.forbidden_calls, [3, 4]);
        statuses.forget(4);
        statuses.forget(3);
        assert!(statuses.forbidden_calls.is_empty(), "other processes have these ids now");
        for pid in 0..1000 {
            statuses.record(pid, libc::SIGSYS);
        }
        assert_eq!(statuses.forbidden_calls.len(), MAX_KEPT_IDS);
    }
}
