//! The state of a run: calls in flight, logs, result.

mod fetches;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::blob::Blob;
use crate::calls::{CANCELLED, CallSite, InFlightCall, LastAnswer, NOT_SENT, UnawaitedCall, recorded_error};
use crate::limits::{MAX_ARGUMENTS_BYTES, MAX_IN_FLIGHT_BYTES, MAX_NAME_BYTES};
use crate::messages::Inbound;
use crate::natives::{codecs, html};
use crate::numbers;
use crate::run_channel::RunChannel;
use crate::stop::{self, ChargedMemory, RunControl, StopReason};
use crate::suggestions::{self, InvalidCall};
use crate::worker::compression::BodyEncoder;
use crate::worker::protocol::{BodyStart, FromWorker, ResponseHead};
use crate::worker::requests::Requests;
use crate::{
    CallRecord, CallStart, Catalogue, Limits, LogLevel, LogLine, Operation, Outcome, RunError, RunEvent,
    ToolFailure, ToolRequest, Warning, error,
};

/// The variables and names in a script's `env`.
#[derive(Clone)]
pub(crate) struct ScriptEnv {
    pub(crate) vars: serde_json::Map<String, serde_json::Value>,
    pub(crate) catalogue: Arc<Catalogue>,
}

/// A promise that was rejected without a handler, and the request that its code ran for.
pub(crate) struct RejectedPromise {
    pub(crate) promise: v8::Global<v8::Promise>,
    pub(crate) request: u32,
}

/// The result of charging a log line.
pub(crate) enum LogCharge {
    /// The line may be logged.
    Fits,
    /// The line is dropped.
    Dropped,
    /// The run has logged too much.
    OverLimit,
}

/// A call that waits behind those in flight.
struct WaitingCall {
    id: u32,
    tool: ToolRequest,
    site: Option<CallSite>,
    /// The request of a Worker, or 0.
    request: u32,
}

/// The state of a run, in a slot of the isolate where host functions find it.
pub(crate) struct RunState {
    pub(crate) names: ScriptEnv,
    pub(crate) limits: Limits,
    pub(crate) control: Arc<RunControl>,
    pub(crate) wake_at: Option<f64>,
    /// The requests of a Worker.
    pub(crate) requests: Requests,
    /// The request that the present turn runs for, or 0.
    turn: u32,
    /// `true` for a Worker.
    is_worker: bool,
    outcome: Option<Result<String, RunError>>,
    channel: Box<dyn RunChannel>,
    inbound: Sender<Inbound>,
    started: Instant,
    /// The counts of the run; of a Worker those outside of its requests.
    counts: Counts,
    next_id: u32,
    in_flight: HashMap<u32, InFlightCall>,
    /// The length of the arguments of all calls in flight.
    in_flight_bytes: usize,
    waiting: VecDeque<WaitingCall>,
    /// The fetches of a Worker through its bindings.
    fetches: fetches::Fetches,
    /// The warnings in order. They are sent at the end, with their positions in the caller's text.
    pub(crate) warnings: Vec<Warning>,
    /// Set if the result is `undefined`.
    pub(crate) undefined: bool,
    /// The call with the last answer.
    last_answered: Option<UnawaitedCall>,
    /// The last answer of a call that resolved.
    pub(crate) last_answer: Option<LastAnswer>,
    /// The calls that were not awaited when their answers came, or when the script failed.
    pub(crate) unawaited: Vec<(UnawaitedCall, v8::Global<v8::Promise>)>,
    /// The promises that were rejected and not handled.
    pub(crate) rejected: Vec<RejectedPromise>,
    /// The calls whose answers are parsed with exact integers.
    pub(crate) exact: HashSet<u32>,
    /// The streams that are being compressed or decompressed.
    pub(crate) codecs: codecs::Streams,
    /// The HTML documents that are being rewritten.
    pub(crate) html_rewriters: html::Rewriters,
    /// The tools for which a rounded number was reported.
    rounded: HashSet<(String, String)>,
}

/// The counts of a run, or of one request to a Worker, for which there are limits.
#[derive(Default)]
pub(crate) struct Counts {
    calls: u32,
    /// The length of the log lines, in bytes.
    log_bytes: usize,
}

impl RunState {
    pub(crate) fn new(
        names: ScriptEnv,
        limits: Limits,
        control: Arc<RunControl>,
        channel: Box<dyn RunChannel>,
        inbound: Sender<Inbound>,
    ) -> Self {
        Self {
            names,
            limits,
            control,
            wake_at: None,
            requests: Requests::default(),
            turn: 0,
            is_worker: false,
            outcome: None,
            channel,
            inbound,
            started: Instant::now(),
            counts: Counts::default(),
            next_id: 0,
            in_flight: HashMap::new(),
            in_flight_bytes: 0,
            waiting: VecDeque::new(),
            fetches: fetches::Fetches::default(),
            warnings: Vec::new(),
            undefined: false,
            last_answered: None,
            last_answer: None,
            unawaited: Vec::new(),
            rejected: Vec::new(),
            exact: HashSet::new(),
            codecs: codecs::Streams::default(),
            html_rewriters: html::Rewriters::default(),
            rounded: HashSet::new(),
        }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn elapsed_ms(&self) -> f64 {
        milliseconds(self.started)
    }

    /// Sends a call, or queues it behind those in flight. `request` is the request of a Worker for
    /// which it is made, or 0. Returns its number.
    pub(crate) fn call(
        &mut self,
        request: u32,
        server: String,
        operation: Operation,
        site: Option<CallSite>,
    ) -> Result<u32, InvalidCall> {
        let catalogue = &self.names.catalogue;
        let Some((exact, tools)) = catalogue.server(&server) else {
            return Err(suggestions::server(catalogue, &server));
        };
        let (name, arguments) = operation.carries();
        if arguments.len() > MAX_ARGUMENTS_BYTES {
            return Err(suggestions::too_large("input", arguments.len(), MAX_ARGUMENTS_BYTES));
        }
        if name.len() > MAX_NAME_BYTES
            && !matches!(operation, Operation::Call { .. } | Operation::RawCall { .. })
        {
            return Err(suggestions::too_large("name", name.len(), MAX_NAME_BYTES));
        }
        let operation = match operation {
            Operation::Call { tool, arguments } => match tools.resolve(&tool) {
                Some(name) => Operation::Call { tool: name.to_owned(), arguments },
                None => return Err(suggestions::tool(exact, tools, &tool)),
            },
            Operation::RawCall { tool, arguments } => match tools.resolve(&tool) {
                Some(name) => Operation::RawCall { tool: name.to_owned(), arguments },
                None => return Err(suggestions::tool(exact, tools, &tool)),
            },
            other => other,
        };
        let exact = exact.to_owned();
        let counts = self.counts(request);
        counts.calls += 1;
        let over_limit = counts.calls > self.limits.calls;
        self.next_id += 1;
        let id = self.next_id;
        if over_limit && self.is_worker {
            return Err(suggestions::too_many(self.limits.calls));
        }
        if over_limit {
            self.control.stop(StopReason::Calls);
            return Ok(id);
        }
        let tool = ToolRequest { server: exact, operation, timeout: self.limits.call_timeout };
        let call = WaitingCall { id, tool, site, request };
        if self.has_room_for(&call.tool) {
            self.send(call);
        } else {
            self.waiting.push_back(call);
        }
        Ok(id)
    }

    fn has_room_for(&self, request: &ToolRequest) -> bool {
        self.in_flight.len() < self.limits.concurrent_calls as usize
            && self.in_flight_bytes + request.operation.carries().1.len() <= MAX_IN_FLIGHT_BYTES
    }

    fn send(&mut self, call: WaitingCall) {
        let WaitingCall { id, tool: request, site, request: of_request } = call;
        let bytes = request.operation.carries().1.len();
        self.in_flight_bytes += bytes;
        let server = request.server.clone();
        let tool = request.operation.label().to_owned();
        let plain = matches!(request.operation, Operation::Call { .. });
        let start = CallStart { call: id, server: server.clone(), tool: tool.clone() };
        self.channel.event(RunEvent::CallStart(start));
        let cancel = self.channel.call(id, request, &self.inbound);
        self.in_flight.insert(
            id,
            InFlightCall {
                server,
                tool,
                bytes,
                plain,
                sent: Instant::now(),
                site,
                request: of_request,
                _cancel: cancel,
            },
        );
    }

    /// Notes the answer of a call. Returns the position of the call.
    pub(crate) fn note_answer(&mut self, id: u32, answer: &Result<Vec<u8>, ToolFailure>) -> Option<CallSite> {
        let flight = self.in_flight.remove(&id)?;
        self.in_flight_bytes -= flight.bytes;
        self.record(id, &flight, answer.as_ref().err().map(recorded_error));
        let InFlightCall { server, tool, site, .. } = flight;
        if let Ok(json) = answer {
            let head = json[..json.len().min(LastAnswer::MAX_HEAD_BYTES)].to_vec();
            self.last_answer = Some(LastAnswer { server: server.clone(), tool: tool.clone(), head });
        }
        self.last_answered = Some(UnawaitedCall { server, tool, site });
        site
    }

    /// Notes the answer of a call and sends queued calls. Returns the position of the call.
    pub(crate) fn answered(&mut self, id: u32, answer: &Result<Vec<u8>, ToolFailure>) -> Option<CallSite> {
        self.note_rounding(id, answer);
        let site = self.note_answer(id, answer);
        self.send_waiting();
        site
    }

    /// Sends the queued calls for which there is room.
    fn send_waiting(&mut self) {
        while self.waiting.front().is_some_and(|call| self.has_room_for(&call.tool))
            && let Some(call) = self.waiting.pop_front()
        {
            self.send(call);
        }
    }

    /// Returns the request of a call in flight.
    pub(crate) fn request_of_call(&self, id: u32) -> Option<u32> {
        self.in_flight.get(&id).map(|flight| flight.request)
    }

    /// Adds a warning about a rounded integer in an answer, once for each tool.
    fn note_rounding(&mut self, id: u32, answer: &Result<Vec<u8>, ToolFailure>) {
        let exact = self.exact.remove(&id);
        let Some(flight) = self.in_flight.get(&id).filter(|flight| flight.plain && !exact) else { return };
        let Some(rounded) = answer.as_ref().ok().and_then(|json| numbers::rounded(json)) else { return };
        let tool = (flight.server.clone(), flight.tool.clone());
        let warning = rounded.warning(&tool.0, &tool.1).at(flight.site);
        if self.rounded.insert(tool) {
            self.warn(warning);
        }
    }

    fn record(&self, call: u32, flight: &InFlightCall, error: Option<String>) {
        self.channel.event(RunEvent::Call(CallRecord {
            call,
            server: flight.server.clone(),
            tool: flight.tool.clone(),
            ms: milliseconds(flight.sent),
            ok: error.is_none(),
            error,
        }));
    }

    /// Cancels the calls in flight, upstream too, and records them.
    pub(crate) fn cancel_calls(&mut self) {
        for WaitingCall { id: call, tool: request, .. } in std::mem::take(&mut self.waiting) {
            self.channel.unsent(CallRecord {
                call,
                tool: request.operation.label().to_owned(),
                server: request.server,
                ms: 0.0,
                ok: false,
                error: Some(NOT_SENT.into()),
            });
        }
        for (call, flight) in std::mem::take(&mut self.in_flight) {
            self.record(call, &flight, Some(CANCELLED.into()));
        }
    }

    /// Returns `true` if an answer, a piece of a fetched body or a timer is pending.
    pub(crate) fn expects(&self) -> bool {
        !self.in_flight.is_empty() || self.wake_at.is_some() || self.fetches.expect()
    }

    /// Makes this the state of a Worker, whose calls and logs are counted for each request.
    pub(crate) fn for_worker(mut self) -> Self {
        self.is_worker = true;
        self
    }

    /// Starts a request to a Worker.
    pub(crate) fn begin_request(&mut self, id: u32, has_stream: bool) {
        self.requests.begin(id, has_stream);
        // What runs outside of requests may log and call again.
        self.counts = Counts::default();
    }

    /// Sets the request that the present turn runs for.
    pub(crate) fn set_turn(&mut self, request: u32) {
        stop::TURN.store(request, Ordering::Relaxed);
        self.turn = request;
    }

    /// Returns the request that the present turn runs for, or 0.
    pub(crate) fn turn(&self) -> u32 {
        self.turn
    }

    /// Sends a message to the owner of a Worker's requests.
    pub(crate) fn tell_owner(&self, message: FromWorker) {
        self.channel.worker(message);
    }

    /// Begins the response to a request.
    pub(crate) fn respond(&mut self, id: u32, mut head: ResponseHead, body: BodyStart) {
        let Some(request) = self.requests.get(id) else { return };
        request.is_answered = true;
        let body = match (body, BodyEncoder::of(&head)) {
            (BodyStart::Whole(Blob(plain)), Some(encoder)) => match encoder.encode_whole(&plain) {
                Ok(encoded) => BodyStart::Whole(Blob(encoded)),
                Err(_) => BodyStart::Whole(Blob(plain)),
            },
            (body, encoder) => {
                let memory = encoder.as_ref().map(|_| ChargedMemory::new(&self.control, codecs::STATE_BYTES));
                if matches!(memory, Some(None)) {
                    // There is no room for the encoder: the body stays plain.
                    head.headers.retain(|(name, _)| name != "content-encoding");
                }
                request.encoder = encoder.zip(memory.flatten());
                body
            }
        };
        self.channel.worker(FromWorker::Response { id, head, body });
    }

    /// Sends a piece of a response's body. Returns the number of bytes that were sent.
    pub(crate) fn send_body(&mut self, id: u32, bytes: Vec<u8>) -> usize {
        let encoder = self.requests.get(id).and_then(|request| request.encoder.as_mut());
        let bytes = match encoder.map(|(encoder, _)| encoder.encode(&bytes)) {
            Some(Ok(encoded)) => encoded,
            _ => bytes,
        };
        let sent = bytes.len();
        if sent > 0 {
            self.channel.worker(FromWorker::Chunk { id, bytes: Blob(bytes) });
        }
        sent
    }

    /// Ends a response's body, with a text if it broke off.
    pub(crate) fn end_body(&mut self, id: u32, error: Option<String>) {
        let encoder = self.requests.get(id).and_then(|request| request.encoder.take());
        if error.is_none()
            && let Some(Ok(end)) = encoder.map(|(encoder, _)| encoder.finish())
        {
            self.channel.worker(FromWorker::Chunk { id, bytes: Blob(end) });
        }
        self.channel.worker(FromWorker::BodyEnd { id, error });
    }

    /// Answers a request with an error.
    pub(crate) fn fail_request(&mut self, id: u32, error: RunError) {
        if let Some(request) = self.requests.get(id) {
            request.is_answered = true;
            self.channel.worker(FromWorker::Failed { id, error });
        }
    }

    /// Ends a request and cancels its calls and fetches. Returns the numbers of the calls.
    pub(crate) fn end_request(&mut self, id: u32) -> Vec<u32> {
        let queued_us = self.requests.get(id).map_or(0, |request| request.queued_us);
        self.requests.end(id);
        let mut cancelled: Vec<u32> =
            self.in_flight.iter().filter(|(_, call)| call.request == id).map(|(call, _)| *call).collect();
        for call in &cancelled {
            if let Some(flight) = self.in_flight.remove(call) {
                self.in_flight_bytes -= flight.bytes;
                self.record(*call, &flight, Some(CANCELLED.into()));
            }
        }
        cancelled.extend(self.waiting.iter().filter(|call| call.request == id).map(|call| call.id));
        self.waiting.retain(|call| call.request != id);
        self.send_waiting();
        self.end_fetches(id);
        self.channel.worker(FromWorker::Ended { id, queued_us });
        cancelled
    }

    /// Returns the counts of a request, or those of the run if there is none.
    fn counts(&mut self, request: u32) -> &mut Counts {
        self.requests.get(request).map_or(&mut self.counts, |request| &mut request.counts)
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

    /// Logs a line. `request` is the request of a Worker, or 0.
    pub(crate) fn log(&mut self, request: u32, level: LogLevel, text: String) {
        let at_ms = self.elapsed_ms();
        self.channel.log(request, LogLine { level, text, at_ms });
    }

    /// Adds a warning, unless it is a duplicate or there are too many.
    pub(crate) fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < Warning::MAX_COUNT && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Sends a warning to the run's owner.
    pub(crate) fn tell(&self, warning: Warning) {
        self.channel.event(RunEvent::Warning(warning));
    }

    /// Returns `true` if the script has logged something.
    pub(crate) fn has_logged(&self) -> bool {
        self.counts.log_bytes > 0
    }

    /// Notes a call that is not awaited. `call` is its number, or 0 for the call with the last
    /// answer.
    pub(crate) fn note_unawaited(&mut self, call: u32, promise: v8::Global<v8::Promise>) {
        const MAX_UNAWAITED_CALLS: usize = 20;
        let of_flight = |flight: &InFlightCall| UnawaitedCall {
            server: flight.server.clone(),
            tool: flight.tool.clone(),
            site: flight.site,
        };
        let unawaited =
            if call == 0 { self.last_answered.clone() } else { self.in_flight.get(&call).map(of_flight) };
        if let Some(unawaited) = unawaited
            && self.unawaited.len() < MAX_UNAWAITED_CALLS
        {
            self.unawaited.push((unawaited, promise));
        }
    }

    /// Returns the calls without an answer in order: server, tool, position.
    pub(crate) fn unanswered(&self) -> Vec<(&str, &str, Option<CallSite>)> {
        let mut sent: Vec<_> = self.in_flight.iter().collect();
        sent.sort_by_key(|(id, _)| **id);
        let sent =
            sent.into_iter().map(|(_, flight)| (flight.server.as_str(), flight.tool.as_str(), flight.site));
        let waiting = self
            .waiting
            .iter()
            .map(|call| (call.tool.server.as_str(), call.tool.operation.label(), call.site));
        sent.chain(waiting).collect()
    }

    /// Sends the outcome to the run's owner.
    pub(crate) fn report(&self, outcome: Outcome) {
        self.channel.event(RunEvent::Done(Box::new(outcome)));
    }

    /// Sets the outcome of the run. The first one counts.
    pub(crate) fn settle(&mut self, outcome: Result<String, RunError>) {
        self.outcome.get_or_insert(outcome);
    }

    pub(crate) fn take_outcome(&mut self) -> Option<Result<String, RunError>> {
        self.outcome.take()
    }
}

/// The bytes that a log line is charged in addition to its text, for the JSON around it in the
/// report.
pub(crate) const LOG_LINE_OVERHEAD_BYTES: usize = 64;

/// Returns the milliseconds since `from`, with microseconds as the fraction.
pub(crate) fn milliseconds(from: Instant) -> f64 {
    to_ms(from.elapsed())
}

/// Returns a duration in milliseconds, with microseconds as the fraction.
pub(crate) fn to_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
