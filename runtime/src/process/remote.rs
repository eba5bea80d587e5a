//! A run in a runner process, from the broker's side.
//!
//! It is driven by whoever waits for its events: no task of its own, nothing shared but the queue for a runner. Dropping
//! it ends the process and cancels its calls.
//!
//! The runner is not believed: calls are counted again, logs measured, a result must be JSON within the limit, and what
//! breaks these rules ends as `crashed`.

#[cfg(all(test, target_os = "linux"))]
mod hostile;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::io::Interest;
use tokio::sync::oneshot;

use super::broker::{Broker, Runner};
use super::frames::{self, Arrived, Blob, EncodeError, FromRunner, ToRunner};
use crate::limits::{ARGUMENTS, IN_FLIGHT, NAME};
use crate::report::Outcome;
use crate::state::{CANCELLED, LINE, milliseconds, recorded, to_ms};
use crate::watchdog::Watch;
use crate::{
    CallRecord, Catalogue, ErrorCode, Limits, RunError, RunEvent, Stats, ToolFailure, ToolHost, ToolRequest,
    fault,
};

/// How often a run that no runner has begun is given to another one.
const PLACEMENTS: u32 = 3;

/// A run that computed in silence for longer is not begun again: it may be what killed its runner.
const AGAIN_WITHIN: Duration = Duration::from_secs(1);

/// A run waits for a zygote for so long, if none is there at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run, queued or running.
pub(crate) struct RemoteRun {
    broker: Arc<Broker>,
    stage: Stage,
    since: Instant,
    placements: u32,
}

/// What a runner is to do; kept until it has begun, for another one in case it never does.
pub(crate) struct Errand {
    /// The frame that says it.
    pub(crate) frame: Vec<u8>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) catalogue_id: u64,
    pub(crate) host: Arc<dyn ToolHost>,
    pub(crate) limits: Limits,
}

enum Stage {
    Waiting(Box<Errand>, oneshot::Receiver<Runner>),
    Running(Box<Live>),
    /// It failed before it began.
    Failed(Box<RunError>),
    /// It has ended; this is still to be told.
    Ended(VecDeque<RunEvent>),
    Done,
}

/// A call's number and its answer.
type Answered = (u32, Result<Vec<u8>, ToolFailure>);

/// A call on its way.
struct Flight {
    server: String,
    tool: String,
    /// Of its arguments.
    bytes: usize,
    sent: Instant,
}

impl Flight {
    fn record(self, error: Option<String>) -> RunEvent {
        let ms = milliseconds(self.sent);
        let Self { server, tool, .. } = self;
        RunEvent::Call(CallRecord { server, tool, ms, ok: error.is_none(), error })
    }
}

struct Live {
    errand: Box<Errand>,
    runner: Runner,
    _watch: Watch,
    started: Instant,
    queued_ms: f64,
    /// Whether the runner has said anything.
    begun: bool,
    calls: FuturesUnordered<BoxFuture<'static, Answered>>,
    in_flight: HashMap<u32, Flight>,
    /// Of the arguments of calls in flight.
    in_flight_bytes: usize,
    /// Calls, with those that it says it never sent: its caller is told of each.
    called: u32,
    logged: usize,
    arrived: Arrived,
    to_send: Vec<u8>,
    sent: usize,
}

impl RemoteRun {
    pub(crate) fn new(broker: Arc<Broker>, errand: Result<Errand, RunError>) -> Self {
        let mut run = Self { broker, stage: Stage::Done, since: Instant::now(), placements: 0 };
        run.stage = match errand {
            Ok(errand) => run.place(Box::new(errand)),
            Err(error) => Stage::Failed(Box::new(error)),
        };
        run
    }

    /// The next event; the last is [`RunEvent::Done`]. May be dropped and called again at any time.
    pub(crate) async fn next(&mut self) -> RunEvent {
        loop {
            match &mut self.stage {
                Stage::Waiting(_, runner) => {
                    let runner = match tokio::time::timeout(PATIENCE, runner).await {
                        Ok(runner) => runner,
                        Err(_) if self.broker.is_barren() => {
                            self.stage = Stage::Failed(Box::new(nowhere()));
                            continue;
                        }
                        // All runners are busy, or one that was asked for has not come.
                        Err(_) => {
                            self.broker.ask_again();
                            continue;
                        }
                    };
                    let Stage::Waiting(errand, _) = std::mem::replace(&mut self.stage, Stage::Done) else {
                        continue;
                    };
                    self.stage = match runner {
                        Ok(runner) => self.begin(errand, runner),
                        // The broker goes with the engine; then nobody is left to run anything.
                        Err(_) => Stage::Failed(Box::new(ended())),
                    };
                }
                Stage::Running(live) => {
                    let said = match live.next().await {
                        Ok(Some(event)) if !matches!(event, RunEvent::Done(_)) => return event,
                        said => said,
                    };
                    let Stage::Running(live) = std::mem::replace(&mut self.stage, Stage::Done) else {
                        continue;
                    };
                    let outcome = match said {
                        Ok(Some(RunEvent::Done(outcome))) => *outcome,
                        Ok(Some(_)) => continue,
                        Ok(None) => match live.runner.process().ended_for() {
                            Some((reason, used)) => {
                                let stats = Stats { cpu_ms: to_ms(used), ..live.stats() };
                                Outcome { result: Err(fault::stopped(reason, &live.errand.limits)), stats }
                            }
                            // It has done nothing that anybody could have seen: no call, no line.
                            None if !live.begun
                                && self.placements < PLACEMENTS
                                && live.started.elapsed() < AGAIN_WITHIN =>
                            {
                                self.stage = self.place(live.errand);
                                continue;
                            }
                            None => Outcome { result: Err(ended()), stats: live.stats() },
                        },
                        Err(wrong) => {
                            let pid = live.runner.process().pid();
                            tracing::warn!(pid, error = %wrong, "a runner broke the rules; it is ended");
                            Outcome { result: Err(ended()), stats: live.stats() }
                        }
                    };
                    self.stage = Stage::Ended(live.last_events(outcome));
                }
                Stage::Ended(events) => {
                    if let Some(event) = events.pop_front() {
                        return event;
                    }
                    self.stage = Stage::Done;
                }
                Stage::Failed(error) => {
                    let result = Err((**error).clone());
                    self.stage = Stage::Done;
                    return RunEvent::Done(Box::new(Outcome { result, stats: Stats::default() }));
                }
                Stage::Done => std::future::pending().await,
            }
        }
    }

    /// Begins at once if a runner is ready, whether or not anybody waits for events yet.
    fn place(&mut self, errand: Box<Errand>) -> Stage {
        let mut runner = self.broker.request();
        match runner.try_recv() {
            Ok(runner) => self.begin(errand, runner),
            Err(_) => Stage::Waiting(errand, runner),
        }
    }

    fn begin(&mut self, errand: Box<Errand>, runner: Runner) -> Stage {
        self.placements += 1;
        let mut to_send = Vec::new();
        if !runner.knows(errand.catalogue_id) {
            let catalogue = (*errand.catalogue).clone();
            match frames::encode(&ToRunner::Catalogue { id: errand.catalogue_id, catalogue }) {
                Ok(frame) => to_send = frame,
                Err(error) => return Stage::Failed(Box::new(too_large(&error))),
            }
        }
        to_send.extend_from_slice(&errand.frame);
        let watch = self.broker.watch(&runner, &errand.limits);
        let mut live = Live::new(errand, runner, watch, milliseconds(self.since), to_send);
        // Most frames fit into the socket at once; what does not goes when there is room.
        live.send();
        Stage::Running(Box::new(live))
    }
}

impl Live {
    fn new(errand: Box<Errand>, runner: Runner, watch: Watch, queued_ms: f64, to_send: Vec<u8>) -> Self {
        let arrived = Arrived::of_at_most(longest(&errand.limits));
        Self {
            errand,
            runner,
            _watch: watch,
            started: Instant::now(),
            queued_ms,
            begun: false,
            calls: FuturesUnordered::new(),
            in_flight: HashMap::new(),
            in_flight_bytes: 0,
            called: 0,
            logged: 0,
            arrived,
            to_send,
            sent: 0,
        }
    }

    /// The next event that the runner tells of; `None` when it has ended.
    async fn next(&mut self) -> io::Result<Option<RunEvent>> {
        loop {
            while let Some(message) = self.arrived.take()? {
                self.begun = true;
                if let Some(event) = self.hear(message)? {
                    return Ok(Some(event));
                }
            }
            let sending = self.sent < self.to_send.len();
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
                Some((call, answer)) = self.calls.next(), if !self.calls.is_empty() => {
                    // Told of here and not by the runner, which may end before it knows: the call has taken effect.
                    let error = answer.as_ref().err().map(recorded);
                    self.answer(call, answer);
                    self.send();
                    if let Some(flight) = self.in_flight.remove(&call) {
                        self.in_flight_bytes -= flight.bytes;
                        return Ok(Some(flight.record(error)));
                    }
                }
            }
        }
    }

    fn answer(&mut self, call: u32, mut answer: Result<Vec<u8>, ToolFailure>) {
        // Answers that the script does not take are its own memory, so to say, and bounded like it. To leave them where
        // they come from would bound nothing: the server has sent them.
        let waiting = self.to_send.len() - self.sent;
        if waiting > 0 && waiting.saturating_add(length(&answer)) > self.errand.limits.heap_bytes {
            let failure = ToolFailure::new(
                "The tool's answer was dropped: answers that the script has not taken yet fill its memory limit.",
            );
            answer = Err(failure.with_hint("Make fewer calls at once, or ask each for less."));
        }
        let frame = frames::fits(answer.as_ref().map_or(0, Vec::len))
            .and_then(|()| frames::encode(&ToRunner::Answer { call, answer: answer.map(Blob) }))
            .or_else(|error| {
                let failure = ToolFailure::new(format!("The tool's answer is too large: {error}."))
                    .with_hint("Ask for less: a page, a filter, fewer fields.");
                frames::encode(&ToRunner::Answer { call, answer: Err(failure) })
            });
        self.to_send.extend(frame.unwrap_or_default());
    }

    /// Sends what fits. A runner that is gone hears no more, but what it said before it went has yet to be read: how its
    /// run ended, most likely.
    fn send(&mut self) {
        while self.sent < self.to_send.len() {
            match self.runner.stream().try_write(&self.to_send[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.to_send = Vec::new();
        self.sent = 0;
    }

    fn receive(&mut self) -> io::Result<usize> {
        let room = self.arrived.room();
        room.reserve(4 << 10);
        self.runner.stream().try_read_buf(room)
    }

    fn hear(&mut self, message: FromRunner) -> io::Result<Option<RunEvent>> {
        let limits = &self.errand.limits;
        match message {
            FromRunner::Log { line } => {
                self.logged = self.logged.saturating_add(line.text.len()).saturating_add(LINE);
                if self.logged > limits.log_bytes {
                    return Err(broken("more logs than the limit"));
                }
                Ok(Some(RunEvent::Log(line)))
            }
            FromRunner::Call { call, server, operation } => {
                self.called += 1;
                if self.called > limits.calls || self.in_flight.len() >= limits.parallel_calls as usize {
                    return Err(broken("more calls than the limit"));
                }
                let (name, arguments) = operation.carries();
                if server.len().max(name.len()) > NAME || arguments.len() > ARGUMENTS {
                    return Err(broken("a call longer than calls are"));
                }
                let bytes = arguments.len();
                self.in_flight_bytes += bytes;
                if self.in_flight_bytes > IN_FLIGHT {
                    return Err(broken("more at once than calls may carry"));
                }
                let tool = operation.label().to_owned();
                let flight = Flight { server: server.clone(), tool, bytes, sent: Instant::now() };
                if self.in_flight.insert(call, flight).is_some() {
                    return Err(broken("a call's number twice"));
                }
                let answer = self.errand.host.call(ToolRequest { server, operation, timeout: limits.call });
                self.calls.push(Box::pin(async move { (call, answer.await) }));
                Ok(None)
            }
            FromRunner::Unsent { record } => {
                self.called += 1;
                if self.called > limits.calls || record.is_longer_than(RECORD) {
                    return Err(broken("more about calls than there can be"));
                }
                Ok(Some(RunEvent::Call(record.into())))
            }
            FromRunner::Done { mut outcome } => {
                check(&outcome, limits).map_err(broken)?;
                // Whole microseconds again, as a sum of floats is not.
                let queued_ms = outcome.stats.queued_ms + self.queued_ms;
                outcome.stats.queued_ms = (queued_ms * 1000.0).round() / 1000.0;
                Ok(Some(RunEvent::Done(Box::new(outcome))))
            }
        }
    }

    /// The calls that the run's end cancels, and the end.
    fn last_events(self, outcome: Outcome) -> VecDeque<RunEvent> {
        let mut calls: Vec<_> = self.in_flight.into_iter().collect();
        calls.sort_by_key(|(call, _)| *call);
        let calls = calls.into_iter().map(|(_, flight)| flight.record(Some(CANCELLED.into())));
        calls.chain([RunEvent::Done(Box::new(outcome))]).collect()
    }

    /// What can be told of a run whose process is gone.
    fn stats(&self) -> Stats {
        Stats { wall_ms: milliseconds(self.started), queued_ms: self.queued_ms, ..Stats::default() }
    }
}

/// The most that a record of one call may say: names and a message. A runner's own are far below.
const RECORD: usize = 2 * NAME + (64 << 10);

/// The longest frame that a run with these limits can send: a call, a result, a line of logs or an error.
fn longest(limits: &Limits) -> usize {
    const AROUND: usize = 1 << 20;
    ARGUMENTS.max(limits.result_bytes).max(limits.log_bytes).saturating_add(AROUND)
}

/// About how much of the broker's memory an answer takes until it is sent.
fn length(answer: &Result<Vec<u8>, ToolFailure>) -> usize {
    match answer {
        Ok(json) => json.len(),
        Err(ToolFailure { message, hint, result }) => {
            message.len() + hint.as_ref().map_or(0, String::len) + result.as_ref().map_or(0, Vec::len)
        }
    }
}

/// What a runner says of a run's end goes to the caller as it is, so it must be what it claims to be.
fn check(outcome: &Outcome, limits: &Limits) -> Result<(), &'static str> {
    match &outcome.result {
        Ok(json) if json.len() > limits.result_bytes => Err("a result over the limit"),
        Ok(json) if serde_json::from_str::<&serde_json::value::RawValue>(json).is_err() => {
            Err("a result that is no JSON")
        }
        Ok(_) => Ok(()),
        Err(error) => {
            let texts = [Some(&error.name), Some(&error.message), error.frame.as_ref(), error.hint.as_ref()];
            let length: usize = texts.into_iter().flatten().map(String::len).sum();
            // Each is cut to 16 KiB characters where it is made.
            if length > 512 << 10 { Err("an error longer than errors are") } else { Ok(()) }
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it sent {what}"))
}

/// The process ended and nobody ended it.
fn ended() -> RunError {
    RunError::new(ErrorCode::Crashed, "CrashedError", "The process that ran the script ended before the script did.")
        .with_hint(
            "Most often a script ends its process by using memory in one piece. Run it again; if it crashes again, make \
             it use less memory at once.",
        )
}

/// The script, its input or the catalogue is larger than a frame.
pub(crate) fn too_large(error: &EncodeError) -> RunError {
    let message = format!("The script and its input are too large: {error}.");
    RunError::new(ErrorCode::MemoryLimit, "MemoryLimitError", message)
        .with_hint("Give the script less input: a part, or a reference that a tool can look up.")
}

/// There is no zygote, and there has been none for long.
fn nowhere() -> RunError {
    RunError::new(ErrorCode::Crashed, "CrashedError", "No process that could run the script has started.")
        .with_hint(
            "This is no fault of the script's. isolet goes on trying; its log says why they do not start.",
        )
}
