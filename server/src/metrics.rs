//! Metrics for Prometheus: the text format, and metrics that are read when they are scraped.
//!
//! Each metric is registered by the module that owns its value:
//! [`RunMetrics`](crate::service::metrics::RunMetrics) those of runs,
//! [`register_engine`](crate::service::metrics::register_engine) those of the engine,
//! [`Admission`](crate::service::admission::Admission) those of the queue,
//! [`Registry`](crate::registry::Registry) those of MCP servers,
//! [`WorkersMetrics`](crate::workers::metrics::WorkersMetrics) those of Workers. The crate
//! `prometheus-client` writes the text format; it adds `_total` to the names of counters and a full
//! stop to help texts. The table in `docs/http.md` lists all metrics, and a test compares the two.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Metric, Registry as MetricsRegistry};

/// Writes all metrics in the text format of Prometheus.
pub fn text(registry: &MetricsRegistry) -> String {
    let mut text = String::with_capacity(4096);
    prometheus_text::encode(&mut text, registry).expect("writing to a string cannot fail");
    text
}

/// Makes a gauge whose value is read when the metrics are scraped.
pub fn observed_gauge(read: impl Fn() -> usize + Send + Sync + 'static) -> impl Metric {
    Observed { metric_type: MetricType::Gauge, read: move || read() as u64 }
}

/// Makes a counter whose value is read when the metrics are scraped.
pub fn observed_counter(read: impl Fn() -> u64 + Send + Sync + 'static) -> impl Metric {
    Observed { metric_type: MetricType::Counter, read }
}

/// Makes gauges whose values are read when the metrics are scraped, one for each value of `label`.
pub fn observed_gauges(
    label: &'static str,
    read: impl Fn() -> Vec<(String, u64)> + Send + Sync + 'static,
) -> impl Metric {
    ObservedFamily { label, read }
}

/// Metrics whose values another part of the program keeps, by the value of one label.
struct ObservedFamily<F> {
    label: &'static str,
    read: F,
}

impl<F> fmt::Debug for ObservedFamily<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedFamily").field("label", &self.label).finish_non_exhaustive()
    }
}

impl<F: Fn() -> Vec<(String, u64)>> EncodeMetric for ObservedFamily<F> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (name, value) in (self.read)() {
            ConstGauge::new(value).encode(encoder.encode_family(&[(self.label, name)])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// A metric whose value another part of the program keeps.
struct Observed<F> {
    metric_type: MetricType,
    read: F,
}

impl<F> fmt::Debug for Observed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("metric_type", &self.metric_type).finish_non_exhaustive()
    }
}

impl<F: Fn() -> u64> EncodeMetric for Observed<F> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        let value = (self.read)();
        match self.metric_type {
            MetricType::Counter => ConstCounter::new(value).encode(encoder),
            _ => ConstGauge::new(value).encode(encoder),
        }
    }

    fn metric_type(&self) -> MetricType {
        self.metric_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observed_values_are_read_when_metrics_are_scraped() {
        let mut registry = MetricsRegistry::default();
        registry.register("isolet_queue_length", "Waiting", observed_gauge(|| 2));
        registry.register("isolet_search_parts_made", "Parts", observed_counter(|| 5));
        let processes = || vec![("a".to_owned(), 1), ("b".to_owned(), 0)];
        registry.register("isolet_worker_processes", "Processes", observed_gauges("worker", processes));
        let expected = "# HELP isolet_queue_length Waiting.\n# TYPE isolet_queue_length gauge\n\
                        isolet_queue_length 2\n# HELP isolet_search_parts_made_total Parts.\n\
                        # TYPE isolet_search_parts_made_total counter\nisolet_search_parts_made_total 5\n\
                        # HELP isolet_worker_processes Processes.\n# TYPE isolet_worker_processes gauge\n\
                        isolet_worker_processes{worker=\"a\"} 1\nisolet_worker_processes{worker=\"b\"} 0\n";
        assert_eq!(text(&registry), expected);
    }
}
