//! The metrics of Workers, by name: requests and their duration, processes.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::ErrorCode;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as MetricsRegistry;

use super::outgoing::FetchMetrics;
use super::request_log::RequestEnd;
use super::site::ServedWorker;
use crate::metrics::observed_gauges;

/// The upper bounds of the buckets for durations, in seconds: from a hello world to the wall limit,
/// and beyond it for responses that are streams.
const DURATION_BUCKETS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkerLabel {
    worker: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    worker: String,
    outcome: &'static str,
}

/// The Workers whose processes are shown, by name.
type ServedWorkers = Vec<(String, Arc<ServedWorker>)>;

/// The metrics of all Workers.
pub struct WorkersMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<WorkerLabel, Histogram, fn() -> Histogram>,
    served: Arc<Mutex<ServedWorkers>>,
    /// The counters of fetches from other servers.
    pub fetches: FetchMetrics,
}

/// The metrics of one Worker.
pub struct WorkerMetrics {
    /// The counter of each outcome.
    requests: Vec<(&'static str, Counter)>,
    durations: Histogram,
}

impl WorkersMetrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut MetricsRegistry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            served: Arc::default(),
            fetches: FetchMetrics::register(registry),
        };
        let help = "Requests to Workers that ended, by Worker and outcome";
        registry.register("isolet_worker_requests", help, metrics.requests.clone());
        let help = "From the request to the end of its response, by Worker";
        registry.register("isolet_worker_request_duration_seconds", help, metrics.durations.clone());
        let served = metrics.served.clone();
        let sockets = observed_gauges("worker", move || {
            let count = |(name, worker): &(String, Arc<ServedWorker>)| {
                (name.clone(), worker.sockets().count() as u64)
            };
            served.lock().iter().map(count).collect()
        });
        registry.register("isolet_worker_websockets", "Open WebSockets, by Worker", sockets);
        let served = metrics.served.clone();
        let processes = observed_gauges("worker", move || {
            let count = |(name, worker): &(String, Arc<ServedWorker>)| {
                (name.clone(), worker.current().processes() as u64)
            };
            served.lock().iter().map(count).collect()
        });
        registry.register("isolet_worker_processes", "Processes that take requests, by Worker", processes);
        metrics
    }

    /// Returns the metrics of a Worker.
    pub fn of_worker(&self, name: &str) -> WorkerMetrics {
        let worker = || name.to_owned();
        // Every outcome has a sample from the start, so that rates are right at the first
        // occurrence.
        let requests = outcomes().map(|outcome| {
            (outcome, self.requests.get_or_create(&RequestLabels { worker: worker(), outcome }).clone())
        });
        let durations = self.durations.get_or_create(&WorkerLabel { worker: worker() }).clone();
        WorkerMetrics { requests: requests.collect(), durations }
    }

    /// Shows the processes of a Worker from now on.
    pub fn show_processes(&self, name: &str, worker: Arc<ServedWorker>) {
        self.served.lock().push((name.to_owned(), worker));
    }
}

impl WorkerMetrics {
    /// Counts a request that ended.
    pub fn count(&self, end: RequestEnd, duration: Duration) {
        let name = end.name();
        if let Some((_, counter)) = self.requests.iter().find(|(outcome, _)| *outcome == name) {
            counter.inc();
        }
        self.durations.observe(duration.as_secs_f64());
    }
}

/// Returns the names of all outcomes of requests.
fn outcomes() -> impl Iterator<Item = &'static str> {
    use RequestEnd::{BrokeOff, Complete, Disconnected, Failed, Refused, Unread};
    let ends = [Complete, Refused, Disconnected, Unread, BrokeOff];
    let failures = ErrorCode::ALL.iter().copied().map(Failed);
    ends.into_iter().chain(failures).map(RequestEnd::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_worker_and_outcome() {
        let mut registry = MetricsRegistry::default();
        let metrics = WorkersMetrics::register(&mut registry);
        let (shop, site) = (metrics.of_worker("shop"), metrics.of_worker("site"));
        shop.count(RequestEnd::Complete, Duration::from_millis(2));
        shop.count(RequestEnd::Failed(ErrorCode::CpuLimit), Duration::from_secs(100));
        site.count(RequestEnd::BrokeOff, Duration::from_millis(1));
        let text = crate::metrics::text(&registry);
        for line in [
            "# TYPE isolet_worker_requests_total counter",
            "isolet_worker_requests_total{worker=\"shop\",outcome=\"ok\"} 1",
            "isolet_worker_requests_total{worker=\"shop\",outcome=\"cpu_limit\"} 1",
            "isolet_worker_requests_total{worker=\"shop\",outcome=\"violation\"} 0",
            "isolet_worker_requests_total{worker=\"site\",outcome=\"broke_off\"} 1",
            "isolet_worker_request_duration_seconds_count{worker=\"shop\"} 2",
            "isolet_worker_request_duration_seconds_bucket{worker=\"shop\",le=\"0.0025\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
