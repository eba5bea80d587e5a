//! Environments that lack something, or allow less than usual: isolet starts if it can, and
//! otherwise reports the cause within seconds.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::*;

/// Outputs that accept nothing: a full disk, and a pipe whose reader has closed it.
fn deaf() -> [(&'static str, OwnedFd); 2] {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    [("a full disk", full.into()), ("a closed pipe", writer.into())]
}

fn command(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(ISOLET);
    command::clean(&mut command);
    command.args(args).current_dir(folder.path()).stdin(Stdio::null());
    command
}

#[test]
fn a_result_is_not_lost_if_standard_error_cannot_be_written() {
    let folder = Folder::new();
    folder.write("logs.ts", "console.log('x'); return (await env.demo.add({ a: 40, b: 2 })).sum");
    folder.write("throws.ts", "console.error('x'); throw new Error('no')");
    for (script, code, result) in [("logs.ts", 0, "42\n"), ("throws.ts", 1, "")] {
        for (what, stderr) in deaf() {
            let output = command(&folder, &["run", script]).stderr(stderr).output().expect("it starts");
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!((output.status.code(), stdout.as_str()), (Some(code), result), "{script}, {what}");
        }
    }
    // The message cannot be printed; the exit code shows the failure.
    for (what, stderr) in deaf() {
        let output = command(&folder, &["run", "missing.ts"]).stderr(stderr).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{what}");
    }
}

#[test]
fn help_to_a_full_disk_is_a_failure() {
    let folder = Folder::new();
    for args in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let [(_, full), (_, closed)] = deaf();
        let output = command(&folder, args).stdout(full).output().expect("it starts");
        assert_eq!(output.status.code(), Some(3), "{args:?}");
        assert_says(&String::from_utf8_lossy(&output.stderr), &["cannot write to standard output"]);
        // `isolet --help | head -1` is not a failure.
        let output = command(&folder, args).stdout(closed).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
    let output = isolet(["no-such-command"]).output().exits(2);
    assert_says(&output.stderr, &["no-such-command"]);
}

/// A script whose result 42 needs V8.
fn script() -> Folder {
    let folder = Folder::new();
    folder.write("job.ts", "return 6 * 7");
    folder
}

/// Fails unless the start failed in time, with the exit code for the set-up and the cause, and
/// without advice to weaken the jail.
#[track_caller]
fn says_why(output: Output, cause: &[&str]) {
    // A start that is given up after 20 s has no cause.
    assert!(output.took < Duration::from_secs(12), "{:?}\n{}", output.took, output.both());
    let output = output.exits(3);
    assert_says(&output.stderr, cause);
    for wrong in ["--isolation", "panicked", "stack trace", "FATAL", "RUST_BACKTRACE"] {
        assert!(!output.stderr.contains(wrong), "`{wrong}` in:\n{}", output.both());
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::process::CommandExt as _;
    use std::time::Instant;

    use seccompiler::{
        SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };

    use super::*;

    #[test]
    fn a_limit_that_is_too_small_is_named() {
        let folder = script();
        for (limit, cause) in [
            ("--as=1073741824", "RLIMIT_AS (ulimit -v) is 1024 MiB"),
            ("--as=137438953472", "RLIMIT_AS (ulimit -v) is 128 GiB"),
            ("--data=33554432", "RLIMIT_DATA (ulimit -d) is 32 MiB"),
            ("--stack=65536", "RLIMIT_STACK (ulimit -s) is 64 KiB"),
            ("--stack=786432", "RLIMIT_STACK (ulimit -s) is 768 KiB"),
        ] {
            let output =
                command::program("prlimit", [limit, ISOLET, "run", "job.ts"]).within(folder.path()).output();
            println!("{limit}: {:?} {}", output.took, output.stderr);
            says_why(output, &[cause]);
        }
        // The number of files that a start needs differs between environments: the first number
        // that is too small must be named.
        let few = (8..32).rev().find_map(|files| {
            let limit = format!("--nofile={files}");
            let output =
                command::program("prlimit", [&limit, ISOLET, "run", "job.ts"]).within(folder.path()).output();
            println!("{limit}: {:?} {}", output.took, output.stderr);
            (output.code != Some(0)).then_some(output)
        });
        says_why(few.expect("a start that fails"), &["Too many open files"]);
        // A service reports the same, and ends.
        let limited = ["--data=33554432", ISOLET, "serve", "--listen", "127.0.0.1:0"];
        says_why(command::program("prlimit", limited).within(folder.path()).output(), &["RLIMIT_DATA"]);
    }

    #[test]
    fn runs_work_where_no_file_may_grow() {
        let folder = script();
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new("prlimit");
        command::clean(&mut command);
        command.args(["--fsize=0", ISOLET, "run", "job.ts"]).current_dir(folder.path()).stderr(log);
        let output = command.output().expect("it starts");
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()),
            (Some(0), "42\n"),
            "{output:?}"
        );
    }

    #[test]
    fn a_device_that_is_missing_is_named() {
        let folder = script();
        let unshared =
            |command: &str| command::program("unshare", ["-m", "sh", "-c", command]).within(folder.path());
        let empty = "mount -t tmpfs none /dev";
        if unshared(empty).output().code != Some(0) {
            eprintln!("skipped: no mount namespace can be made here");
            return;
        }
        says_why(
            unshared(&format!("{empty} && exec {ISOLET} run job.ts")).output(),
            &["cannot open /dev/null"],
        );
    }

    /// Runs a script while the kernel answers these system calls with an error.
    fn refusing(args: &'static [&str], call: i64, conditions: Vec<SeccompCondition>, errno: i32) -> Output {
        let rules = match conditions.is_empty() {
            true => Vec::new(),
            false => vec![SeccompRule::new(conditions).expect("a rule")],
        };
        let refuse = SeccompAction::Errno(errno as u32);
        let architecture = std::env::consts::ARCH.try_into().expect("an architecture with filters");
        let filter = SeccompFilter::new([(call, rules)].into(), SeccompAction::Allow, refuse, architecture);
        let program: seccompiler::BpfProgram = filter.expect("a filter").try_into().expect("a program");
        // The filter applies to this thread and the processes that it starts.
        let start = move || {
            seccompiler::apply_filter(&program).expect("a filter can be set");
            let folder = script();
            let mut command = Command::new(ISOLET);
            command::clean(&mut command);
            command.args(["run", "job.ts"]).args(args).current_dir(folder.path()).stdin(Stdio::null());
            // With a user to become, even the same one, the standard library forks by itself: the C
            // library's way of starting programs needs calls that are refused here.
            command.uid(rustix::process::getuid().as_raw());
            let began = Instant::now();
            let output = command.output().expect("it starts");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            Output { code: output.status.code(), stdout, stderr, took: began.elapsed() }
        };
        std::thread::spawn(start).join().expect("it does not panic")
    }

    #[test]
    fn a_system_call_that_is_refused_is_named() {
        // The call that systemd refuses where the kernel does not do it itself.
        let both = libc::PROT_WRITE | libc::PROT_EXEC;
        let executable = bits(2, both, both);
        // The standard library, which starts the program, uses pairs of another kind.
        let streams = bits(1, 0xf, libc::SOCK_STREAM);
        for (what, call, conditions, errno, cause) in [
            ("getrandom", libc::SYS_getrandom, vec![], libc::ENOSYS, "getrandom"),
            ("mprotect", libc::SYS_mprotect, executable, libc::EPERM, "memory may not become executable"),
            ("socketpair", libc::SYS_socketpair, streams, libc::EPERM, "socketpair"),
            ("clone3", libc::SYS_clone3, vec![], libc::EPERM, "cannot start a thread"),
        ] {
            let output = refusing(&[], call, conditions, errno);
            println!("{what}: {:?} {}", output.took, output.stderr);
            says_why(output, &[cause]);
        }
        // The message names an alternative, and the alternative works.
        let output = refusing(&["--no-jit"], libc::SYS_mprotect, bits(2, both, both), libc::EPERM).exits(0);
        assert_eq!(output.stdout, "42\n", "{}", output.both());
    }

    /// Matches calls in which these bits of an argument are set.
    fn bits(argument: u8, mask: i32, value: i32) -> Vec<SeccompCondition> {
        let is = SeccompCmpOp::MaskedEq(mask as u64);
        vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value as u64).expect("a condition")]
    }

    #[test]
    fn a_limit_on_threads_is_reported_without_a_panic() {
        let as_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--nproc=4", ISOLET];
        let run = |args: &[&str]| {
            command::program("setpriv", as_nobody).args(args).within("/").stdin("return 42").output()
        };
        if run(&["--version"]).code != Some(0) {
            eprintln!("skipped: the program cannot be started as another user here");
            return;
        }
        says_why(run(&["run", "-"]), &["cannot start", "RLIMIT_NPROC"]);
    }
}
