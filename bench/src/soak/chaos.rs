//! Processes that are killed while the load runs: upstreams and runners in turns.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::processes::procfs;
use crate::processes::tree::ProcessTree;

/// The processes that were killed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Kills {
    pub upstreams: u64,
    pub runners: u64,
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "killed: {} upstreams, {} runners", self.upstreams, self.runners)
    }
}

/// The kinds of processes below isolet that are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upstream,
    Runner,
}

impl Kills {
    /// Kills a process now and then until it is dropped. Only descendants of `root`, which this
    /// program started, are looked at.
    pub(super) async fn run(&mut self, root: u32, every: Duration) -> Infallible {
        loop {
            tokio::time::sleep(every).await;
            let kind = if self.upstreams <= self.runners { Kind::Upstream } else { Kind::Runner };
            let candidates = candidates(root, kind);
            // Another one each time, without randomness that a test could not repeat.
            let turn = (self.upstreams + self.runners) as usize;
            let Some(pid) = candidates.get(turn % candidates.len().max(1)) else { continue };
            let killed = i32::try_from(*pid)
                .ok()
                .and_then(Pid::from_raw)
                .is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok());
            match kind {
                Kind::Upstream => self.upstreams += u64::from(killed),
                Kind::Runner => self.runners += u64::from(killed),
            }
        }
    }
}

/// Returns the processes of a kind, in the order of their numbers.
fn candidates(root: u32, kind: Kind) -> Vec<u32> {
    let Ok(mut tree) = ProcessTree::new(&[root]) else { return Vec::new() };
    tree.sample();
    let members: Vec<(u32, u32)> = tree.members().collect();
    let is_parent = |pid: u32| members.iter().any(|(_, parent)| *parent == pid);
    let mut found: Vec<u32> = members
        .iter()
        .filter(|(pid, parent)| {
            let command = procfs::command_line(*pid).unwrap_or_default();
            let is_upstream = command.get(1).is_some_and(|word| word == "tools");
            match kind {
                Kind::Upstream => is_upstream,
                // Copies of the zygote: they have no children, and are not children of the broker.
                Kind::Runner => !is_upstream && !is_parent(*pid) && *parent != root && *pid != root,
            }
        })
        .map(|(pid, _)| *pid)
        .collect();
    found.sort_unstable();
    found
}
