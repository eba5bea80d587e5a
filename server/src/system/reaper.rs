//! Waits for orphaned processes that isolet inherits.
//!
//! As PID 1 of a container without an init, or as a child subreaper, isolet becomes the parent of
//! processes whose own parent has ended: runners of a zygote that was killed, or children of a
//! guard. No other process waits for them. Until isolet does, they stay in the process table as
//! zombies, where a container's limit on processes counts them.
//!
//! tokio waits for the children that isolet itself has started, within milliseconds, and would get
//! an error if another part of the program had done so first. So only zombies that are some seconds
//! old are reaped.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use tokio::signal::unix::{SignalKind, signal};

/// The time between two scans while there are zombies.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// The number of scans after which a zombie counts as inherited.
const SCANS_BEFORE_REAPING: u32 = 4;

/// Reaps zombies until the process ends. Returns at once if this process cannot inherit any.
pub async fn run() {
    if !inherits_orphans() {
        return;
    }
    let Ok(mut ended) = signal(SignalKind::child()) else { return };
    let mut seen: HashMap<i32, u32> = HashMap::new();
    loop {
        if seen.is_empty() {
            ended.recv().await;
        } else {
            tokio::time::sleep(SCAN_INTERVAL).await;
        }
        let zombies = tokio::task::spawn_blocking(zombie_children).await.unwrap_or_default();
        seen.retain(|pid, _| zombies.contains(pid));
        for pid in zombies {
            let scans = seen.entry(pid).or_default();
            *scans += 1;
            if *scans >= SCANS_BEFORE_REAPING {
                let _ = waitpid(Pid::from_raw(pid), WaitOptions::NOHANG);
                seen.remove(&pid);
            }
        }
    }
}

/// Tells whether orphaned processes become children of this process.
fn inherits_orphans() -> bool {
    #[cfg(target_os = "linux")]
    let subreaper = rustix::process::child_subreaper().is_ok_and(|subreaper| subreaper.is_some());
    #[cfg(not(target_os = "linux"))]
    let subreaper = false;
    getpid().is_init() || subreaper
}

/// Returns the children of this process that have ended and have not been waited for.
fn zombie_children() -> Vec<i32> {
    let this = getpid().as_raw_nonzero().get();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|pid| parent_of_zombie(*pid) == Some(this)).collect()
}

/// Returns the parent of a process that has ended, or `None` if it has not.
fn parent_of_zombie(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain parentheses. The state and numbers follow the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? != "Z" {
        return None;
    }
    fields.next()?.parse().ok()
}
