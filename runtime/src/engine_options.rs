//! The options of an engine: the number of isolates, their memory, and their isolation.

use std::path::PathBuf;
use std::sync::Arc;

use crate::Libraries;

/// The number of isolates, their memory, and their isolation.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The number of isolates that are ready before a request arrives.
    pub warm: usize,
    /// The number of isolates that exist at once, warm and running. Further jobs wait.
    pub live: usize,
    /// The limit on heap and array buffers of each isolate, in bytes. It is fixed when the isolate
    /// is made, before its job is known.
    pub memory: usize,
    /// The isolation of runs.
    pub isolation: Isolation,
    /// Allows V8 to compile to machine code. Without it scripts are interpreted, and the jail of
    /// their processes refuses executable memory. All engines of a process with
    /// [`Isolation::Thread`] or Workers must have the same value.
    pub jit: bool,
    /// The packages that one-shot scripts can import.
    pub libraries: Option<Arc<Libraries>>,
}

/// The isolation of runs.
#[derive(Debug, Clone)]
pub enum Isolation {
    /// Threads of this process: for embedding, for platforms without a jail, for trusted code.
    Thread,
    /// Jailed processes, one for each run.
    Process(ZygoteProcesses),
}

/// The command and the number of zygotes, the processes that are forked for runs.
#[derive(Debug, Clone)]
pub struct ZygoteProcesses {
    /// An executable that calls [`zygote_main`](crate::zygote_main) when its first
    /// argument is `subcommand`.
    pub executable: PathBuf,
    /// The argument that makes `executable` a zygote.
    pub subcommand: String,
    /// The number of zygotes. The runs of the engine are distributed among them.
    pub count: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let memory = crate::Limits::default().memory;
        Self { warm: 8, live: 256, memory, isolation: Isolation::Thread, jit: true, libraries: None }
    }
}
