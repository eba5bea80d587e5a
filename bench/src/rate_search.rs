//! The search for the highest rate at which a server holds a percentile of its latencies.

use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::report::{LoadReport, TriedRate};

/// The first rate, in requests a second.
const FIRST_RATE: f64 = 50.0;

/// The search ends when the highest rate that held and the lowest that did not are so close.
const PRECISION: f64 = 1.05;

/// The share of the offered requests that must be answered in the time of a trial: a server that
/// falls behind does not hold the rate, even if its queue is short yet.
const ANSWERED_SHARE: f64 = 0.98;

/// The highest rate that is tried.
const MAX_RATE: f64 = 1e6;

/// A search.
pub struct Search {
    p99: Duration,
    /// The time of each trial.
    trial: Duration,
    /// The time of all trials together.
    limit: Duration,
}

impl Search {
    pub fn new(p99: Duration, trial: Duration, limit: Duration) -> Self {
        Self { p99, trial, limit }
    }

    /// Doubles the rate until the server does not hold it, then halves the distance. Returns the
    /// report of the highest rate that held, or of the lowest one if none did.
    pub async fn run(
        &self,
        mut measure: impl AsyncFnMut(f64, Duration) -> Result<LoadReport, BenchError>,
    ) -> Result<LoadReport, BenchError> {
        let started = Instant::now();
        let (mut held, mut broke): (f64, f64) = (0.0, f64::INFINITY);
        let mut best: Option<LoadReport> = None;
        let mut rates = Vec::new();
        let mut rate = FIRST_RATE;
        while started.elapsed() + self.trial <= self.limit || rates.is_empty() {
            let report = measure(rate, self.trial).await?;
            let holds = self.holds(&report);
            rates.push(TriedRate {
                per_second: rate,
                p99_us: report.latency_us.map(|latency| latency.p99),
                answered_per_second: report.per_second,
                held: holds,
            });
            if holds {
                held = rate;
                best = Some(report);
            } else {
                broke = rate;
                best.get_or_insert(report);
            }
            if broke / held.max(1.0) <= PRECISION || rate >= MAX_RATE {
                break;
            }
            rate = match (held > 0.0, broke.is_finite()) {
                (_, false) => (rate * 2.0).min(MAX_RATE),
                (true, true) => (held * broke).sqrt(),
                (false, true) => rate / 2.0,
            };
            if rate < 1.0 {
                break;
            }
        }
        let mut report = best.ok_or(BenchError::GeneratorLost)?;
        report.rates = rates;
        Ok(report)
    }

    fn holds(&self, report: &LoadReport) -> bool {
        let limit = u64::try_from(self.p99.as_micros()).unwrap_or(u64::MAX);
        let offered = report.offered_per_second.unwrap_or(0.0);
        report.failures.total() == 0
            && report.latency_us.is_some_and(|latency| latency.p99 <= limit)
            && report.per_second >= offered * ANSWERED_SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tally::{Failures, Latency};

    /// A server that answers in 1 ms up to a rate, and in a second beyond it.
    async fn found(capacity: f64) -> LoadReport {
        let search = Search::new(Duration::from_millis(10), Duration::ZERO, Duration::from_secs(60));
        let measure = async |rate: f64, _| {
            let us = if rate <= capacity { 1_000 } else { 1_000_000 };
            let latency =
                Latency { min: us, mean: us as f64, p50: us, p90: us, p99: us, p999: us, p9999: us, max: us };
            let report = LoadReport { offered_per_second: Some(rate), ..LoadReport::example(rate) };
            Ok(LoadReport { latency_us: Some(latency), failures: Failures::default(), ..report })
        };
        search.run(measure).await.unwrap()
    }

    #[tokio::test]
    async fn the_highest_rate_that_holds_is_found() {
        for capacity in [3.0, 60.0, 777.0, 123_456.0] {
            let report = found(capacity).await;
            let rate = report.offered_per_second.unwrap();
            assert!(rate <= capacity && rate * PRECISION * 1.001 > capacity, "{capacity}: {rate}");
            assert!(report.rates.len() < 30 && report.rates.iter().any(|tried| !tried.held));
        }
    }

    #[tokio::test]
    async fn a_server_that_never_holds_has_the_report_of_a_trial() {
        let report = found(0.0).await;
        assert!(report.rates.iter().all(|tried| !tried.held));
    }
}
