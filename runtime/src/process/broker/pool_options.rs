//! The engine's options, divided among zygotes.

use std::path::PathBuf;
use std::sync::Arc;

use crate::Libraries;
use crate::engine_options::{EngineOptions, ZygoteProcesses};
use crate::process::zygote::ZygoteOptions;

/// The options of a [`RunnerPool`](super::runner_pool::RunnerPool).
#[derive(Debug, Clone)]
pub(crate) struct PoolOptions {
    /// The executable of zygotes.
    pub(super) executable: PathBuf,
    /// The argument with which the executable is a zygote.
    pub(super) subcommand: String,
    /// The number of zygotes.
    pub(super) zygotes: usize,
    /// The number of runners that wait for a run, for each zygote.
    pub(super) warm: usize,
    /// The bound on runners that are alive, for each zygote.
    pub(super) live: usize,
    /// The libraries that each zygote evaluates.
    pub(super) libraries: Option<Arc<Libraries>>,
    /// The options of each zygote.
    pub(super) zygote: ZygoteOptions,
}

impl PoolOptions {
    /// Divides the engine's options among the zygotes.
    pub(crate) fn new(processes: &ZygoteProcesses, options: &EngineOptions) -> Self {
        let zygotes = processes.count.max(1);
        let live = options.live.div_ceil(zygotes).max(1);
        Self {
            executable: processes.executable.clone(),
            subcommand: processes.subcommand.clone(),
            zygotes,
            warm: options.warm.div_ceil(zygotes).clamp(1, live),
            live,
            zygote: ZygoteOptions {
                heap_bytes: options.memory,
                memory_bytes: memory_bound(options.memory),
                max_runners: live,
                jit: options.jit,
                libraries: options.libraries.is_some(),
            },
            libraries: options.libraries.clone(),
        }
    }
}

/// Returns the kernel's bound on the writable private mappings of a zygote or runner, in bytes. It
/// counts memory that is never used too. `process_limits` bounds the memory in use more strictly,
/// but looks at intervals; the kernel's bound stops memory that grows faster.
fn memory_bound(heap_bytes: usize) -> u64 {
    // An idle zygote has 524 MiB of writable mappings, most of which are never used.
    const ZYGOTE_BYTES: u64 = 1 << 30;
    ZYGOTE_BYTES + 2 * (heap_bytes + crate::isolate::HEAP_GRACE_BYTES) as u64
}
