//! The notes on requests in the log, the metrics and the audit log of `isolet serve`.
//!
//! A client does not learn why a Worker failed: the reason quotes its source.

use std::sync::Arc;

use isolet_bindings::Caller;
use isolet_runtime::{ErrorCode, LogLevel, LogLine, RunError};

use super::LOG_TARGET;
use super::metrics::WorkerMetrics;
use super::request_log::{OpenRequest, RequestLog};
use crate::output::diagnostic;
use crate::output::styles;
use crate::registry::Registry;
use crate::web::problem::Problem;

/// The notes on the requests of one Worker.
pub struct RequestEvents {
    /// The name of the Worker.
    pub worker: String,
    /// Its caller in audit records.
    pub caller: Caller,
    /// Has the audit log.
    pub registry: Arc<Registry>,
    /// Counts its requests.
    pub metrics: WorkerMetrics,
}

impl RequestLog for RequestEvents {
    fn failed(&self, request: &OpenRequest, error: &RunError) -> String {
        let OpenRequest { id, method, path, .. } = request;
        let (worker, code) = (&self.worker, error.code.as_str());
        let reason = diagnostic::render(error, "the Worker");
        let reason = reason.trim_end();
        tracing::info!(target: LOG_TARGET, worker, request = id, method, path, code, reason, "failed");
        match error.code {
            ErrorCode::Crashed => format!("The Worker ended before it answered request {id}; try again.\n"),
            _ => format!("The Worker failed to answer request {id}. The log of the server has the reason.\n"),
        }
    }

    fn refused(&self, request: &OpenRequest, problem: &Problem) {
        let OpenRequest { id, method, path, .. } = request;
        let (worker, status) = (&self.worker, problem.status().as_u16());
        tracing::debug!(target: LOG_TARGET, worker, request = id, method, path, status, "refused");
    }

    fn broke_off(&self, request: &OpenRequest, reason: &str) {
        let OpenRequest { id, method, path, .. } = request;
        tracing::info!(
            target: LOG_TARGET, worker = self.worker, request = id, method, path, reason, "the response broke off"
        );
    }

    fn ended(&self, request: &OpenRequest) {
        let OpenRequest { id, method, path, began, status, end, .. } = request;
        let time = began.elapsed();
        self.metrics.count(*end, time);
        let (worker, outcome, ms) = (&self.worker, end.name(), time.as_secs_f64() * 1000.0);
        tracing::debug!(target: LOG_TARGET, worker, request = id, method, path, status, ms, outcome, "request");
    }

    fn violated(&self, error: &RunError) {
        if let Some(audit) = self.registry.gate().audit() {
            audit.violation(&self.caller, &error.message);
        }
    }

    fn line(&self, request: u32, line: &LogLine) {
        let (worker, text) = (&self.worker, &*styles::removed(&line.text));
        // A Worker's warnings and errors are its own, not isolet's.
        let level = match line.level {
            LogLevel::Debug => "debug",
            LogLevel::Log => "log",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        tracing::info!(target: LOG_TARGET, worker, request, console = level, text, "log");
    }
}
