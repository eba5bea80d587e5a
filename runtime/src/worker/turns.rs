//! The event loop of a Worker's isolate: many requests, one turn at a time.
//!
//! ```text
//!  Request ──► running ── Response ──► sending ── BodyEnd ──► waitUntil ── settled ──► ended
//!                 │                       │                       └─ 30 s ──────────────► ended
//!                 ├─ error ───────────────┼─────────────────────► waitUntil
//!                 ├─ Cancel ──────────────┴── signal, cancel() ─► waitUntil
//!                 └─ nothing is pending in the isolate ──► an error, at once
//! ```
//!
//! A turn is the JavaScript of one message or timer, with its microtasks. Its CPU time is charged
//! to the request that it ran for.

mod calls;

use std::time::{Duration, Instant};

use v8::{Local, PinScope};

use super::protocol::{BodyStart, Entrypoint, FetchError, SocketKey, SocketPiece, ToWorker, monotonic_us};
use crate::js_interface::EntryFunctions;
use crate::messages::{Inbound, Inbox};
use crate::natives::worker::set_current_request;
use crate::shared_enums::{FetchEvent, RequestEvent, RpcEvent, SocketEvent};
use crate::state::RunState;
use crate::stop::{RunControl, StopReason};
use crate::thread_clock::ThreadClock;
use crate::{ErrorCode, LogLevel, RunError, event_loop, natives, rejections};

/// The longest wait for a message. The loop then looks again, and finds nothing new.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(3600);

/// The CPU time at the beginning of a turn.
pub(crate) struct TurnTime {
    /// The reading of the thread's clock after the turn before. Waiting takes next to none.
    pub(crate) used: Duration,
    /// The time that the request of the turn has left.
    pub(crate) left: Duration,
}

/// Serves requests until the isolate is stopped. Returns `None` if it has no state.
/// `watch` is called before each turn, and returns a guard for the turn.
pub(crate) fn serve<W>(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    control: &RunControl,
    inbox: &mut dyn Inbox,
    mut watch: impl FnMut(TurnTime) -> W,
) -> Option<StopReason> {
    let clock = ThreadClock::of_the_reader();
    let mut cpu_before = clock.read().unwrap_or_default();
    loop {
        if let Some(reason) = control.stopped() {
            return Some(reason);
        }
        let state = scope.get_slot_mut::<RunState>()?;
        let now = Instant::now();
        let due = state.wake_at.map(|at| state.started() + Duration::from_secs_f64(at / 1000.0));
        let is_due = due.is_some_and(|due| due <= now);
        let expired = state.requests.expired(now);
        let is_stuck = !is_due
            && !state.requests.is_empty()
            && !state.expects()
            && !state.requests.expect_body()
            && !state.requests.stuck().is_empty();
        let turn = if let Some(id) = expired.first() {
            Turn::Expire(
                *id,
                "The promises given to waitUntil() were not settled within 30 s after the response.",
            )
        } else if is_due {
            Turn::Tick
        } else {
            let until = state.requests.next_end().into_iter().chain(due).min();
            let wait = until.map_or(MAX_WAIT, |until| until.saturating_duration_since(now));
            match inbox.wait(if is_stuck { Duration::ZERO } else { wait }) {
                Some(received) => Turn::Message(received),
                None if is_stuck => Turn::Unstick,
                None => continue,
            }
        };
        let state = scope.get_slot_mut::<RunState>()?;
        let request = turn.request(state);
        state.set_turn(request);
        if turn.is_message() {
            state.renew_limits(request);
        }
        let left = state.limits.cpu.saturating_sub(state.requests.cpu(request));
        let guard = watch(TurnTime { used: cpu_before, left });
        take(scope, entries, turn);
        drop(guard);
        rejections::log(scope);
        let cpu = clock.read().unwrap_or_default();
        let state = scope.get_slot_mut::<RunState>()?;
        // An error outside of all requests, such as one of a timer's callback, is only logged.
        if let Some(Err(error)) = state.take_outcome() {
            state.log_within_limit(state.turn(), LogLevel::Error, error.to_string());
        }
        let used = state.requests.charge(state.turn(), cpu.saturating_sub(cpu_before));
        if used > state.limits.cpu && control.stopped().is_none() {
            control.stop(StopReason::Cpu);
        }
        cpu_before = cpu;
    }
}

/// The cause of a turn.
enum Turn {
    Message(Inbound),
    Tick,
    /// Ends a request, with a text for its log.
    Expire(u32, &'static str),
    /// Ends the requests that nothing can continue.
    Unstick,
}

impl Turn {
    /// Returns the request that the turn runs for, as far as is known before it.
    fn request(&self, state: &RunState) -> u32 {
        match self {
            Self::Message(Inbound::Worker(message)) => match message {
                ToWorker::Request { id, .. }
                | ToWorker::Scheduled { id, .. }
                | ToWorker::Chunk { id, .. }
                | ToWorker::BodyEnd { id, .. }
                | ToWorker::Credit { id, .. }
                | ToWorker::Cancel { id }
                | ToWorker::Call { id, .. }
                | ToWorker::ResultReleased { id } => *id,
                ToWorker::SocketPiece { socket, .. }
                | ToWorker::SocketCredit { socket, .. }
                | ToWorker::SocketClosed { socket, .. } => state.request_of_socket(*socket).unwrap_or(0),
                ToWorker::CallEnded { call, .. } => state.request_of_method_call(*call).unwrap_or(0),
                // JavaScript knows the request of the object.
                ToWorker::ObjectReleased { .. } => 0,
                ToWorker::FetchBodyCredit { call, .. }
                | ToWorker::FetchBodyRefused { call }
                | ToWorker::Fetched { call, .. }
                | ToWorker::FetchChunk { call, .. }
                | ToWorker::FetchEnd { call, .. } => state.request_of_fetch(*call).unwrap_or(0),
            },
            Self::Message(Inbound::Answer { id, .. }) => state.request_of_call(*id).unwrap_or(0),
            Self::Expire(id, _) => *id,
            Self::Message(Inbound::Stopped) | Self::Tick | Self::Unstick => 0,
        }
    }

    /// Returns `true` if a message of a request's WebSocket is complete. It may use the limits of a
    /// request.
    fn is_message(&self) -> bool {
        let Self::Message(Inbound::Worker(message)) = self else { return false };
        matches!(message, ToWorker::SocketPiece { socket: SocketKey::Request(_), piece } if piece.is_last)
    }
}

/// Runs one turn.
fn take(scope: &mut PinScope, entries: &EntryFunctions, turn: Turn) {
    match turn {
        Turn::Tick => {
            event_loop::tick(scope, entries);
            set_current_request(scope, 0);
        }
        Turn::Expire(id, text) => expire(scope, entries, id, text),
        Turn::Unstick => unstick(scope, entries),
        Turn::Message(Inbound::Answer { id, answer }) => {
            // The answer of a call that the end of its request has cancelled is dropped.
            if scope.get_slot::<RunState>().is_some_and(|state| state.request_of_call(id).is_some()) {
                event_loop::deliver(scope, entries, id, &answer);
            }
        }
        Turn::Message(Inbound::Worker(message)) => receive(scope, entries, message),
        Turn::Message(Inbound::Stopped) => {}
    }
}

fn receive(scope: &mut PinScope, entries: &EntryFunctions, message: ToWorker) {
    match message {
        ToWorker::Request { id, entrypoint, head, body, is_internal, sent_us } => {
            begin(scope, id, matches!(body, BodyStart::Stream), sent_us);
            note(scope, |state| state.requests.set_internal(id, is_internal));
            v8::scope!(let scope, scope);
            let headers = serde_json::to_string(&head.headers).unwrap_or_else(|_| "[]".into());
            // Another Worker has written the URL of its request. That of another request is parsed.
            let url = if is_internal { natives::url::href(&head.url) } else { head.url.as_str().into() };
            let Entrypoint { name, props } = &entrypoint;
            let texts = [&head.method, &*url, &headers, &head.cf, name, props];
            let texts = texts.map(|text| v8::String::new(scope, text).map(Local::<v8::Value>::from));
            let [Some(method), Some(url), Some(headers), Some(cf), Some(name), Some(props)] = texts else {
                return;
            };
            let content: Local<v8::Value> = match &body {
                BodyStart::Empty => v8::undefined(scope).into(),
                BodyStart::Whole(bytes) => natives::array_buffer(scope, &bytes.0),
                BodyStart::Stream => v8::Boolean::new(scope, true).into(),
                // No request has one.
                BodyStart::Socket | BodyStart::PassedSocket { .. } => return,
            };
            let number = v8::Integer::new_from_unsigned(scope, id).into();
            set_current_request(scope, id);
            let arguments = [number, method, url, headers, content, cf, name, props];
            event_loop::enter(scope, entries, &entries.fetch, &arguments);
            set_current_request(scope, 0);
        }
        ToWorker::Scheduled { id, cron, time_ms, sent_us } => {
            begin(scope, id, false, sent_us);
            v8::scope!(let scope, scope);
            let Some(cron) = v8::String::new(scope, &cron) else { return };
            let number = v8::Integer::new_from_unsigned(scope, id).into();
            let time = v8::Number::new(scope, time_ms).into();
            set_current_request(scope, id);
            event_loop::enter(scope, entries, &entries.scheduled, &[number, cron.into(), time]);
            set_current_request(scope, 0);
        }
        ToWorker::Chunk { id, bytes } => {
            note(scope, |state| state.requests.body_came(id, bytes.0.len()));
            v8::scope!(let scope, scope);
            let buffer = natives::array_buffer(scope, &bytes.0);
            progress(scope, entries, id, RequestEvent::Chunk, buffer);
        }
        ToWorker::BodyEnd { id, error } => {
            note(scope, |state| state.requests.body_ended(id));
            v8::scope!(let scope, scope);
            let text = error.and_then(|text| v8::String::new(scope, &text));
            match text {
                Some(text) => progress(scope, entries, id, RequestEvent::BodyError, text.into()),
                None => progress_plain(scope, entries, id, RequestEvent::BodyEnd),
            }
        }
        ToWorker::Credit { id, bytes } => {
            v8::scope!(let scope, scope);
            let bytes = v8::Integer::new_from_unsigned(scope, bytes).into();
            progress(scope, entries, id, RequestEvent::Credit, bytes);
        }
        ToWorker::SocketPiece { socket, piece } => socket_message(scope, entries, socket, piece),
        ToWorker::SocketCredit { socket, bytes } => {
            v8::scope!(let scope, scope);
            let bytes = v8::Integer::new_from_unsigned(scope, bytes).into();
            socket_event(scope, entries, socket, SocketEvent::Credit, bytes);
        }
        ToWorker::SocketClosed { socket, code, reason, is_lost } => {
            note(scope, |state| state.socket_closed(socket));
            v8::scope!(let scope, scope);
            let Some(text) = v8::String::new(scope, &format!("{code} {reason}")) else { return };
            let event = if is_lost { SocketEvent::Lost } else { SocketEvent::Closed };
            socket_event(scope, entries, socket, event, text.into());
        }
        ToWorker::Cancel { id } => {
            note(scope, |state| state.cancel_request(id));
            progress_plain(scope, entries, id, RequestEvent::Cancel);
            progress_plain(scope, entries, id, RequestEvent::Gone);
        }
        ToWorker::Call { id, receiver, path, arguments, sent_us } => {
            begin(scope, id, false, sent_us);
            set_current_request(scope, id);
            calls::called(scope, entries, id, receiver, &path, arguments);
            set_current_request(scope, 0);
        }
        ToWorker::CallEnded { call, end } => {
            // What comes after the end of the call's request is dropped.
            let request = scope.get_slot::<RunState>().and_then(|state| state.request_of_method_call(call));
            if let Some(request) = request {
                set_current_request(scope, request);
                calls::ended(scope, entries, call, end);
                set_current_request(scope, 0);
            }
        }
        ToWorker::ResultReleased { id } => {
            set_current_request(scope, id);
            calls::released(scope, entries, RpcEvent::ResultReleased, id);
            set_current_request(scope, 0);
        }
        ToWorker::ObjectReleased { object } => {
            calls::released(scope, entries, RpcEvent::ObjectReleased, object);
            set_current_request(scope, 0);
        }
        ToWorker::FetchBodyCredit { call, .. }
        | ToWorker::FetchBodyRefused { call }
        | ToWorker::Fetched { call, .. }
        | ToWorker::FetchChunk { call, .. }
        | ToWorker::FetchEnd { call, .. } => {
            // What comes after the end of the fetch's request is dropped.
            let request = scope.get_slot::<RunState>().and_then(|state| state.request_of_fetch(call));
            if let Some(request) = request {
                set_current_request(scope, request);
                fetched(scope, entries, call, message);
                set_current_request(scope, 0);
            }
        }
    }
}

/// Notes the arrival of a request.
fn begin(scope: &mut PinScope, id: u32, has_stream: bool, sent_us: u64) {
    let queued_us = monotonic_us().saturating_sub(sent_us);
    note(scope, |state| {
        state.begin_request(id, has_stream);
        if let Some(request) = state.requests.get(id) {
            request.queued_us = u32::try_from(queued_us).unwrap_or(u32::MAX);
        }
    });
}

/// Takes a piece of a message of a WebSocket. The Worker's code gets the whole message.
fn socket_message(scope: &mut PinScope, entries: &EntryFunctions, socket: SocketKey, piece: SocketPiece) {
    let is_text = piece.is_text;
    let message = scope.get_slot_mut::<RunState>().and_then(|state| state.socket_came(socket, piece));
    let Some(bytes) = message else { return };
    v8::scope!(let scope, scope);
    if !is_text {
        let buffer = natives::array_buffer(scope, &bytes);
        return socket_event(scope, entries, socket, SocketEvent::Bytes, buffer);
    }
    // The broker sends no other text than UTF-8.
    let text = v8::String::new_from_utf8(scope, &bytes, v8::NewStringType::Normal);
    if let Some(text) = text {
        socket_event(scope, entries, socket, SocketEvent::Text, text.into());
    }
}

/// Tells the Worker's code of an event of a WebSocket, unless its request has ended.
fn socket_event(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    socket: SocketKey,
    event: SocketEvent,
    value: Local<v8::Value>,
) {
    let request = scope.get_slot::<RunState>().and_then(|state| state.request_of_socket(socket));
    let Some(request) = request else { return };
    let kind = v8::Integer::new(scope, event as i32).into();
    let key = v8::Number::new(scope, socket.number()).into();
    set_current_request(scope, request);
    event_loop::enter(scope, entries, &entries.socket, &[kind, key, value]);
    set_current_request(scope, 0);
}

/// Tells the Worker's code what happened to a fetch.
fn fetched(scope: &mut PinScope, entries: &EntryFunctions, call: u32, message: ToWorker) {
    v8::scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let (mut value, mut head) = (undefined, undefined);
    let event = match message {
        ToWorker::Fetched { answer: Ok((answer, body)), .. } => {
            match &body {
                BodyStart::Stream => {
                    note(scope, |state| state.fetch_has_stream(call));
                    value = v8::Boolean::new(scope, true).into();
                }
                BodyStart::Whole(bytes) => value = natives::array_buffer(scope, &bytes.0),
                BodyStart::Socket => {
                    note(scope, |state| state.fetch_has_socket(call));
                    value = v8::null(scope).into();
                }
                BodyStart::Empty | BodyStart::PassedSocket { .. } => {}
            }
            if !matches!(body, BodyStart::Stream | BodyStart::Socket) {
                note(scope, |state| state.fetch_was_answered(call));
            }
            let text =
                serde_json::to_string(&(answer.status, &answer.status_text, &answer.headers, answer.encoded));
            let Some(text) = v8::String::new(scope, &text.unwrap_or_default()) else { return };
            head = text.into();
            FetchEvent::Response
        }
        ToWorker::FetchChunk { bytes, .. } => {
            note(scope, |state| state.fetch_came(call, bytes.0.len()));
            value = natives::array_buffer(scope, &bytes.0);
            FetchEvent::Chunk
        }
        ToWorker::FetchEnd { error: None, .. } => {
            note(scope, |state| state.fetch_was_answered(call));
            FetchEvent::End
        }
        ToWorker::FetchBodyCredit { bytes, .. } => {
            note(scope, |state| state.fetch_body_was_read(call, bytes));
            value = v8::Integer::new_from_unsigned(scope, bytes).into();
            FetchEvent::Credit
        }
        ToWorker::FetchBodyRefused { .. } => {
            note(scope, |state| state.fetch_body_refused(call));
            FetchEvent::Refused
        }
        ToWorker::Fetched { answer: Err(FetchError { name, message }), .. } => {
            note(scope, |state| state.end_fetch(call));
            let texts = [&message, &name].map(|text| v8::String::new(scope, text));
            let [Some(message), Some(name)] = texts else { return };
            (value, head) = (message.into(), name.into());
            FetchEvent::Failed
        }
        ToWorker::FetchEnd { error: Some(error), .. } => {
            note(scope, |state| state.end_fetch(call));
            let Some(text) = v8::String::new(scope, &error) else { return };
            value = text.into();
            FetchEvent::Failed
        }
        _ => return,
    };
    let kind = v8::Integer::new(scope, event as i32).into();
    let number = v8::Integer::new_from_unsigned(scope, call).into();
    event_loop::enter(scope, entries, &entries.fetched, &[kind, number, value, head]);
}

fn note(scope: &mut PinScope, note: impl FnOnce(&mut RunState)) {
    if let Some(state) = scope.get_slot_mut::<RunState>() {
        note(state);
    }
}

/// Tells the Worker's code of an event of a request.
fn progress(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    id: u32,
    event: RequestEvent,
    value: Local<v8::Value>,
) {
    let kind = v8::Integer::new(scope, event as i32).into();
    let number = v8::Integer::new_from_unsigned(scope, id).into();
    set_current_request(scope, id);
    event_loop::enter(scope, entries, &entries.progress, &[kind, number, value]);
    set_current_request(scope, 0);
}

fn progress_plain(scope: &mut PinScope, entries: &EntryFunctions, id: u32, event: RequestEvent) {
    v8::scope!(let scope, scope);
    let undefined = v8::undefined(scope).into();
    progress(scope, entries, id, event, undefined);
}

fn expire(scope: &mut PinScope, entries: &EntryFunctions, id: u32, text: &str) {
    note(scope, |state| state.log(id, LogLevel::Warn, text.to_owned()));
    progress_plain(scope, entries, id, RequestEvent::Expire);
    // In case the Worker's code was stopped: the request must not expire again.
    if scope.get_slot::<RunState>().is_some_and(|state| state.requests.is_live(id)) {
        note(scope, |state| _ = state.end_request(id));
    }
}

/// Ends the requests that nothing can continue: no timer, call or body is pending in the isolate.
fn unstick(scope: &mut PinScope, entries: &EntryFunctions) {
    let stuck = scope.get_slot::<RunState>().map(|state| state.requests.stuck()).unwrap_or_default();
    for (id, is_answered) in stuck {
        if is_answered {
            expire(
                scope,
                entries,
                id,
                "A promise given to waitUntil() can never be settled: nothing is pending.",
            );
            continue;
        }
        note(scope, |state| state.fail_request(id, never_answers()));
        progress_plain(scope, entries, id, RequestEvent::Expire);
    }
}

fn never_answers() -> RunError {
    RunError::new(
        ErrorCode::Exception,
        "DeadlockError",
        "The Worker would never answer: it awaits a promise that nothing can settle. No timer, call or body is pending.",
    )
    .with_hint("Look for a Promise whose resolve is never called.")
}
