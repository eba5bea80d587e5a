//! Access to internals for this crate's own examples, benchmarks and tests (feature `testing`). It
//! is not part of the interface for embedders, and no product enables it.
//!
//! | item | purpose |
//! |---|---|
//! | [`phases`] | the CPU time of each phase of a run, for `examples/phases.rs` |
//! | [`frames`] | messages of the protocol as frames, for `benches/frames.rs` |
//! | [`isolates`] | the parts of a run on one thread, for `benches/runs.rs` |
//! | [`jail_probe`] | attempts to leave the jail, for `tests/hostile_process.rs` |
//! | [`NATIVE_CODE`] | native code in a runner, for `tests/process.rs` |
//! | [`NATIVE_COPY`] | native code in an app zygote, for `tests/copies.rs` |

pub mod frames;
pub mod isolates;
pub mod phases;

#[cfg(target_os = "linux")]
pub use crate::process::app_zygote::COPY_FLAGS;
#[cfg(target_os = "linux")]
pub use crate::process::jail_probe::main as jail_probe;
pub use crate::process::{NATIVE_CODE, NATIVE_COPY};
