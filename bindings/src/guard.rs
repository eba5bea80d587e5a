//! The process between isolet and a child.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// The arguments that make a guard start `program`; the program's own follow.
pub(crate) fn arguments(parent: u32, program: &Path) -> [OsString; 4] {
    ["--parent".into(), parent.to_string().into(), "--".into(), program.into()]
}

/// Runs as the guard.
pub fn main(_args: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::FAILURE
}
