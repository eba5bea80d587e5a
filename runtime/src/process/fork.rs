//! The process's own copy: what makes a runner out of a zygote.

use std::ffi::c_void;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pass;

/// Which of the two returned.
pub(crate) enum Forked {
    /// The old process, with the new one's id and a descriptor of it, through which the broker ends it: unlike its number it
    /// never comes to mean another process.
    Zygote(u32, OwnedFd),
    /// The new process.
    Runner,
}

/// Whether V8's mappings are to be copied into processes that are forked.
static FORKS: AtomicBool = AtomicBool::new(false);

/// Prepares this process to be forked later: call it before V8 starts.
pub(crate) fn expect() {
    FORKS.store(true, Ordering::Relaxed);
}

/// Buries runners that have ended. The broker knows of their end by their sockets; this is for the process table, and for
/// the kernel's account of what they used, which it adds to the zygote's.
pub(crate) fn bury() {
    let any = [usize::MAX, 0, libc::WNOHANG as usize, 0, 0];
    // SAFETY: asks for nothing to be written.
    while unsafe { pass::call(libc::SYS_wait4, any) }.is_ok_and(|pid| pid > 0) {}
}

/// `madvise` of the whole program, in place of the C library's: V8 marks each of its mappings `MADV_DONTFORK`, which
/// saves Chrome, whose processes fork only to execute something else, from copying them (V8's build option
/// `v8_enable_private_mapping_fork_optimization`). A zygote wants them copied; there is no switch at run time, so the
/// one call is dropped here. Everything else goes to the kernel as it is.
///
/// # Safety
/// As the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: libc::c_int) -> libc::c_int {
    if advice == libc::MADV_DONTFORK && FORKS.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: the caller's arguments, unchanged.
    unsafe { libc::syscall(libc::SYS_madvise, address, length, advice) as libc::c_int }
}

/// Closes the standard input, which was the socket to the broker and has been taken from there: a runner must not have it.
pub(crate) fn leave_stdin() {
    // SAFETY: nothing in a zygote reads the standard input, and nothing owns its descriptor.
    unsafe { libc::close(0) };
}

/// Copies the process. The runner dies with its zygote, and can do none of what the zygote alone may.
///
/// # Errors
/// When the kernel has no room for another process.
pub(crate) fn fork() -> io::Result<Forked> {
    bury();
    let mut descriptor: i32 = -1;
    // The system call, not the C library's `fork`: that one's handlers put locks back which nobody holds here, and for that
    // each copy would write to nine pages, half of them the allocator's.
    // SAFETY: without a flag that shares anything, and without a stack, the copy goes on here with memory of its own. A
    // zygote has one thread (V8 runs `--single-threaded`, its jail forbids to make another), so no lock is held and
    // nothing is left half done in the copy. What the C library remembers of the thread is right but for its number, which
    // it asks the kernel for where it matters (`abort`). The kernel writes the descriptor to the live number.
    match unsafe { pass::call(libc::SYS_clone, [FLAGS, 0, (&raw mut descriptor) as usize, 0, 0]) }? {
        0 => {
            settle();
            Ok(Forked::Runner)
        }
        // SAFETY: the call has succeeded, so the descriptor is there; it is new, and nothing else owns it.
        pid => Ok(Forked::Zygote(pid as u32, unsafe { OwnedFd::from_raw_fd(descriptor) })),
    }
}

/// A copy of the process, whose end is told as a child's is, and a descriptor of it.
pub(crate) const FLAGS: usize = (libc::SIGCHLD | libc::CLONE_PIDFD) as usize;

/// A runner's first steps.
fn settle() {
    /// It has two descriptors besides its socket, and cannot make one.
    const DESCRIPTORS: u64 = 16;
    let few = libc::rlimit64 { rlim_cur: DESCRIPTORS, rlim_max: DESCRIPTORS };
    let end_with_the_zygote = [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0, 0];
    // SAFETY: an option of this process with a number as argument; then a limit of this process, read from a live structure.
    unsafe {
        let _ = pass::call(libc::SYS_prctl, end_with_the_zygote);
        let limit = [0, libc::RLIMIT_NOFILE as usize, (&raw const few) as usize, 0, 0];
        let _ = pass::call(libc::SYS_prlimit64, limit);
    }
    pass::forget();
}

/// Two connected sockets.
///
/// # Errors
/// When no descriptor is left.
pub(crate) fn socket_pair() -> io::Result<(UnixStream, UnixStream)> {
    let mut pair = [0_i32; 2];
    let kind = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as usize;
    // SAFETY: the kernel writes two descriptors to live room for two, and nothing else owns them.
    unsafe {
        pass::call(libc::SYS_socketpair, [libc::AF_UNIX as usize, kind, 0, pair.as_mut_ptr() as usize, 0])?;
        Ok((UnixStream::from_raw_fd(pair[0]), UnixStream::from_raw_fd(pair[1])))
    }
}

/// Ends the process at once: no destructor of V8's, no handler registered with `atexit`.
pub(crate) fn end() -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(0) }
}
