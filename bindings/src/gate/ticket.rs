//! The record of one call, written even if nobody waits for its end: a dropped call is a cancelled one.

use std::time::{Instant, SystemTime};

use super::Caller;
use crate::CallError;
use crate::audit::{CallRecord, Outcome, Summary};

/// A call on its way.
pub(super) struct Ticket {
    /// None once it is written.
    place: Option<crate::audit::Place>,
    with_arguments: bool,
    began: SystemTime,
    since: Instant,
    caller: Caller,
    server: String,
    tool: String,
    arguments: String,
}

impl Ticket {
    pub(super) fn new(
        place: crate::audit::Place,
        with_arguments: bool,
        caller: &Caller,
        server: &str,
        tool: &str,
        arguments: &str,
    ) -> Self {
        Self {
            place: Some(place),
            with_arguments,
            began: SystemTime::now(),
            since: Instant::now(),
            caller: caller.clone(),
            server: server.to_owned(),
            tool: tool.to_owned(),
            arguments: arguments.to_owned(),
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
            run: self.caller.number(),
            tenant: self.caller.tenant(),
            server: &self.server,
            tool: &self.tool,
            arguments: &self.arguments,
            with_arguments: self.with_arguments,
            result,
            ms: self.since.elapsed().as_secs_f64() * 1e3,
            outcome,
            rule,
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.write(Outcome::Cancelled, None, None);
    }
}
