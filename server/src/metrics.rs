//! Metrics for Prometheus: the text format, and metrics that are read when they are scraped.
//!
//! Each metric is registered by the module that owns its value:
//! [`RunMetrics`](crate::service::metrics::RunMetrics) those of runs,
//! [`register_engine`](crate::service::metrics::register_engine) those of the engine,
//! [`Admission`](crate::service::admission::Admission) those of the queue,
//! [`Registry`](crate::registry::Registry) those of MCP servers. The crate `prometheus-client`
//! writes the text format; it adds `_total` to the names of counters and a full stop to help texts.
//! The table in `docs/http.md` lists all metrics, and a test compares the two.

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
        let expected = "# HELP isolet_queue_length Waiting.\n# TYPE isolet_queue_length gauge\n\
                        isolet_queue_length 2\n# HELP isolet_search_parts_made_total Parts.\n\
                        # TYPE isolet_search_parts_made_total counter\nisolet_search_parts_made_total 5\n";
        assert_eq!(text(&registry), expected);
    }
}
