//! `isolet.lock`: the tool definitions that somebody looked at and approved.
//!
//! A server can change what a tool says of itself after it was approved (a "rug pull"), and a description is text that a
//! model obeys. The lock file has a digest of each definition; what differs from it is refused or warned about.
//!
//! | module | one idea |
//! |---|---|
//! | `digest` | digests over canonical JSON, of the whole and of each field |
//! | [`mod@file`] | the file: read, written, compared |

mod digest;
pub mod file;

pub use self::digest::{About, Definition};
pub use self::file::{Difference, LockError, LockFile};

/// What is done about definitions that are not the approved ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A line in the log.
    Warn,
    /// They are hidden, and calls are refused.
    Enforce,
}

/// A lock that is in force.
#[derive(Debug, Clone)]
pub struct Lock {
    /// What was approved.
    pub file: LockFile,
    /// What is done about the rest.
    pub mode: Mode,
}
