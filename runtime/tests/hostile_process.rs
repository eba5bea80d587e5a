//! The hostile corpus with a jailed process for each run, what only those survive, and attempts to leave the jail
//! with native code.

mod hostile;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use hostile::Level;
use isolet_runtime::{Isolation, RunnerProcesses};

/// The example `runner` is a zygote's whole executable. `cargo test` builds examples beside the tests.
fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let executable =
        test.parent().and_then(|deps| deps.parent()).expect("target folder").join("examples/runner");
    assert!(
        executable.exists(),
        "{executable:?} is missing: run `cargo test -p isolet-runtime` without --test"
    );
    executable
}

fn processes(count: usize) -> Isolation {
    Isolation::Process(RunnerProcesses { executable: executable(), subcommand: "runner".into(), count })
}

fn level() -> &'static Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    LEVEL.get_or_init(|| Level::new(processes(2), false))
}

/// An engine of its own, whose zygote may die: those of the others must not.
fn expendable() -> &'static Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    LEVEL.get_or_init(|| Level::new(processes(1), true))
}

hostile::classes!(level: cpu reentry memory floods escapes poison breakout leaks);
hostile::classes!(expendable: lethal seldom);

#[test]
fn a_file() {
    hostile::file(expendable());
}

/// What a runner prints that was taken over by its script; `descriptor` is left open by whoever starts it.
fn escape(how: &str) -> (Vec<Vec<String>>, std::process::ExitStatus) {
    let (channel, _broker) = std::os::unix::net::UnixStream::pair().unwrap();
    // A shell, since Rust leaves no descriptor open to a child but its first three.
    let output = Command::new("/bin/sh")
        .args(["-c", "exec 7</etc/passwd; exec env -i \"$0\" escape $1", executable().to_str().unwrap(), how])
        .env_clear()
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(channel)))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    (lines, output.status)
}

#[test]
fn native_code_cannot_leave_the_jail() {
    let (lines, status) = escape("");
    assert!(status.success(), "{status}: {lines:?}");
    let (mut attempts, mut controls, mut wrong) = (0, 0, Vec::new());
    for line in &lines {
        let [kind, came, ..] = &line[..] else { panic!("{line:?}") };
        match (kind.as_str(), came.as_str()) {
            ("attempt", "refused") => attempts += 1,
            ("control", "allowed") => controls += 1,
            ("layers", "complete") => {}
            _ => wrong.push(line.join(" ")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(attempts > 100 && controls > 5, "{attempts} attempts, {controls} controls");
}

/// The numbers of 32-bit system calls mean others than the filter compares with, so the first one ends the process.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_the_32_bit_interface_end_the_runner() {
    use std::os::unix::process::ExitStatusExt;
    let (lines, status) = escape("32-bit");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(status.signal().is_some(), "{status}");
}
