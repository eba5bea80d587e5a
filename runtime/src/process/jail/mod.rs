//! The jail of zygotes and runners: the rights that a zygote gives up before it takes work.
//!
//! The jail has five layers. They are independent, so that a hole in one of them leads to the next.
//! A layer that the kernel or a container refuses is reported, and the operator decides whether
//! isolet runs without it.
//!
//! | module | contents |
//! |---|---|
//! | [`report`] | the state of each layer, for the operator |
//! | [`exceptions`] | the layers that the operator allows to be missing |
//! | `privileges` | layer `no_new_privs`: no capabilities, not root, not readable |
//! | `namespaces` | layer `namespaces`: network, mounts, IPC and host name of its own |
//! | `landlock` | layer `landlock`: no access to files |
//! | `resource_limits` | layer `limits`: memory, stack, processes, descriptors |
//! | `syscall_filter` | layer `seccomp`: a short list of system calls |

pub(crate) mod exceptions;
pub(crate) mod report;

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
mod resource_limits;
#[cfg(target_os = "linux")]
mod syscall_filter;

pub(crate) use report::{JailReport, LayerState};
#[cfg(target_os = "linux")]
pub(crate) use resource_limits::bound_stack;

/// The properties of a jail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JailOptions {
    /// The bound on the writable private memory of each process, in bytes.
    pub(crate) memory_bytes: u64,
    /// `true` if memory can be made executable, which compiled code needs.
    pub(crate) executable_memory: bool,
    /// Names of layers that are left out, so that tests can try the other layers alone. `user`
    /// stands for the change of the user.
    #[cfg(feature = "testing")]
    pub(crate) without: &'static [&'static str],
}

impl JailOptions {
    /// Returns the options of a jail with all layers.
    pub(crate) fn new(memory_bytes: u64, executable_memory: bool) -> Self {
        Self {
            memory_bytes,
            executable_memory,
            #[cfg(feature = "testing")]
            without: &[],
        }
    }

    #[cfg(all(target_os = "linux", feature = "testing"))]
    fn leaves_out(&self, name: &str) -> bool {
        self.without.contains(&name)
    }

    #[cfg(all(target_os = "linux", not(feature = "testing")))]
    fn leaves_out(&self, _name: &str) -> bool {
        false
    }

    /// Sets one layer, unless a test leaves it out.
    #[cfg(target_os = "linux")]
    fn set<E: std::fmt::Display>(&self, name: &str, layer: impl FnOnce() -> Result<(), E>) -> LayerState {
        if self.leaves_out(name) {
            return LayerState::Missing("left out".into());
        }
        match layer() {
            Ok(()) => LayerState::Set,
            Err(error) => LayerState::Missing(error.to_string()),
        }
    }
}

/// Closes all descriptors but the first three. The broker's own descriptors close when it executes
/// the zygote; descriptors that the broker itself inherited may not. It is called before anything
/// else.
#[cfg(target_os = "linux")]
pub(crate) fn close_inherited() {
    // SAFETY: this process has opened nothing yet, so nothing in it owns a descriptor above 2.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } != 0 {
        // Linux before 5.9 has no such call. Descriptors have the lowest free numbers, so they are
        // all below 1024.
        // SAFETY: as above.
        (3..1024).for_each(|number| _ = unsafe { libc::close(number) });
    }
}

/// A jail that still lacks the layers that would stop V8 from starting.
#[cfg(target_os = "linux")]
pub(crate) struct Jail {
    options: JailOptions,
    report: JailReport,
    /// `/proc/self/statm`, which cannot be opened in the jail.
    statm: std::io::Result<std::fs::File>,
}

#[cfg(target_os = "linux")]
impl Jail {
    /// Sets the layers with which V8 can still start.
    pub(crate) fn enter(options: JailOptions) -> Self {
        let statm = resource_limits::open_statm();
        let no_new_privs = options.set("no_new_privs", privileges::set_no_new_privs);
        if !options.leaves_out("user") {
            privileges::drop_root();
        }
        let namespaces = options.set("namespaces", namespaces::unshare);
        let landlock = options.set("landlock", landlock::forbid_files);
        let limits = options.set("limits", || resource_limits::set(options.memory_bytes));
        // Last, as the layers above may need capabilities.
        let no_new_privs = match no_new_privs {
            LayerState::Set => options.set("no_new_privs", privileges::drop_capabilities),
            missing => missing,
        };
        let report = JailReport { no_new_privs, landlock, namespaces, limits, seccomp: LayerState::Untried };
        Self { options, report, statm }
    }

    /// Sets the remaining layers. Afterwards the zygote can only talk to the broker and fork. The
    /// descriptor, if there is one, is for the broker: on it the broker allows copies of app
    /// zygotes.
    pub(crate) fn close(self) -> (JailReport, Option<std::os::fd::OwnedFd>) {
        let Self { options, mut report, statm } = self;
        if report.limits.is_set() {
            report.limits =
                options.set("limits", || resource_limits::bound_addresses(statm, options.memory_bytes));
        }
        let mut listener = None;
        report.seccomp = options
            .set("seccomp", || syscall_filter::set(options.executable_memory).map(|set| listener = set));
        (report, listener)
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{JailOptions, JailReport, LayerState};

    pub(crate) fn close_inherited() {}

    pub(crate) fn bound_stack() {}

    /// Platforms other than Linux have no jail.
    pub(crate) struct Jail;

    impl Jail {
        pub(crate) fn enter(_options: JailOptions) -> Self {
            Self
        }

        pub(crate) fn close(self) -> (JailReport, Option<std::os::fd::OwnedFd>) {
            let missing = || LayerState::Missing("only on Linux".into());
            let report = JailReport {
                no_new_privs: missing(),
                landlock: missing(),
                namespaces: missing(),
                limits: missing(),
                seccomp: missing(),
            };
            (report, None)
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Jail, bound_stack, close_inherited};
