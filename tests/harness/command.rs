//! A command that runs to its end.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{ISOLET, WAIT_TIMEOUT, home};

/// The time that pipes may stay open after the program has ended: only a process that it left
/// behind holds them.
const PIPE_CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// The output of a command.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
    /// The duration on the clock.
    pub took: Duration,
}

impl Output {
    /// Fails unless the exit code is this.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code\n{}", self.both());
        self
    }

    /// Parses standard output as JSON.
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

/// `isolet` with these arguments, in an empty directory by default.
pub fn isolet<const N: usize>(args: [&str; N]) -> Invocation {
    program(ISOLET, args)
}

/// Any program.
pub fn program<const N: usize>(program: impl AsRef<std::ffi::OsStr>, args: [&str; N]) -> Invocation {
    let mut command = Command::new(program);
    command.args(args);
    clean(&mut command);
    Invocation { command, stdin: Vec::new(), folder: None, finds: false, timeout: WAIT_TIMEOUT }
}

/// Removes variables of the developer's environment that would change results, and gives the
/// command a home of its own, so that it neither reads nor writes the developer's state.
pub fn clean(command: &mut Command) {
    for name in ["ISOLET_TOKEN", "RUST_LOG", "RUST_BACKTRACE", "NODE_OPTIONS"] {
        command.env_remove(name);
    }
    for (name, folder) in home::variables() {
        command.env(name, folder);
    }
}

/// Names the `mcp.json` and the `isolet.toml` of `folder` on the command line, if the command takes
/// them and does not name others: isolet does not use files that it finds without trust.
pub fn name_configurations(command: &mut Command, folder: &Path) {
    if command.get_program() != std::ffi::OsStr::new(ISOLET) {
        return;
    }
    let words: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let verb: Vec<&str> = words.iter().take(2).map(String::as_str).collect();
    let takes_them = matches!(
        verb.as_slice(),
        ["run" | "call" | "servers" | "serve" | "types" | "search" | "mcp" | "lock" | "dev", ..]
            | ["auth", "login" | "logout"]
    );
    if !takes_them || words.iter().any(|word| word.starts_with("--tools-file")) {
        return;
    }
    for (option, file) in [("--mcp-config", "./mcp.json"), ("--config", "./isolet.toml")] {
        let is_named = words.iter().any(|word| word.split('=').next() == Some(option));
        if !is_named && folder.join(file).exists() {
            command.args([option, file]);
        }
    }
}

/// A command that has not started yet.
pub struct Invocation {
    command: Command,
    stdin: Vec<u8>,
    folder: Option<PathBuf>,
    finds: bool,
    timeout: Duration,
}

impl Invocation {
    /// Runs in this directory; the configurations in it are named on the command line.
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Leaves out the names of configurations: the command has to find them.
    pub fn finds(mut self) -> Self {
        self.finds = true;
        self
    }

    /// Uses the developer's own home, where package managers keep their caches and settings.
    pub fn at_home(mut self) -> Self {
        for (name, _) in home::variables() {
            match std::env::var_os(name) {
                Some(value) => self.command.env(name, value),
                None => self.command.env_remove(name),
            };
        }
        self
    }

    /// Sets the standard input, which is empty by default.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the time that it may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn output(mut self) -> Output {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let folder = self.folder.take().unwrap_or_else(|| empty.path().to_owned());
        if !self.finds {
            name_configurations(&mut self.command, &folder);
        }
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
        // A program may end without reading its input.
        thread::spawn(move || drop(stdin.write_all(&given)));
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        let pid = Pid::from_child(&child);
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait()));
        let status = match ended.recv_timeout(self.timeout) {
            Ok(status) => status.expect("a child that can be waited for"),
            Err(_) => {
                let _ = kill_process(pid, Signal::KILL);
                let output = (gather(&stdout).0, gather(&stderr).0);
                panic!("{shown} did not end within {:?}\n{}\n{}", self.timeout, output.0, output.1);
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

/// Returns all that was read, and whether the stream has ended.
fn gather(pieces: &Receiver<Vec<u8>>) -> (String, bool) {
    use std::sync::mpsc::RecvTimeoutError;
    let deadline = Instant::now() + PIPE_CLOSE_TIMEOUT;
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
