//! The layer `seccomp`: a filter of system calls.
//!
//! | calls | effect |
//! |---|---|
//! | [`ALLOWED_CALLS`], and those that [`allowed`] allows with certain arguments | pass |
//! | [`ZYGOTE_CALLS`] | pass with the zygote's token, which its runners do not have |
//! | [`supervised`] | wait for the broker's answer (`seccomp_unotify`): a copy of an app zygote |
//! | [`FATAL_CALLS`] | end the process by `SIGSYS`: only native code of an attacker makes them |
//! | all others | fail with `EPERM`, which code that merely probes can handle |

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::process::app_zygote::COPY_FLAGS;
use crate::process::memory::readonly::MADV_GUARD_INSTALL;
use crate::process::zygote::{fork, syscall_token};

/// The calls of V8, Rust's standard library and the C library in a process that computes, allocates
/// and uses the descriptors that it has. The list began with `strace -f -c` of isolates at work.
/// The tests of scripts show that it suffices, and `jail_probe` that it is not too long.
const ALLOWED_CALLS: &[c_long] = &[
    // The socket that the process has. Other sockets cannot be made or connected.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    // Memory, without `mremap`: it can make a stack of any size, and the C library can do without
    // it.
    libc::SYS_brk,
    libc::SYS_munmap,
    // Waiting and ending. The process has one thread and cannot start another.
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_restart_syscall,
    // Signals of this process.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Clocks and random numbers.
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_uname,
];

/// The calls that only the zygote may make, with its token.
const ZYGOTE_CALLS: [c_long; 6] = [
    libc::SYS_clone,
    libc::SYS_socketpair,
    libc::SYS_sendmsg,
    libc::SYS_wait4,
    libc::SYS_prlimit64,
    libc::SYS_setpgid,
];

/// The calls that end the process. Calls that the C library or V8 try in a runner are not among
/// them: `openat` and `readlink` (for `/proc/self/maps` and time zones), `prlimit64`, `prctl`
/// (which names memory), `ioctl` (for terminals) and `tgkill` (in `abort`).
const FATAL_CALLS: &[c_long] = &[
    // Programs, processes, threads.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_clone,
    libc::SYS_clone3,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    // Sockets and descriptors.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_setsockopt,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_splice,
    libc::SYS_tee,
    libc::SYS_vmsplice,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_setup,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    // Files, in ways that no library uses, and file systems.
    libc::SYS_openat2,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_swapon,
    // Privileges and the kernel itself.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_seccomp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    // Memory and messages shared with other processes.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
];

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Sets the filter, after drawing the zygote's token. Returns the descriptor on which the broker
/// answers [`supervised`] calls; `None` if the kernel gives none, for instance because a container
/// has such a filter already. These calls fail then.
///
/// # Errors
/// Returns an error if the filter cannot be compiled, and the kernel's errors.
pub(super) fn set(executable_memory: bool) -> Result<Option<OwnedFd>, String> {
    let mut program = compile(executable_memory).map_err(|error| error.to_string())?;
    syscall_token::draw().map_err(|error| error.to_string())?;
    let mut listener = None;
    syscall_token::set_filter(&mut program, ZYGOTE_CALLS.len(), |program| {
        listener = set_with_listener(program).ok();
        if listener.is_some() {
            return Ok(());
        }
        seccompiler::apply_filter(program).map_err(|error| error.to_string())
    })?;
    Ok(listener)
}

/// Sets a filter, and returns the descriptor on which its supervised calls are answered.
fn set_with_listener(program: &BpfProgram) -> io::Result<OwnedFd> {
    let filter = program.as_ptr().cast_mut().cast::<libc::sock_filter>();
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter };
    // SAFETY: the kernel reads the program, which has this length and lives until the call returns;
    // the two types of instructions are the kernel's structure.
    let set = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    match i32::try_from(set) {
        // SAFETY: the descriptor is new, and nothing else owns it.
        Ok(listener) if listener >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(listener) }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn compile(executable_memory: bool) -> Result<BpfProgram, BackendError> {
    /// Stands for "ask the broker", which the crate `seccompiler` does not have.
    const ASK: SeccompAction = SeccompAction::Trace(1);
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let refused = || SeccompAction::Errno(libc::EPERM as u32);
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter =
        SeccompFilter::new(allowed(executable_memory)?, refused(), SeccompAction::Allow, architecture)?;
    let mut asked: BpfProgram =
        SeccompFilter::new(supervised()?, refused(), ASK, architecture)?.try_into()?;
    for instruction in &mut asked {
        if (instruction.code, instruction.k) == (RETURN, u32::from(ASK)) {
            instruction.k = libc::SECCOMP_RET_USER_NOTIF;
        }
    }
    let fatal: Rules = FATAL_CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let others = SeccompFilter::new(fatal, refused(), SeccompAction::KillProcess, architecture)?;
    Ok(chain(filter.try_into()?, chain(asked, others.try_into()?, refused()), refused()))
}

/// Returns the rules of the calls that the broker answers: the fork of an app zygote, and the
/// request of a copy for a socket of its own. All that matters of them is in registers.
fn supervised() -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    rules.insert(libc::SYS_clone, one(vec![is(0, COPY_FLAGS as i32)?, null(1)?])?);
    rules.insert(libc::SYS_dup3, one(vec![is(2, libc::O_CLOEXEC)?])?);
    Ok(rules)
}

/// Joins two programs: where the first would return `end` it jumps to the second. Two filters would
/// both run for each call; here the calls that the first program allows skip the second.
fn chain(mut first: BpfProgram, second: BpfProgram, end: SeccompAction) -> BpfProgram {
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
    let (length, end) = (first.len(), u32::from(end));
    for (at, instruction) in first.iter_mut().enumerate() {
        if (instruction.code, instruction.k) == (RETURN, end) {
            *instruction = sock_filter { code: JUMP, jt: 0, jf: 0, k: (length - at - 1) as u32 };
        }
    }
    first.extend(second);
    first
}

/// Returns a condition on the lower 32 bits of an argument, which is all that flags and numbers
/// have.
fn argument(index: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value as u32 as u64)
}

/// Returns the condition that an argument equals `value`.
fn is(index: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    argument(index, SeccompCmpOp::Eq, value)
}

/// Returns the condition that an argument has none of `flags`.
fn has_none_of(index: u8, flags: i32) -> Result<SeccompCondition, BackendError> {
    argument(index, SeccompCmpOp::MaskedEq(flags as u32 as u64), 0)
}

/// Returns the condition that an argument is a null pointer.
fn null(index: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// Returns one rule with all of `conditions`.
fn one(conditions: Vec<SeccompCondition>) -> Result<Vec<SeccompRule>, BackendError> {
    Ok(vec![SeccompRule::new(conditions)?])
}

/// Returns one rule for each of `values`.
fn any_of(
    values: &[i32],
    conditions: impl Fn(i32) -> Result<Vec<SeccompCondition>, BackendError>,
) -> Result<Vec<SeccompRule>, BackendError> {
    values.iter().map(|value| SeccompRule::new(conditions(*value)?)).collect()
}

/// Returns the rules of all allowed calls.
fn allowed(executable_memory: bool) -> Result<Rules, BackendError> {
    let mut rules: Rules = ALLOWED_CALLS.iter().map(|call| (*call, Vec::new())).collect();
    // Other flags lead into parts of the kernel that a stream between two processes does not need.
    let receive = |flags| Ok(vec![is(3, flags)?, null(4)?]);
    rules.insert(libc::SYS_recvfrom, any_of(&[0, libc::MSG_DONTWAIT], receive)?);
    rules.insert(libc::SYS_sendto, one(vec![is(3, libc::MSG_NOSIGNAL)?, null(4)?])?);
    // The machine's clocks and this process's own. Higher numbers are CPU clocks of other
    // processes.
    let clock = || one(vec![argument(0, SeccompCmpOp::Le, libc::CLOCK_TAI)?]);
    rules.insert(libc::SYS_clock_gettime, clock()?);
    rules.insert(libc::SYS_clock_getres, clock()?);
    rules.insert(libc::SYS_clock_nanosleep, clock()?);
    // Its own affinity, not that of another process.
    rules.insert(libc::SYS_sched_getaffinity, one(vec![is(0, 0)?])?);
    // Futexes in private memory, on either clock. Operations that requeue waiters are not needed.
    let either_clock = SeccompCmpOp::MaskedEq(!(libc::FUTEX_CLOCK_REALTIME as u32) as u64);
    let private =
        |operation: i32| Ok(vec![argument(1, either_clock.clone(), operation | libc::FUTEX_PRIVATE_FLAG)?]);
    let operations = [libc::FUTEX_WAIT, libc::FUTEX_WAKE, libc::FUTEX_WAIT_BITSET];
    rules.insert(libc::SYS_futex, any_of(&operations, private)?);
    // Private memory only, which RLIMIT_DATA counts. It counts neither shared mappings nor stacks
    // that grow, nor huge pages that the operator has reserved.
    let mut mapping = vec![has_none_of(3, libc::MAP_SHARED | libc::MAP_GROWSDOWN | libc::MAP_HUGETLB)?];
    // Memory becomes executable only where V8 compiles code. V8 also uses protection keys.
    let mut protection = Vec::new();
    if !executable_memory {
        mapping.push(has_none_of(2, libc::PROT_EXEC)?);
        protection = one(vec![has_none_of(2, libc::PROT_EXEC)?])?;
    }
    rules.insert(libc::SYS_mmap, one(mapping)?);
    rules.insert(libc::SYS_mprotect, protection.clone());
    rules.insert(libc::SYS_pkey_mprotect, protection);
    // The advice on memory that V8, its allocators and the zygote give. None of it needs a
    // privilege, and none of it makes memory accessible.
    let advice = [
        libc::MADV_NORMAL,
        libc::MADV_RANDOM,
        libc::MADV_SEQUENTIAL,
        libc::MADV_WILLNEED,
        libc::MADV_DONTNEED,
        libc::MADV_FREE,
        libc::MADV_DONTFORK,
        libc::MADV_DOFORK,
        libc::MADV_HUGEPAGE,
        libc::MADV_NOHUGEPAGE,
        libc::MADV_DONTDUMP,
        libc::MADV_DODUMP,
        MADV_GUARD_INSTALL,
    ];
    // A process may tie its life to its zygote's, and not untie it.
    let end_with_the_zygote = vec![is(0, libc::PR_SET_PDEATHSIG)?, is(1, libc::SIGKILL)?];
    rules.insert(libc::SYS_prctl, one(end_with_the_zygote)?);
    rules.insert(libc::SYS_madvise, any_of(&advice, |advice| Ok(vec![is(2, advice)?]))?);
    // The zygote forks (and cannot use `clone` for anything else), makes and sends sockets, waits
    // for its runners, lowers their rights, and gives app zygotes a process group.
    for call in ZYGOTE_CALLS {
        let mut conditions = vec![syscall_token::condition()?];
        match call {
            libc::SYS_clone => conditions.push(is(0, fork::CLONE_FLAGS as i32)?),
            libc::SYS_socketpair => conditions.push(is(0, libc::AF_UNIX)?),
            libc::SYS_setpgid => conditions.extend([is(0, 0)?, is(1, 0)?]),
            _ => {}
        }
        rules.insert(call, one(conditions)?);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fatal_calls_are_not_allowed_ones() {
        let rules = allowed(true).unwrap();
        for call in FATAL_CALLS {
            let zygote_only = ZYGOTE_CALLS.contains(call);
            assert_eq!(rules.contains_key(call), zygote_only, "{call}");
        }
        assert!(compile(false).unwrap() != compile(true).unwrap());
    }

    #[test]
    fn supervised_calls_are_not_allowed_ones() {
        let rules = allowed(true).unwrap();
        for call in supervised().unwrap().keys() {
            assert!(!rules.contains_key(call) || ZYGOTE_CALLS.contains(call), "{call}");
        }
        let asks = compile(true).unwrap().iter().filter(|i| i.k == libc::SECCOMP_RET_USER_NOTIF).count();
        assert_eq!(asks, 2);
    }

    #[test]
    fn the_first_program_jumps_to_the_second() {
        let returns = |k| sock_filter { code: 0x06, jt: 0, jf: 0, k };
        let load = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
        let end = u32::from(SeccompAction::Errno(1));
        let first = vec![load.clone(), returns(end), returns(7), returns(end)];
        let program = chain(first, vec![load.clone(), returns(9)], SeccompAction::Errno(1));
        let jump = |k| sock_filter { code: 0x05, jt: 0, jf: 0, k };
        assert!(program == vec![load.clone(), jump(2), returns(7), jump(0), load, returns(9)]);
    }
}
