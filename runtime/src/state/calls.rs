//! The calls of a run: those in flight, and those that wait behind them.

use std::time::Instant;

use super::{RunState, milliseconds};
use crate::calls::{CANCELLED, CallSite, InFlightCall, LastAnswer, NOT_SENT, UnawaitedCall, recorded_error};
use crate::limits::{MAX_ARGUMENTS_BYTES, MAX_IN_FLIGHT_BYTES, MAX_NAME_BYTES};
use crate::numbers;
use crate::stop::StopReason;
use crate::suggestions::{self, InvalidCall};
use crate::{CallRecord, CallStart, Operation, RunEvent, ToolFailure, ToolRequest};

/// A call that waits behind those in flight.
pub(super) struct WaitingCall {
    id: u32,
    tool: ToolRequest,
    site: Option<CallSite>,
    /// The request of a Worker, or 0.
    request: u32,
}

impl RunState {
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
                None => return Err(suggestions::tool(catalogue, exact, &tool)),
            },
            Operation::RawCall { tool, arguments } => match tools.resolve(&tool) {
                Some(name) => Operation::RawCall { tool: name.to_owned(), arguments },
                None => return Err(suggestions::tool(catalogue, exact, &tool)),
            },
            other => other,
        };
        let exact = exact.to_owned();
        if request != 0 && !self.requests.is_live(request) {
            return Err(suggestions::request_has_ended());
        }
        let over_limit = !self.count_call(request);
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
        let cancel = self.channel.call(id, of_request, request, &self.inbound);
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
    pub(super) fn send_waiting(&mut self) {
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

    pub(super) fn record(&self, call: u32, flight: &InFlightCall, error: Option<String>) {
        self.channel.event(RunEvent::Call(CallRecord {
            call,
            server: flight.server.clone(),
            tool: flight.tool.clone(),
            ms: milliseconds(flight.sent),
            ok: error.is_none(),
            error,
        }));
    }

    /// Cancels the calls of a request of a Worker. Returns their numbers.
    pub(super) fn cancel_calls_of(&mut self, request: u32) -> Vec<u32> {
        let of_request = self.in_flight.iter().filter(|(_, call)| call.request == request);
        let mut cancelled: Vec<u32> = of_request.map(|(call, _)| *call).collect();
        for call in &cancelled {
            if let Some(flight) = self.in_flight.remove(call) {
                self.in_flight_bytes -= flight.bytes;
                self.record(*call, &flight, Some(CANCELLED.into()));
            }
        }
        cancelled.extend(self.waiting.iter().filter(|call| call.request == request).map(|call| call.id));
        self.waiting.retain(|call| call.request != request);
        cancelled
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
}
