//! `isolet.lock`: the tool, prompt and resource definitions that the operator has approved.
//!
//! A server can change its definitions after they were approved (a "rug pull"), and a model follows
//! the text of a description. The lock file has each definition as a whole. A definition that
//! differs from it is logged, or hidden and refused.
//!
//! | module | one idea |
//! |---|---|
//! | `entry` | one approved definition: the compared members, and the changed fields |
//! | `file` | the file: read, written, approved |
//! | `format` | the file's JSON, in both versions |
//! | `definitions` | the definitions that a server lists, by kind |
//! | `subject` | the identity of a definition |
//! | `difference` | the differences between the file and the servers' lists |
//! | `diff` | a difference line by line, for a terminal |
//! | `canonical` | canonical JSON |
//! | `digest` | the digests of version 1 |

mod canonical;
mod definitions;
mod diff;
mod difference;
mod digest;
mod entry;
mod file;
mod format;
mod subject;
#[cfg(test)]
mod tests;

pub use self::definitions::PromptsAndResources;
pub use self::difference::Difference;
pub use self::entry::DefinitionKind;
pub use self::file::{LockError, LockFile};
pub use self::subject::Subject;

/// The mode of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Logs definitions that are not approved.
    Warn,
    /// Hides definitions that are not approved, and refuses calls.
    Enforce,
}

/// An active lock.
#[derive(Debug, Clone)]
pub struct Lock {
    /// The approved definitions.
    pub file: LockFile,
    /// The mode.
    pub mode: LockMode,
}
