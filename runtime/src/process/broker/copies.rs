//! The supervision of copies: each fork of an app zygote waits for the broker, which knows all
//! processes that there are.
//!
//! ```text
//!  app zygote        kernel                 broker
//!   ◄──────────────────────────────── Copy { key }          expects one fork of this process
//!   clone ─────────► asks ───────────► allowed, once
//!      └─ copy
//!          dup3(key) ► asks ─────────► opens a pidfd of the copy, puts the copy's own socket in the
//!                                      place of the app zygote's
//! ```
//!
//! The app zygote has run the Worker's code, and may have been taken over, as may its copies. The
//! broker allows one fork for each copy that it has asked for, and waits for the new process to ask
//! for its socket with the key of that copy. If anything else happens, it ends the whole family:
//! the app zygote's process group, which none of its processes can leave. So no process exists that
//! the broker does not know. What decides about a call is in its registers, which nobody can change
//! while a process of one thread waits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

/// The bound on the number of ids of refused processes that are kept.
const MAX_REFUSED: usize = 64;

/// The living processes of an app zygote and its copies.
pub(super) type Family = Arc<Mutex<HashSet<u32>>>;

/// The process id and pidfd of a copy.
pub(super) type Copied = (u32, OwnedFd);

/// A copy that was asked for.
pub(super) struct ExpectedCopy {
    /// The random number with which the copy asks for its socket.
    pub(super) key: u64,
    pub(super) family: Family,
    /// The copy's end of its socket.
    pub(super) socket: OwnedFd,
    /// The sender for the copy. Dropping it says that something else has happened.
    pub(super) reply: oneshot::Sender<Copied>,
}

/// The broker's end of the supervision of one zygote's runners.
pub(super) struct CopySupervisor {
    listener: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The copies that were asked for, by the process id of their app zygote, and whether the fork
    /// was allowed.
    expected: HashMap<u32, (ExpectedCopy, bool)>,
    /// The processes whose calls were refused, latest last.
    refused: VecDeque<u32>,
}

/// The answer to a supervised call.
enum Answer {
    /// The kernel makes the call.
    Allow,
    /// The process is the copy that was expected.
    HandOver(ExpectedCopy),
    /// The process has no reason to make the call.
    Refuse,
}

impl CopySupervisor {
    /// Supervises the runners of a zygote on a thread of its own, until they have ended. Returns
    /// `None` if the kernel cannot end a process group by a pidfd (before Linux 6.9).
    pub(super) fn start(listener: OwnedFd) -> Option<Arc<Self>> {
        if !can_end_families() {
            return None;
        }
        let supervisor = Arc::new(Self { listener, state: Mutex::default() });
        let serving = supervisor.clone();
        let thread = std::thread::Builder::new().name("isolet-copies".into());
        thread.stack_size(128 << 10).spawn(move || serving.serve()).ok()?;
        Some(supervisor)
    }

    /// Expects one fork of this app zygote, and the process that it makes.
    pub(super) fn expect(&self, app_zygote: u32, copy: ExpectedCopy) {
        self.state.lock().expected.insert(app_zygote, (copy, false));
    }

    /// Expects no fork of this app zygote any more. Returns `true` if it was expected until now and
    /// was not allowed: then no process exists that the broker does not know.
    pub(super) fn expect_none(&self, app_zygote: u32) -> bool {
        let expected = self.state.lock().expected.remove(&app_zygote);
        expected.is_some_and(|(_, is_allowed)| !is_allowed)
    }

    /// Returns `true` if a call of this process was refused, and forgets it. So a new process is
    /// not taken for an earlier one that had its id.
    pub(super) fn take_refused(&self, pid: u32) -> bool {
        let refused = &mut self.state.lock().refused;
        let before = refused.len();
        refused.retain(|known| *known != pid);
        refused.len() < before
    }

    /// Answers supervised calls until no process is left that could make one.
    fn serve(&self) {
        loop {
            let mut polled = [PollFd::new(&self.listener, PollFlags::IN)];
            match poll(&mut polled, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            if polled[0].revents().contains(PollFlags::IN) {
                // An error means that the process has ended meanwhile.
                if let Ok(call) = self.receive() {
                    self.answer(&call);
                }
            } else if !polled[0].revents().is_empty() {
                return;
            }
        }
    }

    fn answer(&self, call: &libc::seccomp_notif) {
        match self.judge(call) {
            Answer::Allow => self.respond(call, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::HandOver(copy) => {
                if let Some(pidfd) = self.open_process(call)
                    && self.replace_socket(call, &copy.socket).is_ok()
                {
                    copy.family.lock().insert(call.pid);
                    // Nobody may wait any more: then the copy ends with its socket.
                    if let Err((_, pidfd)) = copy.reply.send((call.pid, pidfd)) {
                        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
                    }
                    self.respond(call, 0, 0);
                }
            }
            Answer::Refuse => {
                tracing::warn!(
                    pid = call.pid,
                    "violation: a process asked to be copied, or for a socket, without the broker's word; it is ended"
                );
                {
                    let refused = &mut self.state.lock().refused;
                    if refused.len() == MAX_REFUSED {
                        refused.pop_front();
                    }
                    refused.push_back(call.pid);
                }
                if let Some(pidfd) = self.open_process(call) {
                    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
                }
                self.respond(call, -libc::EPERM, 0);
            }
        }
    }

    /// Decides about a call. A call that does not belong to the copy that was expected ends the
    /// expectation, and so the family.
    fn judge(&self, call: &libc::seccomp_notif) -> Answer {
        let State { expected, refused } = &mut *self.state.lock();
        let pid = call.pid;
        if i64::from(call.data.nr) == libc::SYS_clone {
            return match expected.get_mut(&pid) {
                Some((_, is_allowed)) if !*is_allowed => {
                    *is_allowed = true;
                    Answer::Allow
                }
                _ => {
                    expected.remove(&pid);
                    Answer::Refuse
                }
            };
        }
        let key = call.data.args[3];
        let found = expected.iter().find(|(_, (copy, _))| copy.key == key).map(|(app_zygote, _)| *app_zygote);
        let Some((copy, is_allowed)) = found.and_then(|app_zygote| expected.remove(&app_zygote)) else {
            return Answer::Refuse;
        };
        // The new process, and not one that exists in its place.
        let is_new = !copy.family.lock().contains(&pid);
        if !is_allowed || !is_new {
            return Answer::Refuse;
        }
        // Another process had the id before.
        refused.retain(|known| *known != pid);
        Answer::HandOver(copy)
    }

    fn receive(&self) -> io::Result<libc::seccomp_notif> {
        // SAFETY: the structure consists of integers, for which zero is a valid value.
        let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        self.control(libc::SECCOMP_IOCTL_NOTIF_RECV, (&raw mut call).cast())?;
        Ok(call)
    }

    /// Opens the process that makes a call. Returns `None` if it has ended.
    fn open_process(&self, call: &libc::seccomp_notif) -> Option<OwnedFd> {
        let pid = Pid::from_raw(i32::try_from(call.pid).ok()?)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        // If the call still waits, the id was not given to another process before it was opened.
        let mut id = call.id;
        self.control(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, (&raw mut id).cast()).ok()?;
        Some(pidfd)
    }

    /// Puts a socket in the place of the descriptor that a call names.
    fn replace_socket(&self, call: &libc::seccomp_notif, socket: &OwnedFd) -> io::Result<()> {
        let mut added = libc::seccomp_notif_addfd {
            id: call.id,
            flags: libc::SECCOMP_ADDFD_FLAG_SETFD as u32,
            srcfd: socket.as_raw_fd() as u32,
            // The kernel checks the number against the process's limit on descriptors.
            newfd: call.data.args[1] as u32,
            newfd_flags: libc::O_CLOEXEC as u32,
        };
        self.control(libc::SECCOMP_IOCTL_NOTIF_ADDFD, (&raw mut added).cast())
    }

    fn respond(&self, call: &libc::seccomp_notif, error: i32, flags: u32) {
        let mut response = libc::seccomp_notif_resp { id: call.id, val: 0, error, flags };
        // It fails if the process has ended.
        let _ = self.control(libc::SECCOMP_IOCTL_NOTIF_SEND, (&raw mut response).cast());
    }

    fn control(&self, request: libc::Ioctl, argument: *mut libc::c_void) -> io::Result<()> {
        // SAFETY: each caller passes the live structure of its request, which the kernel reads or
        // writes within its size.
        let done = unsafe { libc::ioctl(self.listener.as_raw_fd(), request, argument) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// Sends to the process group of a pidfd's process. Neither `libc` nor `rustix` has it.
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// Ends all processes of the group that this process leads or has led.
pub(super) fn end_family(leader: &OwnedFd) {
    let _ = signal_group(leader, libc::SIGKILL);
}

/// Returns `true` if the kernel can signal a process group by a pidfd. A group of its number could
/// belong to others, once its processes have ended.
fn can_end_families() -> bool {
    let Ok(own) = pidfd_open(rustix::process::getpid(), PidfdFlags::empty()) else { return false };
    match signal_group(&own, 0) {
        Ok(()) => true,
        // This process need not lead a group.
        Err(error) => error.raw_os_error() == Some(libc::ESRCH),
    }
}

fn signal_group(leader: &OwnedFd, signal: libc::c_int) -> io::Result<()> {
    let (descriptor, none) = (leader.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: the call takes numbers, and no structure.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal, none, PIDFD_SIGNAL_PROCESS_GROUP)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP_ZYGOTE: u32 = 100;
    const EARLIER_COPY: u32 = 101;
    const NEW: u32 = 102;
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

    /// A supervisor that expects a copy, and the receiver of the copy.
    fn expecting() -> (CopySupervisor, oneshot::Receiver<(u32, OwnedFd)>) {
        let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let supervisor = CopySupervisor { listener: file(), state: Mutex::default() };
        let family: Family = Arc::new(Mutex::new(HashSet::from([APP_ZYGOTE, EARLIER_COPY])));
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
}
