//! Options of the audit log.

use std::path::PathBuf;

/// The destination of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file, created with mode 0600 and appended to.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// The behaviour when records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Calls are refused until records can be written.
    #[default]
    Refuse,
    /// Calls are made without a record. Their number is recorded later.
    Drop,
}

/// The options of the audit log.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// The destination.
    pub destination: Destination,
    /// True if the arguments of calls are recorded.
    pub arguments: bool,
    /// The behaviour when records cannot be written.
    pub when_full: WhenFull,
}
