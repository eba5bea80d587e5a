//! The attempts that each layer of the jail must refuse alone.
//!
//! The test also makes them without the layer, as root, where they must succeed. So no attempt may
//! change anything outside of its process: each asks for something that the kernel refuses without
//! privileges and cannot do with them.

use std::ffi::CString;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use super::NamedAttempt;
use super::attempts::{as_refusal, grow_the_stack, map_much, read_much};
use super::raw_call::{B, N, T, buffer, call, end_child, open};
use crate::process::rlimit;

/// A port of this machine on which a test listens. An abstract socket with this number in its name
/// exists as well.
static TARGET_PORT: AtomicU16 = AtomicU16::new(0);

/// The names of this process's namespaces before the jail, and the id of the process that started
/// it.
static BEFORE_JAIL: OnceLock<(Vec<PathBuf>, i64)> = OnceLock::new();

/// Sets the port.
pub(super) fn set_target(target: &str) {
    TARGET_PORT.store(target.parse().unwrap_or_default(), Ordering::Relaxed);
}

/// Records the state before the jail, with which attempts compare.
pub(super) fn record_surroundings() {
    let _ = BEFORE_JAIL.set((namespace_names(), std::os::unix::process::parent_id().into()));
}

fn starter_pid() -> i64 {
    BEFORE_JAIL.get().map_or(1, |(_, pid)| *pid)
}

fn namespace_names() -> Vec<PathBuf> {
    let names = ["net", "ipc", "uts", "mnt"];
    names.iter().filter_map(|name| std::fs::read_link(format!("/proc/self/ns/{name}")).ok()).collect()
}

/// Returns the attempts for the layer `layer`.
pub(super) fn of(layer: &str) -> &'static [NamedAttempt] {
    match layer {
        "no_new_privs" => PRIVILEGES,
        "landlock" => FILES,
        "namespaces" => NAMESPACES,
        "limits" => LIMITS,
        "jit" => CODE,
        _ => &[],
    }
}

/// Converts the errors with which a layer refuses into `EPERM`.
fn refused_with(errors: &[i32], result: io::Result<i64>) -> io::Result<i64> {
    result.map_err(|error| {
        let is_one = error.raw_os_error().is_some_and(|number| errors.contains(&number));
        if is_one { io::Error::from_raw_os_error(libc::EPERM) } else { error }
    })
}

fn target_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], TARGET_PORT.load(Ordering::Relaxed)))
}

fn connect() -> io::Result<i64> {
    TcpStream::connect(target_address()).map(|_| 0)
}

/// Connects to a socket with a name and without a file.
fn connect_by_name() -> io::Result<i64> {
    let name = format!("isolet-probe-{}", TARGET_PORT.load(Ordering::Relaxed));
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    UnixStream::connect_addr(&address).map(|_| 0)
}

fn signal_the_starter() -> io::Result<i64> {
    call(libc::SYS_kill, [N(starter_pid()), N(0)])
}

const FILES: &[NamedAttempt] = &[
    ("open a file", || open(c"/etc/passwd", libc::O_RDONLY)),
    ("open a folder", || open(c"/", libc::O_RDONLY | libc::O_DIRECTORY)),
    ("make a file", || open(c"/tmp", libc::O_WRONLY | libc::O_TMPFILE)),
    ("open its own memory", || open(c"/proc/self/mem", libc::O_RDWR)),
    ("execute a program", || {
        let mut arguments = buffer();
        arguments[0] = c"/bin/true".as_ptr() as u64;
        // The call does not return if it succeeds: the runner is that program then, which prints
        // nothing.
        call(libc::SYS_execve, [T(c"/bin/true"), B(&mut arguments), N(0)])
    }),
    ("connect to a port", connect),
    ("listen on a port", || TcpListener::bind(("127.0.0.1", 0)).map(|_| 0)),
    ("connect to a socket without a file", connect_by_name),
    ("signal a process outside", signal_the_starter),
];

const NAMESPACES: &[NamedAttempt] = &[
    ("share a namespace with the machine", || {
        let (before, now) =
            (BEFORE_JAIL.get().map(|(before, _)| before.clone()).unwrap_or_default(), namespace_names());
        let shared = before.iter().filter(|name| now.contains(name)).count();
        let none = shared == 0 && before.len() == 4 && now.len() == 4;
        if none { Err(io::Error::from_raw_os_error(libc::EPERM)) } else { Ok(shared as i64) }
    }),
    ("connect to a port", || refused_with(&[libc::ENETUNREACH], connect())),
    ("connect to a socket without a file", || refused_with(&[libc::ECONNREFUSED], connect_by_name())),
];

const PRIVILEGES: &[NamedAttempt] = &[
    ("become root", || call(libc::SYS_setuid, [N(0)])),
    ("join the groups of root", || {
        let mut groups = buffer();
        call(libc::SYS_setgroups, [N(1), B(&mut groups)])
    }),
    ("change the root folder", || call(libc::SYS_chroot, [T(c"/")])),
    // Two kinds of propagation at once are invalid: a process that may mount gets EINVAL.
    ("mount", || {
        let both = libc::MS_SHARED | libc::MS_PRIVATE;
        call(libc::SYS_mount, [T(c"none"), T(c"/proc"), N(0), N(both as i64), N(0)])
    }),
    // The length is invalid: a process that may set the name gets EINVAL.
    ("name the machine", || call(libc::SYS_sethostname, [T(c"escaped"), N(-1)])),
    ("open a file of root's", || open(c"/etc/shadow", libc::O_RDONLY)),
    ("read its zygote's memory", || {
        open(&CString::new(format!("/proc/{}/mem", super::zygote_pid()))?, libc::O_RDONLY)
    }),
    ("have a right or a group left", || {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let has = |line: &str| status.lines().any(|other| other == line);
        let none = "0000000000000000";
        let rights = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        let gone = rights.iter().all(|right| has(&format!("{right}:\t{none}")));
        let nobody = has("Uid:\t65534\t65534\t65534\t65534") && has("Gid:\t65534\t65534\t65534\t65534");
        let alone = status.lines().any(|line| line.trim_end() == "Groups:");
        let nothing = gone && nobody && alone && has("NoNewPrivs:\t1");
        if nothing { Err(io::Error::from_raw_os_error(libc::EPERM)) } else { Ok(0) }
    }),
];

fn page(protection: i32) -> io::Result<i64> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    call(libc::SYS_mmap, [N(0), N(4096), N(protection.into()), N(flags.into()), N(-1), N(0)])
}

const EXECUTABLE: i32 = libc::PROT_READ | libc::PROT_EXEC;

/// Attempts that the filter refuses if V8 runs without its compilers.
const CODE: &[NamedAttempt] = &[
    ("map executable memory", || page(EXECUTABLE)),
    ("map memory that is all three", || page(EXECUTABLE | libc::PROT_WRITE)),
    ("make memory executable", || {
        let page = page(libc::PROT_READ | libc::PROT_WRITE)?;
        call(libc::SYS_mprotect, [N(page), N(4096), N(EXECUTABLE.into())])
    }),
    ("make memory executable with a key", || {
        let page = page(libc::PROT_READ | libc::PROT_WRITE)?;
        call(libc::SYS_pkey_mprotect, [N(page), N(4096), N(EXECUTABLE.into()), N(-1)])
    }),
];

const LIMITS: &[NamedAttempt] = &[
    ("map 64 GiB of private memory", map_much),
    ("map 64 GiB that are only read", read_much),
    ("make a stack of 2 GiB", grow_the_stack),
    ("write to a file", || {
        // The kernel also sends a signal that ends the process.
        // SAFETY: a signal that nothing here handles is ignored.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        let file = open(c"/tmp", libc::O_WRONLY | libc::O_TMPFILE)?;
        refused_with(&[libc::EFBIG], call(libc::SYS_write, [N(file), T(c"x"), N(1)]))
    }),
    ("have many files open", || {
        let opened = (0..64).try_fold(0, |_, _| open(c"/dev/null", libc::O_RDONLY));
        refused_with(&[libc::EMFILE], opened)
    }),
    ("make a process", || {
        refused_with(
            &[libc::EAGAIN],
            end_child(call(libc::SYS_clone, [N(libc::SIGCHLD.into()), N(0), N(0), N(0), N(0)])),
        )
    }),
    ("keep memory from being swapped", || as_refusal(call(libc::SYS_mlock, [B(&mut buffer()), N(4096)]))),
    ("open a queue of messages", || {
        let queue = c"isolet-probe";
        let opened = call(libc::SYS_mq_open, [T(queue), N(0o102), N(0o600), N(0)]);
        let _ = call(libc::SYS_mq_unlink, [T(queue)]);
        refused_with(&[libc::EMFILE], opened)
    }),
    ("raise a limit", || {
        let mut limit = [u64::MAX; 512];
        call(libc::SYS_prlimit64, [N(0), N(libc::RLIMIT_DATA.into()), B(&mut limit), N(0)])
    }),
    ("let the stack grow without end", || {
        let stack = rlimit::read(rustix::process::Resource::Stack)?;
        let bounded = stack.maximum.is_some_and(|most| most <= 8 << 20);
        if bounded { Err(io::Error::from_raw_os_error(libc::EPERM)) } else { Ok(0) }
    }),
];
