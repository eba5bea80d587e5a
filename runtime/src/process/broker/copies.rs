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

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

use super::runner_process::RunnerProcess;

/// The bound on the number of ids of refused processes that are kept.
const MAX_REFUSED: usize = 64;

/// An app zygote and its copies by their process ids: all that live, and some that have ended.
pub(super) type Family = Arc<Mutex<HashMap<u32, Arc<RunnerProcess>>>>;

/// A copy that was asked for.
pub(super) struct ExpectedCopy {
    /// The random number with which the copy asks for its socket.
    pub(super) key: u64,
    pub(super) family: Family,
    /// The copy's end of its socket.
    pub(super) socket: OwnedFd,
    /// The sender for the copy. Dropping it says that something else has happened.
    pub(super) reply: oneshot::Sender<Arc<RunnerProcess>>,
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
                    let process = Arc::new(RunnerProcess::new(pidfd, call.pid));
                    copy.family.lock().insert(call.pid, process.clone());
                    // Nobody may wait any more: then the copy ends with its socket.
                    if let Err(process) = copy.reply.send(process) {
                        process.kill();
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
        let is_new = copy.family.lock().get(&pid).is_none_or(|known| known.has_ended());
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

/// Forgets processes that have ended and have no handle any more. One that was killed may live for
/// a moment, and must not be taken for a new copy meanwhile.
pub(super) fn forget_ended(family: &Family) {
    family.lock().retain(|_, process| Arc::strong_count(process) > 1 || !process.has_ended());
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
mod tests;
