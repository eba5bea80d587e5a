//! Attempts of native code to leave a complete jail, and the system calls that must still work.

use std::io;

use super::raw_call::{B, N, T, buffer, call, end_child, open};
use super::{NamedAttempt, zygote_pid};
use crate::process::app_zygote::COPY_FLAGS;
use crate::process::zygote::fork;

/// Returns the attempts of all kinds.
pub(super) fn all() -> impl Iterator<Item = NamedAttempt> {
    FILES.iter().chain(NETWORK).chain(PROCESSES).chain(PRIVILEGES).chain(MEMORIES).chain(CHANNEL).copied()
}

const FILES: &[NamedAttempt] = &[
    ("open /etc/passwd", || open(c"/etc/passwd", libc::O_RDONLY)),
    ("open / as a folder", || open(c"/", libc::O_RDONLY | libc::O_DIRECTORY)),
    ("open / as a path only", || open(c"/", libc::O_PATH)),
    ("make a file in /tmp", || open(c"/tmp/isolet-escaped", libc::O_WRONLY | libc::O_CREAT)),
    ("make a file without a name in /tmp", || open(c"/tmp", libc::O_WRONLY | libc::O_TMPFILE)),
    ("open /dev/null", || open(c"/dev/null", libc::O_RDWR)),
    ("open /proc/self/environ", || open(c"/proc/self/environ", libc::O_RDONLY)),
    ("open /proc/self/mem", || open(c"/proc/self/mem", libc::O_RDWR)),
    ("open the parent's environ", || {
        open(&std::ffi::CString::new(format!("/proc/{}/environ", zygote_pid()))?, libc::O_RDONLY)
    }),
    ("open the parent's mem", || {
        open(&std::ffi::CString::new(format!("/proc/{}/mem", zygote_pid()))?, libc::O_RDWR)
    }),
    ("openat2", || {
        call(libc::SYS_openat2, [N(libc::AT_FDCWD.into()), T(c"/etc/passwd"), B(&mut buffer()), N(24)])
    }),
    ("stat", || {
        call(libc::SYS_newfstatat, [N(libc::AT_FDCWD.into()), T(c"/etc/passwd"), B(&mut buffer()), N(0)])
    }),
    ("statx", || {
        call(libc::SYS_statx, [N(libc::AT_FDCWD.into()), T(c"/"), N(0), N(0xfff), B(&mut buffer())])
    }),
    ("readlinkat", || {
        call(
            libc::SYS_readlinkat,
            [N(libc::AT_FDCWD.into()), T(c"/proc/self/exe"), B(&mut buffer()), N(4096)],
        )
    }),
    ("getcwd", || call(libc::SYS_getcwd, [B(&mut buffer()), N(4096)])),
    ("faccessat", || call(libc::SYS_faccessat, [N(libc::AT_FDCWD.into()), T(c"/etc/passwd"), N(4)])),
    ("mkdirat", || call(libc::SYS_mkdirat, [N(libc::AT_FDCWD.into()), T(c"/tmp/isolet-escaped"), N(0o700)])),
    ("symlinkat", || {
        call(libc::SYS_symlinkat, [T(c"/etc"), N(libc::AT_FDCWD.into()), T(c"/tmp/isolet-escaped")])
    }),
    ("unlinkat", || call(libc::SYS_unlinkat, [N(libc::AT_FDCWD.into()), T(c"/tmp/isolet-escaped"), N(0)])),
    ("name_to_handle_at", || {
        let (mut handle, mut mount) = (buffer(), buffer());
        call(libc::SYS_name_to_handle_at, [N(-100), T(c"/"), B(&mut handle), B(&mut mount), N(0)])
    }),
    ("open_by_handle_at", || call(libc::SYS_open_by_handle_at, [N(0), B(&mut buffer()), N(0)])),
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

const NETWORK: &[NamedAttempt] = &[
    ("a TCP socket", || socket(libc::AF_INET, libc::SOCK_STREAM)),
    ("a TCP socket over IPv6", || socket(libc::AF_INET6, libc::SOCK_STREAM)),
    ("a UDP socket", || socket(libc::AF_INET, libc::SOCK_DGRAM)),
    ("a UNIX socket", || socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    ("a netlink socket", || socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("a packet socket", || socket(libc::AF_PACKET, libc::SOCK_RAW)),
    ("a vsock socket", || socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    ("an AF_ALG socket", || socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
    ("socketpair", || call(libc::SYS_socketpair, [N(libc::AF_UNIX.into()), N(1), N(0), B(&mut buffer())])),
    ("connect the channel to 127.0.0.1:80", || {
        let mut address = buffer();
        // sockaddr_in: family, port and address in network order.
        address[0] = u64::from_ne_bytes([2, 0, 0, 80, 127, 0, 0, 1]);
        call(libc::SYS_connect, [N(0), B(&mut address), N(16)])
    }),
    ("bind the channel", || call(libc::SYS_bind, [N(0), B(&mut buffer()), N(16)])),
    ("listen on the channel", || call(libc::SYS_listen, [N(0), N(1)])),
    ("accept on the channel", || call(libc::SYS_accept4, [N(0), N(0), N(0), N(0)])),
    ("setsockopt on the channel", || call(libc::SYS_setsockopt, [N(0), N(1), N(7), B(&mut buffer()), N(4)])),
];

const PROCESSES: &[NamedAttempt] = &[
    ("execve /bin/sh", || {
        let mut arguments = buffer();
        arguments[0] = c"/bin/sh".as_ptr() as u64;
        call(libc::SYS_execve, [T(c"/bin/sh"), B(&mut arguments), N(0)])
    }),
    ("execveat", || call(libc::SYS_execveat, [N(-100), T(c"/bin/sh"), B(&mut buffer()), N(0), N(0)])),
    #[cfg(target_arch = "x86_64")]
    ("fork", || end_child(call(libc::SYS_fork, []))),
    ("clone of a process", || {
        end_child(call(libc::SYS_clone, [N(libc::SIGCHLD.into()), N(0), N(0), N(0), N(0)]))
    }),
    ("clone of a process as the zygote does it", || {
        let mut descriptor = buffer();
        end_child(call(libc::SYS_clone, [N(fork::CLONE_FLAGS as i64), N(0), B(&mut descriptor), N(0), N(0)]))
    }),
    ("clone of a process as an app zygote does it", || {
        end_child(call(libc::SYS_clone, [N(COPY_FLAGS as i64), N(0), N(0), N(0), N(0)]))
    }),
    ("clone3 of a process", || {
        let mut arguments = buffer();
        // clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, and no stack, as for a
        // fork.
        arguments[4] = libc::SIGCHLD as u64;
        end_child(call(libc::SYS_clone3, [B(&mut arguments), N(64)]))
    }),
    ("start a thread", || {
        let thread = std::thread::Builder::new().spawn(|| 42_i64)?;
        thread.join().map_err(|_| io::Error::other("it panicked"))
    }),
    ("ptrace the parent", || call(libc::SYS_ptrace, [N(0x4206), N(zygote_pid()), N(0), N(0)])),
    ("signal the parent", || call(libc::SYS_kill, [N(zygote_pid()), N(0)])),
    ("signal process 1", || call(libc::SYS_kill, [N(1), N(0)])),
    ("signal every process", || call(libc::SYS_kill, [N(-1), N(0)])),
    ("tgkill the parent", || call(libc::SYS_tgkill, [N(zygote_pid()), N(zygote_pid()), N(0)])),
    ("tkill the parent", || call(libc::SYS_tkill, [N(zygote_pid()), N(0)])),
    ("rt_sigqueueinfo to the parent", || {
        call(libc::SYS_rt_sigqueueinfo, [N(zygote_pid()), N(libc::SIGUSR1.into()), B(&mut buffer())])
    }),
    ("read the parent's memory", || {
        let (mut local, mut remote) = (buffer(), buffer());
        call(libc::SYS_process_vm_readv, [N(zygote_pid()), B(&mut local), N(1), B(&mut remote), N(1), N(0)])
    }),
    ("write the parent's memory", || {
        let (mut local, mut remote) = (buffer(), buffer());
        call(libc::SYS_process_vm_writev, [N(zygote_pid()), B(&mut local), N(1), B(&mut remote), N(1), N(0)])
    }),
    ("pidfd_open the parent", || call(libc::SYS_pidfd_open, [N(zygote_pid()), N(0)])),
    ("pidfd_getfd", || call(libc::SYS_pidfd_getfd, [N(0), N(0), N(0)])),
    ("pidfd_send_signal", || call(libc::SYS_pidfd_send_signal, [N(0), N(0), N(0), N(0)])),
    ("kcmp", || call(libc::SYS_kcmp, [N(zygote_pid()), N(zygote_pid()), N(0), N(0), N(0)])),
    ("wait for a child", || call(libc::SYS_wait4, [N(-1), N(0), N(1), N(0)])),
    ("read the parent's CPU clock", || {
        let clock = (!zygote_pid() << 3) | 2;
        call(libc::SYS_clock_gettime, [N(clock), B(&mut buffer())])
    }),
    ("ask for the precision of the parent's CPU clock", || {
        let clock = (!zygote_pid() << 3) | 2;
        call(libc::SYS_clock_getres, [N(clock), B(&mut buffer())])
    }),
    ("sleep by the parent's CPU clock", || {
        let clock = (!zygote_pid() << 3) | 2;
        call(libc::SYS_clock_nanosleep, [N(clock), N(0), B(&mut buffer()), N(0)])
    }),
    ("ask where the parent may run", || {
        call(libc::SYS_sched_getaffinity, [N(zygote_pid()), N(128), B(&mut buffer())])
    }),
    ("ask for the parent's priority", || call(libc::SYS_sched_getparam, [N(zygote_pid()), B(&mut buffer())])),
    ("ask for the parent's list of locks", || {
        let (mut head, mut length) = (buffer(), buffer());
        call(libc::SYS_get_robust_list, [N(zygote_pid()), B(&mut head), B(&mut length)])
    }),
    ("lock with priority inheritance", || {
        call(
            libc::SYS_futex,
            [B(&mut buffer()), N((libc::FUTEX_LOCK_PI | libc::FUTEX_PRIVATE_FLAG).into()), N(0)],
        )
    }),
    ("move waiters to another lock", || {
        let (mut one, mut other) = (buffer(), buffer());
        let operation = libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG;
        call(libc::SYS_futex, [B(&mut one), N(operation.into()), N(1), N(1), B(&mut other), N(0)])
    }),
    ("wake waiters of other processes", || {
        call(libc::SYS_futex, [B(&mut buffer()), N(libc::FUTEX_WAKE.into()), N(1)])
    }),
    ("interrupt all processors", || call(libc::SYS_membarrier, [N(1), N(0), N(0)])),
    ("setpriority of the parent", || call(libc::SYS_setpriority, [N(0), N(zygote_pid()), N(0)])),
    ("sched_setaffinity", || call(libc::SYS_sched_setaffinity, [N(0), N(8), B(&mut [u64::MAX; 512])])),
];

const PRIVILEGES: &[NamedAttempt] = &[
    ("unshare a user namespace", || call(libc::SYS_unshare, [N(libc::CLONE_NEWUSER.into())])),
    ("setns", || call(libc::SYS_setns, [N(0), N(0)])),
    ("setuid", || call(libc::SYS_setuid, [N(0)])),
    ("setgroups", || call(libc::SYS_setgroups, [N(0), N(0)])),
    ("capset", || call(libc::SYS_capset, [B(&mut buffer()), N(0)])),
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
    ("replace its filter", || call(libc::SYS_seccomp, [N(1), N(0), B(&mut buffer())])),
    ("replace its filter through prctl", || {
        call(libc::SYS_prctl, [N(libc::PR_SET_SECCOMP.into()), N(0), N(0), N(0), N(0)])
    }),
    ("landlock_create_ruleset", || call(libc::SYS_landlock_create_ruleset, [B(&mut buffer()), N(8), N(0)])),
    ("raise its limits", || {
        let mut limit = [u64::MAX; 512];
        call(libc::SYS_prlimit64, [N(0), N(i64::from(libc::RLIMIT_DATA)), B(&mut limit), N(0)])
    }),
    ("lower the parent's limits", || {
        call(
            libc::SYS_prlimit64,
            [N(zygote_pid()), N(i64::from(libc::RLIMIT_NOFILE)), N(0), B(&mut buffer())],
        )
    }),
    ("personality", || call(libc::SYS_personality, [N(0)])),
    ("bpf", || call(libc::SYS_bpf, [N(0), B(&mut buffer()), N(64)])),
    ("perf_event_open", || call(libc::SYS_perf_event_open, [B(&mut buffer()), N(0), N(-1), N(-1), N(0)])),
    ("io_uring_setup", || call(libc::SYS_io_uring_setup, [N(1), B(&mut buffer())])),
    ("userfaultfd", || call(libc::SYS_userfaultfd, [N(1)])),
    ("keyctl", || call(libc::SYS_keyctl, [N(0), N(-3), N(0)])),
    ("add_key", || call(libc::SYS_add_key, [T(c"user"), T(c"a"), T(c"b"), N(1), N(-3)])),
    ("request_key", || call(libc::SYS_request_key, [T(c"user"), T(c"a"), N(0), N(0)])),
    ("init_module", || call(libc::SYS_init_module, [B(&mut buffer()), N(0), T(c"")])),
    ("kexec_load", || call(libc::SYS_kexec_load, [N(0), N(0), N(0), N(0)])),
    ("reboot without its magic numbers", || call(libc::SYS_reboot, [N(0), N(0), N(0), N(0)])),
    ("syslog", || call(libc::SYS_syslog, [N(10), N(0), N(0)])),
    ("sethostname", || call(libc::SYS_sethostname, [T(c"escaped"), N(7)])),
    ("settimeofday", || call(libc::SYS_settimeofday, [N(0), N(0)])),
    ("timer_create", || call(libc::SYS_timer_create, [N(0), N(0), B(&mut buffer())])),
    #[cfg(target_arch = "x86_64")]
    ("iopl", || call(libc::SYS_iopl, [N(3)])),
    #[cfg(target_arch = "x86_64")]
    ("modify_ldt", || call(libc::SYS_modify_ldt, [N(0), B(&mut buffer()), N(16)])),
    // The x32 interface has numbers of its own on the same architecture. A filter that masks
    // numbers would let them pass.
    #[cfg(target_arch = "x86_64")]
    ("open through the x32 interface", || call(0x4000_0000 + 2, [T(c"/etc/passwd"), N(0), N(0)])),
];

/// Maps new memory.
fn map(length: i64, protection: i32, flags: i32) -> io::Result<i64> {
    call(libc::SYS_mmap, [N(0), N(length), N(protection.into()), N(flags.into()), N(-1), N(0)])
}

/// Converts `ENOMEM`, with which limits on memory refuse, into `EPERM`.
pub(super) fn as_refusal(result: io::Result<i64>) -> io::Result<i64> {
    result.map_err(|error| {
        let full = error.raw_os_error() == Some(libc::ENOMEM);
        if full { io::Error::from_raw_os_error(libc::EPERM) } else { error }
    })
}

const LAZY: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// Maps much private memory.
pub(super) fn map_much() -> io::Result<i64> {
    as_refusal(map(64 << 30, WRITABLE, LAZY))
}

/// Maps memory that is only read. It does not count as data, but each 2 MiB that are read cost a
/// page of page tables.
pub(super) fn read_much() -> io::Result<i64> {
    as_refusal(map(64 << 30, libc::PROT_READ, LAZY))
}

/// Makes a page of the stack a separate, large mapping. It is still a stack, which does not count
/// as data.
pub(super) fn grow_the_stack() -> io::Result<i64> {
    const DEEP: usize = 256 << 10;
    #[inline(never)]
    fn deepen() -> i64 {
        let below = [0_u8; DEEP];
        std::hint::black_box(&below).as_ptr() as i64
    }
    // A page that is not in use any more, since this thread needs the pages in use.
    let page = (deepen() + DEEP as i64 / 2) & !4095;
    as_refusal(call(libc::SYS_mremap, [N(page), N(4096), N(2 << 30), N(libc::MREMAP_MAYMOVE.into())]))
}

const WRITABLE: i32 = libc::PROT_READ | libc::PROT_WRITE;

const MEMORIES: &[NamedAttempt] = &[
    ("map 64 GiB of private memory", map_much),
    ("map 64 GiB that are only read", read_much),
    ("make a stack of 2 GiB", grow_the_stack),
    ("map huge pages", || {
        map(2 << 20, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB)
    }),
    ("ask which pages are in memory", || {
        let mut vector = buffer();
        call(libc::SYS_mincore, [B(&mut buffer()), N(4096), B(&mut vector)])
    }),
    // Shared memory does not count towards limits on private memory.
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
    ("poison a page of the machine's", || call(libc::SYS_madvise, [B(&mut buffer()), N(4096), N(100)])),
    ("remove a guard of memory", || call(libc::SYS_madvise, [B(&mut buffer()), N(4096), N(103)])),
    ("process_madvise", || call(libc::SYS_process_madvise, [N(0), B(&mut buffer()), N(0), N(4), N(0)])),
];

const CHANNEL: &[NamedAttempt] = &[
    ("send a descriptor", || {
        let mut byte = [0_u8];
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        // cmsghdr: length, level, type, then one descriptor.
        let mut control: [u64; 3] = [20, u64::from_ne_bytes(rights_header()), 0];
        // SAFETY: a zeroed msghdr is valid and has no parts.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = 24;
        // SAFETY: the message points to live values of the right types.
        let sent = unsafe { libc::sendmsg(0, &raw const message, libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as i64) }
    }),
    ("receive a descriptor", || {
        call(libc::SYS_recvmsg, [N(0), B(&mut buffer()), N(libc::MSG_DONTWAIT.into())])
    }),
    ("send out of band", || {
        call(libc::SYS_sendto, [N(0), T(c"x"), N(1), N(libc::MSG_OOB.into()), N(0), N(0)])
    }),
    ("send with other flags", || {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_ZEROCOPY;
        call(libc::SYS_sendto, [N(0), T(c"x"), N(1), N(flags.into()), N(0), N(0)])
    }),
    ("send to an address", || {
        call(libc::SYS_sendto, [N(0), T(c"x"), N(1), N(libc::MSG_NOSIGNAL.into()), B(&mut buffer()), N(16)])
    }),
    ("receive out of band", || {
        let flags = libc::MSG_OOB | libc::MSG_DONTWAIT;
        call(libc::SYS_recvfrom, [N(0), B(&mut buffer()), N(1), N(flags.into()), N(0), N(0)])
    }),
    ("receive without taking", || {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        call(libc::SYS_recvfrom, [N(0), B(&mut buffer()), N(1), N(flags.into()), N(0), N(0)])
    }),
    ("receive an address", || {
        let (mut bytes, mut address) = (buffer(), buffer());
        let flags = libc::MSG_DONTWAIT;
        call(libc::SYS_recvfrom, [N(0), B(&mut bytes), N(1), N(flags.into()), B(&mut address), N(0)])
    }),
    ("sendmmsg", || call(libc::SYS_sendmmsg, [N(0), B(&mut buffer()), N(1), N(0)])),
    ("push a character into a terminal", || call(libc::SYS_ioctl, [N(0), N(0x5412), T(c"x")])),
    ("ask for the room in the channel", || call(libc::SYS_ioctl, [N(0), N(0x541b), B(&mut buffer())])),
    ("fcntl", || call(libc::SYS_fcntl, [N(0), N(libc::F_GETFL.into()), N(0)])),
    ("dup", || call(libc::SYS_dup, [N(0)])),
    ("dup3 as a copy of an app zygote makes it", || {
        call(libc::SYS_dup3, [N(0), N(0), N(libc::O_CLOEXEC.into()), N(1)])
    }),
    ("dup3", || call(libc::SYS_dup3, [N(0), N(9), N(0)])),
    ("pipe2", || call(libc::SYS_pipe2, [B(&mut buffer()), N(0)])),
    ("eventfd2", || call(libc::SYS_eventfd2, [N(0), N(0)])),
    ("signalfd4", || call(libc::SYS_signalfd4, [N(-1), B(&mut buffer()), N(8), N(0)])),
    ("epoll_create1", || call(libc::SYS_epoll_create1, [N(0)])),
    ("splice", || call(libc::SYS_splice, [N(0), N(0), N(1), N(0), N(1), N(2)])),
    ("vmsplice", || call(libc::SYS_vmsplice, [N(1), B(&mut buffer()), N(0), N(0)])),
    ("close_range", || call(libc::SYS_close_range, [N(1000), N(1001), N(0)])),
];

/// Returns the level and type of a control message with descriptors: `SOL_SOCKET`, `SCM_RIGHTS`.
fn rights_header() -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    bytes[4..].copy_from_slice(&libc::SCM_RIGHTS.to_ne_bytes());
    bytes
}

/// Calls that a runner needs. The test fails if one of them is refused.
pub(super) const CONTROLS: &[NamedAttempt] = &[
    ("map private memory", || map(1 << 20, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)),
    ("make memory executable, as compiled code needs", || {
        let page = map(4096, WRITABLE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)?;
        call(libc::SYS_mprotect, [N(page), N(4096), N((libc::PROT_READ | libc::PROT_EXEC).into())])
    }),
    ("read a clock", || {
        call(libc::SYS_clock_gettime, [N(libc::CLOCK_THREAD_CPUTIME_ID.into()), B(&mut buffer())])
    }),
    ("draw random bytes", || call(libc::SYS_getrandom, [B(&mut buffer()), N(32), N(0)])),
    ("sleep", || {
        std::thread::sleep(std::time::Duration::from_millis(1));
        Ok(0)
    }),
    ("write to its channels", || call(libc::SYS_write, [N(2), T(c"x"), N(0)])),
];
