//! What zygotes and runners give up before they take work.
//!
//! Layers that do not depend on each other, so that a hole in one leads to the next: no new privileges, no files
//! (landlock), own and empty namespaces, a bound on memory, and a short list of system calls. A layer that the kernel or
//! the container refuses is reported, not hidden; the operator decides with `--require-jail` whether to go on without.

use serde::{Deserialize, Serialize};

/// What a zygote's jail is made of, and so its runners', for `GET /v1/runtime`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// `execve` gains nothing, and the other layers need no privilege. No capability is left.
    pub no_new_privs: Layer,
    /// No path can be opened, made or looked at.
    pub landlock: Layer,
    /// User, network, IPC, mount and host name namespaces of its own.
    pub namespaces: Layer,
    /// Private memory is bounded (`RLIMIT_DATA`), no core dumps, no file grows, few descriptors.
    pub limits: Layer,
    /// Only the system calls that running JavaScript needs.
    pub seccomp: Layer,
}

/// One layer of a jail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layer {
    /// It holds.
    Set,
    /// It does not, and why.
    Missing(String),
    /// Not tried yet.
    #[default]
    Untried,
}

impl Layer {
    fn from<T, E: std::fmt::Display>(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Set,
            Err(error) => Self::Missing(error.to_string()),
        }
    }

    /// Whether it holds.
    pub fn is_set(&self) -> bool {
        *self == Self::Set
    }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set => formatter.write_str("set"),
            Self::Missing(why) => write!(formatter, "missing: {why}"),
            Self::Untried => formatter.write_str("not tried"),
        }
    }
}

impl Layers {
    /// Name and state of each layer.
    pub fn each(&self) -> [(&'static str, &Layer); 5] {
        [
            ("no_new_privs", &self.no_new_privs),
            ("landlock", &self.landlock),
            ("namespaces", &self.namespaces),
            ("limits", &self.limits),
            ("seccomp", &self.seccomp),
        ]
    }

    /// The layers that do not hold, and why; `None` if all do.
    pub fn missing(&self) -> Option<String> {
        let missing = self.each().into_iter().filter(|(_, layer)| !layer.is_set());
        let missing: Vec<String> = missing.map(|(name, layer)| format!("{name}: {layer}")).collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// Whether every layer holds.
    pub fn complete(&self) -> bool {
        self.each().iter().all(|(_, layer)| layer.is_set())
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{close_inherited, enter, shut};

#[cfg(not(target_os = "linux"))]
pub(crate) fn close_inherited() {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn enter(_memory_bytes: u64) -> Layers {
    let missing = || Layer::Missing("only on Linux".into());
    Layers {
        no_new_privs: missing(),
        landlock: missing(),
        namespaces: missing(),
        limits: missing(),
        seccomp: missing(),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn shut(_layers: &mut Layers) {}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
    };
    use rustix::process::{Resource, Rlimit, setrlimit};
    use rustix::thread::{CapabilitySet, CapabilitySets};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    use super::super::{fork, pass};
    use super::{Layer, Layers};

    /// The layers that need nothing of what the process will do: before V8 starts.
    pub(crate) fn enter(memory_bytes: u64) -> Layers {
        let no_new_privs = rustix::thread::set_no_new_privs(true);
        let namespaces = Layer::from(namespaces());
        let landlock = Layer::from(landlock());
        let limits = Layer::from(limits(memory_bytes));
        // After the last that may need one.
        let no_new_privs = Layer::from(no_new_privs.and_then(|()| drop_capabilities()));
        Layers { no_new_privs, namespaces, landlock, limits, seccomp: Layer::Untried }
    }

    /// Root has capabilities, and in a user namespace of its own everybody.
    fn drop_capabilities() -> rustix::io::Result<()> {
        let none = CapabilitySet::empty();
        rustix::thread::set_capabilities(
            None,
            CapabilitySets { effective: none, permitted: none, inheritable: none },
        )
    }

    /// The last layer: from here on the zygote only talks to its broker and makes runners.
    pub(crate) fn shut(layers: &mut Layers) {
        layers.seccomp = Layer::from(seccomp());
    }

    fn architecture() -> Result<seccompiler::TargetArch, String> {
        std::env::consts::ARCH.try_into().map_err(|error: seccompiler::BackendError| error.to_string())
    }

    /// Before anything else: the broker's own descriptors close on exec, but those that whoever started the broker left open
    /// do not.
    pub(crate) fn close_inherited() {
        // SAFETY: this process has opened nothing yet, so nothing in it owns a descriptor past the first three.
        if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } != 0 {
            // Linux before 5.9. Descriptors are given out from below, so the first thousand are all there are.
            // SAFETY: as above.
            (3..1024).for_each(|number| _ = unsafe { libc::close(number) });
        }
    }

    fn namespaces() -> io::Result<()> {
        let alone = libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNS;
        // SAFETY: unshare with these flags changes no memory and no descriptor of this single-threaded process.
        let unshare = |flags| unsafe {
            if libc::unshare(flags) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        // A user namespace lets an ordinary user have the others. Where it is forbidden, root may still have them.
        unshare(libc::CLONE_NEWUSER | alone).or_else(|error| unshare(alone).map_err(|_| error))
    }

    fn landlock() -> Result<(), String> {
        let abi = ABI::V6;
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
            .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
            .and_then(Ruleset::create)
            .and_then(landlock::RulesetCreated::restrict_self)
            .map_err(|error| error.to_string())?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err("the kernel has no landlock".into()),
            RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
        }
    }

    fn limits(memory_bytes: u64) -> io::Result<()> {
        let set = |resource, most: u64| {
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(io::Error::from)
        };
        // V8 reserves a terabyte for its sandbox, so RLIMIT_AS cannot bound it; RLIMIT_DATA counts what is writable.
        set(Resource::Data, memory_bytes)?;
        set(Resource::Core, 0)?;
        set(Resource::Fsize, 0)?;
        // Descriptors on their way to the broker count against this limit too, whoever of the same user sent them.
        set(Resource::Nofile, 1024)
    }

    /// What V8, Rust's standard library and the C library call in a process that computes, allocates and talks over
    /// descriptors that it has. The start was `strace -f -c` of isolates at work; the tests on both sides, the corpus and
    /// `escape`, say whether it suffices and whether it is too long.
    const CALLS: &[libc::c_long] = &[
        // The socket. No socket can be made or connected.
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_recvfrom,
        libc::SYS_sendto,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        // Memory.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mincore,
        // Waiting. There is one thread, and `clone` makes no second one.
        libc::SYS_poll,
        libc::SYS_ppoll,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_get_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_getparam,
        libc::SYS_sched_getscheduler,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_restart_syscall,
        // Signals of its own.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        // Clocks and chance.
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_uname,
        libc::SYS_getcpu,
        libc::SYS_membarrier,
    ];

    fn seccomp() -> Result<(), String> {
        let argument = |index, operator, value: u64| {
            SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
                .map_err(|error| error.to_string())
        };
        let rule = |conditions| SeccompRule::new(conditions).map_err(|error| error.to_string());
        let mut rules: std::collections::BTreeMap<_, Vec<_>> =
            CALLS.iter().map(|call| (*call, Vec::new())).collect();
        // Memory can become executable (compiled code), and protection keys are V8's.
        rules.insert(libc::SYS_mprotect, Vec::new());
        rules.insert(libc::SYS_pkey_mprotect, Vec::new());
        // Private memory, which RLIMIT_DATA counts: neither shared mappings nor growing stacks are in it.
        let private = SeccompCmpOp::MaskedEq((libc::MAP_SHARED | libc::MAP_GROWSDOWN) as u64);
        rules.insert(libc::SYS_mmap, vec![rule(vec![argument(3, private, 0)?])?]);
        // What V8 and the allocators tell the kernel of their memory: nothing that needs a privilege.
        let mut advice = Vec::new();
        for told in [
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
        ] {
            advice.push(rule(vec![argument(2, SeccompCmpOp::Eq, told as u64)?])?);
        }
        rules.insert(libc::SYS_madvise, advice);
        // For the zygote alone: copies of itself and nothing else that `clone` can make, their sockets, their descriptors,
        // what they give up, their end with it.
        let pass = || pass::condition().map_err(|error| error.to_string());
        let copy = argument(0, SeccompCmpOp::Eq, fork::FLAGS as u64)?;
        let unix = argument(0, SeccompCmpOp::Eq, libc::AF_UNIX as u64)?;
        let with_the_zygote = argument(0, SeccompCmpOp::Eq, libc::PR_SET_PDEATHSIG as u64)?;
        let for_the_zygote = [
            (libc::SYS_clone, vec![copy, pass()?]),
            (libc::SYS_socketpair, vec![unix, pass()?]),
            (libc::SYS_sendmsg, vec![pass()?]),
            (libc::SYS_wait4, vec![pass()?]),
            (libc::SYS_prlimit64, vec![pass()?]),
            (libc::SYS_prctl, vec![with_the_zygote, pass()?]),
        ];
        let calls = for_the_zygote.len();
        for (call, conditions) in for_the_zygote {
            rules.insert(call, vec![rule(conditions)?]);
        }
        // Everything else fails as if it were forbidden, which code that merely probes can handle.
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Errno(libc::EPERM as u32),
            SeccompAction::Allow,
            architecture()?,
        )
        .map_err(|error| error.to_string())?;
        let mut program: BpfProgram =
            filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())?;
        pass::draw().map_err(|error| error.to_string())?;
        pass::into_filter(&mut program, calls, |program| {
            seccompiler::apply_filter(program).map_err(|error| error.to_string())
        })
    }
}
