//! A system call filter that separates a server from the limits, priorities and terminals of other
//! processes.
//!
//! The kernel treats all processes of a user alike: one may change the limits, the CPU time or the
//! processors of another, and so end it or stop it. No landlock domain covers that. A filter sees
//! numbers, but not whose they are. So each of these calls works if it names the caller by 0, as
//! nearly all programs do, and fails with `EPERM` if it names a process by its pid, even its own.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Inserts input into a terminal, as if its user had typed it.
const TIOCSTI: u64 = 0x5412;
/// Does the same on a console, through its clipboard.
const TIOCLINUX: u64 = 0x541C;
/// The value of `which` that means a process. For `setpriority` it is zero.
const IOPRIO_WHO_PROCESS: u64 = 1;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Sets the filter for this process, and all that it will start. It cannot gain privileges by
/// executing a program afterwards.
///
/// # Errors
/// A processor for which no filter can be built, and errors of the kernel.
pub(super) fn set() -> Result<(), String> {
    let program = compile().map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn compile() -> Result<BpfProgram, BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(refused_calls()?, SeccompAction::Allow, refused, architecture)?.try_into()
}

/// The refused calls: those with rules if one of them matches, those without rules always.
fn refused_calls() -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    // Reading the limits of another process is harmless.
    let others_limits = SeccompRule::new(vec![
        is_not(0, 0)?,
        SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?,
    ])?;
    rules.insert(libc::SYS_prlimit64, vec![others_limits]);
    for call in [
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        // The kernel checks these like access by a debugger, and so does the domain; the filter
        // also works without a domain.
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
    ] {
        rules.insert(call, vec![SeccompRule::new(vec![is_not(0, 0)?])?]);
    }
    // All processes of a user or a group are other processes too.
    for (call, process) in [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS)] {
        rules.insert(
            call,
            vec![SeccompRule::new(vec![is_not(0, process)?])?, SeccompRule::new(vec![is_not(1, 0)?])?],
        );
    }
    // It names a process by a descriptor. For its own memory a program has `madvise`.
    rules.insert(libc::SYS_process_madvise, Vec::new());
    let terminal = |request| SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, request)?]);
    rules.insert(libc::SYS_ioctl, vec![terminal(TIOCSTI)?, terminal(TIOCLINUX)?]);
    if cfg!(target_arch = "x86_64") {
        rules.extend(x32(&rules));
    }
    Ok(rules)
}

/// The same calls by their x32 numbers, if the kernel has those.
fn x32(rules: &Rules) -> Rules {
    /// A bit that all x32 numbers have.
    const X32: i64 = 0x4000_0000;
    let own_number = |call| match call {
        libc::SYS_ioctl => 514,
        libc::SYS_move_pages => 533,
        other => other,
    };
    rules.iter().map(|(call, rules)| (X32 | own_number(*call), rules.clone())).collect()
}

/// Pids and request numbers have 32 bits; the kernel ignores the others.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn is_not(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Ne, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_on_supported_processors() {
        assert_eq!(compile().is_ok(), TargetArch::try_from(std::env::consts::ARCH).is_ok());
    }
}
