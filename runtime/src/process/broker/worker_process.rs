//! A Worker in a runner of its own, from the broker's side.
//!
//! ```text
//!  start ── Worker ──► evaluating ── WorkerReady ──► serving ──── memory is high ────► retiring
//!                          │                           │  │                               │
//!               WorkerFailed, limit on the start       │  └─ limit, violation, crash      │ no request left,
//!                          ▼                           ▼                                  ▼ or the Worker is dropped
//!                        failed                 closed: requests fail ─────────────────► killed
//! ```
//!
//! The broker does not trust the runner: it checks the sizes and counts of messages as it does for
//! a run, and the bodies in [`Exchanges`].

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::FuturesUnordered;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use super::remote_run::checks::{answer_bytes, argument_bytes, broken_rule, check_result, max_frame_bytes};
use super::runner_handle::RunnerHandle;
use super::runner_pool::RunnerPool;
use super::worker_limits::WorkerLimits;
use crate::blob::Blob;
use crate::job::WorkerJob;
use crate::limits::MAX_IN_FLIGHT_BYTES;
use crate::process::protocol::frames::{self, FrameBuffer};
use crate::process::protocol::messages::{FromRunner, ToRunner, WorkerStart};
use crate::run_channel::AbortOnDrop;
use crate::stop::StopReason;
use crate::watchdog::Watch;
use crate::worker::Instance;
use crate::worker::exchange::{Exchanges, ended};
use crate::worker::protocol::{FromWorker, ToWorker};
use crate::{Catalogue, ErrorCode, RunError, ToolFailure, ToolHost, ToolRequest, error};

/// The time within which a runner must be there for a Worker.
const RUNNER_TIMEOUT: Duration = Duration::from_secs(20);

/// The bytes for a Worker that it has not read, above which it gets no fetched body but is ended.
/// One that reads has at most its windows there.
const MAX_UNREAD_BYTES: usize = 64 << 20;

/// A Worker's process. Dropping it ends the process.
pub(crate) struct WorkerProcess {
    exchanges: Arc<Exchanges>,
    link: Arc<RunnerLink>,
    _watch: Watch,
    _task: AbortOnDrop,
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.link.runner.process().kill();
    }
}

impl Instance for WorkerProcess {
    fn exchanges(&self) -> &Arc<Exchanges> {
        &self.exchanges
    }

    fn takes_requests(&self) -> bool {
        !self.link.closed.load(Ordering::Relaxed) && !self.link.retiring.load(Ordering::Relaxed)
    }
}

/// The connection to the runner.
pub(super) struct RunnerLink {
    pub(super) runner: RunnerHandle,
    /// The bytes that did not fit into the socket.
    to_send: Mutex<Vec<u8>>,
    /// Notified when there are such bytes.
    has_rest: Notify,
    /// Set when a message arrives: a turn has ended.
    pub(super) active: AtomicBool,
    /// The CPU time that a turn may use, in microseconds.
    pub(super) turn_cpu: AtomicU64,
    /// The CPU time that the process may use for all requests so far, in microseconds.
    pub(super) total_cpu: AtomicU64,
    /// Set when the process uses much memory: it gets no more requests.
    pub(super) retiring: AtomicBool,
    /// Set when the process is ending.
    closed: AtomicBool,
}

impl RunnerLink {
    fn to_send(&self) -> MutexGuard<'_, Vec<u8>> {
        self.to_send.lock()
    }

    /// Sends a message, now or when there is space in the socket. If it is too long, nothing is
    /// sent.
    fn send(&self, message: &ToRunner) {
        let mut to_send = self.to_send();
        let is_first = to_send.is_empty();
        if frames::append(message, &mut to_send).is_ok() && is_first {
            self.write(&mut to_send);
            if !to_send.is_empty() {
                self.has_rest.notify_one();
            }
        }
    }

    /// Writes what fits into the socket.
    fn write(&self, to_send: &mut Vec<u8>) {
        let mut sent = 0;
        while sent < to_send.len() {
            match self.runner.stream().try_write(&to_send[sent..]) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The process is ending, which the reader notices.
                Err(_) => sent = to_send.len(),
            }
        }
        to_send.drain(..sent);
    }

    /// Writes the rest whenever there is some.
    async fn write_rest(&self) {
        loop {
            self.has_rest.notified().await;
            while !self.to_send().is_empty() {
                if self.runner.stream().writable().await.is_err() {
                    return;
                }
                let mut to_send = self.to_send();
                self.write(&mut to_send);
            }
        }
    }
}

impl WorkerProcess {
    /// Gives the Worker to a runner, and waits until its modules were evaluated.
    pub(crate) async fn start(pool: &Arc<RunnerPool>, job: &WorkerJob) -> Result<Self, RunError> {
        let catalogue = &job.environment.catalogue;
        let catalogue_id = pool.number_catalogue(catalogue);
        let start = WorkerStart {
            catalogue: catalogue_id,
            main: job.main.clone(),
            modules: job.modules.to_vec(),
            vars: serde_json::Value::Object(job.environment.vars.clone()).to_string(),
            fetchers: job.fetcher_names().to_vec(),
            start_limits: job.start_limits.clone(),
            limits: job.limits.clone(),
        };
        let runner = match tokio::time::timeout(RUNNER_TIMEOUT, pool.request_runner()).await {
            Ok(Ok(runner)) => runner,
            Ok(Err(_)) | Err(_) => return Err(no_process()),
        };
        let has_catalogue = runner.has_catalogue(catalogue_id);
        let link = Arc::new(RunnerLink {
            runner,
            to_send: Mutex::default(),
            has_rest: Notify::new(),
            active: AtomicBool::new(false),
            turn_cpu: AtomicU64::new(micros(job.start_limits.cpu)),
            total_cpu: AtomicU64::new(micros(job.start_limits.cpu + job.limits.cpu)),
            retiring: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let (to, request_cpu) = (link.clone(), micros(job.limits.cpu));
        let exchanges = Exchanges::new(
            Box::new(move |message| {
                if matches!(message, ToWorker::Request { .. }) {
                    to.total_cpu.fetch_add(request_cpu, Ordering::Relaxed);
                }
                let is_fetched = matches!(message, ToWorker::Fetched { .. } | ToWorker::FetchChunk { .. });
                if is_fetched && to.to_send().len() > MAX_UNREAD_BYTES {
                    to.runner.process().kill();
                }
                to.send(&ToRunner::ToWorker(message));
            }),
            job.log.clone(),
            job.fetches(pool.tokio.clone()),
        );
        let watch = pool.watch_worker(WorkerLimits::new(link.clone(), pool.heap_bytes()));
        if !has_catalogue {
            link.send(&ToRunner::Catalogue { id: catalogue_id, catalogue: Catalogue::clone(catalogue) });
        }
        link.send(&ToRunner::Worker(Box::new(start)));
        let (ready, is_ready) = oneshot::channel();
        let driver = Driver {
            link: link.clone(),
            exchanges: exchanges.clone(),
            host: job.environment.host.clone(),
            limits: job.limits.clone(),
            start_limits: job.start_limits.clone(),
            ready: Some(ready),
            answers: FuturesUnordered::new(),
            calls: HashMap::new(),
            in_flight_bytes: 0,
            call_count: 0,
            log_bytes: 0,
            stopped: None,
        };
        let task = AbortOnDrop(pool.tokio.spawn(driver.drive(pool.clone())).abort_handle());
        let process = Self { exchanges, link, _watch: watch, _task: task };
        match tokio::time::timeout(job.start_limits.wall, is_ready).await {
            Ok(Ok(Ok(()))) => Ok(process),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(error::stopped(StopReason::Wall, &job.start_limits)),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4)
}

fn no_process() -> RunError {
    let text = "No process that could run the Worker has started.";
    RunError::new(ErrorCode::Crashed, "CrashedError", text)
        .with_hint("isolet goes on trying to start one; its log has the reason why none starts.")
}

/// The runner's number of a call, and the answer; `None` if the call was cancelled.
type NumberedAnswer = (u32, Option<Result<Vec<u8>, ToolFailure>>);

/// The task that reads a runner's messages and makes its calls.
struct Driver {
    link: Arc<RunnerLink>,
    exchanges: Arc<Exchanges>,
    host: Arc<dyn ToolHost>,
    limits: crate::Limits,
    start_limits: crate::Limits,
    ready: Option<oneshot::Sender<Result<(), RunError>>>,
    answers: FuturesUnordered<BoxFuture<'static, NumberedAnswer>>,
    /// The calls in flight: what cancels each, and the length of its arguments.
    calls: HashMap<u32, (AbortHandle, usize)>,
    in_flight_bytes: usize,
    call_count: u64,
    log_bytes: u64,
    /// The limit that stopped the Worker, and the request at fault.
    stopped: Option<(StopReason, u32)>,
}

impl Driver {
    /// Handles messages until the runner has ended or broken a rule, and closes its requests.
    async fn drive(mut self, pool: Arc<RunnerPool>) {
        let result = self.serve().await;
        self.link.closed.store(true, Ordering::Relaxed);
        let process = self.link.runner.process();
        let limits = if self.ready.is_some() { &self.start_limits } else { &self.limits };
        let only = self.exchanges.only_request();
        let (culprit, error) = match (result, self.stopped, process.kill_reason()) {
            (Err(error), _, _) => {
                tracing::warn!(pid = process.pid(), %error, "violation: a Worker's process broke the rules; it is ended");
                (only, violation())
            }
            (Ok(()), Some((reason, request)), _) => (request, error::stopped(reason, limits)),
            // Without its word it is not known which of several requests was at fault.
            (Ok(()), None, Some(reason)) => (only, error::stopped(reason, limits)),
            (Ok(()), None, None) if pool.ended_by_forbidden_call(&self.link.runner).await => {
                tracing::warn!(
                    pid = process.pid(),
                    "violation: a Worker's process made a system call that no Worker makes; the kernel ended it (SIGSYS)"
                );
                (only, violation())
            }
            (Ok(()), None, None) => (0, ended()),
        };
        process.kill();
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Err(error.clone()));
        }
        self.exchanges.close(culprit, &error);
    }

    /// Handles messages until the runner closes its socket.
    async fn serve(&mut self) -> io::Result<()> {
        let link = self.link.clone();
        let mut received = FrameBuffer::with_max_frame(max_frame_bytes(&self.limits));
        let writing = link.write_rest();
        tokio::pin!(writing);
        loop {
            while let Some(message) = received.take()? {
                self.handle(message)?;
            }
            tokio::select! {
                readable = link.runner.stream().readable() => {
                    readable?;
                    let tail = received.tail();
                    tail.reserve(16 << 10);
                    match link.runner.stream().try_read_buf(tail) {
                        Ok(0) => return Ok(()),
                        Ok(_) => link.active.store(true, Ordering::Relaxed),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
                () = &mut writing => return Ok(()),
                Some((call, answer)) = self.answers.next(), if !self.answers.is_empty() => self.answer(call, answer),
            }
        }
    }

    fn handle(&mut self, message: FromRunner) -> io::Result<()> {
        match message {
            FromRunner::FromWorker(message) => self.handle_worker(message),
            FromRunner::Call { call, server, operation } => {
                let bytes = argument_bytes(&server, &operation)?;
                self.call_count += 1;
                self.in_flight_bytes += bytes;
                if self.calls.len() >= self.limits.concurrent_calls as usize
                    || self.in_flight_bytes > MAX_IN_FLIGHT_BYTES
                    || self.call_count > self.exchanges.begun().saturating_mul(self.limits.calls.into())
                {
                    return Err(broken_rule("more calls than the limit"));
                }
                let request = ToolRequest { server, operation, timeout: self.limits.call_timeout };
                let (cancel, registration) = AbortHandle::new_pair();
                if self.calls.insert(call, (cancel, bytes)).is_some() {
                    return Err(broken_rule("a call's number twice"));
                }
                let answer = Abortable::new(self.host.call(request), registration);
                self.answers.push(Box::pin(async move { (call, answer.await.ok()) }));
                Ok(())
            }
            FromRunner::CancelCall { call } => {
                if let Some((cancel, _)) = self.calls.get(&call) {
                    cancel.abort();
                }
                Ok(())
            }
            FromRunner::WorkerReady => {
                self.link.turn_cpu.store(micros(self.limits.cpu), Ordering::Relaxed);
                self.ready
                    .take()
                    .map(|ready| _ = ready.send(Ok(())))
                    .ok_or_else(|| broken_rule("twice that it is ready"))
            }
            FromRunner::WorkerFailed { error } => {
                check_result(&Err(error.clone()), &self.limits).map_err(broken_rule)?;
                self.ready
                    .take()
                    .map(|ready| _ = ready.send(Err(error)))
                    .ok_or_else(|| broken_rule("that its start failed after it was ready"))
            }
            FromRunner::Stopped { reason, request } => {
                let reason = StopReason::from_u8(reason).ok_or_else(|| broken_rule("an unknown limit"))?;
                self.stopped = Some((reason, request));
                Ok(())
            }
            FromRunner::Alive => Ok(()),
            FromRunner::Log { .. }
            | FromRunner::UnsentCall { .. }
            | FromRunner::Warning { .. }
            | FromRunner::Done { .. } => Err(broken_rule("a message of a script")),
        }
    }

    fn handle_worker(&mut self, mut message: FromWorker) -> io::Result<()> {
        match &mut message {
            FromWorker::Log { line, .. } => {
                self.log_bytes = self.log_bytes.saturating_add(line.text.len() as u64);
                // Each request may log as much, and say that it is too much.
                let most = (self.exchanges.begun() + 1).saturating_mul(2 * self.limits.logs as u64 + 1024);
                if self.log_bytes > most {
                    return Err(broken_rule("more logs than the limit"));
                }
                if !line.at_ms.is_finite() {
                    line.at_ms = 0.0;
                }
            }
            FromWorker::Failed { error, .. } => {
                check_result(&Err(error.clone()), &self.limits).map_err(broken_rule)?;
            }
            _ => {}
        }
        self.exchanges.receive(message).map_err(broken_rule)
    }

    /// Sends the answer of a call, unless it was cancelled.
    fn answer(&mut self, call: u32, answer: Option<Result<Vec<u8>, ToolFailure>>) {
        let Some((_, bytes)) = self.calls.remove(&call) else { return };
        self.in_flight_bytes -= bytes;
        let Some(mut answer) = answer else { return };
        let unsent = self.link.to_send().len();
        if unsent > 0 && unsent.saturating_add(answer_bytes(&answer)) > self.limits.memory {
            let failure = ToolFailure::new(
                "The tool's answer was dropped: answers that the Worker has not taken yet fill its memory limit.",
            );
            answer = Err(failure.with_hint("Make fewer calls at once, or ask each for less."));
        }
        if let Err(too_long) = frames::check_size(answer.as_ref().map_or(0, Vec::len)) {
            let failure = ToolFailure::new(format!("The tool's answer is too large: {too_long}."));
            answer = Err(failure.with_hint("Ask for less: a page, a filter, fewer fields."));
        }
        self.link.send(&ToRunner::Answer { call, answer: answer.map(Blob) });
    }
}

fn violation() -> RunError {
    let text = "The process that ran the Worker did what no Worker has the means to do, and was ended.";
    RunError::new(ErrorCode::Violation, "ViolationError", text)
        .with_hint("Either the Worker breaks out of its engine, or isolet has a fault. Its operator finds more in the log.")
}
