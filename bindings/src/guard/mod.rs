//! The process between isolet and a child.
//!
//! A child and its descendants must not outlive isolet, even if isolet is killed with SIGKILL. So
//! isolet does not start a server itself. It starts a guard (its own executable with a hidden
//! subcommand), and the guard starts the server. The guard
//!
//! - is a *subreaper*: descendants that lose their parent become its children, in any session or
//!   group;
//! - watches isolet through a pidfd. `PR_SET_PDEATHSIG` would be simpler, but it fires when the
//!   *thread* ends that started the child, and tokio's threads come and go;
//! - starts the child through a *launcher*, which asks the kernel to kill it when the guard ends,
//!   and then becomes the program. The guard has one thread, so `PR_SET_PDEATHSIG` is right there,
//!   and only the process itself can ask for it. The launcher also gives the child its own session
//!   without a terminal, a landlock domain and a system call filter, so that it can neither read
//!   other processes of the same user nor change their limits and priorities;
//! - passes the child's streams on and keeps none of them, so that the end of input or output is
//!   seen;
//! - ends with the child's status once everything below it has ended, first by SIGTERM, then by
//!   SIGKILL.
//!
//! The guard starts no runtime and no threads. It exists only on Linux.
//!
//! | module | one idea |
//! |---|---|
//! | `linux` | the guard and the launcher |
//! | `descendants` | every process below the guard |
//! | `domain` | the landlock domain of the child |
//! | `filter` | the system call filter of the child |

/// Writes a line to standard error. If that fails, only the exit code is left.
macro_rules! say {
    ($($part:tt)*) => {{
        let line = format!("{}\n", format_args!($($part)*));
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }};
}

#[cfg(target_os = "linux")]
mod descendants;
#[cfg(target_os = "linux")]
mod domain;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod linux;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Returns the arguments with which a guard starts `program` for this process. The program's own
/// arguments follow.
pub(crate) fn arguments(grace: Duration, alone: bool, program: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        "--parent".into(),
        std::process::id().to_string().into(),
        "--grace-ms".into(),
        grace.as_millis().to_string().into(),
    ];
    arguments.extend(alone.then(|| ISOLATE_FLAG.into()));
    arguments.extend(["--".into(), program.into()]);
    arguments
}

/// Separates the program from other processes of the same user.
const ISOLATE_FLAG: &str = "--alone";

/// Makes a guard a launcher, which becomes the program.
const LAUNCH_FLAG: &str = "--launch";

/// The arguments of a guard.
struct GuardOrder {
    parent: i32,
    launch: bool,
    alone: bool,
    grace: Duration,
    program: OsString,
    args: Vec<OsString>,
}

/// Runs the guard with the arguments that follow the hidden subcommand: `--parent PID [--grace-ms
/// N] [--alone] -- PROGRAM [ARGUMENT]…`. Returns when the program and everything that it started
/// has ended.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(order) = GuardOrder::read(args) else {
        say!("isolet guard: expected --parent PID [--grace-ms N] -- PROGRAM [ARGUMENT]…");
        return ExitCode::from(2);
    };
    #[cfg(target_os = "linux")]
    let done = if order.launch { linux::launch(order) } else { linux::run(order) };
    #[cfg(target_os = "linux")]
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say!("isolet guard: {error}");
            ExitCode::from(126)
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let GuardOrder { parent, launch, alone, grace, program, args } = order;
        let _unused = (parent, launch, alone, grace, args);
        say!("isolet guard: cannot guard {} on this platform", program.to_string_lossy());
        ExitCode::from(126)
    }
}

impl GuardOrder {
    fn read(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let mut parent = None;
        let (mut launch, mut alone) = (false, false);
        let mut grace = Duration::from_secs(1);
        loop {
            match args.next()?.to_str()? {
                "--parent" => parent = Some(args.next()?.to_str()?.parse().ok().filter(|pid| *pid > 0)?),
                "--grace-ms" => grace = Duration::from_millis(args.next()?.to_str()?.parse().ok()?),
                LAUNCH_FLAG => launch = true,
                ISOLATE_FLAG => alone = true,
                "--" => break,
                _ => return None,
            }
        }
        Some(Self { parent: parent?, launch, alone, grace, program: args.next()?, args: args.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_parsed_or_refused() {
        let read = |text: &str| GuardOrder::read(text.split(' ').map(OsString::from));
        let order = read("--parent 7 --grace-ms 50 -- sh -c x").unwrap();
        assert_eq!((order.parent, order.grace), (7, Duration::from_millis(50)));
        assert_eq!((order.program, order.args), ("sh".into(), vec!["-c".into(), "x".into()]));
        for bad in
            ["", "--", "-- sh", "--parent x -- sh", "--parent -1 -- sh", "--parent 7 sh", "--parent 7 --"]
        {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
