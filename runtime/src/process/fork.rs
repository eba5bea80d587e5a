//! The process's own copy: what makes a runner out of a zygote.

use std::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which of the two returned.
pub(crate) enum Forked {
    /// The old process, with the new one's id.
    Zygote(u32),
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
    // SAFETY: asks for nothing to be written.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
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

/// Copies the process. The runner dies with its zygote.
///
/// # Errors
/// When the kernel has no room for another process.
pub(crate) fn fork() -> io::Result<Forked> {
    bury();
    // The system call, not the C library's `fork`: that one's handlers put locks back which nobody holds here, and for that
    // each copy would write to nine pages, half of them the allocator's.
    // SAFETY: without a flag that shares anything, and without a stack, the copy goes on here with memory of its own. A
    // zygote has one thread (V8 runs `--single-threaded`, its jail forbids to make another), so no lock is held and
    // nothing is left half done in the copy. What the C library remembers of the thread is right but for its number, which
    // it asks the kernel for where it matters (`abort`).
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: an option of this process with a number as argument.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            Ok(Forked::Runner)
        }
        pid => Ok(Forked::Zygote(pid as u32)),
    }
}

/// Ends the process at once: no destructor of V8's, no handler registered with `atexit`.
pub(crate) fn end() -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(0) }
}
