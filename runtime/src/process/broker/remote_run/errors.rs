//! The errors of runs in a process of their own.

use crate::process::protocol::frames::EncodeError;
use crate::{ErrorCode, RunError};

/// The runner ended by itself.
pub(super) fn crashed() -> RunError {
    RunError::new(ErrorCode::Crashed, "CrashedError", "The process that ran the script ended before the script did.")
        .with_hint(
            "Most often a script ends its process by using memory in one piece. Run it again; if it crashes again, make \
             it use less memory at once.",
        )
}

/// The runner did something that a script can only do after breaking out of V8.
pub(super) fn violation() -> RunError {
    RunError::new(
        ErrorCode::Violation,
        "ViolationError",
        "The process that ran the script did what no script has the means to do, and was ended.",
    )
    .with_hint(
        "Either the script breaks out of its engine, or isolet has a fault. Its operator finds more in the log.",
    )
}

/// The script and its input, or the catalogue, do not fit into a frame.
pub(super) fn too_large(error: &EncodeError) -> RunError {
    let message = format!("The script and its input are too large: {error}.");
    RunError::new(ErrorCode::MemoryLimit, "MemoryLimitError", message)
        .with_hint("Give the script less input: a part, or a reference that a tool can look up.")
}

/// There has been no zygote for long.
pub(super) fn no_zygote() -> RunError {
    RunError::new(ErrorCode::Crashed, "CrashedError", "No process that could run the script has started.")
        .with_hint(
            "The script is not the cause. isolet goes on trying to start one; its log has the reason why none starts.",
        )
}
