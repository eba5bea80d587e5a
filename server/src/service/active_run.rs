//! A run in progress, from its permit to its report: what all front ends share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use isolet_bindings::Caller;
use isolet_runtime::{
    CallRecord, ErrorCode, LogLine, Outcome, Report, Run, RunError, RunEvent, Stats, Warning,
};

use super::Service;
use super::admission::{BodyPermit, RunPermit};
use super::error::RequestError;
use super::run_audit::{self, RunAudit, outcome_name};
use super::run_request::PreparedRun;

/// A run in progress, with everything that it holds. Dropping it early, as when the client
/// disconnects, cancels the run.
pub struct ActiveRun {
    run: Option<Run>,
    service: Arc<Service>,
    arrived: Instant,
    /// The time that the run waited for its permit. The engine adds the time in its own queue.
    waited: Duration,
    calls: usize,
    /// The warnings that the report begins with.
    warnings: Vec<Warning>,
    caller: Caller,
    record: Option<RunAudit>,
    _permit: RunPermit,
    _body: BodyPermit,
}

impl ActiveRun {
    /// Waits for a permit and starts the run. `body` accounts for the memory of the script and its
    /// input; `arrived` is the time of the request.
    pub async fn start(
        service: &Arc<Service>,
        PreparedRun { job, caller, warnings }: PreparedRun,
        body: BodyPermit,
        arrived: Instant,
    ) -> Result<Self, RequestError> {
        let permit = service.admission.admit().await?;
        let waited = permit.waited;
        let record = RunAudit::start(service.registry.gate().audit(), &caller, &job);
        let run = Some(service.engine.run(job));
        let service = service.clone();
        let (calls, _permit, _body) = (0, permit, body);
        Ok(Self { run, service, arrived, waited, calls, warnings, caller, record, _permit, _body })
    }

    /// Returns the id of the run: the same in its report, the response's headers, the log and the
    /// audit log.
    pub fn id(&self) -> Option<&str> {
        self.caller.number()
    }

    /// Waits for the end of the run and returns the report. `watch` is called for each event.
    pub async fn report(mut self, mut watch: impl FnMut(&RunEvent)) -> Report {
        let mut builder = self.begin_report();
        while let Some(event) = self.next().await {
            watch(&event);
            if let Some(report) = builder.add(event) {
                return report;
            }
        }
        builder.without_outcome()
    }

    /// Begins the report with the warnings about the request.
    pub fn begin_report(&mut self) -> ReportBuilder {
        ReportBuilder { warnings: std::mem::take(&mut self.warnings), ..ReportBuilder::default() }
    }

    /// Returns the next event; `None` after the last.
    pub async fn next(&mut self) -> Option<RunEvent> {
        let mut event = self.run.as_mut()?.next().await;
        match &mut event {
            Some(RunEvent::Call(_)) => self.calls += 1,
            Some(RunEvent::Log(_) | RunEvent::CallStart(_) | RunEvent::Warning(_)) => {}
            Some(RunEvent::Done(outcome)) => {
                // Whole microseconds, as the engine counts them.
                let queued_ms = outcome.stats.queued_ms + self.waited.as_secs_f64() * 1e3;
                outcome.stats.queued_ms = (queued_ms * 1e3).round() / 1e3;
                if let Some(error) = run_audit::violation(outcome) {
                    let (run, peer) = (self.caller.number(), self.caller.peer().map(tracing::field::display));
                    let (tenant, token) = (self.caller.tenant(), self.caller.token());
                    tracing::warn!(run, tenant, peer, token, "violation: {}", error.message);
                }
                if let Some(record) = self.record.take() {
                    record.finish(outcome, self.calls);
                }
                self.end(outcome.result.as_ref().err().map(|error| error.code));
            }
            None => self.end(Some(ErrorCode::Crashed)),
        }
        event
    }

    /// Logs and counts the end of the run. Does so once, at the first call.
    fn end(&mut self, failure: Option<ErrorCode>) {
        if self.run.take().is_some() {
            let outcome = outcome_name(failure);
            let (run, tenant, ms) =
                (self.caller.number(), self.caller.tenant(), self.arrived.elapsed().as_millis());
            tracing::info!(run, tenant, outcome, calls = self.calls, ms, "run ended");
            self.service.metrics.count_run(failure, self.arrived.elapsed(), self.calls);
            if let Some(record) = self.record.take() {
                record.abandon(failure.unwrap_or(ErrorCode::Crashed), self.calls);
            }
        }
    }
}

impl Drop for ActiveRun {
    fn drop(&mut self) {
        self.end(Some(ErrorCode::Cancelled));
    }
}

/// Collects the events of a run into its report.
#[derive(Default)]
pub struct ReportBuilder {
    logs: Vec<LogLine>,
    calls: Vec<CallRecord>,
    warnings: Vec<Warning>,
}

impl ReportBuilder {
    /// Returns the warnings so far.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Adds an event. Returns the report with the last one.
    pub fn add(&mut self, event: RunEvent) -> Option<Report> {
        match event {
            RunEvent::Log(line) => self.logs.push(line),
            RunEvent::CallStart(_) => {}
            RunEvent::Call(call) => self.calls.push(call),
            RunEvent::Warning(warning) => self.warnings.push(warning),
            RunEvent::Done(outcome) => return Some(self.build(*outcome)),
        }
        None
    }

    /// Returns the report of a run whose events ended without an outcome, which the engine never
    /// lets happen.
    pub fn without_outcome(&mut self) -> Report {
        let error = RunError::new(ErrorCode::Crashed, "Crashed", "The run ended without a result.")
            .with_hint("Send the request again.");
        self.build(Outcome { result: Err(error), stats: Stats::default() })
    }

    fn build(&mut self, outcome: Outcome) -> Report {
        Report {
            result: outcome.result,
            logs: std::mem::take(&mut self.logs),
            calls: std::mem::take(&mut self.calls),
            warnings: std::mem::take(&mut self.warnings),
            stats: outcome.stats,
        }
    }
}
