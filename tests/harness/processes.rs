//! Processes of this machine, from `/proc`.

use std::fs;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::WAIT_TIMEOUT;

/// A process at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: i32,
    /// Its parent's process id.
    pub parent: i32,
    /// Its start time in ticks since the boot: together with the process id it is unique.
    pub started: u64,
    /// Its arguments.
    pub command: String,
}

impl Process {
    /// Reads the process with this id. Returns `None` for a process that does not exist or is a
    /// zombie.
    pub fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses can hold anything; what follows the last one are numbers.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            command: String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned(),
        })
    }

    /// Its peak memory in MiB.
    #[track_caller]
    pub fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it is alive");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the largest size");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// Tells if it still exists.
    pub fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started)
    }
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::read).collect()
}

/// All processes below `pid`.
pub fn descendants(pid: Pid) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// All processes with `text` among their arguments.
pub fn mentioning(text: &str) -> Vec<Process> {
    all().into_iter().filter(|process| process.command.contains(text)).collect()
}

/// Waits until `find` finds at least one process, and returns all of them.
#[track_caller]
pub fn wait_for(what: &str, find: impl Fn() -> Vec<Process>) -> Vec<Process> {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let found = find();
        if !found.is_empty() {
            return found;
        }
        assert!(Instant::now() < deadline, "no process appeared: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until `find` finds no process.
#[track_caller]
pub fn wait_until_gone(what: &str, within: Duration, find: impl Fn() -> Vec<Process>) {
    let deadline = Instant::now() + within;
    loop {
        let left = find();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: still alive after {within:?}: {left:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for the exit of a child.
#[track_caller]
pub fn wait_for_exit(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().expect("a child that can be waited for") {
            return status;
        }
        assert!(Instant::now() < deadline, "it did not end within {WAIT_TIMEOUT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
