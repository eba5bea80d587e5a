//! The error of an invalid rule.

/// An invalid part of a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// An invalid glob.
    #[error("`{glob}` is not a pattern: {reason}")]
    Glob {
        /// The glob.
        glob: String,
        /// The reason.
        reason: String,
    },
    /// An invalid path into arguments.
    #[error("`{0}` is not a path into arguments: write /name, /list/0/name or /list/*/name")]
    Path(String),
    /// An invalid rate.
    #[error("`{0}` is not a rate: write a number of calls and a time, such as 10/s, 60/m, 1000/h or 5000/d")]
    Rate(String),
}
