//! The CPU clock of a thread or a process, readable from outside of it.

use std::time::Duration;

pub(crate) use imp::ThreadClock;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use super::Duration;

    /// `CPUCLOCK_SCHED`: the scheduler's count, in nanoseconds (`linux/posix-timers_types.h`, as the next one).
    const SCHEDULED: libc::clockid_t = 2;

    /// `CPUCLOCK_PERTHREAD_MASK`.
    const OF_A_THREAD: libc::clockid_t = 4;

    /// How much CPU one thread or process has used.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct ThreadClock {
        id: libc::clockid_t,
    }

    impl ThreadClock {
        pub(crate) fn of_this_thread() -> Self {
            // Not `pthread_getcpuclockid`, which goes by what the C library remembers of the thread: in a copy of a zygote
            // that is the zygote's.
            Self::of(rustix::thread::gettid(), SCHEDULED | OF_A_THREAD)
        }

        /// The clock of another process: all of its threads together.
        pub(crate) fn of_process(pid: u32) -> Self {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            pid.map_or(Self { id: libc::clockid_t::MAX }, |pid| Self::of(pid, SCHEDULED))
        }

        /// What `clock_getcpuclockid` computes, without its system call to see whether the process is there.
        fn of(id: rustix::process::Pid, kind: libc::clockid_t) -> Self {
            Self { id: (!id.as_raw_nonzero().get() << 3) | kind }
        }

        /// CPU used so far; `None` when the thread or process has ended.
        pub(crate) fn read(self) -> Option<Duration> {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: an id of an ended thread gives EINVAL, never a fault; `time` is a valid place to write.
            let failed = unsafe { libc::clock_gettime(self.id, &raw mut time) };
            (failed == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
        }
    }
}

/// Elsewhere there is no portable clock of another thread: time on the wall since the run began stands in for it, so a
/// CPU limit fires too early for runs that wait, and never too late.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use super::Duration;

    /// How much time has passed since it was made.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct ThreadClock {
        since: std::time::Instant,
    }

    impl ThreadClock {
        pub(crate) fn of_this_thread() -> Self {
            Self { since: std::time::Instant::now() }
        }

        pub(crate) fn of_process(_pid: u32) -> Self {
            Self::of_this_thread()
        }

        pub(crate) fn read(self) -> Option<Duration> {
            Some(self.since.elapsed())
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn counts_work_and_not_sleep() {
        let clock = ThreadClock::of_this_thread();
        let before = clock.read().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert!(clock.read().unwrap() - before < Duration::from_millis(15));
        let started = std::time::Instant::now();
        while clock.read().unwrap() - before < Duration::from_millis(15) {
            assert!(started.elapsed() < Duration::from_secs(20), "the clock does not count work");
        }
    }

    #[test]
    fn another_thread_reads_what_a_thread_used() {
        let (send, receive) = std::sync::mpsc::channel();
        let (quit, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let clock = ThreadClock::of_this_thread();
            let before = clock.read().unwrap();
            while clock.read().unwrap() - before < Duration::from_millis(10) {}
            send.send(clock).unwrap();
            let _ = wait.recv();
        });
        let clock = receive.recv().unwrap();
        assert!(clock.read().unwrap() >= Duration::from_millis(10));
        drop(quit);
        thread.join().unwrap();
    }
}
