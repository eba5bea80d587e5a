use super::*;

const APP_ZYGOTE: u32 = 100;
const EARLIER_COPY: u32 = 101;
const NEW: u32 = 102;
const ENDED_COPY: u32 = 103;
const KEY: u64 = 0x1234_5678_9abc_def0;

fn call(pid: u32, number: libc::c_long, key: u64) -> libc::seccomp_notif {
    // SAFETY: the structure consists of integers, for which zero is a valid value.
    let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    call.pid = pid;
    call.data.nr = number as i32;
    call.data.args[3] = key;
    call
}

fn fork(pid: u32) -> libc::seccomp_notif {
    call(pid, libc::SYS_clone, 0)
}

fn socket(pid: u32, key: u64) -> libc::seccomp_notif {
    call(pid, libc::SYS_dup3, key)
}

/// A process with this id that lives or has ended.
fn process(pid: u32, lives: bool) -> (u32, Arc<RunnerProcess>) {
    let pidfd = if lives {
        pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).unwrap()
    } else {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        pidfd
    };
    (pid, Arc::new(RunnerProcess::new(pidfd, pid)))
}

/// A supervisor that expects a copy, and the receiver of the copy.
fn expecting() -> (CopySupervisor, oneshot::Receiver<Arc<RunnerProcess>>) {
    let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let supervisor = CopySupervisor { listener: file(), state: Mutex::default() };
    let family = [(APP_ZYGOTE, true), (EARLIER_COPY, true), (ENDED_COPY, false)];
    let family = Arc::new(Mutex::new(family.map(|(pid, lives)| process(pid, lives)).into()));
    let (reply, copied) = oneshot::channel();
    supervisor.expect(APP_ZYGOTE, ExpectedCopy { key: KEY, family, socket: file(), reply });
    (supervisor, copied)
}

/// Returns the letters of the answers: a fork that is allowed, a socket that is handed over, or
/// a refusal.
fn answers(calls: &[libc::seccomp_notif]) -> (String, bool) {
    let (supervisor, mut copied) = expecting();
    let answers = calls.iter().map(|call| match supervisor.judge(call) {
        Answer::Allow => 'f',
        Answer::HandOver(_) => 's',
        Answer::Refuse => '-',
    });
    let answers = answers.collect();
    (answers, matches!(copied.try_recv(), Err(oneshot::error::TryRecvError::Empty)))
}

#[test]
fn only_the_expected_copy_gets_the_socket() {
    for (calls, expected, is_expected_still) in [
        (&[fork(APP_ZYGOTE), socket(NEW, KEY)][..], "fs", false),
        // Twice, or without a fork.
        (&[fork(APP_ZYGOTE), socket(NEW, KEY), socket(NEW, KEY)], "fs-", false),
        (&[fork(APP_ZYGOTE), fork(APP_ZYGOTE)], "f-", false),
        (&[socket(NEW, KEY)], "-", false),
        // A process that exists already, with the key.
        (&[fork(APP_ZYGOTE), socket(APP_ZYGOTE, KEY)], "f-", false),
        (&[fork(APP_ZYGOTE), socket(EARLIER_COPY, KEY)], "f-", false),
        // A new process has the id of one that has ended.
        (&[fork(APP_ZYGOTE), socket(ENDED_COPY, KEY)], "fs", false),
        // Others do not disturb the copy that is expected.
        (&[fork(NEW), fork(APP_ZYGOTE), socket(NEW, KEY ^ 1)], "-f-", true),
        (&[fork(EARLIER_COPY)], "-", true),
    ] {
        assert_eq!(answers(calls), (expected.to_owned(), is_expected_still));
    }
}

#[test]
fn a_fork_that_was_not_allowed_has_made_no_process() {
    for (calls, expected) in [
        (&[][..], true),
        (&[fork(NEW)], true),
        (&[fork(APP_ZYGOTE)], false),
        (&[fork(APP_ZYGOTE), socket(NEW, KEY)], false),
        (&[socket(NEW, KEY)], false),
    ] {
        let (supervisor, _copied) = expecting();
        calls.iter().for_each(|call| _ = supervisor.judge(call));
        assert_eq!(supervisor.expect_none(APP_ZYGOTE), expected);
    }
}

#[test]
fn refused_processes_are_remembered_once_and_within_a_bound() {
    let (supervisor, _copied) = expecting();
    supervisor.answer(&fork(NEW));
    assert!(supervisor.take_refused(NEW) && !supervisor.take_refused(NEW));
    supervisor.answer(&fork(NEW));
    // A copy gets the id.
    [fork(APP_ZYGOTE), socket(NEW, KEY)].iter().for_each(|call| _ = supervisor.judge(call));
    assert!(!supervisor.take_refused(NEW));
    for pid in 1000..1000 + 2 * MAX_REFUSED as u32 {
        supervisor.answer(&fork(pid));
    }
    assert_eq!(supervisor.state.lock().refused.len(), MAX_REFUSED);
}

#[test]
fn a_process_group_is_ended_with_those_that_its_leader_has_left() {
    use std::io::BufRead as _;
    use std::os::unix::process::CommandExt as _;

    // The leader ends at once, and leaves a child in its group.
    let mut command = std::process::Command::new("/bin/sh");
    let shell = command.args(["-c", "sleep 60 & echo $!"]).process_group(0);
    let mut leader = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&leader);
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let mut line = String::new();
    io::BufReader::new(leader.stdout.take().unwrap()).read_line(&mut line).unwrap();
    leader.wait().unwrap();
    let left = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    let left = pidfd_open(left, PidfdFlags::empty()).unwrap();
    assert!(can_end_families());
    end_family(&pidfd);
    let mut ended = [PollFd::new(&left, PollFlags::IN)];
    let timeout = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(poll(&mut ended, Some(&timeout)).unwrap(), 1, "it has ended");
}
