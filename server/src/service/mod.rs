//! The service core: everything that a run needs, whichever front end asks for it. The front ends
//! (HTTP, MCP, the command line) know the service; the service knows none of them.
//!
//! ```text
//!   POST /v1/run          tool `run` over MCP
//!        │                      │
//!        └────► RunRequest ◄────┘
//!                   │ prepare: limits, tenant, patterns, the lists of named servers
//!                   ▼
//!              PreparedRun
//!                   │ start: a permit of Admission, then the engine
//!                   ▼
//!               ActiveRun ──► events ──► Report
//!                   │
//!                   └──► Metrics, RunAudit, log: once, when the run ends or is dropped
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`run_request`] | a request for a run, checked and turned into a job |
//! | [`active_run`] | a run in progress: events, report, what is recorded at its end |
//! | [`admission`] | how many runs go on and wait, and memory for request bodies |
//! | [`client`] | the sender of a request: peer, token, tenant |
//! | [`error`] | requests that never become a run |
//! | [`metrics`] | the metrics of runs and of refused requests |
//! | [`run_audit`] | the audit record of a run |

pub mod active_run;
pub mod admission;
pub mod client;
pub mod error;
pub mod metrics;
pub mod run_audit;
pub mod run_request;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use isolet_runtime::{Engine, Limits};
use prometheus_client::registry::Registry as MetricsRegistry;

use self::admission::Admission;
use self::metrics::RunMetrics;
use crate::registry::Registry;

/// Everything that runs and front ends share.
pub struct Service {
    /// Runs scripts in isolates.
    pub engine: Engine,
    /// The MCP servers that scripts can call.
    pub registry: Arc<Registry>,
    /// Limits the runs at once, the queue, and the memory for request bodies.
    pub admission: Arc<Admission>,
    /// Counts runs and refused requests.
    pub metrics: RunMetrics,
    metrics_registry: MetricsRegistry,
    /// The limits of each run.
    pub limits: Limits,
    is_draining: AtomicBool,
    /// The number of parts of the server that are not loaded yet.
    loading: AtomicUsize,
}

/// A part of the server that is not loaded yet. Dropping it says that it is.
pub struct LoadingPart(Arc<Service>);

impl Drop for LoadingPart {
    fn drop(&mut self) {
        self.0.loading.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service {
    /// Returns a service that accepts runs. `metrics_registry` may have metrics of front ends.
    pub fn new(
        engine: Engine,
        registry: Arc<Registry>,
        admission: Admission,
        limits: Limits,
        mut metrics_registry: MetricsRegistry,
    ) -> Arc<Self> {
        let admission = Arc::new(admission);
        let metrics = RunMetrics::register(&mut metrics_registry);
        admission.register_metrics(&mut metrics_registry);
        registry.register_metrics(&mut metrics_registry);
        metrics::register_engine(&engine, &mut metrics_registry);
        let (is_draining, loading) = (AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Self {
            engine,
            registry,
            admission,
            metrics,
            metrics_registry,
            limits,
            is_draining,
            loading,
        })
    }

    /// Notes that a part of the server is loading: until it is, the server is not ready.
    pub fn part_is_loading(self: &Arc<Self>) -> LoadingPart {
        self.loading.fetch_add(1, Ordering::Relaxed);
        LoadingPart(self.clone())
    }

    /// Returns the number of parts that are not loaded yet.
    pub fn loading(&self) -> usize {
        self.loading.load(Ordering::Relaxed)
    }

    /// Returns all metrics in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        crate::metrics::text(&self.metrics_registry)
    }

    /// Stops accepting runs. Those in progress go on.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if the service accepts no more runs, because it is about to stop.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Returns the length of the longest body that can be a valid request, in bytes. JSON may write
    /// a byte of a script as two (`\n`, `\"`); libraries write no longer escapes for ordinary text.
    pub fn max_body_bytes(&self, is_bare_script: bool) -> usize {
        /// The memory for the other fields of a JSON body.
        const OTHER_FIELDS_BYTES: usize = 64 * 1024;
        if is_bare_script {
            self.limits.code
        } else {
            2 * self.limits.code + self.limits.input + OTHER_FIELDS_BYTES
        }
    }
}
