//! The guard: nothing that isolet started outlives it.
#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{eventually, fixture_program, is_alive};
use rustix::io::Errno;

/// A process in the role of isolet, with a guard and a shell below it. The shell writes pids into
/// `folder`.
struct Family {
    parent: Child,
    folder: tempfile::TempDir,
}

impl Family {
    /// Starts `script`, which gets the folder in `$1`.
    fn start(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut parent = Command::new(fixture_program())
            .args(["parent", "sh", "-c", script, "sh"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The first line is the guard's pid: the guard runs.
        let mut line = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        std::fs::write(folder.path().join("guard"), line.trim()).unwrap();
        Self { parent, folder }
    }

    fn pid(&self, name: &str) -> Option<u32> {
        std::fs::read_to_string(self.folder.path().join(name)).ok()?.trim().parse().ok()
    }

    async fn wait_for(&self, name: &str) -> u32 {
        eventually(name, || self.pid(name).is_some()).await;
        self.pid(name).unwrap()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

/// A child that ignores SIGTERM, a grandchild in its own session that does too, and an orphan.
const STUBBORN: &str = r#"
    trap '' TERM HUP INT
    setsid sh -c 'trap "" TERM HUP INT; echo $$ > "$1/grandchild.new"; mv "$1/grandchild.new" "$1/grandchild"; while :; do sleep 1; done' sh "$1" &
    ( setsid sh -c 'trap "" TERM HUP INT; echo $$ > "$1/orphan.new"; mv "$1/orphan.new" "$1/orphan"; while :; do sleep 1; done' sh "$1" & )
    echo $$ > "$1/child.new"; mv "$1/child.new" "$1/child"
    while :; do sleep 1; done
"#;

#[tokio::test]
async fn nothing_survives_a_sigkill_of_the_parent() {
    let mut family = Family::start(STUBBORN);
    let mut pids = Vec::new();
    for name in ["guard", "child", "grandchild", "orphan"] {
        let pid = family.wait_for(name).await;
        assert!(is_alive(pid), "{name}");
        pids.push((name, pid));
    }
    family.parent.kill().unwrap();
    family.parent.wait().unwrap();
    for (name, pid) in pids {
        eventually(name, || !is_alive(pid)).await;
    }
}

#[tokio::test]
async fn a_child_does_not_survive_a_sigkill_of_its_guard() {
    let script = r#"
        trap '' TERM HUP INT
        echo $$ > "$1/child.new"; mv "$1/child.new" "$1/child"
        while :; do sleep 1; done
    "#;
    let family = Family::start(script);
    let guard = family.wait_for("guard").await;
    let child = family.wait_for("child").await;
    let guard = rustix::process::Pid::from_raw(i32::try_from(guard).unwrap()).unwrap();
    rustix::process::kill_process(guard, rustix::process::Signal::KILL).unwrap();
    eventually("the child ends", || !is_alive(child)).await;
}

#[tokio::test]
async fn descendants_of_a_child_are_stopped_with_it() {
    let script = r#"
        setsid sh -c 'trap "" TERM; echo $$ > "$1/orphan.new"; mv "$1/orphan.new" "$1/orphan"; while :; do sleep 1; done' sh "$1" &
        while [ ! -e "$1/orphan" ]; do sleep 0.05; done
        exit 7
    "#;
    let mut family = Family::start(script);
    let guard = family.wait_for("guard").await;
    let orphan = family.wait_for("orphan").await;
    eventually("the guard ends", || !is_alive(guard)).await;
    assert!(!is_alive(orphan));
    // The parent process ends with the guard's status, which is the child's.
    assert_eq!(family.parent.wait().unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_signal_is_passed_on_and_reported() {
    let family =
        Family::start("echo $$ > \"$1/child.new\"; mv \"$1/child.new\" \"$1/child\"; exec sleep 600");
    let guard = family.wait_for("guard").await;
    let child = family.wait_for("child").await;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(guard).unwrap()).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    eventually("the child ends", || !is_alive(child)).await;
    let mut family = family;
    // 128 plus SIGTERM, as a shell reports it.
    assert_eq!(family.parent.wait().unwrap().code(), Some(143));
}

#[tokio::test]
async fn a_guard_without_its_parent_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("started");
    // Process 1 is not the parent of this guard.
    let status = Command::new(fixture_program())
        .args(["guard", "--parent", "1", "--", "touch"])
        .arg(&file)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!file.exists());
}

#[tokio::test]
async fn the_guard_holds_no_streams_of_the_child() {
    // The child closes its output and runs on. The reader must see the end of the output at once,
    // so the guard must not hold a copy.
    let mut guard = Command::new(fixture_program())
        .args(["guard", "--parent", &std::process::id().to_string(), "--", "sh", "-c"])
        .arg("echo hello; exec >/dev/null; sleep 600")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = guard.stdout.take().unwrap();
    let read = tokio::task::spawn_blocking(move || std::io::read_to_string(stdout).unwrap());
    let text =
        tokio::time::timeout(Duration::from_secs(5), read).await.expect("the end of the output").unwrap();
    assert_eq!(text, "hello\n");
    let pid = rustix::process::Pid::from_child(&guard);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    guard.wait().unwrap();
}

#[tokio::test]
async fn a_child_has_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    // The parent has a terminal, and a child in its session would have it too. The child prints its
    // session.
    let commands = format!(
        r#"(: < /dev/tty) && : > terminal
        {} parent sh -c '(: < /dev/tty) 2> why || :; read -r _ _ _ _ group session _ < /proc/self/stat; echo $$ $group $session > ids'
        "#,
        fixture_program().display()
    );
    std::fs::write(folder.path().join("commands"), commands).unwrap();
    let status = Command::new("script")
        .args(["--quiet", "--return", "--command", "sh commands", "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("script of util-linux");
    assert!(status.success(), "{status}");
    assert!(folder.path().join("terminal").exists());
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let why = read("why");
    assert!(why.contains("No such device or address"), "{why}");
    let ids = read("ids");
    let ids: Vec<&str> = ids.split_whitespace().collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn a_child_cannot_insert_terminal_input() {
    // In its own terminal, if it could open one: the kernel answers with success, or with EIO where
    // the machine has none.
    let type_a_letter = r"
import errno, fcntl, os, pty, sys
child, terminal = pty.fork()
if child == 0:
    try:
        fcntl.ioctl(0, 0x5412, b'x')
    except OSError as error:
        os._exit(error.errno)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";
    let says = |alone: &[&str]| {
        let output = Command::new(fixture_program())
            .args(["guard", "--parent", &std::process::id().to_string()])
            .args(alone)
            .args(["--", "python3", "-c", type_a_letter])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let refused = Errno::PERM.raw_os_error().to_string();
    assert_eq!(says(&["--alone"]), refused);
    assert_ne!(says(&[]), refused);
}
