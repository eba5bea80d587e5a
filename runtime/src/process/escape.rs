//! What a script could do that has taken over its runner: native code with every system call at hand.
//!
//! Test-only: the binary does not call it. `examples/runner.rs` does in a second mode, which sets up a zygote and a runner
//! as [`zygote`](super::zygote) does; the runner tries to get out and says what came of it. An attempt counts as refused
//! only if the jail says no ([`refused`](Attempt::refused)): an error of another kind means that the kernel did look at
//! the arguments, and other arguments could have passed.

use std::ffi::CStr;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(target_arch = "x86_64")]
use super::arena;
use super::fork::{self, Forked};
use super::zygote::{self, Memory, ZygoteOptions};
use super::{jail, pass};
use crate::v8_process;

/// One thing tried from inside.
#[derive(Debug)]
pub struct Attempt {
    /// What was tried.
    pub what: &'static str,
    /// Whether the jail refused it.
    pub refused: bool,
    /// The error, or what was got.
    pub how: String,
}

/// A bound on memory like that of a small runner.
const MEMORY: u64 = 1 << 30;

/// A zygote whose runner tries to escape instead of taking work. Prints its layers, then a line for each thing tried and
/// each thing that must go on to work: `attempt` or `control`, `refused` or `allowed`, what, how.
pub fn main(mut words: impl Iterator<Item = String>) -> ExitCode {
    let call_of_another_architecture = words.next().as_deref() == Some("32-bit");
    match attempt_in_a_runner(call_of_another_architecture) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn attempt_in_a_runner(call_of_another_architecture: bool) -> io::Result<ExitCode> {
    jail::close_inherited();
    let maps = std::fs::File::open("/proc/self/maps")?;
    let memory = Memory::open();
    let mut layers = jail::enter(MEMORY);
    fork::leave_stdin();
    fork::expect();
    v8_process::start_alone();
    let options = ZygoteOptions { heap_bytes: 32 << 20, memory_bytes: MEMORY, copies: 2 };
    let _fresh = zygote::original(options, memory)?;
    // The first to be opened is 0, where the attempts look for the channel; the zygote's end closes in the runner.
    let (channel, mut theirs) = UnixStream::pair()?;
    jail::shut(&mut layers);
    let maps = io::read_to_string(maps)?;
    println!("layers\t{}\t{layers:?}", if layers.complete() { "complete" } else { "incomplete" });
    PARENT.store(std::process::id(), Ordering::Relaxed);
    match fork::fork()? {
        Forked::Zygote(..) => {
            drop(channel);
            io::Write::write_all(&mut theirs, &pass::disguised().to_ne_bytes())?;
            // To the runner's end, which is told by how the test sees this process end too: a signal shows as no "done".
            let mut done = String::new();
            let _ = theirs.read_to_string(&mut done);
            if done == "done" {
                return Ok(ExitCode::SUCCESS);
            }
            std::process::abort()
        }
        Forked::Runner => {
            #[cfg(target_arch = "x86_64")]
            arena::open();
            drop(theirs);
            let mut sought = [0; 8];
            (&channel).read_exact(&mut sought)?;
            if call_of_another_architecture {
                println!(
                    "attempt\tallowed\ta system call of the 32-bit interface\treturned {}",
                    other_interface()
                );
            }
            let found = [search(&maps, u64::from_ne_bytes(sought))];
            for (kind, list) in
                [("attempt", Vec::from(found)), ("attempt", attempt()), ("control", controls())]
            {
                for Attempt { what, refused, how } in list {
                    println!("{kind}\t{}\t{what}\t{how}", if refused { "refused" } else { "allowed" });
                }
            }
            let _ = io::Write::write_all(&mut &channel, b"done");
            fork::end()
        }
    }
}

/// An argument of a system call. Pointers come from references, which is what makes [`call`] sound.
enum Word<'a> {
    Number(i64),
    Text(&'a CStr),
    /// Room that the kernel may read and write: structures of any kind are smaller.
    Room(&'a mut [u64; 512]),
}

use Word::{Number as N, Room as R, Text as T};

/// A system call by number, past the C library.
fn call<const LENGTH: usize>(number: libc::c_long, words: [Word; LENGTH]) -> io::Result<i64> {
    let mut raw = [0_i64; 6];
    for (raw, word) in raw.iter_mut().zip(words) {
        *raw = match word {
            Word::Number(number) => number,
            Word::Text(text) => text.as_ptr() as i64,
            Word::Room(room) => room.as_mut_ptr() as i64,
        };
    }
    // SAFETY: pointers are to live C strings and to 4 KiB of room, more than any structure of the calls below; calls
    // that change mappings or make processes are given arguments that leave this thread's memory as it is.
    let result = unsafe { libc::syscall(number, raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Room for structures, zeroed.
fn room() -> [u64; 512] {
    [0; 512]
}

/// The zygote, noted before the fork: the runner may not ask.
static PARENT: AtomicU32 = AtomicU32::new(0);

fn parent() -> i64 {
    PARENT.load(Ordering::Relaxed).into()
}

fn open(path: &CStr, flags: i32) -> io::Result<i64> {
    call(libc::SYS_openat, [N(libc::AT_FDCWD.into()), T(path), N(flags.into()), N(0o600)])
}

/// Makes a process. The child, if there is one, ends at once, and would have been an escape.
fn process(made: io::Result<i64>) -> io::Result<i64> {
    if let Ok(0) = made {
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(0) }
    }
    made
}

/// Tries to get out in every way that this file knows.
pub fn attempt() -> Vec<Attempt> {
    let files = FILES.iter().chain(NETWORK).chain(PROCESSES).chain(PRIVILEGES).chain(MEMORIES).chain(CHANNEL);
    let mut attempts: Vec<Attempt> = files.map(|(what, attempt)| judge(what, attempt())).collect();
    attempts.push(descriptors());
    let named = std::env::vars_os().count();
    attempts.push(Attempt {
        what: "read a variable of the environment",
        refused: named == 0,
        how: format!("{named} variables"),
    });
    attempts
}

/// What a runner needs and must still get; "refused" is the failure here.
pub fn controls() -> Vec<Attempt> {
    CONTROLS.iter().map(|(what, attempt)| judge(what, attempt())).collect()
}

fn judge(what: &'static str, result: io::Result<i64>) -> Attempt {
    match result {
        Ok(value) => Attempt { what, refused: false, how: format!("returned {value}") },
        Err(error) => {
            // ENOSYS is how calls are refused whose caller then tries another way.
            let refusals = [libc::EPERM, libc::EACCES, libc::ENOSYS];
            let refused = error.raw_os_error().is_some_and(|number| refusals.contains(&number));
            Attempt { what, refused, how: error.to_string() }
        }
    }
}

type Try = (&'static str, fn() -> io::Result<i64>);

const FILES: &[Try] = &[
    ("open /etc/passwd", || open(c"/etc/passwd", libc::O_RDONLY)),
    ("open / as a folder", || open(c"/", libc::O_RDONLY | libc::O_DIRECTORY)),
    ("open / as a path only", || open(c"/", libc::O_PATH)),
    ("make a file in /tmp", || open(c"/tmp/isolet-escaped", libc::O_WRONLY | libc::O_CREAT)),
    ("make a file without a name in /tmp", || open(c"/tmp", libc::O_WRONLY | libc::O_TMPFILE)),
    ("open /dev/null", || open(c"/dev/null", libc::O_RDWR)),
    ("open /proc/self/environ", || open(c"/proc/self/environ", libc::O_RDONLY)),
    ("open /proc/self/mem", || open(c"/proc/self/mem", libc::O_RDWR)),
    ("open the parent's environ", || {
        open(&std::ffi::CString::new(format!("/proc/{}/environ", parent()))?, libc::O_RDONLY)
    }),
    ("open the parent's mem", || {
        open(&std::ffi::CString::new(format!("/proc/{}/mem", parent()))?, libc::O_RDWR)
    }),
    ("openat2", || {
        call(libc::SYS_openat2, [N(libc::AT_FDCWD.into()), T(c"/etc/passwd"), R(&mut room()), N(24)])
    }),
    ("stat", || {
        call(libc::SYS_newfstatat, [N(libc::AT_FDCWD.into()), T(c"/etc/passwd"), R(&mut room()), N(0)])
    }),
    ("statx", || call(libc::SYS_statx, [N(libc::AT_FDCWD.into()), T(c"/"), N(0), N(0xfff), R(&mut room())])),
    ("readlinkat", || {
        call(libc::SYS_readlinkat, [N(libc::AT_FDCWD.into()), T(c"/proc/self/exe"), R(&mut room()), N(4096)])
    }),
    ("getcwd", || call(libc::SYS_getcwd, [R(&mut room()), N(4096)])),
    ("faccessat", || call(libc::SYS_faccessat, [N(libc::AT_FDCWD.into()), T(c"/etc/passwd"), N(4)])),
    ("mkdirat", || call(libc::SYS_mkdirat, [N(libc::AT_FDCWD.into()), T(c"/tmp/isolet-escaped"), N(0o700)])),
    ("symlinkat", || {
        call(libc::SYS_symlinkat, [T(c"/etc"), N(libc::AT_FDCWD.into()), T(c"/tmp/isolet-escaped")])
    }),
    ("unlinkat", || call(libc::SYS_unlinkat, [N(libc::AT_FDCWD.into()), T(c"/tmp/isolet-escaped"), N(0)])),
    ("name_to_handle_at", || {
        let (mut handle, mut mount) = (room(), room());
        call(libc::SYS_name_to_handle_at, [N(-100), T(c"/"), R(&mut handle), R(&mut mount), N(0)])
    }),
    ("open_by_handle_at", || call(libc::SYS_open_by_handle_at, [N(0), R(&mut room()), N(0)])),
    ("memfd_create", || call(libc::SYS_memfd_create, [T(c"escaped"), N(0)])),
    ("memfd_secret", || call(libc::SYS_memfd_secret, [N(0)])),
    ("inotify_init1", || call(libc::SYS_inotify_init1, [N(0)])),
    ("fanotify_init", || call(libc::SYS_fanotify_init, [N(0), N(0)])),
    ("chroot", || call(libc::SYS_chroot, [T(c"/")])),
    ("mount", || call(libc::SYS_mount, [T(c"none"), T(c"/tmp"), T(c"tmpfs"), N(0), N(0)])),
    ("umount2", || call(libc::SYS_umount2, [T(c"/proc"), N(0)])),
    ("pivot_root", || call(libc::SYS_pivot_root, [T(c"/"), T(c"/")])),
    ("fsopen", || call(libc::SYS_fsopen, [T(c"tmpfs"), N(0)])),
    ("move_mount", || call(libc::SYS_move_mount, [N(-1), T(c""), N(-1), T(c"/"), N(0)])),
];

fn socket(family: i32, kind: i32) -> io::Result<i64> {
    call(libc::SYS_socket, [N(family.into()), N(kind.into()), N(0)])
}

const NETWORK: &[Try] = &[
    ("a TCP socket", || socket(libc::AF_INET, libc::SOCK_STREAM)),
    ("a TCP socket over IPv6", || socket(libc::AF_INET6, libc::SOCK_STREAM)),
    ("a UDP socket", || socket(libc::AF_INET, libc::SOCK_DGRAM)),
    ("a UNIX socket", || socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    ("a netlink socket", || socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("a packet socket", || socket(libc::AF_PACKET, libc::SOCK_RAW)),
    ("a vsock socket", || socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    ("an AF_ALG socket", || socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
    ("socketpair", || call(libc::SYS_socketpair, [N(libc::AF_UNIX.into()), N(1), N(0), R(&mut room())])),
    ("connect the channel to 127.0.0.1:80", || {
        let mut address = room();
        // sockaddr_in: family, port and address in network order.
        address[0] = u64::from_ne_bytes([2, 0, 0, 80, 127, 0, 0, 1]);
        call(libc::SYS_connect, [N(0), R(&mut address), N(16)])
    }),
    ("bind the channel", || call(libc::SYS_bind, [N(0), R(&mut room()), N(16)])),
    ("listen on the channel", || call(libc::SYS_listen, [N(0), N(1)])),
    ("accept on the channel", || call(libc::SYS_accept4, [N(0), N(0), N(0), N(0)])),
    ("setsockopt on the channel", || call(libc::SYS_setsockopt, [N(0), N(1), N(7), R(&mut room()), N(4)])),
];

const PROCESSES: &[Try] = &[
    ("execve /bin/sh", || {
        let mut arguments = room();
        arguments[0] = c"/bin/sh".as_ptr() as u64;
        call(libc::SYS_execve, [T(c"/bin/sh"), R(&mut arguments), N(0)])
    }),
    ("execveat", || call(libc::SYS_execveat, [N(-100), T(c"/bin/sh"), R(&mut room()), N(0), N(0)])),
    #[cfg(target_arch = "x86_64")]
    ("fork", || process(call(libc::SYS_fork, []))),
    ("clone of a process", || {
        process(call(libc::SYS_clone, [N(libc::SIGCHLD.into()), N(0), N(0), N(0), N(0)]))
    }),
    ("clone of a process as the zygote does it", || {
        let mut descriptor = room();
        process(call(libc::SYS_clone, [N(fork::FLAGS as i64), N(0), R(&mut descriptor), N(0), N(0)]))
    }),
    ("clone3 of a process", || {
        let mut arguments = room();
        // clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, and no stack: as fork.
        arguments[4] = libc::SIGCHLD as u64;
        process(call(libc::SYS_clone3, [R(&mut arguments), N(64)]))
    }),
    ("start a thread", || {
        let thread = std::thread::Builder::new().spawn(|| 42_i64)?;
        thread.join().map_err(|_| io::Error::other("it panicked"))
    }),
    ("ptrace the parent", || call(libc::SYS_ptrace, [N(0x4206), N(parent()), N(0), N(0)])),
    ("signal the parent", || call(libc::SYS_kill, [N(parent()), N(0)])),
    ("signal process 1", || call(libc::SYS_kill, [N(1), N(0)])),
    ("signal every process", || call(libc::SYS_kill, [N(-1), N(0)])),
    ("tgkill the parent", || call(libc::SYS_tgkill, [N(parent()), N(parent()), N(0)])),
    ("tkill the parent", || call(libc::SYS_tkill, [N(parent()), N(0)])),
    ("rt_sigqueueinfo to the parent", || {
        call(libc::SYS_rt_sigqueueinfo, [N(parent()), N(libc::SIGUSR1.into()), R(&mut room())])
    }),
    ("read the parent's memory", || {
        let (mut local, mut remote) = (room(), room());
        call(libc::SYS_process_vm_readv, [N(parent()), R(&mut local), N(1), R(&mut remote), N(1), N(0)])
    }),
    ("write the parent's memory", || {
        let (mut local, mut remote) = (room(), room());
        call(libc::SYS_process_vm_writev, [N(parent()), R(&mut local), N(1), R(&mut remote), N(1), N(0)])
    }),
    ("pidfd_open the parent", || call(libc::SYS_pidfd_open, [N(parent()), N(0)])),
    ("pidfd_getfd", || call(libc::SYS_pidfd_getfd, [N(0), N(0), N(0)])),
    ("pidfd_send_signal", || call(libc::SYS_pidfd_send_signal, [N(0), N(0), N(0), N(0)])),
    ("kcmp", || call(libc::SYS_kcmp, [N(parent()), N(parent()), N(0), N(0), N(0)])),
    ("wait for a child", || call(libc::SYS_wait4, [N(-1), N(0), N(1), N(0)])),
    ("setpriority of the parent", || call(libc::SYS_setpriority, [N(0), N(parent()), N(0)])),
    ("sched_setaffinity", || call(libc::SYS_sched_setaffinity, [N(0), N(8), R(&mut [u64::MAX; 512])])),
];

const PRIVILEGES: &[Try] = &[
    ("unshare a user namespace", || call(libc::SYS_unshare, [N(libc::CLONE_NEWUSER.into())])),
    ("setns", || call(libc::SYS_setns, [N(0), N(0)])),
    ("setuid", || call(libc::SYS_setuid, [N(0)])),
    ("setgroups", || call(libc::SYS_setgroups, [N(0), N(0)])),
    ("capset", || call(libc::SYS_capset, [R(&mut room()), N(0)])),
    ("make itself dumpable", || {
        call(libc::SYS_prctl, [N(libc::PR_SET_DUMPABLE.into()), N(1), N(0), N(0), N(0)])
    }),
    ("let anyone trace it", || call(libc::SYS_prctl, [N(0x5961_6d61), N(-1), N(0), N(0), N(0)])),
    ("change the process's name", || {
        call(libc::SYS_prctl, [N(libc::PR_SET_NAME.into()), T(c"sshd"), N(0), N(0), N(0)])
    }),
    ("outlive the zygote", || {
        call(libc::SYS_prctl, [N(libc::PR_SET_PDEATHSIG.into()), N(0), N(0), N(0), N(0)])
    }),
    ("adopt orphans", || {
        call(libc::SYS_prctl, [N(libc::PR_SET_CHILD_SUBREAPER.into()), N(1), N(0), N(0), N(0)])
    }),
    ("replace its filter", || call(libc::SYS_seccomp, [N(1), N(0), R(&mut room())])),
    ("replace its filter through prctl", || {
        call(libc::SYS_prctl, [N(libc::PR_SET_SECCOMP.into()), N(0), N(0), N(0), N(0)])
    }),
    ("landlock_create_ruleset", || call(libc::SYS_landlock_create_ruleset, [R(&mut room()), N(8), N(0)])),
    ("raise its limits", || {
        let mut limit = [u64::MAX; 512];
        call(libc::SYS_prlimit64, [N(0), N(i64::from(libc::RLIMIT_DATA)), R(&mut limit), N(0)])
    }),
    ("lower the parent's limits", || {
        call(libc::SYS_prlimit64, [N(parent()), N(i64::from(libc::RLIMIT_NOFILE)), N(0), R(&mut room())])
    }),
    ("personality", || call(libc::SYS_personality, [N(0)])),
    ("bpf", || call(libc::SYS_bpf, [N(0), R(&mut room()), N(64)])),
    ("perf_event_open", || call(libc::SYS_perf_event_open, [R(&mut room()), N(0), N(-1), N(-1), N(0)])),
    ("io_uring_setup", || call(libc::SYS_io_uring_setup, [N(1), R(&mut room())])),
    ("userfaultfd", || call(libc::SYS_userfaultfd, [N(1)])),
    ("keyctl", || call(libc::SYS_keyctl, [N(0), N(-3), N(0)])),
    ("add_key", || call(libc::SYS_add_key, [T(c"user"), T(c"a"), T(c"b"), N(1), N(-3)])),
    ("request_key", || call(libc::SYS_request_key, [T(c"user"), T(c"a"), N(0), N(0)])),
    ("init_module", || call(libc::SYS_init_module, [R(&mut room()), N(0), T(c"")])),
    ("kexec_load", || call(libc::SYS_kexec_load, [N(0), N(0), N(0), N(0)])),
    ("reboot without its magic numbers", || call(libc::SYS_reboot, [N(0), N(0), N(0), N(0)])),
    ("syslog", || call(libc::SYS_syslog, [N(10), N(0), N(0)])),
    ("sethostname", || call(libc::SYS_sethostname, [T(c"escaped"), N(7)])),
    ("settimeofday", || call(libc::SYS_settimeofday, [N(0), N(0)])),
    ("timer_create", || call(libc::SYS_timer_create, [N(0), N(0), R(&mut room())])),
    #[cfg(target_arch = "x86_64")]
    ("iopl", || call(libc::SYS_iopl, [N(3)])),
    #[cfg(target_arch = "x86_64")]
    ("modify_ldt", || call(libc::SYS_modify_ldt, [N(0), R(&mut room()), N(16)])),
    // The x32 interface has its own numbers on the same architecture: a filter that compares with a mask lets it pass.
    #[cfg(target_arch = "x86_64")]
    ("open through the x32 interface", || call(0x4000_0000 + 2, [T(c"/etc/passwd"), N(0), N(0)])),
];

fn map(length: i64, protection: i32, flags: i32) -> io::Result<i64> {
    call(libc::SYS_mmap, [N(0), N(length), N(protection.into()), N(flags.into()), N(-1), N(0)])
}

const WRITABLE: i32 = libc::PROT_READ | libc::PROT_WRITE;

const MEMORIES: &[Try] = &[
    // The limit on private memory answers ENOMEM, which is a refusal too.
    ("map 64 GiB of private memory", || {
        map(64 << 30, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE).map_err(
            |error| {
                let full = error.raw_os_error() == Some(libc::ENOMEM);
                if full { io::Error::from_raw_os_error(libc::EPERM) } else { error }
            },
        )
    }),
    // What is shared counts against no limit on private memory.
    ("map shared memory", || map(1 << 20, WRITABLE, libc::MAP_SHARED | libc::MAP_ANONYMOUS)),
    ("map memory that grows as a stack", || {
        map(1 << 20, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN)
    }),
    ("shmget", || call(libc::SYS_shmget, [N(0), N(1 << 20), N(0o1600)])),
    ("msgget", || call(libc::SYS_msgget, [N(0), N(0o1600)])),
    ("semget", || call(libc::SYS_semget, [N(0), N(1), N(0o1600)])),
    ("mq_open", || call(libc::SYS_mq_open, [T(c"escaped"), N(0o102), N(0o600), N(0)])),
    ("mlock", || call(libc::SYS_mlockall, [N(1)])),
    ("swapon", || call(libc::SYS_swapon, [T(c"/tmp/swap"), N(0)])),
    ("poison a page of the machine's", || call(libc::SYS_madvise, [R(&mut room()), N(4096), N(100)])),
    ("process_madvise", || call(libc::SYS_process_madvise, [N(0), R(&mut room()), N(0), N(4), N(0)])),
];

const CHANNEL: &[Try] = &[
    ("send a descriptor", || {
        let mut byte = [0_u8];
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        // cmsghdr: length, level, type, then one descriptor.
        let mut control: [u64; 3] = [20, u64::from_ne_bytes(rights()), 0];
        // SAFETY: an all-zero msghdr is one without any parts.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = 24;
        // SAFETY: the message points to live values of these types.
        let sent = unsafe { libc::sendmsg(0, &raw const message, libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as i64) }
    }),
    ("receive a descriptor", || {
        call(libc::SYS_recvmsg, [N(0), R(&mut room()), N(libc::MSG_DONTWAIT.into())])
    }),
    ("sendmmsg", || call(libc::SYS_sendmmsg, [N(0), R(&mut room()), N(1), N(0)])),
    ("push a character into a terminal", || call(libc::SYS_ioctl, [N(0), N(0x5412), T(c"x")])),
    ("ask for the room in the channel", || call(libc::SYS_ioctl, [N(0), N(0x541b), R(&mut room())])),
    ("fcntl", || call(libc::SYS_fcntl, [N(0), N(libc::F_GETFL.into()), N(0)])),
    ("dup", || call(libc::SYS_dup, [N(0)])),
    ("dup3", || call(libc::SYS_dup3, [N(0), N(9), N(0)])),
    ("pipe2", || call(libc::SYS_pipe2, [R(&mut room()), N(0)])),
    ("eventfd2", || call(libc::SYS_eventfd2, [N(0), N(0)])),
    ("signalfd4", || call(libc::SYS_signalfd4, [N(-1), R(&mut room()), N(8), N(0)])),
    ("epoll_create1", || call(libc::SYS_epoll_create1, [N(0)])),
    ("splice", || call(libc::SYS_splice, [N(0), N(0), N(1), N(0), N(1), N(2)])),
    ("vmsplice", || call(libc::SYS_vmsplice, [N(1), R(&mut room()), N(0), N(0)])),
    ("close_range", || call(libc::SYS_close_range, [N(1000), N(1001), N(0)])),
];

/// Level and type of a control message that carries descriptors: SOL_SOCKET, SCM_RIGHTS.
fn rights() -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    bytes[4..].copy_from_slice(&libc::SCM_RIGHTS.to_ne_bytes());
    bytes
}

const CONTROLS: &[Try] = &[
    ("map private memory", || map(1 << 20, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)),
    ("make memory executable, as compiled code needs", || {
        let page = map(4096, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)?;
        call(libc::SYS_mprotect, [N(page), N(4096), N((libc::PROT_READ | libc::PROT_EXEC).into())])
    }),
    ("read a clock", || {
        call(libc::SYS_clock_gettime, [N(libc::CLOCK_THREAD_CPUTIME_ID.into()), R(&mut room())])
    }),
    ("draw random bytes", || call(libc::SYS_getrandom, [R(&mut room()), N(32), N(0)])),
    ("sleep", || {
        std::thread::sleep(std::time::Duration::from_millis(1));
        Ok(0)
    }),
    ("write to its channels", || call(libc::SYS_write, [N(2), T(c"x"), N(0)])),
];

/// Looks for descriptors besides the channel, the null device and the pipe to the log.
fn descriptors() -> Attempt {
    let open: Vec<i64> =
        (3..4096).filter(|number| call(libc::SYS_fstat, [N(*number), R(&mut room())]).is_ok()).collect();
    Attempt {
        what: "use a descriptor besides 0, 1 and 2",
        refused: open.is_empty(),
        how: format!("open: {open:?}"),
    }
}

/// Looks for the zygote's pass in all memory that was there when `maps` was written. A number that was put there to be found
/// shows that the search finds things.
fn search(maps: &str, sought: u64) -> Attempt {
    let planted = std::hint::black_box(Box::new(0x0bad_cafe_f00d_1234_u64));
    let (mut found, mut plants, mut words) = (0, 0, 0_u64);
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(addresses), Some(rights)) = (fields.next(), fields.next()) else { continue };
        let range = addresses.split_once('-').map(|(start, end)| {
            [start, end].map(|address| usize::from_str_radix(address, 16).unwrap_or_default())
        });
        // The kernel's own pages are no memory of the process's.
        let Some([start, end]) = range.filter(|_| rights.starts_with('r') && !line.contains("[v")) else {
            continue;
        };
        for at in (start..end).step_by(size_of::<u64>()) {
            // SAFETY: mappings of this process that can be read and that nothing has changed since, as it has one thread.
            let word = unsafe { std::ptr::read_volatile(at as *const u64) };
            words += 1;
            found += u32::from(pass::disguise(std::hint::black_box(word)) == sought);
            plants += u32::from(word == *planted);
        }
    }
    Attempt {
        what: "find the zygote's pass in memory",
        refused: found == 0 && plants > 0 && words > 1 << 20,
        how: format!("{found} in {words} words, {plants} of the planted number"),
    }
}

/// `getpid` as 32-bit programs call it, whose numbers mean other calls: the filter must not take them for its own. It
/// ends the process, so a runner that tries this tries nothing else.
#[cfg(target_arch = "x86_64")]
fn other_interface() -> i64 {
    let mut number: i64 = 20;
    // SAFETY: the call takes no arguments and touches no memory; the interrupt preserves all other registers but the
    // ones named, or ends the process.
    unsafe {
        std::arch::asm!("int 0x80", inout("rax") number, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    number
}

#[cfg(not(target_arch = "x86_64"))]
fn other_interface() -> i64 {
    std::process::abort()
}
