//! The use of the limits on calls and logs, by a run or by one request to a Worker.

/// The bytes that a log line is charged in addition to its text, for the JSON around it in the
/// report.
pub(crate) const LOG_LINE_OVERHEAD_BYTES: usize = 64;

/// The counts of a run, or of one request to a Worker, for which there are limits.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: u32,
    /// The length of the log lines, in bytes.
    pub(crate) log_bytes: usize,
}
