//! The CPU clock of a thread or a process, which other threads can read.

use std::time::Duration;

pub(crate) use imp::ThreadClock;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use super::Duration;

    /// `CPUCLOCK_SCHED` of `linux/posix-timers_types.h`: the scheduler's count in nanoseconds.
    const SCHEDULED: libc::clockid_t = 2;

    /// `CPUCLOCK_PERTHREAD_MASK` of `linux/posix-timers_types.h`.
    const OF_A_THREAD: libc::clockid_t = 4;

    /// The CPU clock of one thread or process.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct ThreadClock {
        id: libc::clockid_t,
    }

    impl ThreadClock {
        /// Returns the clock of the thread that reads it. A jail allows no other.
        pub(crate) fn of_the_reader() -> Self {
            Self { id: libc::CLOCK_THREAD_CPUTIME_ID }
        }

        /// Returns the clock of this thread, for other threads to read.
        pub(crate) fn of_this_thread() -> Self {
            // `pthread_getcpuclockid` uses the thread id that the C library has stored, which in a
            // fork of a zygote is the zygote's.
            Self::of(rustix::thread::gettid(), SCHEDULED | OF_A_THREAD)
        }

        /// Returns the clock of another process: the sum of its threads.
        pub(crate) fn of_process(pid: u32) -> Self {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            pid.map_or(Self { id: libc::clockid_t::MAX }, |pid| Self::of(pid, SCHEDULED))
        }

        /// Computes a clock id like `clock_getcpuclockid`, without its system call to check the
        /// process.
        fn of(id: rustix::process::Pid, kind: libc::clockid_t) -> Self {
            Self { id: (!id.as_raw_nonzero().get() << 3) | kind }
        }

        /// Returns the CPU time used so far, or `None` if the thread or process has ended.
        pub(crate) fn read(self) -> Option<Duration> {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: an id of an ended thread gives EINVAL, never a fault; `time` is a valid place
            // to write.
            let failed = unsafe { libc::clock_gettime(self.id, &raw mut time) };
            (failed == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
        }
    }
}

/// Other platforms have no portable clock of another thread. The elapsed time takes its place, so
/// that a CPU limit is reached too early by runs that wait, and never too late.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use super::Duration;

    /// The time since it was made.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct ThreadClock {
        since: std::time::Instant,
    }

    impl ThreadClock {
        pub(crate) fn of_the_reader() -> Self {
            Self::of_this_thread()
        }

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
    fn the_clock_counts_work_and_not_sleep() {
        for clock in [ThreadClock::of_this_thread(), ThreadClock::of_the_reader()] {
            let before = clock.read().unwrap();
            std::thread::sleep(Duration::from_millis(30));
            assert!(clock.read().unwrap() - before < Duration::from_millis(15));
            let started = std::time::Instant::now();
            while clock.read().unwrap() - before < Duration::from_millis(15) {
                assert!(started.elapsed() < Duration::from_secs(20), "the clock does not count work");
            }
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
