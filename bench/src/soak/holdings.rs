//! The holdings of isolet while it rests, and if they grow.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::processes::procfs;
use crate::processes::tree::ProcessTree;
use crate::report::table::bytes;

/// The share by which a holding may differ between the first and the last quarter.
const TOLERATED_SHARE: f64 = 0.10;

/// The holdings of a process tree.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Holdings {
    /// PSS of all processes in bytes.
    pub memory: u64,
    /// RSS of the broker in bytes.
    pub broker_memory: u64,
    /// Open descriptors of the broker.
    pub descriptors: usize,
    /// Threads of the broker.
    pub threads: usize,
    /// All processes.
    pub processes: usize,
}

impl Holdings {
    /// Counts what a process and its descendants hold.
    pub(super) fn of(root: u32) -> Result<Self, BenchError> {
        let lost = |source| BenchError::NoProcess { pid: root, source };
        let mut tree =
            ProcessTree::new(&[root]).map_err(|(pid, source)| BenchError::NoProcess { pid, source })?;
        tree.sample();
        let (descriptors, threads) = procfs::descriptors_and_threads(root).map_err(lost)?;
        Ok(Self {
            memory: tree.memory().proportional.unwrap_or(0),
            broker_memory: procfs::rollup(root).map_err(lost)?.resident,
            descriptors,
            threads,
            processes: tree.members().count(),
        })
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, descriptors, threads, processes, .. } = self;
        let memory = bytes(*memory);
        write!(f, "{memory}, {descriptors} descriptors, {threads} threads, {processes} processes")
    }
}

/// One holding over a soak.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Growth {
    pub name: String,
    /// The medians of the first and of the last quarter of the rounds.
    pub first: f64,
    pub last: f64,
    /// `true` if it is a number of bytes.
    pub is_bytes: bool,
    /// `true` if it grew by more than a tenth and by more than its slack.
    pub grows: bool,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: f64| if self.is_bytes { bytes(value as u64) } else { format!("{value:.0}") };
        let verdict = if self.grows { "**grows**" } else { "flat" };
        write!(f, "| {} | {} | {} | {verdict} |", self.name, show(self.first), show(self.last))
    }
}

/// A holding: its name, its value, the growth that does not count, `true` if it is in bytes.
type Kind = (&'static str, fn(&Holdings) -> f64, f64, bool);

const KINDS: [Kind; 5] = [
    ("memory of all processes (PSS)", |held| held.memory as f64, 4e6, true),
    ("memory of the broker (RSS)", |held| held.broker_memory as f64, 4e6, true),
    ("descriptors of the broker", |held| held.descriptors as f64, 4.0, false),
    ("threads of the broker", |held| held.threads as f64, 2.0, false),
    ("processes", |held| held.processes as f64, 2.0, false),
];

/// Judges the holdings of several rounds.
pub(super) fn growth(rounds: &[Holdings]) -> Vec<Growth> {
    let quarter = rounds.len().div_ceil(4);
    let median = |rounds: &[Holdings], value: fn(&Holdings) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    KINDS
        .iter()
        .map(|(name, value, slack, is_bytes)| {
            let first = median(&rounds[..quarter], *value);
            let last = median(&rounds[rounds.len() - quarter..], *value);
            let grows = last - first > (first * TOLERATED_SHARE).max(*slack);
            Growth { name: (*name).to_owned(), first, last, is_bytes: *is_bytes, grows }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(memory: impl Fn(u64) -> u64, descriptors: impl Fn(usize) -> usize) -> Vec<Growth> {
        let held = |round: usize| Holdings {
            memory: memory(round as u64),
            broker_memory: 20_000_000,
            descriptors: descriptors(round),
            threads: 4,
            processes: 12,
        };
        growth(&(0..40).map(held).collect::<Vec<_>>())
    }

    #[test]
    fn a_leak_is_told_from_noise() {
        let grows = |growth: Vec<Growth>| growth.iter().map(|growth| growth.grows).collect::<Vec<_>>();
        let quiet = rounds(|round| 60_000_000 + round % 3 * 1_000_000, |round| 50 + round % 2);
        assert_eq!(grows(quiet), [false; 5]);
        let leak = rounds(|round| 60_000_000 + round * 500_000, |round| 50 + round);
        assert_eq!(grows(leak.clone()), [true, false, true, false, false]);
        assert!(leak[2].to_string().contains("**grows**"), "{}", leak[2]);
        // Less at the end is fine.
        assert_eq!(grows(rounds(|round| 90_000_000 - round * 500_000, |_| 50)), [false; 5]);
    }
}
