//! The checks of messages from a runner.
//!
//! The script may have taken over the runner. So the broker counts calls again, measures logs, and
//! takes a result only if it is JSON on one line within the limit. A message that breaks a rule
//! ends the run as `violation`.

use std::io;
use std::time::Instant;

use super::checks::{argument_bytes, broken_rule, check_result};
use super::live_run::{InFlightCall, LiveRun};
use crate::calls::NOT_SENT;
use crate::counts::LOG_LINE_OVERHEAD_BYTES;
use crate::limits::{MAX_IN_FLIGHT_BYTES, MAX_NAME_BYTES};
use crate::process::protocol::messages::{CallNames, FromRunner, WarningFrame};
use crate::report::Outcome;
use crate::state::milliseconds;
use crate::{CallRecord, CallStart, LogLine, Operation, RunEvent, ToolRequest, Warning};

/// The bound on a name in the record of a call. A script may call a tool by a name of any length
/// several hundred times, and the records are kept until the run has ended.
const MAX_RECORDED_NAME_BYTES: usize = 256;

impl LiveRun {
    /// Checks a message and returns its event.
    ///
    /// # Errors
    /// Returns the rule that the message breaks.
    pub(super) fn handle(&mut self, message: FromRunner) -> io::Result<RunEvent> {
        match message {
            FromRunner::Log { line } => self.handle_log(line),
            FromRunner::WorkerReady
            | FromRunner::WorkerFailed { .. }
            | FromRunner::FromWorker(_)
            | FromRunner::Stopped { .. }
            | FromRunner::Alive => Err(broken_rule("a message of a Worker")),
            FromRunner::Call { call, server, operation, .. } => self.handle_call(call, server, operation),
            FromRunner::UnsentCall { call } => self.handle_unsent_call(call),
            FromRunner::Warning { warning } => self.handle_warning(warning),
            FromRunner::Done { outcome: Outcome { result, stats } } => {
                check_result(&result, self.limits()).map_err(broken_rule)?;
                let stats = self.stats(Some(stats));
                Ok(RunEvent::Done(Box::new(Outcome { result, stats })))
            }
        }
    }

    fn handle_log(&mut self, line: LogLine) -> io::Result<RunEvent> {
        self.log_bytes =
            self.log_bytes.saturating_add(line.text.len()).saturating_add(LOG_LINE_OVERHEAD_BYTES);
        if self.log_bytes > self.limits().logs {
            return Err(broken_rule("more logs than the limit"));
        }
        let elapsed = milliseconds(self.started);
        let at_ms = if line.at_ms.is_finite() { line.at_ms.clamp(0.0, elapsed) } else { elapsed };
        Ok(RunEvent::Log(LogLine { at_ms, ..line }))
    }

    fn handle_call(&mut self, call: u32, server: String, operation: Operation) -> io::Result<RunEvent> {
        let (max_calls, max_in_flight, timeout) = {
            let limits = self.limits();
            (limits.calls, limits.concurrent_calls as usize, limits.call_timeout)
        };
        self.calls += 1;
        if self.calls > max_calls || self.in_flight.len() >= max_in_flight {
            return Err(broken_rule("more calls than the limit"));
        }
        let argument_bytes = argument_bytes(&server, &operation)?;
        self.in_flight_bytes += argument_bytes;
        if self.in_flight_bytes > MAX_IN_FLIGHT_BYTES {
            return Err(broken_rule("more at once than calls may carry"));
        }
        let start = CallStart {
            call: self.calls,
            server: shorten_name(&server),
            tool: shorten_name(operation.label()),
        };
        let in_flight = InFlightCall {
            number: self.calls,
            server: start.server.clone(),
            tool: start.tool.clone(),
            argument_bytes,
            sent: Instant::now(),
        };
        if self.in_flight.insert(call, in_flight).is_some() {
            return Err(broken_rule("a call's number twice"));
        }
        let answer = self.pending.host.call(ToolRequest { server, operation, timeout });
        self.answers.push(Box::pin(async move { (call, answer.await) }));
        Ok(RunEvent::CallStart(start))
    }

    fn handle_unsent_call(&mut self, CallNames { server, tool }: CallNames) -> io::Result<RunEvent> {
        self.calls += 1;
        if self.calls > self.limits().calls || server.len().max(tool.len()) > MAX_NAME_BYTES {
            return Err(broken_rule("more about calls than there can be"));
        }
        Ok(RunEvent::Call(CallRecord {
            call: self.calls,
            server: shorten_name(&server),
            tool: shorten_name(&tool),
            ms: 0.0,
            ok: false,
            error: Some(NOT_SENT.to_owned()),
        }))
    }

    fn handle_warning(&mut self, warning: WarningFrame) -> io::Result<RunEvent> {
        self.warnings += 1;
        if self.warnings > Warning::MAX_COUNT {
            return Err(broken_rule("more warnings than a run has"));
        }
        let warning = warning.checked().ok_or_else(|| broken_rule("a warning longer than warnings are"))?;
        Ok(RunEvent::Warning(warning))
    }
}

/// Returns a name for the record of a call, cut to [`MAX_RECORDED_NAME_BYTES`].
fn shorten_name(name: &str) -> String {
    if name.len() <= MAX_RECORDED_NAME_BYTES {
        return name.to_owned();
    }
    let (start, _) = name.split_at(name.floor_char_boundary(MAX_RECORDED_NAME_BYTES - '…'.len_utf8()));
    format!("{start}…")
}
