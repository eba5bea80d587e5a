//! Finds and signals every descendant of this process.
//!
//! Descendants are found in `/proc/*/stat`; the files `children` would be shorter, but not every
//! kernel has them. This process is a subreaper, so a process that loses its parent stays its
//! descendant, in any session or group.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    /// The start time in clock ticks since boot, which together with the pid identifies the
    /// process.
    started: u64,
    /// Ended but not collected.
    is_zombie: bool,
}

/// Sends `signal` to every descendant, and returns how many there are. Zombies are not counted;
/// they end with their parent.
pub(super) fn signal_all(signal: Option<Signal>) -> usize {
    let descendants = below(i32::try_from(std::process::id()).unwrap_or(i32::MAX), &all());
    for process in &descendants {
        if let Some(signal) = signal {
            send(*process, signal);
        }
    }
    descendants.len()
}

/// Signals a process, unless its pid belongs to another process by now.
fn send(process: Process, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid) else { return };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    if read(process.pid).is_some_and(|now| now.started == process.started) {
        let _gone = pidfd_send_signal(&pidfd, signal);
    }
}

fn all() -> Vec<Process> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter_map(read).collect()
}

fn read(pid: i32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Parses `/proc/PID/stat`: `pid (name) state ppid …`. The name may contain anything, also
/// parentheses and spaces.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, fields) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let threads: usize = fields.get(17)?.parse().ok()?;
    Some(Process {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        // Fields 22, 3 and 20 of proc_pid_stat(5). A process whose first thread has ended looks
        // like a zombie while its other threads run.
        started: fields.get(19)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X") && threads <= 1,
    })
}

fn below(root: i32, all: &[Process]) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        // Each entry is taken once, so even an impossible cycle ends.
        for process in children.remove(&parent).unwrap_or_default() {
            open.push(process.pid);
            if !process.is_zombie {
                found.push(process);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_process_names_are_parsed() {
        let stat = "42 (a) S 9 (b) R 7 1 1 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 99 1000 10";
        assert_eq!(parse(stat), Some(Process { pid: 42, parent: 7, started: 99, is_zombie: false }));
        let zombie = "42 (a) Z 7 1 1 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 99 1000 10";
        assert!(parse(zombie).unwrap().is_zombie);
        assert!(!parse(&zombie.replace("20 0 1 0 99", "20 0 2 0 99")).unwrap().is_zombie);
        assert_eq!(parse("42 (x"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn descendants_are_found_through_zombies() {
        let process = |pid, parent, is_zombie| Process { pid, parent, started: 0, is_zombie };
        let all = [process(2, 1, true), process(3, 2, false), process(4, 9, false), process(5, 3, false)];
        let mut pids: Vec<_> = below(1, &all).iter().map(|process| process.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [3, 5]);
    }

    #[test]
    fn this_process_is_seen() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(all().iter().any(|process| process.pid == me));
    }
}
