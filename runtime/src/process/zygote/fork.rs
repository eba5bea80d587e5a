//! Forking a runner from a zygote.

use std::ffi::c_void;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use super::syscall_token;
use crate::process::protocol::messages::RunnerKind;

/// The process in which [`fork`] returned.
pub(crate) enum Forked {
    /// The zygote, with the runner's process id and pidfd. The broker ends the runner through the
    /// pidfd, which, unlike the id, never refers to another process.
    Zygote(u32, OwnedFd),
    /// The new runner.
    Runner,
}

/// `true` if `madvise` ignores `MADV_DONTFORK`.
static KEEP_MAPPINGS_AT_FORK: AtomicBool = AtomicBool::new(false);

/// Lets processes that are forked later have V8's memory. It must be called before V8 starts.
pub(crate) fn keep_mappings_at_fork() {
    KEEP_MAPPINGS_AT_FORK.store(true, Ordering::Relaxed);
}

/// Replaces the C library's `madvise` in the whole program. V8 marks its mappings `MADV_DONTFORK`
/// (build option `v8_enable_private_mapping_fork_optimization`), since Chrome's processes fork only
/// to execute another program. Runners need the mappings, and V8 has no switch for it at run time,
/// so this function ignores that advice in a zygote. It passes everything else to the kernel.
///
/// # Safety
/// The requirements are those of the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: libc::c_int) -> libc::c_int {
    if advice == libc::MADV_DONTFORK && KEEP_MAPPINGS_AT_FORK.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: the caller's arguments, unchanged.
    unsafe { libc::syscall(libc::SYS_madvise, address, length, advice) as libc::c_int }
}

/// Closes the standard input. It was the socket to the broker, of which the zygote has a duplicate,
/// and a runner must not have it.
pub(crate) fn close_stdin() {
    // SAFETY: nothing in a zygote reads the standard input, and no value owns its descriptor.
    unsafe { libc::close(0) };
}

/// Forks a runner. The runner ends when its zygote ends, and cannot make the zygote's system calls.
///
/// # Errors
/// Returns the kernel's error, for instance if there are too many processes.
pub(crate) fn fork(kind: RunnerKind) -> io::Result<Forked> {
    let mut descriptor: i32 = -1;
    // The system call and not the C library's `fork`, whose handlers reset locks that are free
    // here: each runner would write to nine pages for that, half of them the allocator's.
    // SAFETY: without a flag that shares memory and without a new stack, the runner continues here
    // with memory of its own. A zygote has one thread (V8 runs with `--single-threaded`, and the
    // jail forbids more), so in the runner no lock is held and nothing is half done. Of what the C
    // library has stored about the thread only the thread id is wrong, and `abort` asks the kernel
    // for it. The kernel writes the pidfd to a live number.
    match unsafe {
        syscall_token::syscall(libc::SYS_clone, [CLONE_FLAGS, 0, (&raw mut descriptor) as usize, 0, 0])
    }? {
        0 => {
            drop_zygote_rights(kind);
            Ok(Forked::Runner)
        }
        // SAFETY: the call has succeeded, so the descriptor is open; it is new, and nothing else
        // owns it.
        pid => Ok(Forked::Zygote(pid as u32, unsafe { OwnedFd::from_raw_fd(descriptor) })),
    }
}

/// Fork semantics (the parent gets `SIGCHLD`), and a pidfd.
pub(crate) const CLONE_FLAGS: usize = (libc::SIGCHLD | libc::CLONE_PIDFD) as usize;

/// Ties the runner's life to the zygote's, lowers its limits and wipes the token. A runner does
/// this first.
fn drop_zygote_rights(kind: RunnerKind) {
    /// A runner has three descriptors and needs no more, and it makes no process. An app zygote
    /// makes those that the broker allows, one by one, which the second limit would refuse.
    const LIMITS: [(libc::__rlimit_resource_t, u64); 2] =
        [(libc::RLIMIT_NOFILE, 16), (libc::RLIMIT_NPROC, 0)];
    let limits = match kind {
        RunnerKind::Runner => &LIMITS[..],
        RunnerKind::AppZygote => &LIMITS[..1],
    };
    // SAFETY: the call sets an option of this process; its arguments are numbers.
    let _ = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if kind == RunnerKind::AppZygote {
        // A process group of its own, which its copies inherit and none can leave: the broker ends
        // all of them at once.
        // SAFETY: the call takes two numbers.
        if unsafe { syscall_token::syscall(libc::SYS_setpgid, [0; 5]) }.is_err() {
            exit_now();
        }
    }
    for (resource, bound) in limits {
        let limit = libc::rlimit64 { rlim_cur: *bound, rlim_max: *bound };
        // SAFETY: the kernel reads the new limit from a live structure.
        let _ = unsafe {
            syscall_token::syscall(
                libc::SYS_prlimit64,
                [0, *resource as usize, (&raw const limit) as usize, 0, 0],
            )
        };
    }
    syscall_token::wipe();
}

/// Makes two connected sockets: one for the runner, one for the broker.
///
/// # Errors
/// Returns the kernel's error, for instance if too many descriptors are open.
pub(crate) fn socket_pair() -> io::Result<(UnixStream, UnixStream)> {
    let mut pair = [0_i32; 2];
    let kind = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as usize;
    // SAFETY: the kernel writes two descriptors to a live array of two, and nothing else owns them.
    unsafe {
        syscall_token::syscall(
            libc::SYS_socketpair,
            [libc::AF_UNIX as usize, kind, 0, pair.as_mut_ptr() as usize, 0],
        )?;
        Ok((UnixStream::from_raw_fd(pair[0]), UnixStream::from_raw_fd(pair[1])))
    }
}

/// Ends the process at once, without destructors and without handlers registered with `atexit`.
pub(crate) fn exit_now() -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(0) }
}
