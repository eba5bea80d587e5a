//! Reading the kernel's limits on this process.

use std::io;

use rustix::process::Resource;

/// One resource limit. `None` stands for "unlimited".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimit {
    /// The limit in force.
    pub current: Option<u64>,
    /// The value to which the process may raise it.
    pub maximum: Option<u64>,
}

/// Reads a limit. (`rustix::process::getrlimit` panics where a system call filter refuses it.)
///
/// # Errors
/// Returns the kernel's error.
pub fn read(resource: Resource) -> io::Result<ResourceLimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes two numbers to a live structure.
    if unsafe { libc::getrlimit(resource as u32 as _, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let bound = |value| (value != libc::RLIM_INFINITY).then_some(value);
    Ok(ResourceLimit { current: bound(limit.rlim_cur), maximum: bound(limit.rlim_max) })
}

/// Reads the limit in force. Returns `None` if it is unlimited or cannot be read.
pub fn current(resource: Resource) -> Option<u64> {
    read(resource).ok()?.current
}
