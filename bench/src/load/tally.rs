//! Counts answers: latencies, failures by kind, bytes.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::connection::Exchange;

/// The largest latency, in microseconds. Latencies are kept with three significant digits.
const MAX_LATENCY_MICROSECONDS: u64 = 3_600_000_000;

/// The outcome of many exchanges.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Latencies of right answers only, as failures are often faster or slower.
    latencies: Histogram<u64>,
    pub failures: Failures,
    /// Bytes of all response bodies.
    pub body_bytes: u64,
    /// Right answers that were complete in time, for the rate.
    pub in_window: u64,
    /// Connections opened after the first ones, because the server closed one or a failure ended
    /// it.
    pub reconnects: u64,
    /// The times from when requests should have started until they were sent, of an open loop.
    delays: Histogram<u64>,
}

/// Failed exchanges by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// No connection.
    pub connect: u64,
    /// The connection broke, or the answer was not HTTP.
    pub transport: u64,
    /// A status other than 2xx.
    pub status: u64,
    /// A 2xx answer without the expected text.
    pub mismatch: u64,
    /// No complete answer in time.
    pub timeout: u64,
    /// Not sent: too many requests had no answer yet.
    #[serde(default)]
    pub unsent: u64,
}

/// The failure of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    Connect,
    Transport,
    Status(u16),
    Mismatch,
    Timeout,
    Unsent,
}

impl Failures {
    pub fn total(&self) -> u64 {
        self.connect + self.transport + self.status + self.mismatch + self.timeout + self.unsent
    }

    fn count(&mut self, failure: FailureKind) {
        let counter = match failure {
            FailureKind::Connect => &mut self.connect,
            FailureKind::Transport => &mut self.transport,
            FailureKind::Status(_) => &mut self.status,
            FailureKind::Mismatch => &mut self.mismatch,
            FailureKind::Timeout => &mut self.timeout,
            FailureKind::Unsent => &mut self.unsent,
        };
        *counter += 1;
    }
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub min: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
    pub max: u64,
}

/// A point of the curve of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// The share of answers that were at least as fast.
    pub quantile: f64,
    pub us: u64,
}

impl Tally {
    pub fn new() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, MAX_LATENCY_MICROSECONDS, 3).expect("the bounds are valid");
        Self {
            latencies: histogram(),
            delays: histogram(),
            failures: Failures::default(),
            body_bytes: 0,
            in_window: 0,
            reconnects: 0,
        }
    }

    /// Counts an exchange. `latency` is what it counts with if it succeeded.
    pub fn count(&mut self, exchange: &Exchange, latency: Duration, in_window: bool) {
        self.body_bytes += exchange.body_bytes;
        match exchange.outcome {
            Ok(()) => self.right(latency, in_window),
            Err(failure) => self.wrong(failure),
        }
    }

    /// Notes how long after its time a request was sent.
    pub fn delayed(&mut self, by: Duration) {
        self.delays.saturating_record(whole_microseconds(by));
    }

    pub fn right(&mut self, latency: Duration, in_window: bool) {
        self.latencies.saturating_record(whole_microseconds(latency));
        self.in_window += u64::from(in_window);
    }

    pub fn wrong(&mut self, failure: FailureKind) {
        self.failures.count(failure);
    }

    pub fn right_answers(&self) -> u64 {
        self.latencies.len()
    }

    pub fn attempts(&self) -> u64 {
        self.right_answers() + self.failures.total()
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("all histograms have the same bounds");
        self.delays.add(&other.delays).expect("all histograms have the same bounds");
        let (mine, theirs) = (&mut self.failures, &other.failures);
        mine.connect += theirs.connect;
        mine.transport += theirs.transport;
        mine.status += theirs.status;
        mine.mismatch += theirs.mismatch;
        mine.timeout += theirs.timeout;
        mine.unsent += theirs.unsent;
        self.body_bytes += other.body_bytes;
        self.in_window += other.in_window;
        self.reconnects += other.reconnects;
    }

    /// `None` if there was no right answer.
    pub fn latency(&self) -> Option<Latency> {
        let all = &self.latencies;
        (!all.is_empty()).then(|| Latency {
            min: all.min(),
            mean: all.mean(),
            p50: all.value_at_quantile(0.5),
            p90: all.value_at_quantile(0.9),
            p99: all.value_at_quantile(0.99),
            p999: all.value_at_quantile(0.999),
            p9999: all.value_at_quantile(0.9999),
            max: all.max(),
        })
    }

    /// Returns the 99th percentile of the delays, in microseconds, if there were any.
    pub fn delay_p99(&self) -> Option<u64> {
        (!self.delays.is_empty()).then(|| self.delays.value_at_quantile(0.99))
    }

    /// Returns the curve of latencies: ten points for each further nine, as far as there are
    /// answers for it.
    pub fn curve(&self) -> Vec<Quantile> {
        let all = &self.latencies;
        let mut curve = Vec::new();
        let mut tail = 1.0;
        while !all.is_empty() && (tail == 1.0 || tail * all.len() as f64 >= 1.0) {
            for step in 0..9 {
                let quantile = 1.0 - tail * (1.0 - f64::from(step) / 10.0);
                curve.push(Quantile { quantile, us: all.value_at_quantile(quantile) });
            }
            tail /= 10.0;
        }
        if !all.is_empty() {
            curve.push(Quantile { quantile: 1.0, us: all.max() });
        }
        curve
    }
}

fn whole_microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut halves = [Tally::new(), Tally::new()];
        for milliseconds in 1..=1000 {
            halves[milliseconds % 2].right(Duration::from_millis(milliseconds as u64), true);
        }
        let mut tally = Tally::new();
        halves.iter().for_each(|half| tally.merge(half));
        let latency = tally.latency().unwrap();
        // Three significant digits: an error of one part in a thousand at most.
        let close = |value: u64, expected: f64| (value as f64 - expected).abs() <= expected / 1000.0;
        assert!(close(latency.min, 1e3), "{latency:?}");
        assert!(close(latency.p50, 500e3), "{latency:?}");
        assert!(close(latency.p90, 900e3), "{latency:?}");
        assert!(close(latency.p99, 990e3), "{latency:?}");
        assert!(close(latency.p999, 999e3), "{latency:?}");
        assert!(close(latency.p9999, 1000e3), "{latency:?}");
        assert!(close(latency.max, 1000e3), "{latency:?}");
        let curve = tally.curve();
        assert!(curve.windows(2).all(|pair| pair[0].quantile < pair[1].quantile && pair[0].us <= pair[1].us));
        let median = curve.iter().find(|point| point.quantile == 0.5).unwrap();
        assert!(close(median.us, 500e3), "{curve:?}");
        assert_eq!((curve.len(), curve.last().unwrap().us), (4 * 9 + 1, latency.max));
        assert!((latency.mean / 500.5e3 - 1.0).abs() < 0.001, "{latency:?}");
        assert_eq!((tally.right_answers(), tally.in_window), (1000, 1000));
    }

    #[test]
    fn failures_are_counted_by_kind_and_kept_out_of_latencies() {
        let mut tally = Tally::new();
        for failure in
            [FailureKind::Connect, FailureKind::Status(500), FailureKind::Status(404), FailureKind::Timeout]
        {
            tally.wrong(failure);
        }
        let expected = Failures { connect: 1, status: 2, timeout: 1, ..Failures::default() };
        assert_eq!(tally.failures, expected);
        assert_eq!((tally.attempts(), tally.latency()), (4, None));
    }

    #[test]
    fn extreme_latencies_saturate() {
        let mut tally = Tally::new();
        tally.right(Duration::ZERO, false);
        tally.right(Duration::MAX, false);
        assert_eq!((tally.latency().unwrap().min, tally.in_window), (1, 0));
    }
}
