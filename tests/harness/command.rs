//! One command with a beginning and an end.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{ISOLET, PATIENCE};

/// How long pipes may stay open after the program has ended: only something that it left behind holds them.
const LEFTOVERS: Duration = Duration::from_secs(20);

/// What came of a command.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
    /// On the clock.
    pub took: Duration,
}

impl Output {
    /// Fails unless the exit code is this.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code\n{}", self.both());
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{}", self.both()))
    }

    /// Both streams, for messages.
    pub fn both(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// `isolet` with these arguments, in an empty directory unless told otherwise.
pub fn isolet<const N: usize>(args: [&str; N]) -> Invocation {
    program(ISOLET, args)
}

/// Any program.
pub fn program<const N: usize>(program: impl AsRef<std::ffi::OsStr>, args: [&str; N]) -> Invocation {
    let mut command = Command::new(program);
    command.args(args);
    clean(&mut command);
    Invocation { command, stdin: Vec::new(), folder: None, patience: PATIENCE }
}

/// Takes away what the developer's environment would change.
pub fn clean(command: &mut Command) {
    for name in ["ISOLET_TOKEN", "RUST_LOG", "RUST_BACKTRACE", "NODE_OPTIONS"] {
        command.env_remove(name);
    }
}

/// A command that has not started yet.
pub struct Invocation {
    command: Command,
    stdin: Vec<u8>,
    folder: Option<PathBuf>,
    patience: Duration,
}

impl Invocation {
    /// Runs in this directory.
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Gets this on standard input; else nothing.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Further arguments.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// A variable in its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// May take this long.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn output(mut self) -> Output {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let folder = self.folder.take().unwrap_or_else(|| empty.path().to_owned());
        let shown = format!("{:?}", self.command);
        let started = Instant::now();
        let mut child = self
            .command
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut stdin = child.stdin.take().expect("piped");
        let given = std::mem::take(&mut self.stdin);
        // A program that does not read its input is no failure of the test.
        thread::spawn(move || drop(stdin.write_all(&given)));
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        let pid = Pid::from_child(&child);
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait()));
        let status = match ended.recv_timeout(self.patience) {
            Ok(status) => status.expect("a child that can be waited for"),
            Err(_) => {
                let _ = kill_process(pid, Signal::KILL);
                let output = (gather(&stdout).0, gather(&stderr).0);
                panic!("{shown} did not end within {:?}\n{}\n{}", self.patience, output.0, output.1);
            }
        };
        let took = started.elapsed();
        let (stdout, out_closed) = gather(&stdout);
        let (stderr, err_closed) = gather(&stderr);
        assert!(out_closed && err_closed, "{shown} ended, but left a process that holds its output open");
        Output { code: status.code(), stdout, stderr, took }
    }
}

/// Reads `stream` on a thread of its own; the channel closes at its end.
fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, pieces) = channel();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}

/// All that was read, and whether the stream has ended.
fn gather(pieces: &Receiver<Vec<u8>>) -> (String, bool) {
    use std::sync::mpsc::RecvTimeoutError;
    let deadline = Instant::now() + LEFTOVERS;
    let mut bytes = Vec::new();
    let ended = loop {
        match pieces.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(piece) => bytes.extend(piece),
            Err(RecvTimeoutError::Disconnected) => break true,
            Err(RecvTimeoutError::Timeout) => break false,
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), ended)
}
