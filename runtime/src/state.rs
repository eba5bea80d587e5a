//! What a run knows of itself while it runs: calls in flight, logs, its result.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::control::{Control, StopReason};
use crate::limits::{ARGUMENTS, IN_FLIGHT, NAME};
use crate::outlet::Outlet;
use crate::turns::Inbound;
use crate::unknown::{self, Unknown};
use crate::{
    CallRecord, Catalogue, HttpResponse, Limits, LogLevel, LogLine, Operation, Outcome, RunError, RunEvent,
    ToolFailure, ToolRequest,
};

/// What is in a run's `env`.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) vars: serde_json::Map<String, serde_json::Value>,
    pub(crate) catalogue: Arc<Catalogue>,
}

/// Kept in the isolate's slot, where natives find it.
pub(crate) struct RunState {
    pub(crate) names: Names,
    pub(crate) limits: Limits,
    pub(crate) control: Arc<Control>,
    pub(crate) wake_at: Option<f64>,
    /// A Worker's requests that have no answer yet, and answers that are to be sent after the turn.
    pub(crate) replies: HashMap<u32, crate::worker::Reply>,
    pub(crate) responses: Vec<(u32, Result<HttpResponse, RunError>)>,
    outcome: Option<Result<String, RunError>>,
    outlet: Box<dyn Outlet>,
    inbound: Sender<Inbound>,
    started: Instant,
    log_bytes: usize,
    calls: u32,
    next_id: u32,
    in_flight: HashMap<u32, Flight>,
    /// Of the arguments of calls in flight.
    in_flight_bytes: usize,
    waiting: VecDeque<(u32, ToolRequest, Option<Site>)>,
}

/// Where in the script a call was made: line and column from 1.
pub(crate) type Site = (u32, u32);

/// A call that has been sent.
struct Flight {
    server: String,
    tool: String,
    /// Of its arguments.
    bytes: usize,
    sent: Instant,
    site: Option<Site>,
    /// Dropping it cancels the call.
    _cancel: Box<dyn Any + Send>,
}

impl RunState {
    pub(crate) fn new(
        names: Names,
        limits: Limits,
        control: Arc<Control>,
        outlet: Box<dyn Outlet>,
        inbound: Sender<Inbound>,
    ) -> Self {
        Self {
            names,
            limits,
            control,
            wake_at: None,
            replies: HashMap::new(),
            responses: Vec::new(),
            outcome: None,
            outlet,
            inbound,
            started: Instant::now(),
            log_bytes: 0,
            calls: 0,
            next_id: 0,
            in_flight: HashMap::new(),
            in_flight_bytes: 0,
            waiting: VecDeque::new(),
        }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn elapsed_ms(&self) -> f64 {
        milliseconds(self.started)
    }

    /// Sends a call, or lines it up behind those in flight.
    pub(crate) fn call(
        &mut self,
        server: String,
        operation: Operation,
        site: Option<Site>,
    ) -> Result<u32, Unknown> {
        let catalogue = &self.names.catalogue;
        let Some((exact, tools)) = catalogue.server(&server) else {
            return Err(unknown::server(catalogue, &server));
        };
        let (name, arguments) = operation.carries();
        if arguments.len() > ARGUMENTS {
            return Err(unknown::too_large("input", arguments.len(), ARGUMENTS));
        }
        if name.len() > NAME && !matches!(operation, Operation::Call { .. } | Operation::RawCall { .. }) {
            return Err(unknown::too_large("name", name.len(), NAME));
        }
        let operation = match operation {
            Operation::Call { tool, arguments } => match tools.resolve(&tool) {
                Some(name) => Operation::Call { tool: name.to_owned(), arguments },
                None => return Err(unknown::tool(exact, tools, &tool)),
            },
            Operation::RawCall { tool, arguments } => match tools.resolve(&tool) {
                Some(name) => Operation::RawCall { tool: name.to_owned(), arguments },
                None => return Err(unknown::tool(exact, tools, &tool)),
            },
            other => other,
        };
        self.calls += 1;
        self.next_id += 1;
        let id = self.next_id;
        if self.calls > self.limits.calls {
            self.control.stop(StopReason::Calls);
            return Ok(id);
        }
        let request = ToolRequest { server: exact.to_owned(), operation, timeout: self.limits.call };
        if self.has_room_for(&request) {
            self.send(id, request, site);
        } else {
            self.waiting.push_back((id, request, site));
        }
        Ok(id)
    }

    fn has_room_for(&self, request: &ToolRequest) -> bool {
        self.in_flight.len() < self.limits.parallel_calls as usize
            && self.in_flight_bytes + request.operation.carries().1.len() <= IN_FLIGHT
    }

    fn send(&mut self, id: u32, request: ToolRequest, site: Option<Site>) {
        let bytes = request.operation.carries().1.len();
        self.in_flight_bytes += bytes;
        let server = request.server.clone();
        let tool = request.operation.label().to_owned();
        let cancel = self.outlet.call(id, request, &self.inbound);
        self.in_flight
            .insert(id, Flight { server, tool, bytes, sent: Instant::now(), site, _cancel: cancel });
    }

    /// Notes that a call has its answer. Says where the call was made.
    pub(crate) fn note_answer(&mut self, id: u32, answer: &Result<Vec<u8>, ToolFailure>) -> Option<Site> {
        let flight = self.in_flight.remove(&id)?;
        self.in_flight_bytes -= flight.bytes;
        self.record(&flight, answer.as_ref().err().map(recorded));
        flight.site
    }

    /// Notes that a call has its answer, and sends the next in line. Says where the call was made.
    pub(crate) fn answered(&mut self, id: u32, answer: &Result<Vec<u8>, ToolFailure>) -> Option<Site> {
        let site = self.note_answer(id, answer);
        while self.waiting.front().is_some_and(|(_, request, _)| self.has_room_for(request))
            && let Some((id, request, site)) = self.waiting.pop_front()
        {
            self.send(id, request, site);
        }
        site
    }

    fn record(&self, flight: &Flight, error: Option<String>) {
        self.outlet.event(RunEvent::Call(CallRecord {
            server: flight.server.clone(),
            tool: flight.tool.clone(),
            ms: milliseconds(flight.sent),
            ok: error.is_none(),
            error,
        }));
    }

    /// Cancels what is still in flight, upstream too, and says so in the report.
    pub(crate) fn cancel_calls(&mut self) {
        for (_, request, _) in std::mem::take(&mut self.waiting) {
            self.outlet.unsent(CallRecord {
                tool: request.operation.label().to_owned(),
                server: request.server,
                ms: 0.0,
                ok: false,
                error: Some("not sent: the run ended while it waited behind the calls in flight".into()),
            });
        }
        for (_, flight) in std::mem::take(&mut self.in_flight) {
            self.record(&flight, Some(CANCELLED.into()));
        }
    }

    /// Whether anything can still happen: an answer or a timer.
    pub(crate) fn expects(&self) -> bool {
        !self.in_flight.is_empty() || self.wake_at.is_some()
    }

    /// A Worker takes a request: what is counted per request begins again.
    pub(crate) fn begin_request(&mut self, id: u32, reply: crate::worker::Reply) {
        self.replies.insert(id, reply);
        self.calls = 0;
        self.log_bytes = 0;
    }

    /// Charges a log line; `false` if it passes the limit.
    pub(crate) fn charge_log(&mut self, bytes: usize) -> bool {
        self.log_bytes = self.log_bytes.saturating_add(bytes).saturating_add(LINE);
        self.log_bytes <= self.limits.log_bytes
    }

    pub(crate) fn log(&mut self, level: LogLevel, text: String) {
        let at_ms = self.elapsed_ms();
        self.outlet.event(RunEvent::Log(LogLine { level, text, at_ms }));
    }

    /// Tells the run's owner that it is over.
    pub(crate) fn report(&self, outcome: Outcome) {
        self.outlet.event(RunEvent::Done(Box::new(outcome)));
    }

    /// Notes the run's end; the first one counts.
    pub(crate) fn settle(&mut self, outcome: Result<String, RunError>) {
        self.outcome.get_or_insert(outcome);
    }

    pub(crate) fn take_outcome(&mut self) -> Option<Result<String, RunError>> {
        self.outcome.take()
    }
}

/// What is recorded of a call that its run's end cancelled.
pub(crate) const CANCELLED: &str = "cancelled: the run ended before this call was answered";

/// What is recorded of a call that failed. An upstream's message can be long; the script gets it whole, the record its
/// beginning.
pub(crate) fn recorded(failure: &ToolFailure) -> String {
    const LONGEST: usize = 2000;
    failure.message.chars().take(LONGEST).collect()
}

/// What a line of logs is charged besides its text: as a JSON object in a report it has as much around it.
pub(crate) const LINE: usize = 64;

/// Milliseconds since `from`, with microseconds as fraction.
pub(crate) fn milliseconds(from: Instant) -> f64 {
    to_ms(from.elapsed())
}

/// A duration in milliseconds, with microseconds as fraction.
pub(crate) fn to_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
