//! The state of a run, in a slot of its isolate.
//!
//! | module | contents |
//! |---|---|
//! | `calls` | the calls in flight and those that wait |
//! | `fetches` | the fetches of a Worker through its bindings |
//! | `loaders` | the Workers that a Worker loads |
//! | `logs` | log lines, and their limit |
//! | `sockets` | the WebSockets of a Worker |
//! | `requests` | the requests of a Worker: what its code says of each |
//! | `rpc` | the calls that a Worker makes to others |

mod calls;
mod fetches;
mod loaders;
mod logs;
mod requests;
mod rpc;
mod sockets;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use self::calls::WaitingCall;
pub(crate) use self::logs::LogCharge;
use crate::calls::{InFlightCall, LastAnswer, UnawaitedCall};
use crate::counts::Counts;
use crate::messages::Inbound;
use crate::natives::{codecs, html};
use crate::run_channel::RunChannel;
use crate::stop::{self, RunControl};
use crate::worker::requests::Requests;
use crate::{Catalogue, Limits, Outcome, RunError, RunEvent, Warning};

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
    /// The place of the code that rejected it.
    pub(crate) place: Option<ScriptPlace>,
}

/// A place in the text of a script or module, as V8 has compiled it.
pub(crate) struct ScriptPlace {
    pub(crate) module: String,
    /// Line and column from 1.
    pub(crate) place: (u32, u32),
}

/// The state of a run, in a slot of the isolate where host functions find it.
pub(crate) struct RunState {
    pub(crate) names: ScriptEnv,
    pub(crate) limits: Limits,
    pub(crate) control: Arc<RunControl>,
    pub(crate) wake_at: Option<f64>,
    /// `true` while a Worker's modules are evaluated.
    pub(crate) is_starting: bool,
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
    /// The calls of a Worker to others.
    rpc: rpc::Calls,
    /// The Workers that a Worker has loaded.
    loaded: loaders::LoadedWorkers,
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
            is_starting: false,
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
            rpc: rpc::Calls::default(),
            loaded: loaders::LoadedWorkers::default(),
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

    /// Returns `true` if an answer, a piece of a fetched body, a call or a timer is pending.
    pub(crate) fn expects(&self) -> bool {
        !self.in_flight.is_empty()
            || self.wake_at.is_some()
            || self.fetches.expect()
            || self.rpc.expect()
            || self.requests.are_held()
    }

    /// Makes this the state of a Worker, whose calls and logs are counted for each request.
    pub(crate) fn for_worker(mut self) -> Self {
        self.is_worker = true;
        self.is_starting = true;
        self
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

/// Returns the milliseconds since `from`, with microseconds as the fraction.
pub(crate) fn milliseconds(from: Instant) -> f64 {
    to_ms(from.elapsed())
}

/// Returns a duration in milliseconds, with microseconds as the fraction.
pub(crate) fn to_ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
