//! The process between isolet and a child.
//!
//! A child must not outlive isolet, nor may what the child started, even when isolet is killed with SIGKILL and can do
//! nothing about it. So isolet does not start a server itself: it starts a guard (its own executable again, with a hidden
//! subcommand), and the guard starts the server. The guard
//!
//! - is a *subreaper*: processes that lose their parent below it become its children, wherever they hide;
//! - watches isolet through a pidfd. `PR_SET_PDEATHSIG` would be simpler, but it fires when the *thread* that started the
//!   child ends, and tokio's threads come and go;
//! - starts the child through a *launcher*, itself for a moment, which has the kernel kill the child if the guard dies. The
//!   guard has one thread, so there the signal is right; and only the process itself can ask for it;
//! - passes on the child's streams and keeps none of them, so that an end of input or output means what it says;
//! - ends with the child's status, once everything below it is gone: first asked with SIGTERM, then killed.
//!
//! It starts no runtime and no threads. On platforms other than Linux there is none of this.

#[cfg(target_os = "linux")]
mod descendants;
#[cfg(target_os = "linux")]
mod linux;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The arguments that make a guard start `program` on behalf of this process; the program's own arguments follow.
pub(crate) fn arguments(grace: Duration, program: &Path) -> [OsString; 6] {
    [
        "--parent".into(),
        std::process::id().to_string().into(),
        "--grace-ms".into(),
        grace.as_millis().to_string().into(),
        "--".into(),
        program.into(),
    ]
}

/// Makes a guard a launcher: it becomes the program.
const LAUNCH: &str = "--launch";

/// What the guard was asked to do.
struct Order {
    parent: i32,
    launch: bool,
    grace: Duration,
    program: OsString,
    args: Vec<OsString>,
}

/// Runs as the guard, with the arguments that follow the hidden subcommand:
/// `--parent PID [--grace-ms N] -- PROGRAM [ARGUMENT]…`. Returns when the program and everything that it started is gone.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Some(order) = Order::read(args) else {
        eprintln!("isolet guard: expected --parent PID [--grace-ms N] -- PROGRAM [ARGUMENT]…");
        return ExitCode::from(2);
    };
    #[cfg(target_os = "linux")]
    let done = if order.launch { linux::launch(order) } else { linux::run(order) };
    #[cfg(target_os = "linux")]
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("isolet guard: {error}");
            ExitCode::from(126)
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let Order { parent, launch, grace, program, args } = order;
        let _unused = (parent, launch, grace, args);
        eprintln!("isolet guard: cannot guard {} on this platform", program.to_string_lossy());
        ExitCode::from(126)
    }
}

impl Order {
    fn read(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let mut parent = None;
        let mut launch = false;
        let mut grace = Duration::from_secs(1);
        loop {
            match args.next()?.to_str()? {
                "--parent" => parent = Some(args.next()?.to_str()?.parse().ok().filter(|pid| *pid > 0)?),
                "--grace-ms" => grace = Duration::from_millis(args.next()?.to_str()?.parse().ok()?),
                LAUNCH => launch = true,
                "--" => break,
                _ => return None,
            }
        }
        Some(Self { parent: parent?, launch, grace, program: args.next()?, args: args.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_or_refused() {
        let read = |text: &str| Order::read(text.split(' ').map(OsString::from));
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
