//! The messages of a Worker's runner.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::calls::WorkerCalls;
use super::link::{RunnerLink, SLACK_CPU_US, micros};
use crate::job::{ViolationSink, WorkerJob};
use crate::process::broker::remote_run::checks::{broken_rule, check_error, max_frame_bytes};
use crate::process::protocol::frames::FrameBuffer;
use crate::process::protocol::messages::FromRunner;
use crate::stop::StopReason;
use crate::worker::exchange::Exchanges;
use crate::worker::protocol::FromWorker;
use crate::worker::rpc::MAX_VALUE_BYTES;
use crate::{Limits, RunError, error};

/// The end of a Worker's process, as the driver saw it.
#[derive(Debug)]
pub(super) enum End {
    /// It closed its socket.
    Closed,
    /// It said why it ends: the request at fault, or 0, and the error of that.
    Reported(u32, RunError),
    /// It broke a rule.
    Violation(io::Error),
    /// It does not do what it must, in time.
    Unresponsive(&'static str),
}

/// Reads a runner's messages and makes its calls.
pub(super) struct Driver {
    pub(super) link: Arc<RunnerLink>,
    pub(super) exchanges: Arc<Exchanges>,
    limits: Limits,
    start_limits: Limits,
    pub(super) violated: ViolationSink,
    /// Taken when the start has succeeded or failed. A copy has started already.
    pub(super) ready: Option<oneshot::Sender<Result<(), RunError>>>,
    calls: WorkerCalls,
    /// The number of messages that say only that turns end.
    alive: u64,
}

impl Driver {
    pub(super) fn new(
        link: Arc<RunnerLink>,
        exchanges: Arc<Exchanges>,
        job: &WorkerJob,
        ready: Option<oneshot::Sender<Result<(), RunError>>>,
    ) -> Self {
        Self {
            link,
            exchanges,
            limits: job.limits.clone(),
            start_limits: job.start_limits.clone(),
            violated: job.violated.clone(),
            ready,
            calls: WorkerCalls::new(job),
            alive: 0,
        }
    }

    /// Returns the limits that hold at present.
    pub(super) fn limits(&self) -> &Limits {
        if self.ready.is_some() { &self.start_limits } else { &self.limits }
    }

    /// Handles messages until the process ends or has to be ended.
    pub(super) async fn serve(&mut self) -> End {
        let (link, exchanges) = (self.link.clone(), self.exchanges.clone());
        let mut received =
            FrameBuffer::with_max_frame(max_frame_bytes(&self.limits).max(MAX_VALUE_BYTES + (1 << 20)));
        let (writing, overdue) = (link.write_rest(), exchanges.overdue());
        tokio::pin!(writing, overdue);
        loop {
            loop {
                match received.take().and_then(|message| match message {
                    Some(message) => self.handle(message).map(Some),
                    None => Ok(None),
                }) {
                    Ok(Some(ControlFlow::Continue(()))) => {}
                    Ok(Some(ControlFlow::Break(end))) => return end,
                    Ok(None) => break,
                    Err(broken) => return End::Violation(broken),
                }
            }
            exchanges.settle();
            tokio::select! {
                biased;
                // First, as a message that has arrived may be the one that is overdue.
                readable = link.runner.stream().readable() => {
                    if readable.is_err() {
                        return End::Closed;
                    }
                    match link.receive(received.tail()) {
                        Ok(0) => return End::Closed,
                        Ok(_) => link.active.store(true, Ordering::Relaxed),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return End::Closed,
                    }
                }
                (call, answer) = self.calls.next() => link.send_answer(call, answer),
                reason = &mut writing => return End::Unresponsive(reason),
                () = &mut overdue => return End::Unresponsive("it does not end a request"),
            }
        }
    }

    fn handle(&mut self, message: FromRunner) -> io::Result<ControlFlow<End>> {
        match message {
            FromRunner::FromWorker(message) => self.handle_worker(message)?,
            FromRunner::Call { call, request, server, operation } => {
                self.exchanges.count_call(request).map_err(broken_rule)?;
                self.calls.start(call, request, server, operation)?;
            }
            FromRunner::WorkerReady => {
                let ready = self.ready.take().ok_or_else(|| broken_rule("twice that it is ready"))?;
                self.link.has_started(&self.limits);
                let _ = ready.send(Ok(()));
            }
            FromRunner::WorkerFailed { error } => {
                check_error(&error).map_err(broken_rule)?;
                if self.ready.is_none() {
                    return Err(broken_rule("that its start failed after it was ready"));
                }
                return Ok(ControlFlow::Break(End::Reported(0, error)));
            }
            FromRunner::Stopped { reason, request } => {
                let reason = StopReason::from_u8(reason)
                    .filter(|reason| matches!(reason, StopReason::Cpu | StopReason::Memory))
                    .ok_or_else(|| broken_rule("a limit that does not stop a Worker"))?;
                let error = error::stopped_worker(reason, self.limits());
                return Ok(ControlFlow::Break(End::Reported(request, error)));
            }
            FromRunner::Alive => self.note_alive()?,
            FromRunner::Log { .. }
            | FromRunner::UnsentCall { .. }
            | FromRunner::Warning { .. }
            | FromRunner::Done { .. } => return Err(broken_rule("a message of a script")),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn handle_worker(&mut self, mut message: FromWorker) -> io::Result<()> {
        match &mut message {
            FromWorker::Log { line, .. } if !line.at_ms.is_finite() => line.at_ms = 0.0,
            FromWorker::Failed { error, .. } => check_error(error).map_err(broken_rule)?,
            FromWorker::Ended { id, .. } => self.calls.end_request(*id),
            _ => {}
        }
        self.exchanges.receive(message).map_err(broken_rule)
    }

    /// Counts a message that says only that turns end. A process sends one after each half of the
    /// CPU time of a request.
    fn note_alive(&mut self) -> io::Result<()> {
        self.alive += 1;
        let used = self.alive.saturating_mul(micros(self.limits.cpu) / 2);
        let most = self.link.total_cpu.load(Ordering::Relaxed).saturating_add(2 * micros(self.limits.cpu));
        if used > most.saturating_add(SLACK_CPU_US) {
            return Err(broken_rule("that turns end, more often than it has CPU time"));
        }
        Ok(())
    }
}
