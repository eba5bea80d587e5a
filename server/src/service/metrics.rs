//! The metrics of runs, of refused requests and of the engine.

use std::time::Duration;

use isolet_runtime::{Engine, ErrorCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as MetricsRegistry;

use super::run_audit::outcome_name;
use crate::metrics::{observed_counter, observed_gauge};

/// The upper bounds of the buckets for durations, in seconds: from a run without calls (a
/// millisecond) to the wall limit (a minute).
const DURATION_BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The metrics of runs and refused requests.
#[derive(Clone)]
pub struct RunMetrics {
    runs: Family<OutcomeLabel, Counter>,
    durations: Histogram,
    calls: Counter,
    refused: Counter,
}

impl RunMetrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut MetricsRegistry) -> Self {
        let metrics = Self {
            runs: Family::default(),
            durations: Histogram::new(DURATION_BUCKETS),
            calls: Counter::default(),
            refused: Counter::default(),
        };
        // Every outcome has a sample from the start, so that rates are right at the first
        // occurrence.
        for outcome in outcomes() {
            drop(metrics.runs.get_or_create(&OutcomeLabel { outcome }));
        }
        registry.register("isolet_runs", "Runs that ended, by outcome", metrics.runs.clone());
        let help = "From the request to the end of its run";
        registry.register("isolet_run_duration_seconds", help, metrics.durations.clone());
        registry.register("isolet_tool_calls", "Tool calls that ended", metrics.calls.clone());
        let help = "Requests that never became a run";
        registry.register("isolet_requests_refused", help, metrics.refused.clone());
        metrics
    }

    /// Counts a run that ended. `failure` is `None` if it succeeded.
    pub fn count_run(&self, failure: Option<ErrorCode>, duration: Duration, calls: usize) {
        let outcome = outcome_name(failure);
        self.runs.get_or_create(&OutcomeLabel { outcome }).inc();
        self.durations.observe(duration.as_secs_f64());
        self.calls.inc_by(calls as u64);
    }

    /// Counts a request that never became a run.
    pub fn count_refused(&self) {
        self.refused.inc();
    }
}

/// Registers the metrics of the engine, whose crate has none of its own.
pub fn register_engine(engine: &Engine, registry: &mut MetricsRegistry) {
    let read = engine.clone();
    let warm = observed_gauge(move || read.warm());
    registry.register("isolet_isolates_warm", "Isolates ready for a run", warm);
    let read = engine.clone();
    let restarts = observed_counter(move || read.zygote_restarts() as u64);
    registry.register("isolet_zygote_restarts", "Zygotes that ended and were replaced", restarts);
}

/// Returns the names of all outcomes.
fn outcomes() -> impl Iterator<Item = &'static str> {
    std::iter::once(None).chain(ErrorCode::ALL.iter().copied().map(Some)).map(outcome_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_outcome_and_duration() {
        let mut registry = MetricsRegistry::default();
        let metrics = RunMetrics::register(&mut registry);
        metrics.count_run(None, Duration::from_millis(2), 1);
        metrics.count_run(Some(ErrorCode::CpuLimit), Duration::from_secs(100), 2);
        let text = crate::metrics::text(&registry);
        for line in [
            "# TYPE isolet_runs_total counter",
            "isolet_runs_total{outcome=\"ok\"} 1",
            "isolet_runs_total{outcome=\"cpu_limit\"} 1",
            "isolet_runs_total{outcome=\"crashed\"} 0",
            "isolet_run_duration_seconds_bucket{le=\"0.001\"} 0",
            "isolet_run_duration_seconds_bucket{le=\"0.0025\"} 1",
            "isolet_run_duration_seconds_bucket{le=\"60\"} 1",
            "isolet_run_duration_seconds_bucket{le=\"+Inf\"} 2",
            "isolet_run_duration_seconds_sum 100.002",
            "isolet_tool_calls_total 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
