//! The hostile corpus with a jailed process for each run, the cases that only processes survive,
//! and attempts of native code to leave the jail.

mod hostile;

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use hostile::Level;
use isolet_runtime::{Isolation, ZygoteProcesses};

/// The program `zygote`.
const EXECUTABLE: &str = env!("CARGO_BIN_EXE_zygote");

fn processes(count: usize) -> Isolation {
    Isolation::Process(ZygoteProcesses { executable: EXECUTABLE.into(), subcommand: "zygote".into(), count })
}

fn level() -> &'static Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    LEVEL.get_or_init(|| Level::new(processes(2), false))
}

/// Returns an engine whose zygote may end. The zygotes of the other engine must not.
fn expendable() -> &'static Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    LEVEL.get_or_init(|| Level::new(processes(1), true))
}

hostile::classes!(level: cpu reentry memory floods escapes poison breakout leaks);
hostile::classes!(expendable: lethal rare_interrupts);

#[test]
fn the_file_of_the_environment_runs() {
    hostile::run_file(expendable());
}

/// Runs the jail probe and returns its lines. A descriptor is left open for it.
fn probe(words: &str) -> (Vec<[String; 4]>, std::process::ExitStatus) {
    let (channel, _broker) = std::os::unix::net::UnixStream::pair().unwrap();
    // Through a shell, since Rust leaves only the first three descriptors open in a child.
    let output = Command::new("/bin/sh")
        .args(["-c", "exec 7</etc/passwd; exec env -i \"$0\" jail-probe $1", EXECUTABLE, words])
        .env_clear()
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(channel)))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut fields = line.splitn(4, '\t').map(str::to_owned);
        std::array::from_fn(|_| fields.next().unwrap_or_default())
    };
    let lines = text.lines().map(line).collect();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (lines, output.status)
}

/// Returns the attempts that were not refused.
fn not_refused(lines: &[[String; 4]]) -> Vec<String> {
    let out = lines.iter().filter(|[kind, outcome, ..]| kind == "attempt" && outcome != "refused");
    out.map(|[_, _, name, _]| name.clone()).collect()
}

#[test]
fn native_code_cannot_leave_the_jail() {
    let (lines, status) = probe("");
    assert!(status.success(), "{status}: {lines:?}");
    let (mut attempts, mut ended, mut controls, mut wrong) = (0, 0, 0, Vec::new());
    for line in &lines {
        let [kind, outcome, _, detail] = line;
        match (kind.as_str(), outcome.as_str()) {
            ("attempt", "refused") => attempts += 1,
            ("control", "allowed") => controls += 1,
            ("layers", "complete") => {}
            _ => wrong.push(line.join(" ")),
        }
        ended += usize::from(detail == "ended by SIGSYS");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(attempts > 120 && controls > 5, "{attempts} attempts, {controls} controls");
    // The fatal calls. Other calls are only refused, as the C library tries some of them.
    assert!(ended > 50, "{ended} were ended");
}

/// 32-bit system calls have other numbers than those in the filter, so the first one ends the
/// process.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_call_of_the_32_bit_interface_ends_the_runner() {
    let (lines, _) = probe("32-bit");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1][3], "ended by SIGSYS", "{lines:?}");
}

/// The filter of system calls alone refuses everything except much memory, which it cannot count.
#[test]
fn the_filter_holds_alone() {
    let (lines, _) = probe("without=no_new_privs,user,namespaces,landlock,limits");
    assert!(lines.len() > 120, "{lines:?}");
    assert_eq!(not_refused(&lines), ["map 64 GiB of private memory", "map 64 GiB that are only read"]);
}

/// Listens on a port and on an abstract socket with the same number in its name.
fn listen_on_target() -> (std::net::TcpListener, std::os::unix::net::UnixListener, String) {
    use std::os::linux::net::SocketAddrExt as _;
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let number = port.local_addr().unwrap().port();
    let name = std::os::unix::net::SocketAddr::from_abstract_name(format!("isolet-probe-{number}")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind_addr(&name).unwrap();
    (port, socket, format!("target={number}"))
}

/// Checks that one layer alone refuses all of its attempts, and that none of them is refused
/// without it. The attempts in `always` are refused in any case.
fn holds_alone(layer: &str, others: &[&str], always: &[&str]) {
    let (_port, _socket, target) = listen_on_target();
    let (lines, _) = probe(&format!("layer={layer} {target} without={}", others.join(",")));
    assert!(lines.len() > 3, "{lines:?}");
    assert!(not_refused(&lines).is_empty(), "with {layer} alone: {lines:#?}");
    let (lines, _) = probe(&format!("layer={layer} {target} without={layer},user,{}", others.join(",")));
    let refused = lines.iter().filter(|[kind, outcome, name, _]| {
        kind == "attempt" && outcome == "refused" && !always.contains(&name.as_str())
    });
    let refused: Vec<_> = refused.collect();
    // An ordinary user may not do these things in any case.
    if rustix::process::geteuid().is_root() {
        assert!(refused.is_empty(), "without {layer} too: {refused:#?}");
    }
}

#[test]
fn landlock_holds_alone() {
    holds_alone("landlock", &["user", "namespaces", "limits", "seccomp"], &[]);
}

#[test]
fn namespaces_hold_alone() {
    holds_alone("namespaces", &["user", "no_new_privs", "landlock", "limits", "seccomp"], &[]);
}

#[test]
fn limits_hold_alone() {
    // These limits are set when a runner is forked, and when its zygote starts.
    let always = ["have many files open", "let the stack grow without end"];
    holds_alone("limits", &["namespaces", "landlock", "seccomp"], &always);
}

#[test]
fn no_new_privs_holds_alone() {
    holds_alone("no_new_privs", &["namespaces", "landlock", "limits", "seccomp"], &[]);
}

/// Without V8's compilers no memory can become executable; with them it can.
#[test]
fn memory_becomes_executable_only_with_the_compilers() {
    let (lines, _) = probe("layer=jit no-jit");
    assert_eq!((lines.len(), lines[0][1].as_str()), (5, "complete"), "{lines:?}");
    assert!(not_refused(&lines).is_empty(), "{lines:?}");
    let (lines, _) = probe("layer=jit");
    assert_eq!(not_refused(&lines).len(), 4, "{lines:?}");
}
