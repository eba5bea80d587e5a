//! The app zygote: a process that has evaluated a Worker's modules, serves no request, and is
//! copied for each process that does.
//!
//! It has run the Worker's code, so it may be taken over, and holds no right that a Worker's
//! process does not have. It cannot fork: its `clone` waits for the broker's answer, and the broker
//! allows one for each copy that it has asked for. The copy then asks for a socket of its own, with
//! the key of that request, and the broker puts it in the place of the app zygote's
//! (`broker::copies`).

use std::ffi::c_long;

use super::protocol::messages::ToRunner;
use super::runner::SocketInbox;
use super::zygote::fork;
use crate::{Module, entropy};

/// Fork semantics. The parent is the zygote, which waits for the copy's end, as for its own
/// runners.
pub const COPY_FLAGS: usize = (libc::CLONE_PARENT | libc::SIGCHLD) as usize;

/// Makes copies when the broker asks for them. It returns in each copy; the app zygote itself ends
/// with its socket.
pub(super) fn serve(inbox: &mut SocketInbox, modules: &[Module]) {
    loop {
        let Some(ToRunner::Copy { key }) = inbox.next(None) else { continue };
        if is_taken_over(modules, key) {
            continue;
        }
        if copy() == 0 {
            become_copy(inbox, key);
            return;
        }
    }
}

/// Runs the native code of a test. Returns `true` if it acts in place of this module.
fn is_taken_over(modules: &[Module], key: u64) -> bool {
    #[cfg(feature = "testing")]
    if let (Some(native_copy), Some(main)) = (super::NATIVE_COPY.get(), modules.first()) {
        return native_copy(&main.text(), key);
    }
    let _ = (modules, key);
    false
}

/// Forks, once the broker allows it. Returns 0 in the copy.
fn copy() -> c_long {
    // SAFETY: without a flag that shares memory and without a new stack, the copy continues here
    // with memory of its own. The process has one thread, as its zygote had, so in the copy no lock
    // is held and nothing is half done. The system call and not the C library's `fork`, for the
    // reasons in `zygote::fork`.
    unsafe { libc::syscall(libc::SYS_clone, COPY_FLAGS, 0_usize, 0_usize, 0_usize, 0_usize) }
}

/// Gets the copy a socket of its own, ties its life to the zygote's, and drops what it must not
/// have in common with other copies.
fn become_copy(inbox: &mut SocketInbox, key: u64) {
    use std::os::fd::AsRawFd;

    let socket = inbox.socket().as_raw_fd();
    // SAFETY: the broker makes this call: it replaces what the descriptor refers to, which its
    // owner does not notice. The kernel itself would refuse it.
    if unsafe { libc::syscall(libc::SYS_dup3, socket, socket, libc::O_CLOEXEC, key) } != 0 {
        fork::exit_now();
    }
    // SAFETY: the call sets an option of this process; its arguments are numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    inbox.forget_received();
    entropy::forget();
}
