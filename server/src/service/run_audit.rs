//! The audit record of a run: prepared before the run, written at its end in every case.

use std::time::{Instant, SystemTime};

use isolet_bindings::Caller;
use isolet_bindings::audit::{Audit, RunRecord, Summary};
use isolet_runtime::{Entry, ErrorCode, Job, Outcome, RunError};

/// Returns the error of a run that was ended because it did something that no script can do.
pub fn violation(outcome: &Outcome) -> Option<&RunError> {
    outcome.result.as_ref().err().filter(|error| error.code == ErrorCode::Violation)
}

/// Returns the name of an outcome in audit records, logs, metrics and `Isolet-Run-Outcome`: `ok` or
/// the error code.
pub fn outcome_name(failure: Option<ErrorCode>) -> &'static str {
    failure.map_or("ok", ErrorCode::as_str)
}

/// The record of a run in progress.
pub struct RunAudit {
    audit: Audit,
    caller: Caller,
    began: SystemTime,
    since: Instant,
    code: Summary,
    input: Option<Summary>,
}

impl RunAudit {
    /// Prepares the record of a run of `caller`; `None` without an audit log.
    pub fn start(audit: Option<&Audit>, caller: &Caller, job: &Job) -> Option<Self> {
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

    /// Records the outcome.
    pub fn finish(self, outcome: &Outcome, calls: usize) {
        let result = outcome.result.as_ref().ok().map(|result| Summary::of(result.as_bytes()));
        let code = outcome_name(outcome.result.as_ref().err().map(|error| error.code));
        if let Some(error) = violation(outcome) {
            self.audit.violation(&self.caller, &error.message);
        }
        let stats = outcome.stats;
        self.write(code, result, calls, (stats.wall_ms, stats.cpu_ms, stats.queued_ms));
    }

    /// Records that the run was cancelled, or ended without a report.
    pub fn abandon(self, code: ErrorCode, calls: usize) {
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
            caller: &self.caller,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use isolet_bindings::audit::{AuditOptions, Destination, WhenFull};
    use isolet_runtime::Stats;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_violation_is_recorded_beside_its_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let destination = Destination::File(path.clone());
        let options = AuditOptions { destination, arguments: false, when_full: WhenFull::Refuse };
        let audit = Audit::open(options).unwrap();
        for code in [ErrorCode::Violation, ErrorCode::Crashed] {
            let record = RunAudit {
                audit: audit.clone(),
                caller: Caller::run(Some("acme")).from_there(None, Some("ci")),
                began: SystemTime::now(),
                since: Instant::now(),
                code: Summary::of(b"1"),
                input: None,
            };
            let error = RunError::new(code, "Error", "What no script can do.");
            record.finish(&Outcome { result: Err(error), stats: Stats::default() }, 0);
        }
        assert!(audit.close(Duration::from_secs(10)));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(events, ["violation", "run", "run"]);
        assert_eq!(lines[0]["run"], lines[1]["run"]);
        assert_eq!((&lines[0]["tenant"], &lines[0]["token"]), (&"acme".into(), &"ci".into()));
        assert_eq!(lines[0]["what"], "What no script can do.");
    }
}
