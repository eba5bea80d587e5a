//! The options for starting and stopping a child.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The command that starts the guard process. The program passes its remaining arguments to
/// [`guard::main`](crate::guard::main).
#[derive(Debug, Clone)]
pub struct GuardCommand {
    /// The executable, usually isolet itself.
    pub program: PathBuf,
    /// The arguments before the guard's own, usually the name of a subcommand.
    pub args: Vec<OsString>,
}

/// The time that a server has to exit at each step of stopping it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShutdownTimeouts {
    /// After its input has ended. Most servers exit then, some do not.
    pub after_input_closed: Duration,
    /// After SIGTERM. The guard has the same, and some more to stop descendants.
    pub after_terminate: Duration,
}
