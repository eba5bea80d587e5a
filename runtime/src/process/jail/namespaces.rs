//! The layer `namespaces`: network, mounts, IPC and host name of the zygote's own.

use std::io;

/// Moves this process into new namespaces. The new network is empty.
///
/// # Errors
/// Returns the kernel's error.
pub(super) fn unshare() -> io::Result<()> {
    let alone = libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNS;
    // SAFETY: with these flags the call changes neither memory nor descriptors of this process,
    // which has one thread.
    let unshare =
        |flags| unsafe { if libc::unshare(flags) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) } };
    // In a user namespace an ordinary user can have the others. Where user namespaces are
    // forbidden, root can still have the others.
    unshare(libc::CLONE_NEWUSER | alone).or_else(|error| unshare(alone).map_err(|_| error))
}
