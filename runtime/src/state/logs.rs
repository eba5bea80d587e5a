//! The counts of a run and of requests: calls and log lines, and their limits.

use super::RunState;
use crate::counts::{Counts, LOG_LINE_OVERHEAD_BYTES};
use crate::{LogLevel, LogLine, error};

/// The result of charging a log line.
pub(crate) enum LogCharge {
    /// The line may be logged.
    Fits,
    /// The line is dropped.
    Dropped,
    /// The run has logged too much.
    OverLimit,
}

impl RunState {
    /// Returns the counts of a request, or those of the run if there is none.
    pub(super) fn counts(&mut self, request: u32) -> &mut Counts {
        self.requests.get(request).map_or(&mut self.counts, |request| &mut request.counts)
    }

    /// Counts a call of any kind. Returns `false` if it is over the limit.
    pub(super) fn count_call(&mut self, request: u32) -> bool {
        let most = self.limits.calls;
        let counts = self.counts(request);
        counts.calls += 1;
        counts.calls <= most
    }

    /// Counts a fetch, or what counts as one.
    ///
    /// # Errors
    /// Returns the reason if the request has made as many as it may.
    pub(super) fn begin_call(&mut self, request: u32) -> Result<(), String> {
        if self.count_call(request) {
            return Ok(());
        }
        Err(format!("The request started more than {} calls and fetches.", self.limits.calls))
    }

    /// Charges a log line. A request of a Worker that has logged too much loses its further lines;
    /// a run is over its limit.
    pub(crate) fn charge_log(&mut self, request: u32, bytes: usize) -> LogCharge {
        let (limit, is_worker) = (self.limits.logs, self.is_worker);
        let used = &mut self.counts(request).log_bytes;
        let before = *used;
        *used = before.saturating_add(bytes).saturating_add(LOG_LINE_OVERHEAD_BYTES);
        if *used <= limit {
            return LogCharge::Fits;
        }
        if !is_worker {
            return LogCharge::OverLimit;
        }
        if before <= limit {
            *used = usize::MAX;
            let text =
                format!("The request logged more than {}: further lines are dropped.", error::bytes(limit));
            self.log(request, LogLevel::Warn, text);
        }
        LogCharge::Dropped
    }

    /// Charges a line, and logs it if it fits.
    pub(crate) fn log_within_limit(&mut self, request: u32, level: LogLevel, text: String) {
        if matches!(self.charge_log(request, text.len()), LogCharge::Fits) {
            self.log(request, level, text);
        }
    }

    /// Logs a line. `request` is the request of a Worker, or 0.
    pub(crate) fn log(&mut self, request: u32, level: LogLevel, text: String) {
        let at_ms = self.elapsed_ms();
        self.channel.log(request, LogLine { level, text, at_ms });
    }

    /// Returns `true` if the script has logged something.
    pub(crate) fn has_logged(&self) -> bool {
        self.counts.log_bytes > 0
    }
}
