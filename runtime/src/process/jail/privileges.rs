//! The layer `no_new_privs`: capabilities, the root user, and access by processes of the same user.

use std::io::{self, Write as _};

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

/// The id of the user and of the group `nobody`.
const NOBODY: u32 = 65534;

/// Sets `no_new_privs`, the first step: Landlock and seccomp then need no capability.
///
/// # Errors
/// Returns the kernel's error.
pub(super) fn set_no_new_privs() -> rustix::io::Result<()> {
    thread::set_no_new_privs(true)
}

/// Changes from root to `nobody`, who owns no files and processes of root. Capabilities are kept
/// for the layers that follow.
pub(super) fn drop_root() {
    if !geteuid().is_root() {
        return;
    }
    if let Err(error) = become_nobody() {
        // A container may have taken this right from its root, and a user namespace may have no
        // other user.
        let _ = writeln!(
            io::stderr(),
            "isolet zygote: scripts run as root, without its capabilities: changing to user {NOBODY} is refused: {error}"
        );
    }
}

fn become_nobody() -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    thread::set_thread_groups(&[])?;
    thread::set_thread_res_gid(group, group, group)?;
    let before = thread::capabilities(None)?;
    thread::set_keep_capabilities(true)?;
    let changed = thread::set_thread_res_uid(user, user, user);
    thread::set_keep_capabilities(false)?;
    changed?;
    let CapabilitySets { permitted, inheritable, .. } = before;
    thread::set_capabilities(None, CapabilitySets { effective: permitted, permitted, inheritable })
}

/// Drops all capabilities, the last step. Root has them, and so has every process in a user
/// namespace of its own.
///
/// # Errors
/// Returns the kernel's error.
pub(super) fn drop_capabilities() -> io::Result<()> {
    // Removing capabilities from the bounding set takes a capability itself. A process without it
    // gains none by `execve`, so its bounding set does not matter.
    let mut may = thread::capabilities(None)?.effective.contains(CapabilitySet::SETPCAP);
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        may = may && thread::remove_capability_from_bounding_set(capability).is_ok();
    }
    // Linux before 4.3 has no ambient set.
    let _ = thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    // Set again, since a change of the user resets it to the machine's default for such programs.
    crate::process::set_undumpable();
    Ok(())
}
