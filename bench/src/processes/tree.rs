//! CPU and memory of a process and its descendants, ended ones included.
//!
//! A process that ended is no longer in `/proc`. If its parent waited for it, its CPU time is in
//! the parent's "children" counters, which also cover processes that are too short-lived to be
//! sampled. If not (the parent ignores SIGCHLD, or ended itself and left an orphan), the last
//! sampled time is kept here. Only a process that is neither sampled nor waited for is missed.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use crate::processes::procfs::{self, Stat, Units};

/// The number of samples that are tried, as the tree may change while it is read.
const MAX_SAMPLE_ATTEMPTS: usize = 5;

/// A process tree that is sampled from time to time.
#[derive(Debug)]
pub struct ProcessTree {
    units: Units,
    roots: Vec<u32>,
    /// The members of the last sample.
    members: HashMap<u32, Stat>,
    /// Ticks of ended members that are in no other member's counters.
    lost_user: u64,
    lost_system: u64,
    baseline: (u64, u64),
}

/// One sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// CPU since the first sample.
    pub user: Duration,
    pub system: Duration,
    /// Resident bytes; shared pages count once for each process.
    pub resident: u64,
    pub processes: usize,
    /// True if all roots still exist.
    pub alive: bool,
}

/// Exact memory of the whole tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    pub resident: u64,
    /// `None` if a process could not be read, as the sum would be too small.
    pub proportional: Option<u64>,
}

impl ProcessTree {
    /// Starts to follow these processes and their descendants.
    pub fn new(roots: &[u32]) -> Result<Self, (u32, io::Error)> {
        for root in roots {
            procfs::stat(*root).map_err(|error| (*root, error))?;
        }
        let mut tree = Self {
            units: Units::of_this_machine(),
            roots: roots.to_vec(),
            members: HashMap::new(),
            lost_user: 0,
            lost_system: 0,
            baseline: (0, 0),
        };
        tree.sample();
        tree.baseline = tree.ticks();
        Ok(tree)
    }

    /// Reads every process of the tree.
    pub fn sample(&mut self) -> Sample {
        let mut seen = self.scan();
        for _ in 1..MAX_SAMPLE_ATTEMPTS {
            // A process that ends during a sample is in its own counters and in its parent's.
            // Sampling again when the members differ removes the double.
            let again = self.scan();
            let stable = seen.len() == again.len() && seen.keys().all(|pid| again.contains_key(pid));
            seen = again;
            if stable {
                break;
            }
        }
        self.settle(&seen);
        self.members = seen;
        let (user, system) = self.ticks();
        Sample {
            user: self.units.time(user.saturating_sub(self.baseline.0)),
            system: self.units.time(system.saturating_sub(self.baseline.1)),
            resident: self.units.bytes(self.members.values().map(|stat| stat.resident_pages).sum()),
            processes: self.members.len(),
            alive: self.roots.iter().all(|root| self.members.contains_key(root)),
        }
    }

    /// Returns the members of the last sample, each with its parent.
    pub fn members(&self) -> impl Iterator<Item = (u32, u32)> {
        self.members.iter().filter(|(_, stat)| !stat.has_ended).map(|(pid, stat)| (*pid, stat.parent))
    }

    /// Exact memory of the members of the last sample. The kernel walks the target's page tables
    /// for it, so it should be called rarely.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory { resident: 0, proportional: Some(0) };
        for pid in self.members.keys() {
            match procfs::rollup(*pid) {
                Ok(rollup) => {
                    memory.resident += rollup.resident;
                    memory.proportional = memory.proportional.map(|sum| sum + rollup.proportional);
                }
                // It ended since the last sample.
                Err(_) if procfs::stat(*pid).is_ok_and(|stat| stat.has_ended) => {}
                Err(_) if procfs::stat(*pid).is_err() => {}
                Err(_) => {
                    let pages = self.members.get(pid).map_or(0, |stat| stat.resident_pages);
                    memory.resident += self.units.bytes(pages);
                    memory.proportional = None;
                }
            }
        }
        memory
    }

    /// The members and their state, leaves before their parents: if a process ends in between, its
    /// parent is read later and has its time already.
    fn scan(&self) -> HashMap<u32, Stat> {
        let all: HashMap<u32, Stat> = procfs::processes()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|pid| Some((pid, procfs::stat(pid).ok()?)))
            .collect();
        let mut members: Vec<(usize, u32)> =
            all.keys().filter_map(|pid| Some((self.depth(*pid, &all)?, *pid))).collect();
        members.sort_unstable_by(|a, b| b.cmp(a));
        let read = members.into_iter().filter_map(|(_, pid)| Some((pid, procfs::stat(pid).ok()?)));
        // The id may belong to another process by now.
        read.filter(|(pid, stat)| all.get(pid).is_some_and(|before| before.started == stat.started)).collect()
    }

    /// The depth of a process below a root; `None` if it does not belong to the tree.
    fn depth(&self, pid: u32, all: &HashMap<u32, Stat>) -> Option<usize> {
        let mut current = pid;
        // The bound guards against a cycle, which a reused id could make between two reads.
        for depth in 0..all.len() {
            let stat = all.get(&current)?;
            // An orphan has another parent now but was sampled here before.
            let known = self.members.get(&current).is_some_and(|before| before.started == stat.started);
            if self.roots.contains(&current) || known {
                return Some(depth + usize::from(!self.roots.contains(&current)));
            }
            current = stat.parent;
        }
        None
    }

    /// Keeps the time of ended members that is in no other member's counters.
    fn settle(&mut self, now: &HashMap<u32, Stat>) {
        let is_gone =
            |pid: &u32, before: &Stat| now.get(pid).is_none_or(|stat| stat.started != before.started);
        let mut gone: HashMap<u32, (u64, u64)> = HashMap::new();
        for before in
            self.members.iter().filter(|(pid, before)| is_gone(pid, before)).map(|(_, before)| before)
        {
            // The nearest ancestor that still exists may have the times of a whole branch.
            let mut heir = before.parent;
            while let Some(parent) = self.members.get(&heir).filter(|parent| is_gone(&heir, parent)) {
                heir = parent.parent;
            }
            let sum = gone.entry(heir).or_default();
            sum.0 += before.user + before.children_user;
            sum.1 += before.system + before.children_system;
        }
        for (heir, (user, system)) in gone {
            let taken = match (self.members.get(&heir), now.get(&heir)) {
                (Some(before), Some(after)) if before.started == after.started => (
                    after.children_user.saturating_sub(before.children_user),
                    after.children_system.saturating_sub(before.children_system),
                ),
                _ => (0, 0),
            };
            self.lost_user += user.saturating_sub(taken.0);
            self.lost_system += system.saturating_sub(taken.1);
        }
    }

    fn ticks(&self) -> (u64, u64) {
        self.members.values().fold((self.lost_user, self.lost_system), |(user, system), stat| {
            (user + stat.user + stat.children_user, system + stat.system + stat.children_system)
        })
    }
}

#[cfg(test)]
mod tests;
