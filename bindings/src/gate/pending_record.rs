//! The audit record of one call. A call that is dropped is recorded as cancelled.

use std::time::{Instant, SystemTime};

use crate::CallError;
use crate::audit::{CallRecord, Outcome, Summary};
use crate::caller::Caller;

/// A call whose end is not recorded yet.
pub(super) struct PendingRecord<'a> {
    /// `None` once the record is written.
    place: Option<crate::audit::RecordSlot>,
    with_arguments: bool,
    began: SystemTime,
    since: Instant,
    caller: &'a Caller,
    server: &'a str,
    tool: &'a str,
    arguments: &'a str,
}

impl<'a> PendingRecord<'a> {
    pub(super) fn new(
        place: crate::audit::RecordSlot,
        with_arguments: bool,
        caller: &'a Caller,
        server: &'a str,
        tool: &'a str,
        arguments: &'a str,
    ) -> Self {
        Self {
            place: Some(place),
            with_arguments,
            began: SystemTime::now(),
            since: Instant::now(),
            caller,
            server,
            tool,
            arguments,
        }
    }

    pub(super) fn answered(mut self, result: Summary, failed: bool) {
        self.write(if failed { Outcome::ToolError } else { Outcome::Ok }, Some(result), None);
    }

    pub(super) fn failed(mut self, error: &CallError) {
        match error {
            CallError::Refused(refusal) => self.write(Outcome::Denied, None, Some(&refusal.rule)),
            CallError::Timeout { .. } => self.write(Outcome::Timeout, None, None),
            _ => self.write(Outcome::Failed, None, None),
        }
    }

    fn write(&mut self, outcome: Outcome, result: Option<Summary>, rule: Option<&str>) {
        let Some(place) = self.place.take() else { return };
        place.call(&CallRecord {
            began: self.began,
            caller: self.caller,
            server: self.server,
            tool: self.tool,
            arguments: self.arguments,
            with_arguments: self.with_arguments,
            result,
            ms: self.since.elapsed().as_secs_f64() * 1e3,
            outcome,
            rule,
        });
    }
}

impl Drop for PendingRecord<'_> {
    fn drop(&mut self) {
        self.write(Outcome::Cancelled, None, None);
    }
}
