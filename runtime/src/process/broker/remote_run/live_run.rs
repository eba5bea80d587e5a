//! A run that has a runner.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::io::Interest;

use super::checks::max_frame_bytes;
use super::pending_run::PendingRun;
use crate::calls::{CANCELLED, recorded_error};
use crate::process::broker::runner_handle::RunnerHandle;
use crate::process::broker::send_queue::SendQueue;
use crate::process::protocol::frames::FrameBuffer;
use crate::report::Outcome;
use crate::state::{milliseconds, to_ms};
use crate::stop::StopReason;
use crate::watchdog::Watch;
use crate::{CallRecord, Limits, RunError, RunEvent, Stats, ToolFailure};

/// The runner's number of a call, and the answer.
type NumberedAnswer = (u32, Result<Vec<u8>, ToolFailure>);

/// A call that was sent and not answered yet.
pub(super) struct InFlightCall {
    /// The call's number in the report. The runner's number of it may be anything.
    pub(super) number: u32,
    pub(super) server: String,
    pub(super) tool: String,
    pub(super) argument_bytes: usize,
    pub(super) sent: Instant,
}

impl InFlightCall {
    /// Returns the event that the call has ended.
    fn into_record(self, error: Option<String>) -> RunEvent {
        let ms = milliseconds(self.sent);
        let Self { number, server, tool, .. } = self;
        RunEvent::Call(CallRecord { call: number, server, tool, ms, ok: error.is_none(), error })
    }
}

/// A run and its runner.
pub(super) struct LiveRun {
    pub(super) pending: Box<PendingRun>,
    runner: RunnerHandle,
    _watch: Watch,
    pub(super) started: Instant,
    queued_ms: f64,
    /// `true` if the runner has sent a message.
    begun: bool,
    pub(super) answers: FuturesUnordered<BoxFuture<'static, NumberedAnswer>>,
    /// The calls in flight, by the runner's number.
    pub(super) in_flight: HashMap<u32, InFlightCall>,
    pub(super) in_flight_bytes: usize,
    /// The number of calls, with those that the runner reports as never sent.
    pub(super) calls: u32,
    /// The length of the log lines so far, in bytes.
    pub(super) log_bytes: usize,
    /// The number of warnings so far.
    pub(super) warnings: usize,
    received: FrameBuffer,
    to_send: SendQueue,
}

impl LiveRun {
    /// Creates the run of a runner; `to_send` has the frames that begin it.
    pub(super) fn new(
        pending: Box<PendingRun>,
        runner: RunnerHandle,
        watch: Watch,
        queued_ms: f64,
        to_send: SendQueue,
    ) -> Self {
        let received = FrameBuffer::with_max_frame(max_frame_bytes(&pending.limits));
        Self {
            pending,
            runner,
            _watch: watch,
            started: Instant::now(),
            queued_ms,
            begun: false,
            answers: FuturesUnordered::new(),
            in_flight: HashMap::new(),
            in_flight_bytes: 0,
            calls: 0,
            log_bytes: 0,
            warnings: 0,
            received,
            to_send,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.pending.limits
    }

    pub(super) fn runner(&self) -> &RunnerHandle {
        &self.runner
    }

    pub(super) fn pid(&self) -> u32 {
        self.runner.process().pid()
    }

    /// Returns the limit for which the broker has killed the runner.
    pub(super) fn kill_reason(&self) -> Option<StopReason> {
        self.runner.process().kill_reason()
    }

    /// Returns the time since the run was given to the runner.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns `true` if the runner has sent a message.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Drops the runner, and returns the run for another one.
    pub(super) fn into_pending(self) -> Box<PendingRun> {
        self.pending
    }

    /// Returns the next event, or `None` if the runner has closed its socket.
    ///
    /// # Errors
    /// Returns the rule that the runner broke.
    pub(super) async fn next(&mut self) -> io::Result<Option<RunEvent>> {
        loop {
            if let Some(message) = self.received.take()? {
                self.begun = true;
                return self.handle(message).map(Some);
            }
            let sending = !self.to_send.is_empty();
            let interest = if sending { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            tokio::select! {
                ready = self.runner.stream().ready(interest) => {
                    let ready = ready?;
                    if ready.is_writable() && sending {
                        self.send();
                    }
                    if ready.is_readable() || ready.is_read_closed() {
                        match self.receive() {
                            Ok(0) => return Ok(None),
                            Ok(_) => {}
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                            Err(_) => return Ok(None),
                        }
                    }
                }
                Some((call, answer)) = self.answers.next(), if !self.answers.is_empty() => {
                    // Reported here and not by the runner, which may end before it gets the answer:
                    // the call has taken effect.
                    let error = answer.as_ref().err().map(recorded_error);
                    self.to_send.push_answer(call, answer, self.pending.limits.memory);
                    self.send();
                    if let Some(call) = self.in_flight.remove(&call) {
                        self.in_flight_bytes -= call.argument_bytes;
                        return Ok(Some(call.into_record(error)));
                    }
                }
            }
        }
    }

    /// Sends what fits into the socket.
    pub(super) fn send(&mut self) {
        self.to_send.write(self.runner.stream());
    }

    fn receive(&mut self) -> io::Result<usize> {
        let tail = self.received.tail();
        tail.reserve(4 << 10);
        self.runner.stream().try_read_buf(tail)
    }

    /// Returns the outcome of a run that did not send one.
    pub(super) fn outcome(&self, result: Result<String, RunError>) -> Outcome {
        Outcome { result, stats: self.stats(None) }
    }

    /// Returns the last events: the calls that the end of the run cancels, and the outcome.
    pub(super) fn into_events(self, outcome: Outcome) -> VecDeque<RunEvent> {
        let mut calls: Vec<_> = self.in_flight.into_values().collect();
        calls.sort_by_key(|call| call.number);
        let calls = calls.into_iter().map(|call| call.into_record(Some(CANCELLED.into())));
        calls.chain([RunEvent::Done(Box::new(outcome))]).collect()
    }

    /// Returns the cost of the run, by the clocks of the broker and of the kernel. `claimed` is
    /// what the runner has sent. Only the runner knows the use of its heap, which is taken from it
    /// up to the limit. Its CPU time is taken from it only if its clock is gone, up to the wall
    /// time, as a runner has one thread.
    pub(super) fn stats(&self, claimed: Option<Stats>) -> Stats {
        let claimed = claimed.unwrap_or_default();
        let wall = self.started.elapsed();
        let claimed_ms = if claimed.cpu_ms.is_finite() { claimed.cpu_ms.max(0.0) } else { 0.0 };
        let cpu = Duration::try_from_secs_f64(claimed_ms / 1000.0).unwrap_or(wall).min(wall);
        let cpu_ms = to_ms(self.runner.process().cpu_of_run(cpu));
        let max_heap = self.limits().memory.saturating_add(crate::isolate::HEAP_GRACE_BYTES) as u64;
        Stats {
            // Read after the CPU clock, so that it is not less.
            wall_ms: milliseconds(self.started),
            cpu_ms,
            heap_bytes: claimed.heap_bytes.min(max_heap),
            queued_ms: self.queued_ms,
        }
    }
}
