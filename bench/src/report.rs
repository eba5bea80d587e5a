//! The figures as JSON: one document for each run, on one line.

use serde::{Deserialize, Serialize};

use crate::sampler::Usage;
use crate::tally::{Failures, Latency};

/// A report of either kind. The tag is the format's name; it changes when the meaning of a field
/// changes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "format")]
pub enum Document {
    #[serde(rename = "isolet-bench/load/1")]
    Load(Box<LoadReport>),
    #[serde(rename = "isolet-bench/cold/1")]
    Cold(ColdReport),
}

/// Load on a server.
#[derive(Debug, Serialize, Deserialize)]
pub struct LoadReport {
    pub label: Option<String>,
    pub url: String,
    pub method: String,
    pub connections: u32,
    pub threads: u32,
    /// The processors of the machine, shared by target and generator.
    pub cpus: usize,
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
    pub failures: Failures,
    pub body_bytes: u64,
    pub reconnects: u64,
    /// The target's resources; absent if no process was named.
    pub target: Option<Usage>,
    /// The target's CPU for one attempt, right or wrong.
    pub target_cpu_ms_per_request: Option<f64>,
    /// The generator's own CPU as a share of one processor, per thread of it. Near 1 it measures
    /// itself.
    pub generator_load: f64,
    /// The number of processors that were busy with neither target nor generator; absent if the
    /// target is not known. Above some tenths the machine was not quiet enough.
    pub others_cpus: Option<f64>,
    /// Present if the target was started for the measurement.
    pub start: Option<Start>,
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

impl Document {
    pub fn failures(&self) -> u64 {
        match self {
            Self::Load(load) => load.failures.total(),
            Self::Cold(cold) => cold.failed,
        }
    }
}
