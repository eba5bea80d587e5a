//! The figures of a suite: scenarios, each measured on several targets in turns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LoadReport;

/// A suite.
#[derive(Debug, Serialize, Deserialize)]
pub struct SuiteReport {
    /// Seconds since 1970 when it began.
    pub unix_time: u64,
    pub machine: Machine,
    /// The command that measured it.
    pub command: String,
    pub rounds: u32,
    /// The targets by name.
    pub targets: BTreeMap<String, TargetInfo>,
    pub cases: Vec<Case>,
}

/// The machine on which a suite was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub cpus: usize,
    pub cpu_model: String,
    pub kernel: String,
    pub memory_bytes: u64,
}

/// A target of a suite.
#[derive(Debug, Serialize, Deserialize)]
pub struct TargetInfo {
    pub title: String,
    /// The command that starts it, with placeholders; empty in reports of earlier versions.
    #[serde(default)]
    pub command: String,
    /// The version that it prints, if it can run here.
    pub version: Option<String>,
    /// The reason why it cannot run here.
    pub missing: Option<String>,
}

/// One scenario under one load.
#[derive(Debug, Serialize, Deserialize)]
pub struct Case {
    /// The scenario's name.
    pub scenario: String,
    pub title: String,
    /// The load in words.
    pub load: String,
    /// The targets in the order of their turns. Ratios are to the first one.
    pub targets: Vec<TargetRounds>,
}

/// All rounds of one target in one case.
#[derive(Debug, Serialize, Deserialize)]
pub struct TargetRounds {
    /// The target's name.
    pub target: String,
    pub rounds: Vec<LoadReport>,
    /// The reason why there are fewer rounds than asked for.
    pub failed: Option<String>,
}

impl SuiteReport {
    /// Returns the number of requests that failed, and of targets that did not run to their end.
    pub fn failures(&self) -> u64 {
        let targets = self.cases.iter().flat_map(|case| &case.targets);
        targets
            .map(|target| {
                let failed: u64 = target.rounds.iter().map(LoadReport::failures).sum();
                failed + u64::from(target.failed.is_some())
            })
            .sum()
    }

    /// Returns the title of a target.
    pub fn title<'a>(&'a self, target: &'a str) -> &'a str {
        self.targets.get(target).map_or(target, |info| &info.title)
    }
}

impl Case {
    /// Returns a name that is unique in a suite.
    pub fn key(&self) -> String {
        format!("{} ({})", self.scenario, self.load)
    }
}

/// Writes the machine in one line.
impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpus, cpu_model, kernel, memory_bytes } = self;
        let memory = super::table::bytes(*memory_bytes);
        write!(f, "{cpus} processors ({cpu_model}), Linux {kernel}, {memory} of memory")
    }
}

impl Machine {
    /// Returns what `/proc` says of this machine.
    pub fn read() -> Self {
        let file = |path| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
        };
        let memory = field(&file("/proc/meminfo"), "MemTotal");
        let kibibytes = memory.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        Self {
            cpus: crate::measurement::cpus(),
            cpu_model: field(&file("/proc/cpuinfo"), "model name"),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_bytes: kibibytes.unwrap_or(0) * 1024,
        }
    }
}

#[cfg(test)]
impl SuiteReport {
    /// A suite of one case and one target without rounds, and of a target that is missing.
    pub fn example() -> Self {
        let info = |title: &str, version: Option<&str>, missing: Option<&str>| TargetInfo {
            title: title.to_owned(),
            command: "{isolet} serve --listen 127.0.0.1:{port}".to_owned(),
            version: version.map(str::to_owned),
            missing: missing.map(str::to_owned),
        };
        Self {
            unix_time: 1_796_000_000,
            machine: Machine {
                cpus: 2,
                cpu_model: "A <fast> one".to_owned(),
                kernel: "6.18".to_owned(),
                memory_bytes: 8 << 30,
            },
            command: "isolet-bench suite".to_owned(),
            rounds: 3,
            targets: BTreeMap::from([
                ("isolet".to_owned(), info("isolet, a process for each run", Some("isolet 0.1.0"), None)),
                ("absent".to_owned(), info("A peer", None, Some("no npm"))),
            ]),
            cases: vec![Case {
                scenario: "pure".to_owned(),
                title: "return 1 + 1".to_owned(),
                load: "4 connections".to_owned(),
                targets: vec![TargetRounds { target: "isolet".to_owned(), rounds: Vec::new(), failed: None }],
            }],
        }
    }
}
