//! The layer `limits`: resource limits of the kernel, set in a zygote and inherited by its runners.

use std::fs::File;
use std::io::{self, Read};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::process::rlimit;

/// The stack that most machines give a process. V8 and the parser need less.
const STACK_BYTES: u64 = 8 << 20;

/// The limits whose values do not depend on options.
const FIXED_LIMITS: [(Resource, &str, u64); 7] = [
    (Resource::Core, "RLIMIT_CORE", 0),
    (Resource::Fsize, "RLIMIT_FSIZE", 0),
    // Descriptors in flight to the broker count towards this limit too, from all processes of a
    // user.
    (Resource::Nofile, "RLIMIT_NOFILE", 1024),
    (Resource::Memlock, "RLIMIT_MEMLOCK", 0),
    (Resource::Msgqueue, "RLIMIT_MSGQUEUE", 0),
    (Resource::Sigpending, "RLIMIT_SIGPENDING", 0),
    (Resource::Stack, "RLIMIT_STACK", STACK_BYTES),
];

/// Bounds the stack. It is called before anything reads the limit of the stack.
pub(crate) fn bound_stack() {
    // `set` sets it again and reports an error.
    let _ = lower(Resource::Stack, STACK_BYTES);
}

/// Sets all limits but the one on addresses.
///
/// # Errors
/// Returns the names and errors of the limits that cannot be set. The others are set.
pub(super) fn set(memory_bytes: u64) -> Result<(), String> {
    // V8 reserves a terabyte of addresses for its sandbox, so this limit counts writable private
    // memory; see also `bound_addresses`.
    let data = (Resource::Data, "RLIMIT_DATA", memory_bytes);
    let failed: Vec<String> = FIXED_LIMITS
        .into_iter()
        .chain([data])
        .filter_map(|(resource, name, bound)| Some(format!("{name}: {}", lower(resource, bound).err()?)))
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join(", ")) }
}

/// Bounds the addresses that the process maps from now on. `RLIMIT_DATA` counts neither a stack
/// that was moved and grown nor the page tables of memory that is only read.
///
/// # Errors
/// Returns an error if `/proc/self/statm` cannot be read, and the kernel's errors.
pub(super) fn bound_addresses(statm: io::Result<File>, memory_bytes: u64) -> Result<(), String> {
    let mapped = statm.and_then(mapped_bytes).map_err(|error| format!("/proc/self/statm: {error}"))?;
    lower(Resource::As, mapped.saturating_add(memory_bytes)).map_err(|error| format!("RLIMIT_AS: {error}"))
}

/// Opens the file in which the kernel reports how much this process has mapped.
pub(super) fn open_statm() -> io::Result<File> {
    File::open("/proc/self/statm")
}

fn mapped_bytes(mut statm: File) -> io::Result<u64> {
    let mut text = String::new();
    statm.read_to_string(&mut text)?;
    let pages: Option<u64> = text.split_whitespace().next().and_then(|pages| pages.parse().ok());
    pages
        .map(|pages| pages * rustix::param::page_size() as u64)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Sets a limit to `bound`, or to its present maximum if that is lower.
fn lower(resource: Resource, bound: u64) -> io::Result<()> {
    let allowed = rlimit::read(resource)?.maximum.unwrap_or(libc::RLIM_INFINITY);
    let bound = bound.min(allowed);
    match setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) }) {
        Ok(()) => Ok(()),
        // A container may refuse the call, which does not matter if the limit is low enough
        // already.
        Err(_) if allowed <= bound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
