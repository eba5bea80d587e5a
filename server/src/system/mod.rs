//! The operating system: what isolet requires of it, and what it does with it.
//!
//! | module | content |
//! |---|---|
//! | [`preconditions`] | checks stack, threads and sockets before anything is started |
//! | [`isolation`] | processes or threads for scripts: the options, and the engine made from them |
//! | [`jail_advice`] | messages for an incomplete jail: the layer, the cause, the remedy |
//! | [`capacity`] | the number of runs for which the machine has memory |
//! | [`reaper`] | waits for orphaned processes that isolet inherits |
//! | [`engine_version`] | the version of V8, and a warning when it is old |

pub mod capacity;
pub mod engine_version;
pub mod isolation;
mod jail_advice;
pub mod preconditions;
pub mod reaper;
