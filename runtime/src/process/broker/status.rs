//! The state of a zygote, as `GET /v1/runtime` reports it.

use crate::process::jail::JailReport;

/// The state of one zygote and of its runners.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ZygoteStatus {
    /// The zygote's process id.
    pub pid: u32,
    /// `true` if it makes runners. A zygote that stopped responding does not; it is kept until its
    /// last run has ended.
    pub ready: bool,
    /// The number of its runners that have a run.
    pub runs: usize,
    /// The number of its runners that wait for a run.
    pub warm: usize,
    /// The layers of its jail, once it is ready.
    pub layers: Option<JailReport>,
    /// `true` if the memory of its runners can be watched: `/proc/PID/status` can be read.
    pub memory_watched: bool,
}
