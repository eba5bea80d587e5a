//! The requirements of V8 on limits, random numbers and memory.
//!
//! V8 would crash without naming the cause, so a zygote checks them before it starts V8. Some
//! limits have a minimum below which V8 never starts, and a value from which they are certainly
//! large enough. If a zygote ends without a message, the broker names the limits between the two.

use std::io;

use rustix::process::Resource;

use crate::process::rlimit;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A requirement on one resource limit.
struct LimitRequirement {
    resource: Resource,
    name: &'static str,
    /// The value below which V8 never starts.
    minimum: u64,
    /// The value from which the limit is certainly large enough.
    sufficient: u64,
    /// The use of the resource, for messages.
    use_of: &'static str,
}

/// Measured values: V8 starts with 256 GiB of addresses and not with 128, with 200 MiB of private
/// memory and not with 100. A script that recurses until V8 throws needs the stack that V8 expects,
/// almost 1 MiB.
const LIMIT_REQUIREMENTS: [LimitRequirement; 3] = [
    LimitRequirement {
        resource: Resource::As,
        name: "RLIMIT_AS (ulimit -v)",
        minimum: 192 * GIB,
        sufficient: 1100 * GIB,
        use_of: "V8 reserves up to 1 TiB of addresses, most of which is never used",
    },
    LimitRequirement {
        resource: Resource::Data,
        name: "RLIMIT_DATA (ulimit -d)",
        minimum: 128 * MIB,
        sufficient: GIB,
        use_of: "V8 maps about 512 MiB of private memory, most of which is never used",
    },
    LimitRequirement {
        resource: Resource::Stack,
        name: "RLIMIT_STACK (ulimit -s)",
        minimum: MIB,
        sufficient: 2 * MIB,
        use_of: "V8 counts on a stack of 1 MiB",
    },
];

/// Checks the requirements, in a zygote before its jail and V8. `jit` is whether V8 compiles to
/// machine code.
///
/// # Errors
/// Returns an error that names the requirement and a remedy.
pub(crate) fn check(jit: bool) -> io::Result<()> {
    for requirement in &LIMIT_REQUIREMENTS {
        if let Some(small) = requirement.below(requirement.minimum) {
            return Err(io::Error::other(format!("{small}: raise it")));
        }
    }
    draw_random_numbers().map_err(|error| {
        io::Error::other(format!(
            "the kernel gives no random numbers (getrandom: {error}), and files that do are out of reach"
        ))
    })?;
    if !jit {
        return Ok(());
    }
    make_memory_executable().map_err(|error| {
        io::Error::other(format!(
            "memory may not become executable (mprotect: {error}), and V8 compiles to machine code: allow it (systemd: \
             MemoryDenyWriteExecute=no), or start with --no-jit"
        ))
    })
}

/// Returns the limits that may be the reason for which a zygote ended, as the end of a message.
pub(crate) fn small_limits() -> String {
    let small: Vec<String> = LIMIT_REQUIREMENTS
        .iter()
        .filter_map(|requirement| requirement.below(requirement.sufficient))
        .collect();
    if small.is_empty() { String::new() } else { format!("; {}", small.join("; ")) }
}

/// Returns the limit on processes if it may be the reason for `error`, as the end of a message.
pub(crate) fn process_limit(error: &io::Error) -> String {
    match rlimit::current(Resource::Nproc).filter(|_| error.kind() == io::ErrorKind::WouldBlock) {
        Some(limit) => {
            format!(
                "; RLIMIT_NPROC (ulimit -u), which counts all processes and threads of this user, is {limit}"
            )
        }
        None => String::new(),
    }
}

impl LimitRequirement {
    /// Describes the limit if it is below `value`.
    fn below(&self, value: u64) -> Option<String> {
        let current = rlimit::current(self.resource).filter(|current| *current < value)?;
        let (name, use_of) = (self.name, self.use_of);
        Some(format!("{name} is {}, and {use_of}", show_size(current)))
    }
}

fn show_size(bytes: u64) -> String {
    match bytes {
        ..MIB => format!("{} KiB", bytes >> 10),
        MIB..GIB => format!("{} MiB", bytes / MIB),
        GIB.. => format!("{} GiB", bytes / GIB),
    }
}

/// Asks the kernel for random numbers. Libraries would fall back to a device, which the jail takes
/// away.
fn draw_random_numbers() -> io::Result<()> {
    let mut bytes = [0_u8; 8];
    // SAFETY: the kernel writes to a live array.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a page executable, as V8 does. `PR_SET_MDWE`, SELinux and filters of system calls may
/// refuse it.
fn make_memory_executable() -> io::Result<()> {
    let (length, private) = (rustix::param::page_size(), libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address of the kernel's choice.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_NONE, private, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: nothing else uses the page that was just mapped.
    let failed =
        unsafe { libc::mprotect(page, length, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) } != 0;
    let error = io::Error::last_os_error();
    // SAFETY: as above.
    unsafe { libc::munmap(page, length) };
    if failed { Err(error) } else { Ok(()) }
}

/// Makes writes beyond `RLIMIT_FSIZE` fail instead of ending the process. The zygote only writes to
/// a file to make runs cheaper (`memory::readonly`).
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: the call sets how this process, which has one thread and starts no program, takes a
    // signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirements_hold_where_tests_run() {
        check(true).unwrap();
        assert_eq!(
            [show_size(4096), show_size(100 * MIB), show_size(64 * GIB)],
            ["4 KiB", "100 MiB", "64 GiB"]
        );
    }
}
