//! Checks of the environment before anything is started. Without them, libraries would panic where
//! a resource is missing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use isolet_runtime::rlimit::{self, ResourceLimit};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::exit::Failure;

/// The smallest stack of the main thread. Parsing the command line takes more than 64 KiB.
const MIN_STACK_BYTES: u64 = 256 << 10;

/// The limit on processes and threads (RLIMIT_NPROC) below which all threads are tried out.
const LOW_NPROC: u64 = 1024;

/// The number of threads besides the workers: for blocking work, and for the watchdog.
const OTHER_THREADS: usize = 4;

/// Checks that the stack suffices to parse the command line. Must run first.
pub fn check_stack() -> Result<(), Failure> {
    match rlimit::current(Resource::Stack) {
        Some(bytes) if bytes < MIN_STACK_BYTES => Err(Failure::Setup(format!(
            "RLIMIT_STACK (ulimit -s) is {} KiB, and scripts need a stack of 1 MiB: raise it",
            bytes >> 10
        ))),
        _ => Ok(()),
    }
}

/// Makes writes beyond RLIMIT_FSIZE fail with an error. Without a handler for SIGXFSZ, the kernel
/// would end the process, and a log that reached its quota would cost the result. To ignore the
/// signal instead would be inherited by the MCP servers; a handler is not.
pub fn survive_file_size_limit() {
    let seen = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(rustix::process::Signal::XFSZ.as_raw(), seen);
}

/// Raises the soft limit on open files to the hard limit. A connection takes one file and a runner
/// two, and the usual soft limit of 1,024 exists for programs that use `select`. Child processes
/// inherit the limit.
pub fn raise_open_file_limit() {
    if let Ok(ResourceLimit { maximum, .. }) = rlimit::read(Resource::Nofile) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Checks that a tokio runtime with `workers` threads can be built, which panics otherwise.
pub fn check_threads(workers: usize) -> Result<(), Failure> {
    std::os::unix::net::UnixStream::pair().map_err(|error| {
        Failure::Setup(format!("cannot make a pair of Unix sockets (socketpair): {error}"))
    })?;
    let limit = rlimit::current(Resource::Nproc);
    // With a high limit, one thread shows whether threads can be started at all.
    let count = if limit.is_some_and(|limit| limit < LOW_NPROC) { workers + OTHER_THREADS } else { 1 };
    let barrier = Mutex::new(());
    let started = thread::scope(|scope| {
        let held = barrier.lock();
        let wait = || drop(barrier.lock());
        let start = |_| thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, wait).map(drop);
        let started = (0..count).try_for_each(start);
        drop(held);
        started
    });
    started.map_err(|error| {
        // EAGAIN means this limit, or a container's own limit on processes.
        let limit = limit.filter(|_| error.kind() == std::io::ErrorKind::WouldBlock);
        let limit = limit.map_or_else(String::new, |limit| {
            format!("; RLIMIT_NPROC (ulimit -u), which counts all threads of this user, is {limit}")
        });
        Failure::Setup(format!("cannot start a thread: {error}{limit}"))
    })
}
