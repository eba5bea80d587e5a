//! The guard on Linux: subreaper, pidfd of the parent, two pipes of signals, one `poll`.

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
    set_parent_process_death_signal, wait,
};
use rustix::stdio::{dup2_stdin, dup2_stdout};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::descendants::signal_all;
use super::{LAUNCH, Order};

/// What the server leaves behind when it ends by itself gets less time: calls wait for the news, and its pipes may be
/// held open by what it left.
const GRACE_FOR_LEFTOVERS: Duration = Duration::from_millis(200);
/// How long killing may take. A process in uninterruptible sleep dies when the kernel lets it; the guard does not wait
/// for that for ever.
const KILLING: Duration = Duration::from_secs(5);
/// How often descendants are looked up while they are being stopped.
const STEP: Duration = Duration::from_millis(20);

/// Runs to the end; returns the exit status, as a shell would report it.
pub(super) fn run(order: Order) -> io::Result<u8> {
    let stopped = signals(&[SIGTERM, SIGINT, SIGHUP])?;
    let mut children = signals(&[SIGCHLD])?;
    set_child_subreaper(Some(getpid()))?;

    // The parent may have died before the pidfd was opened, and its number may be another's by now. Whoever is our
    // parent after the pidfd was opened was so before, so the pidfd is the parent's.
    let is_parent = || getppid().is_some_and(|pid| pid.as_raw_nonzero().get() == order.parent);
    let Some(pid) = Pid::from_raw(order.parent).filter(|_| is_parent()) else { return Ok(0) };
    let parent = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(parent) if is_parent() => parent,
        Ok(_) | Err(Errno::SRCH) => return Ok(0),
        Err(error) => return Err(error.into()),
    };

    let child = Pid::from_child(&launcher(&order).process_group(0).spawn()?);
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&nothing)?;

    let mut reaper = Reaper { child, status: None };
    loop {
        let mut events = [
            PollFd::new(&parent, PollFlags::IN),
            PollFd::new(&stopped, PollFlags::IN),
            PollFd::new(&children, PollFlags::IN),
        ];
        match poll(&mut events, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let told_to_stop = !events[0].revents().is_empty() || !events[1].revents().is_empty();
        drain(&mut children);
        reaper.reap();
        if told_to_stop {
            sweep(&mut reaper, &mut children, order.grace);
            return Ok(reaper.code());
        }
        if reaper.status.is_some() {
            sweep(&mut reaper, &mut children, GRACE_FOR_LEFTOVERS);
            return Ok(reaper.code());
        }
    }
}

/// This program again, as a launcher. What comes before the guard's own arguments is what makes it a guard.
fn launcher(order: &Order) -> Command {
    // Still the right one after an update has replaced the file.
    let mut command = Command::new("/proc/self/exe");
    command.args(std::env::args_os().skip(1).take_while(|argument| argument != "--parent"));
    command.args(["--parent", &std::process::id().to_string(), LAUNCH, "--"]);
    command.arg(&order.program).args(&order.args);
    command
}

/// Becomes the program, which the kernel kills when the guard dies. Returns only if that fails.
pub(super) fn launch(order: Order) -> io::Result<u8> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before.
    if getppid().is_none_or(|pid| pid.as_raw_nonzero().get() != order.parent) {
        return Ok(0);
    }
    let error = Command::new(&order.program).args(&order.args).exec();
    eprintln!("cannot start {}: {error}", order.program.to_string_lossy());
    Ok(127)
}

/// A stream that becomes readable when one of `numbers` arrives.
fn signals(numbers: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
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

/// Collects every process that ends below the guard: the child and all that it adopted.
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

/// Asks everything below the guard to leave, then kills it. New processes may be born meanwhile: it looks again until
/// there are none.
fn sweep(reaper: &mut Reaper, children: &mut UnixStream, grace: Duration) {
    let began = Instant::now();
    let mut asked = false;
    while began.elapsed() < grace + KILLING {
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
        let step = Timespec { tv_sec: 0, tv_nsec: i64::from(STEP.subsec_nanos()) };
        let _woken = poll(&mut [PollFd::from_borrowed_fd(children.as_fd(), PollFlags::IN)], Some(&step));
        drain(children);
    }
}
