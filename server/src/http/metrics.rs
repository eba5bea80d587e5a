//! Figures for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use isolet_runtime::ErrorCode;

use crate::tools::Figures;

/// All ways in which a run ends, success first.
const OUTCOMES: [&str; 11] = [
    "ok",
    "syntax",
    "exception",
    "tool_error",
    "cpu_limit",
    "wall_limit",
    "memory_limit",
    "call_limit",
    "output_limit",
    "crashed",
    "cancelled",
];

/// Upper bounds in seconds: from a run without calls (a millisecond) to the wall limit (a minute).
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];

/// Counters since the start.
#[derive(Default)]
pub struct Metrics {
    outcomes: [AtomicU64; OUTCOMES.len()],
    /// One more than bounds: what took longer.
    durations: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    calls: AtomicU64,
    refused: AtomicU64,
}

/// What is counted elsewhere, at this moment.
pub struct Gauges {
    /// Runs going on.
    pub running: usize,
    /// Runs in the queue.
    pub waiting: usize,
    /// Isolates ready.
    pub warm: usize,
    /// Upstreams that are connected, and all.
    pub upstreams: (usize, usize),
    /// What was made of the upstreams' lists, and learned of their answers.
    pub tools: Figures,
}

impl Metrics {
    /// Counts a run that ended: `None` is success.
    pub fn run(&self, failure: Option<ErrorCode>, took: Duration, calls: usize) {
        let name = failure.map_or("ok", ErrorCode::as_str);
        if let Some(index) = OUTCOMES.iter().position(|outcome| *outcome == name) {
            self.outcomes[index].fetch_add(1, Ordering::Relaxed);
        }
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        self.calls.fetch_add(calls as u64, Ordering::Relaxed);
    }

    /// Counts a request that never became a run.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Prometheus' text format.
    pub fn text(&self, now: &Gauges) -> String {
        let mut text = String::with_capacity(4096);
        head(&mut text, "isolet_runs_total", "counter", "Runs that ended, by outcome.");
        for (name, count) in OUTCOMES.iter().zip(&self.outcomes) {
            let _ =
                writeln!(text, "isolet_runs_total{{outcome=\"{name}\"}} {}", count.load(Ordering::Relaxed));
        }
        head(
            &mut text,
            "isolet_run_duration_seconds",
            "histogram",
            "From the request to the end of its run.",
        );
        let mut total = 0;
        for (index, count) in self.durations.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = BOUNDS.get(index).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let _ = writeln!(text, "isolet_run_duration_seconds_bucket{{le=\"{bound}\"}} {total}");
        }
        let seconds = self.microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "isolet_run_duration_seconds_sum {seconds}");
        let _ = writeln!(text, "isolet_run_duration_seconds_count {total}");
        let single = [
            (
                "isolet_tool_calls_total",
                "counter",
                "Tool calls that ended.",
                self.calls.load(Ordering::Relaxed),
            ),
            (
                "isolet_requests_refused_total",
                "counter",
                "Requests that never became a run.",
                self.refused.load(Ordering::Relaxed),
            ),
            ("isolet_runs_in_flight", "gauge", "Runs going on.", now.running as u64),
            ("isolet_queue_length", "gauge", "Runs that wait for a place.", now.waiting as u64),
            ("isolet_isolates_warm", "gauge", "Isolates ready for a run.", now.warm as u64),
            ("isolet_upstreams", "gauge", "MCP servers configured.", now.upstreams.1 as u64),
            (
                "isolet_declaration_sections_made_total",
                "counter",
                "Declarations written, of one server at one level; unchanged lists are not written again.",
                now.tools.sections,
            ),
            (
                "isolet_search_parts_made_total",
                "counter",
                "Parts of the search index made, of one server.",
                now.tools.entries,
            ),
            (
                "isolet_learned_result_types",
                "gauge",
                "Tools whose result type was learned from answers.",
                now.tools.learned as u64,
            ),
            ("isolet_upstreams_connected", "gauge", "MCP servers connected.", now.upstreams.0 as u64),
        ];
        for (name, kind, help, value) in single {
            head(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {value}");
        }
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_outcome_and_duration() {
        let metrics = Metrics::default();
        metrics.run(None, Duration::from_millis(2), 1);
        metrics.run(Some(ErrorCode::CpuLimit), Duration::from_secs(100), 2);
        let text = metrics.text(&Gauges {
            running: 1,
            waiting: 2,
            warm: 3,
            upstreams: (1, 2),
            tools: Figures { sections: 4, entries: 5, learned: 6 },
        });
        for line in [
            "isolet_runs_total{outcome=\"ok\"} 1",
            "isolet_runs_total{outcome=\"cpu_limit\"} 1",
            "isolet_run_duration_seconds_bucket{le=\"0.001\"} 0",
            "isolet_run_duration_seconds_bucket{le=\"0.0025\"} 1",
            "isolet_run_duration_seconds_bucket{le=\"60\"} 1",
            "isolet_run_duration_seconds_bucket{le=\"+Inf\"} 2",
            "isolet_run_duration_seconds_sum 100.002",
            "isolet_tool_calls_total 3",
            "isolet_queue_length 2",
            "isolet_upstreams_connected 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn every_error_code_has_an_outcome() {
        use ErrorCode::*;
        let codes = [
            Syntax,
            Exception,
            ToolError,
            CpuLimit,
            WallLimit,
            MemoryLimit,
            CallLimit,
            OutputLimit,
            Crashed,
            Cancelled,
        ];
        for code in codes {
            assert!(OUTCOMES.contains(&code.as_str()), "{code:?}");
        }
    }
}
