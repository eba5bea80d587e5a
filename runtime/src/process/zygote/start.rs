//! The start of a zygote: jail, V8, isolate, warm-up, arrangement of memory.

use std::io;
use std::os::fd::OwnedFd;

use super::options::ZygoteOptions;
use super::{fork, log_line, requirements, warm_up};
use crate::isolate::{BareIsolate, FreshIsolate};
use crate::process::jail::{self, Jail, JailOptions, JailReport};
use crate::process::memory::Tuning;
use crate::process::memory::library_pages::LibraryPages;
use crate::v8_process;

/// V8's own heap limit lies one part in this many above the run's limit. V8 may end the process
/// when it reaches its own limit during an allocation. It reports that first, and the process has
/// one run only.
const HEAP_RESERVE_DIVISOR: usize = 8;

/// A zygote whose jail is closed.
pub(super) struct Started {
    pub(super) fresh: FreshIsolate,
    pub(super) jail: JailReport,
    /// The descriptor on which the broker allows copies of app zygotes.
    pub(super) listener: Option<OwnedFd>,
    /// The means to move the memory of libraries, if there will be libraries.
    pub(super) library_pages: Option<io::Result<LibraryPages>>,
}

/// Creates the isolate that is forked, and closes the jail around it.
pub(super) fn start(options: ZygoteOptions) -> io::Result<Started> {
    requirements::ignore_file_size_signal();
    requirements::check(options.jit)?;
    jail::bound_stack();
    // The parser asks for the size of the stack and allocates another one where it is unknown. The
    // C library reads it from /proc, which the jail takes away. This call stores it for this thread
    // and all runners.
    let _ = stacker::remaining_stack();
    prefer_for_oom_kill();
    let tuning = Tuning::open();
    let library_pages = (options.libraries && options.max_runners > 1).then(LibraryPages::open);
    // From here on other processes of the same user cannot read this one's memory, and /proc shows
    // its files as root's. So the files above are opened before.
    crate::process::set_undumpable();
    let jail = Jail::enter(JailOptions::new(options.memory_bytes, options.jit));
    fork::close_stdin();
    fork::keep_mappings_at_fork();
    v8_process::start_alone(options.jit);
    let fresh = create_isolate(options, tuning)?;
    // All runners would draw the same random bytes from what the zygote has in store.
    crate::entropy::forget();
    let (jail, listener) = jail.close();
    Ok(Started { fresh, jail, listener, library_pages })
}

/// Lets the kernel end this process and its runners before others when memory runs out.
fn prefer_for_oom_kill() {
    #[cfg(target_os = "linux")]
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "500") {
        log_line(&format!("cannot set oom_score_adj, so other processes may be killed first: {error}"));
    }
}

/// Creates the isolate and context that are forked, warms them up, and arranges the process's
/// memory.
///
/// # Errors
/// Returns an error if isolet's own JavaScript fails after it has worked before.
pub(crate) fn create_isolate(options: ZygoteOptions, tuning: io::Result<Tuning>) -> io::Result<FreshIsolate> {
    let create = || {
        let reserve = options.heap_bytes / HEAP_RESERVE_DIVISOR;
        BareIsolate::new(options.heap_bytes, options.heap_bytes + reserve).with_context()
    };
    let mut fresh = create();
    if options.max_runners <= 1 {
        return Ok(fresh);
    }
    if let Err(error) = warm_up::warm_up(&mut fresh) {
        // Most likely the heap that runs may have is too small for it. A stopped isolate stays
        // stopped.
        log_line(&format!("the warm-up failed, so runs are slower: {error}"));
        // The crate `v8` requires that isolates are dropped in the reverse order of their creation.
        drop(fresh);
        return Ok(create());
    }
    let used_pages = tuning.and_then(Tuning::move_read_only);
    // This run shows which pages are used. An isolate in which it fails is not one to fork.
    warm_up::run_traceless(&mut fresh).map_err(io::Error::other)?;
    if let Err(error) = used_pages.and_then(|used_pages| used_pages.move_to_huge_pages()) {
        log_line(&format!("the memory could not be arranged, so runs are slower: {error}"));
    }
    Ok(fresh)
}
