//! One child process: started with few variables, watched, and stopped with everything that it
//! started.
//!
//! On Linux a [`guard`](crate::guard) process stands between isolet and the server, so that the
//! server and its descendants end even if isolet is killed. Without a guard the server leads its
//! own process group, which is killed as a whole.
//!
//! | module | one idea |
//! |---|---|
//! | `command` | the executable and the environment |
//! | `options` | the guard and the timeouts |
//! | `stderr` | the child's stderr: logged, and its last lines kept |

mod command;
pub(crate) mod options;
mod stderr;

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::options::ShutdownTimeouts;
use crate::config::StdioConfig;
use crate::upstream::context::ServerContext;
pub(crate) use stderr::StderrTail;

/// A running child. Dropping it stops the process in the background.
pub(crate) struct Child {
    pid: u32,
    stderr: Arc<StderrTail>,
    status: watch::Receiver<Option<ExitStatus>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// The ends of the pipes that the transport uses.
pub(crate) type Pipes = (ChildStdout, ChildStdin);

impl Child {
    /// Starts a server.
    ///
    /// # Errors
    /// The reason why it does not start, with the command's name.
    pub(crate) fn start(context: &ServerContext, config: &StdioConfig) -> Result<(Self, Pipes), String> {
        let (guard, patience) = (context.options.guard.as_ref(), context.options.shutdown_timeouts());
        let program = command::resolve(config)?;
        let mut command = match guard {
            Some(guard) => {
                let mut command = Command::new(&guard.program);
                command.args(&guard.args).args(crate::guard::arguments(
                    patience.after_terminate,
                    !config.allow_privilege_escalation,
                    &program,
                ));
                command
            }
            None => Command::new(&program),
        };
        command.args(&config.args);
        command.env_clear().envs(command::inherited_variables());
        command.envs(config.env.iter().map(|(name, value)| (name, value.expose())));
        // Set last, so that the configuration cannot change it.
        command.env(crate::nesting::DEPTH_VARIABLE, (crate::nesting::depth().saturating_add(1)).to_string());
        // Always set: in a folder that somebody else has filled, `npx` and `python -m` start what
        // they find there.
        command.current_dir(command::folder(config));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        // A guard that is killed cannot stop its descendants.
        command.kill_on_drop(guard.is_none());

        let mut process =
            command.spawn().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let (Some(stdin), Some(stdout), Some(errors), Some(pid)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take(), process.id())
        else {
            return Err(format!("cannot start {}: no pipes to it", program.display()));
        };
        let stderr = StderrTail::follow(context.name.clone(), context.redactor.clone(), errors);
        let stop = CancellationToken::new();
        let (sender, status) = watch::channel(None);
        let process = Process { process, guarded: guard.is_some() };
        tokio::spawn(process.supervise(sender, stop.clone(), patience));
        let child = Self { pid, stderr, status, _stop_on_drop: stop.clone().drop_guard(), stop };
        Ok((child, (stdout, stdin)))
    }

    /// The process id; the guard's, if there is one.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The last lines of its stderr.
    pub(crate) fn stderr(&self) -> &StderrTail {
        &self.stderr
    }

    /// Waits until the process has ended.
    pub(crate) fn exited(&self) -> impl Future<Output = Option<ExitStatus>> + Send + use<> {
        let mut status = self.status.clone();
        async move { status.wait_for(Option::is_some).await.ok().and_then(|status| *status) }
    }

    /// Stops the process: first with SIGTERM, then with SIGKILL. Returns when it has ended. Its
    /// input should be closed before.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.exited().await;
    }
}

/// The process, owned by the task that waits for it.
struct Process {
    process: tokio::process::Child,
    guarded: bool,
}

impl Process {
    async fn supervise(
        mut self,
        status: watch::Sender<Option<ExitStatus>>,
        stop: CancellationToken,
        patience: ShutdownTimeouts,
    ) {
        let pid = self.process.id();
        let exit = tokio::select! {
            exit = self.process.wait() => exit,
            () = stop.cancelled() => self.stop(patience).await,
        };
        // Without a guard, descendants of the server may still run.
        if !self.guarded {
            kill_group(pid);
        }
        if let Err(error) = &exit {
            tracing::warn!(%error, "cannot wait for a child process");
        }
        status.send_replace(Some(exit.unwrap_or_default()));
    }

    async fn stop(&mut self, patience: ShutdownTimeouts) -> std::io::Result<ExitStatus> {
        if let Ok(exit) = tokio::time::timeout(patience.after_input_closed, self.process.wait()).await {
            return exit;
        }
        self.terminate();
        // The guard waits for the server first, and then needs time to stop descendants.
        let share = if self.guarded { 3 } else { 1 };
        if let Ok(exit) = tokio::time::timeout(patience.after_terminate * share, self.process.wait()).await {
            return exit;
        }
        tracing::warn!(pid = self.process.id(), "a child process does not leave and is killed");
        if !self.guarded {
            kill_group(self.process.id());
        }
        self.process.kill().await?;
        self.process.wait().await
    }

    /// Sends SIGTERM to the guard, which passes it on, or to the server's process group.
    fn terminate(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = self.process.id().and_then(rustix_pid) {
            let signal = rustix::process::Signal::TERM;
            let _gone = if self.guarded {
                rustix::process::kill_process(pid, signal)
            } else {
                rustix::process::kill_process_group(pid, signal)
            };
        }
        #[cfg(not(unix))]
        let _gone = self.process.start_kill();
    }
}

impl Drop for Process {
    /// A running process is dropped only when the runtime shuts down.
    fn drop(&mut self) {
        if self.process.id().is_some() {
            self.terminate();
        }
    }
}

#[cfg(unix)]
fn rustix_pid(pid: u32) -> Option<rustix::process::Pid> {
    i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
}

/// Kills the rest of the group that `leader` led. The leader may have ended: a group keeps its
/// number as long as it has a member.
fn kill_group(leader: Option<u32>) {
    #[cfg(unix)]
    if let Some(group) = leader.and_then(rustix_pid) {
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = leader;
}

/// Describes the exit of a process for people.
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        // A guard reports a signal as shells do: 128 plus its number.
        let signal =
            status.signal().or_else(|| status.code().filter(|code| *code > 128).map(|code| code - 128));
        if let Some(name) = signal.and_then(signal_name) {
            return format!("it was ended by {name}");
        }
    }
    match status.code() {
        Some(code) => format!("it exited with status {code}"),
        None => format!("it ended: {status}"),
    }
}

#[cfg(unix)]
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}
