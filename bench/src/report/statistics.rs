//! Medians of rounds, ratios between targets, and the noise of both.
//!
//! A machine's speed changes from minute to minute. Rounds take turns, and a ratio is taken within
//! each turn, so that what slows both down does not count.

use super::LoadReport;

/// A figure of a report.
pub type Figure = fn(&LoadReport) -> Option<f64>;

/// A value with its noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The median of the rounds.
    pub value: f64,
    /// Half of the distance between the greatest and the least value, as a share of the median. The
    /// distance of quartiles would say little of three rounds.
    pub noise: f64,
}

impl Estimate {
    /// Returns the estimate from some values, if there is one.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (values.first()?, values.last()?);
        let value = median(&values)?;
        Some(Self { value, noise: if value == 0.0 { 0.0 } else { (greatest - least) / 2.0 / value } })
    }
}

/// Returns the figure over all rounds of a target.
pub fn figure(rounds: &[LoadReport], figure: Figure) -> Option<Estimate> {
    Estimate::of(rounds.iter().filter_map(figure))
}

/// Returns the ratio of two targets' figures, taken in each turn.
pub fn ratio(rounds: &[LoadReport], others: &[LoadReport], figure: Figure) -> Option<Estimate> {
    Estimate::of(rounds.iter().zip(others).filter_map(|(round, other)| Some(figure(round)? / figure(other)?)))
}

/// Returns the median of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}

/// Right answers a second.
pub fn per_second(report: &LoadReport) -> Option<f64> {
    Some(report.per_second)
}

/// CPU of all processes for each request, in microseconds.
pub fn cpu(report: &LoadReport) -> Option<f64> {
    report.target_cpu_ms_per_request.map(|milliseconds| milliseconds * 1000.0)
}

/// The median latency in microseconds.
pub fn p50(report: &LoadReport) -> Option<f64> {
    report.latency_us.map(|latency| latency.p50 as f64)
}

/// The 99th percentile of the latencies in microseconds.
pub fn p99(report: &LoadReport) -> Option<f64> {
    report.latency_us.map(|latency| latency.p99 as f64)
}

/// The greatest memory of all processes in bytes, shared pages counted once.
pub fn memory(report: &LoadReport) -> Option<f64> {
    report.target?.pss_peak.map(|bytes| bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_turns() {
        // The machine was half as fast in the second turn: the ratio of medians would be 9.5.
        let ours = [2000.0, 1000.0, 2100.0].map(LoadReport::example);
        let theirs = [200.0, 100.0, 210.0].map(LoadReport::example);
        let ratio = ratio(&ours, &theirs, per_second).unwrap();
        assert_eq!((ratio.value, ratio.noise), (10.0, 0.0));
        let rate = figure(&ours, per_second).unwrap();
        assert_eq!((rate.value, rate.noise), (2000.0, 0.275));
    }

    #[test]
    fn no_rounds_have_no_estimate() {
        assert_eq!(Estimate::of([]), None);
        assert_eq!(Estimate::of([f64::NAN, f64::INFINITY]), None);
        assert_eq!(Estimate::of([1.0, 2.0, 3.0, 4.0]), Some(Estimate { value: 2.5, noise: 0.6 }));
        assert_eq!(Estimate::of([0.0]), Some(Estimate { value: 0.0, noise: 0.0 }));
    }
}
