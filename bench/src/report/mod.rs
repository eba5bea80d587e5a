//! The figures as JSON: one document for each run, on one line.
//!
//! | module | contents |
//! |---|---|
//! | [`table`] | a report as text |
//! | [`compare`] | several reports side by side |
//! | [`suite`] | the figures of a suite |
//! | [`statistics`] | medians, ratios of rounds, their noise |
//! | [`markdown`], [`html`], [`chart`] | the report of a suite for readers |
//! | [`section`], [`date`] | a generated section of a document, and days of the calendar |
//! | [`slower`] | two suites: what got slower |

pub mod chart;
pub mod compare;
pub mod date;
pub mod html;
pub mod markdown;
pub mod section;
pub mod slower;
pub mod statistics;
pub mod suite;
pub mod table;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::load::tally::{Failures, Latency, Quantile};
use crate::processes::sampler::Usage;

/// A report of any kind. The tag is the format's name; it changes when the meaning of a field
/// changes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "format")]
pub enum Document {
    #[serde(rename = "isolet-bench/load/2")]
    Load(Box<LoadReport>),
    #[serde(rename = "isolet-bench/cold/2")]
    Cold(ColdReport),
    #[serde(rename = "isolet-bench/suite/1")]
    Suite(suite::SuiteReport),
    #[serde(rename = "isolet-bench/soak/1")]
    Soak(crate::soak::SoakReport),
}

/// Load on a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadReport {
    pub label: Option<String>,
    pub url: String,
    pub method: String,
    pub connections: u32,
    /// The rate at which requests were started, of an open loop. Latencies then count from when a
    /// request should have started.
    pub offered_per_second: Option<f64>,
    pub threads: u32,
    /// The processors of the machine, shared by target and generator.
    pub cpus: usize,
    /// The machine; absent in reports of earlier versions.
    #[serde(default)]
    pub machine: Option<suite::Machine>,
    /// Seconds since 1970 when measuring began.
    pub unix_time: u64,
    pub warm_up_s: f64,
    /// The time in which answers count for the rate.
    pub window_s: f64,
    /// Right answers, each with a latency.
    pub answers: u64,
    /// Right answers inside the window, a second.
    pub per_second: f64,
    pub latency_us: Option<Latency>,
    /// The latencies at more and more nines.
    pub curve: Vec<Quantile>,
    /// The 99th percentile of the time from when a request should have started until it was sent,
    /// of an open loop. It contains the wait for a free connection.
    pub sent_late_p99_us: Option<u64>,
    pub failures: Failures,
    pub body_bytes: u64,
    pub reconnects: u64,
    /// Requests of other kinds that were sent meanwhile, on the same connections.
    pub neighbours: Vec<NeighbourReport>,
    /// The target's resources; absent if no process was named.
    pub target: Option<Usage>,
    /// The target's CPU for one attempt of any kind, right or wrong.
    pub target_cpu_ms_per_request: Option<f64>,
    /// The generator's own CPU as a share of one processor, per thread of it. Near 1 it measures
    /// itself.
    pub generator_load: f64,
    /// The number of processors that were busy with neither target nor generator; absent if the
    /// target is not known. Above some tenths the machine was not quiet enough.
    pub others_cpus: Option<f64>,
    /// Present if the target was started for the measurement.
    pub start: Option<Start>,
    /// The rates that a search for the highest one tried. The other figures are of the highest one
    /// that held.
    pub rates: Vec<TriedRate>,
}

/// Requests of another kind beside those that are measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NeighbourReport {
    pub name: String,
    /// Their share of all requests.
    pub share: f64,
    /// Answers as expected.
    pub answers: u64,
    pub latency_us: Option<Latency>,
    pub failures: Failures,
}

/// One rate of a search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TriedRate {
    /// The rate at which requests were started.
    pub per_second: f64,
    pub p99_us: Option<u64>,
    pub answered_per_second: f64,
    /// `true` if the percentile was held and nothing failed.
    pub held: bool,
}

/// The start of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    pub command: String,
    /// From the start of the process to the first 2xx of the ready URL.
    pub ready_ms: f64,
    /// From the start of the process to the first answer to the measured request, sent when it is
    /// ready; absent if it failed.
    pub first_answer_ms: Option<f64>,
    /// That answer's own latency.
    pub first_latency_ms: Option<f64>,
    /// True if the target ended when it was asked to, without being killed.
    pub ended_when_asked: bool,
}

/// A command that was run repeatedly.
#[derive(Debug, Serialize, Deserialize)]
pub struct ColdReport {
    pub label: Option<String>,
    pub command: String,
    pub cpus: usize,
    /// The machine; absent in reports of earlier versions.
    #[serde(default)]
    pub machine: Option<suite::Machine>,
    pub unix_time: u64,
    /// Runs that ended with exit code 0.
    pub runs: u64,
    /// Runs that ended otherwise, or not in time.
    pub failed: u64,
    /// Wall time of the good runs.
    pub wall_us: Option<Latency>,
    /// Mean CPU of a run, of the command and of the children it waited for.
    pub cpu_ms: f64,
}

/// Reads every document of every file, each with the name of its file.
pub fn read(files: &[PathBuf]) -> Result<Vec<(String, Document)>, BenchError> {
    let mut documents = Vec::new();
    for path in files {
        let text = std::fs::read(path).map_err(|source| BenchError::File { path: path.clone(), source })?;
        for document in serde_json::Deserializer::from_slice(&text).into_iter::<Document>() {
            let document = document.map_err(|source| BenchError::Report { path: path.clone(), source })?;
            let stem = path.file_stem().map_or(String::new(), |stem| stem.display().to_string());
            documents.push((stem, document));
        }
    }
    Ok(documents)
}

/// Reads the suite of a file.
pub fn suite_in(file: &Path) -> Result<suite::SuiteReport, BenchError> {
    let documents = read(&[file.to_owned()])?;
    let suite = documents.into_iter().find_map(|(_, document)| match document {
        Document::Suite(suite) => Some(suite),
        _ => None,
    });
    suite.ok_or_else(|| BenchError::Definition {
        path: file.to_owned(),
        reason: "has no report of `isolet-bench suite --json`".to_owned(),
    })
}

impl Document {
    /// Returns the number of requests or runs that failed.
    pub fn failures(&self) -> u64 {
        match self {
            Self::Load(load) => load.failures(),
            Self::Cold(cold) => cold.failed,
            Self::Suite(suite) => suite.failures(),
            Self::Soak(soak) => soak.failures(),
        }
    }
}

impl LoadReport {
    /// Returns the number of requests that failed, those of neighbours too.
    pub fn failures(&self) -> u64 {
        let neighbours = self.neighbours.iter().map(|neighbour| neighbour.failures.total());
        self.failures.total() + neighbours.sum::<u64>()
    }

    /// A report with this rate, for tests.
    #[cfg(test)]
    pub fn example(per_second: f64) -> Self {
        let us = (1e6 / per_second.max(1.0)) as u64;
        Self {
            label: None,
            url: "http://127.0.0.1/".to_owned(),
            method: "GET".to_owned(),
            connections: 1,
            offered_per_second: None,
            threads: 1,
            cpus: 2,
            machine: None,
            unix_time: 0,
            warm_up_s: 1.0,
            window_s: 1.0,
            answers: 100,
            per_second,
            latency_us: Some(Latency {
                min: us,
                mean: us as f64,
                p50: us,
                p90: us,
                p99: 2 * us,
                p999: 3 * us,
                p9999: 4 * us,
                max: 4 * us,
            }),
            curve: vec![Quantile { quantile: 0.5, us }, Quantile { quantile: 1.0, us: 4 * us }],
            sent_late_p99_us: None,
            failures: Failures::default(),
            body_bytes: 0,
            reconnects: 0,
            neighbours: Vec::new(),
            target: None,
            target_cpu_ms_per_request: Some(1000.0 / per_second.max(1.0)),
            generator_load: 0.1,
            others_cpus: Some(0.0),
            start: None,
            rates: Vec::new(),
        }
    }
}
