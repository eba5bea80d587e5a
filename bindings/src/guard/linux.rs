//! The guard on Linux: a subreaper with a pidfd of the parent, two signal pipes, and one `poll`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, getppid, pidfd_open, set_child_subreaper,
    set_parent_process_death_signal, setsid, wait,
};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::descendants::signal_all;
use super::{GuardOrder, ISOLATE_FLAG, LAUNCH_FLAG, domain, filter};

/// The time that descendants have to exit after the server has ended by itself. It is shorter,
/// because calls wait for the news, and descendants may hold the server's pipes open.
const LEFTOVER_GRACE: Duration = Duration::from_millis(200);
/// The time that killing may take. A process in uninterruptible sleep may not end, and the guard
/// does not wait for it.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);
/// The time between two searches for descendants while they are being stopped.
const SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// Runs the guard to its end. Returns the exit status as a shell would report it.
pub(super) fn run(order: GuardOrder) -> io::Result<u8> {
    let stopped = signals(&[SIGTERM, SIGINT, SIGHUP])?;
    let mut children = signals(&[SIGCHLD])?;
    set_child_subreaper(Some(getpid())).map_err(of("prctl(PR_SET_CHILD_SUBREAPER)"))?;

    // The parent may have ended before its pidfd was opened, and its pid may belong to another
    // process. If the parent is still the same after the pidfd was opened, the pidfd is the
    // parent's.
    let is_parent = || getppid().is_some_and(|pid| pid.as_raw_nonzero().get() == order.parent);
    let Some(pid) = Pid::from_raw(order.parent).filter(|_| is_parent()) else { return Ok(0) };
    let parent = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(parent) if is_parent() => parent,
        Ok(_) | Err(Errno::SRCH) => return Ok(0),
        Err(error) => return Err(of("pidfd_open")(error)),
    };

    // Opened before the server starts. Without it nothing is started.
    let nothing =
        File::options().read(true).write(true).open("/dev/null").map_err(of("opening /dev/null"))?;
    let launched = launcher(&order).spawn().map_err(of("starting /proc/self/exe"))?;
    let child = Pid::from_child(&launched);
    dup2_stdin(&nothing).map_err(of("dup2"))?;
    dup2_stdout(&nothing).map_err(of("dup2"))?;

    let mut reaper = Reaper { child, status: None };
    loop {
        let mut events = [
            PollFd::new(&parent, PollFlags::IN),
            PollFd::new(&stopped, PollFlags::IN),
            PollFd::new(&children, PollFlags::IN),
        ];
        match poll(&mut events, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(of("poll")(error)),
        }
        let told_to_stop = !events[0].revents().is_empty() || !events[1].revents().is_empty();
        drain(&mut children);
        reaper.reap();
        if told_to_stop {
            sweep(&mut reaper, &mut children, order.grace);
            return Ok(reaper.code());
        }
        if reaper.status.is_some() {
            sweep(&mut reaper, &mut children, LEFTOVER_GRACE);
            return Ok(reaper.code());
        }
    }
}

/// The command that starts this program as a launcher. Its first arguments are those that made it a
/// guard.
fn launcher(order: &GuardOrder) -> Command {
    // This path stays right after an update has replaced the file.
    let mut command = Command::new("/proc/self/exe");
    command.args(std::env::args_os().skip(1).take_while(|argument| argument != "--parent"));
    command.args(["--parent", &std::process::id().to_string(), LAUNCH_FLAG]);
    command.args(order.alone.then_some(ISOLATE_FLAG)).arg("--");
    command.arg(&order.program).args(&order.args);
    command
}

/// Becomes the program. The kernel kills it when the guard ends. Returns only on failure.
pub(super) fn launch(order: GuardOrder) -> io::Result<u8> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(of("prctl(PR_SET_PDEATHSIG)"))?;
    // The guard may have ended before.
    if getppid().is_none_or(|pid| pid.as_raw_nonzero().get() != order.parent) {
        return Ok(0);
    }
    // A process in the user's session could read from the terminal, write to it, and insert input.
    setsid().map_err(of("setsid"))?;
    if order.alone {
        if let Err(error) = domain::enter() {
            say!(
                "isolet guard: this server is not kept from the memory and variables of other processes of this user: {error}"
            );
        }
        if let Err(error) = filter::set() {
            say!(
                "isolet guard: this server is not kept from the limits and priorities of other processes of this user: {error}"
            );
        }
    }
    let error = Command::new(&order.program).args(&order.args).exec();
    say!("cannot start {}: {error}", order.program.to_string_lossy());
    Ok(127)
}

/// Adds the name of the failed call: "Operation not permitted" alone does not tell which call a
/// sandbox refuses.
fn of<E: Into<io::Error>>(what: &str) -> impl Fn(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    }
}

/// Returns a stream that becomes readable when one of the signals arrives.
fn signals(numbers: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair().map_err(of("socketpair"))?;
    read.set_nonblocking(true)?;
    for number in numbers {
        pipe::register(*number, write.try_clone()?)?;
    }
    Ok(read)
}

fn drain(stream: &mut UnixStream) {
    let mut buffer = [0; 64];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

/// Collects every process that ends below the guard: the child, and those that it adopted.
struct Reaper {
    child: Pid,
    status: Option<WaitStatus>,
}

impl Reaper {
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == self.child {
                self.status = Some(status);
            }
        }
    }

    fn code(&self) -> u8 {
        let Some(status) = self.status else { return 128 + SIGTERM as u8 };
        let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
    }
}

/// Sends SIGTERM to everything below the guard, then SIGKILL. Repeats the search until nothing is
/// left, because new processes may start meanwhile.
fn sweep(reaper: &mut Reaper, children: &mut UnixStream, grace: Duration) {
    let began = Instant::now();
    let mut asked = false;
    while began.elapsed() < grace + KILL_TIMEOUT {
        reaper.reap();
        let found = if began.elapsed() >= grace {
            signal_all(Some(Signal::KILL))
        } else if asked {
            signal_all(None)
        } else {
            asked = true;
            signal_all(Some(Signal::TERM))
        };
        if found == 0 {
            reaper.reap();
            return;
        }
        let step = Timespec { tv_sec: 0, tv_nsec: i64::from(SWEEP_INTERVAL.subsec_nanos()) };
        let _woken = poll(&mut [PollFd::from_borrowed_fd(children.as_fd(), PollFlags::IN)], Some(&step));
        drain(children);
    }
}
