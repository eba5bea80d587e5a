//! The audit record of a run: begun before it, written at its end, whichever that is.

use std::time::{Instant, SystemTime};

use isolet_bindings::Caller;
use isolet_bindings::audit::{Audit, RunRecord, Summary};
use isolet_runtime::{Entry, ErrorCode, Job, Outcome};

/// A run that will be recorded.
pub struct Ledger {
    audit: Audit,
    caller: Caller,
    began: SystemTime,
    since: Instant,
    code: Summary,
    input: Option<Summary>,
}

impl Ledger {
    /// For a run of `caller`, if there is a log.
    pub fn begin(audit: Option<&Audit>, caller: &Caller, job: &Job) -> Option<Self> {
        let Entry::Script { input } = &job.entry;
        Some(Self {
            audit: audit?.clone(),
            caller: caller.clone(),
            began: SystemTime::now(),
            since: Instant::now(),
            code: Summary::of(job.code.as_bytes()),
            input: input.as_ref().map(|input| Summary::of(input.as_bytes())),
        })
    }

    /// Records what came of it.
    pub fn end(self, outcome: &Outcome, calls: usize) {
        let result = outcome.result.as_ref().ok().map(|result| Summary::of(result.as_bytes()));
        let code = outcome.result.as_ref().err().map_or("ok", |error| error.code.as_str());
        let stats = outcome.stats;
        self.write(code, result, calls, (stats.wall_ms, stats.cpu_ms, stats.queued_ms));
    }

    /// Records that nobody waited for it, or that it left no report.
    pub fn broken_off(self, code: ErrorCode, calls: usize) {
        let wall_ms = self.since.elapsed().as_secs_f64() * 1e3;
        self.write(code.as_str(), None, calls, (wall_ms, 0.0, 0.0));
    }

    fn write(
        self,
        outcome: &str,
        result: Option<Summary>,
        calls: usize,
        (wall_ms, cpu_ms, queued_ms): (f64, f64, f64),
    ) {
        self.audit.run(&RunRecord {
            began: self.began,
            run: self.caller.number().unwrap_or_default(),
            tenant: self.caller.tenant(),
            code: self.code,
            input: self.input,
            result,
            outcome,
            calls,
            wall_ms,
            cpu_ms,
            queued_ms,
        });
    }
}
