//! Calls between Workers: those that one instance makes.
//!
//! The caller's process and that of the callee may both be hostile. Each names only what it was
//! given, by numbers of its own: this side knows what they stand for, counts them, and carries
//! values without looking inside.
//!
//! ```text
//!  Call ──► placing ── there is an instance ──► placed ── Returned, Failed, limit ──► CallEnded
//!              │ calls of the result wait          │ calls of the result go to the same instance
//!              └── CallReleased, or the end of the caller's request: Cancel ──► removed
//! ```
//!
//! | module | contents |
//! |---|---|
//! | `objects` | objects that others may call, and the stubs of one instance |
//! | `carried` | values on their way, and the bound on their memory |
//! | `placed` | a call that an instance has |

pub(super) mod carried;
pub(super) mod objects;
mod placed;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use parking_lot::Mutex;

use self::carried::Carried;
use self::objects::{RemoteObject, Stubs};
use self::placed::{Made, Origin, PlacedCall};
use super::rules::Broken;
use super::{Exchanges, PendingAnswer};
use crate::run_channel::AbortOnDrop;
use crate::worker::fetch_host::Destination;
use crate::worker::protocol::ToWorker;
use crate::worker::rpc::{CallEnd, Callee, MAX_CALLS, MAX_DEPTH, MAX_PATH_BYTES, Path, Receiver, SentValue};

/// The answer to a call: whether a value was thrown, and the value.
pub(crate) type Returned = (bool, Carried);

/// The calls of one instance, and what it has of others.
pub(super) struct Calls {
    live: Mutex<HashMap<u32, LiveCall>>,
    pub(super) stubs: Mutex<Stubs>,
    /// The number of objects of this instance that others have stubs of.
    pub(super) objects: AtomicUsize,
    /// The bytes of values that this instance sent and nobody has taken.
    pub(super) carried_bytes: Arc<AtomicUsize>,
    /// Held while a value is given to this instance: the next one waits until it has taken most.
    delivery: tokio::sync::Mutex<()>,
    /// The time limit of a call of this instance.
    wall: Duration,
}

/// A call that the caller has not released.
pub(super) struct LiveCall {
    /// The request that it ends with.
    context: u32,
    place: Place,
    /// The task that waits for an instance and for the answer.
    task: Option<AbortOnDrop>,
}

/// The instance of a call.
enum Place {
    /// There is none yet. Calls of the result wait.
    Placing(Vec<WaitingCall>),
    At(PlacedCall),
    /// There will be none, for a reason.
    Failed(String),
}

/// A call of the result of a call that has no instance yet.
struct WaitingCall {
    call: u32,
    origin: Origin,
    request: CallRequest,
}

/// A call whose receiver is known.
struct StartingCall {
    call: u32,
    receiver: Receiver,
    /// The request of the receiver's instance that made the receiver.
    of: u32,
    origin: Origin,
    request: CallRequest,
}

impl WaitingCall {
    /// Returns the call of the result of `event`.
    fn of(self, event: u32) -> StartingCall {
        let Self { call, origin, request } = self;
        StartingCall { call, receiver: Receiver::Result(event), of: event, origin, request }
    }
}

/// The call of a receiver, or the read of a property of it.
pub(crate) struct CallRequest {
    pub(crate) path: Path,
    pub(crate) arguments: Option<Carried>,
}

impl Calls {
    pub(super) fn new(wall: Duration) -> Self {
        Self {
            live: Mutex::default(),
            stubs: Mutex::default(),
            objects: AtomicUsize::new(0),
            carried_bytes: Arc::default(),
            delivery: tokio::sync::Mutex::default(),
            wall,
        }
    }

    /// Removes the calls and stubs of a request that has ended, to be given to
    /// [`Exchanges::drop_call`].
    pub(super) fn of_request(&self, context: u32) -> (Vec<LiveCall>, Vec<Arc<RemoteObject>>) {
        let is_of = |_: &u32, call: &mut LiveCall| call.context == context;
        let calls = self.live.lock().extract_if(is_of).map(|(_, call)| call).collect();
        (calls, self.stubs.lock().take_of(context))
    }

    /// Drops all calls and stubs.
    pub(super) fn close(&self) {
        let all = std::mem::take(&mut *self.live.lock());
        let stubs = std::mem::take(&mut *self.stubs.lock());
        drop((all, stubs));
    }
}

impl Exchanges {
    /// Begins a call for the request `id`.
    ///
    /// # Errors
    /// Returns the rule that the call breaks.
    pub(super) fn begin_call(
        self: &Arc<Self>,
        (id, call): (u32, u32),
        callee: Callee,
        path: Path,
        arguments: Option<SentValue>,
    ) -> Result<(), Broken> {
        let (context, depth, chain) = {
            let mut table = self.table();
            let request = table.known(id)?;
            let of = (request.context, request.depth, request.chain.clone());
            // Nothing would end what a request that has ended is given.
            table.known(of.0)?;
            of
        };
        let fetches = self.fetches()?;
        self.count_call(id)?;
        if path.size() > MAX_PATH_BYTES {
            return Err("a path longer than paths are");
        }
        let arguments = arguments.map(|value| self.carry(context, value)).transpose()?;
        {
            let live = self.calls.live.lock();
            if live.len() >= MAX_CALLS {
                return Err("more calls at once than the limit");
            }
            if live.contains_key(&call) {
                return Err("the number of a call twice");
            }
        }
        let arguments = match arguments.transpose() {
            Ok(arguments) => arguments,
            Err(text) => return self.fail_call(context, call, text),
        };
        let request = CallRequest { path, arguments };
        if depth >= MAX_DEPTH {
            let text = format!("More than {MAX_DEPTH} calls of Workers wait for each other.");
            return self.fail_call(context, call, text);
        }
        if let Err(error) = chain.enter_method() {
            return self.fail_call(context, call, error.message);
        }
        let origin = Origin { depth: depth + 1, chain };
        match callee {
            Callee::Target(target) => {
                let destination = match fetches.destination(target)? {
                    Ok(destination) => destination,
                    Err(text) => return self.fail_call(context, call, text),
                };
                let place = Place::Placing(Vec::new());
                // The lock is held until the task is in the table.
                let mut live = self.calls.live.lock();
                let placing = self.clone().place(call, context, destination, origin, request);
                let task = fetches.spawn(placing);
                live.insert(call, LiveCall { context, place, task: Some(task) });
            }
            Callee::Stub(stub) => {
                let object = self.calls.stubs.lock().object(stub).ok_or("a stub that it was not given")?;
                let live = LiveCall { context, place: Place::Placing(Vec::new()), task: None };
                self.calls.live.lock().insert(call, live);
                match object.owner() {
                    Some(owner) => {
                        let (receiver, of) = (Receiver::Object(object.number()), object.context());
                        self.start(&owner, [StartingCall { call, receiver, of, origin, request }]);
                    }
                    None => self.end_placing(call, gone()),
                }
            }
            Callee::Result(of) => {
                let mut live = self.calls.live.lock();
                let earlier = live.get_mut(&of).ok_or("the result of a call that it does not have")?;
                let next = WaitingCall { call, origin, request };
                let next = match &mut earlier.place {
                    Place::Placing(waiting) => {
                        waiting.push(next);
                        None
                    }
                    Place::At(placed) => match placed.callee() {
                        Some(callee) => Some(Ok((callee, next.of(placed.event())))),
                        None => Some(Err(gone())),
                    },
                    Place::Failed(text) => Some(Err(text.clone())),
                };
                live.insert(call, LiveCall { context, place: Place::Placing(Vec::new()), task: None });
                drop(live);
                match next {
                    None => {}
                    Some(Ok((callee, next))) => self.start(&callee, [next]),
                    Some(Err(text)) => self.end_placing(call, text),
                }
            }
        }
        Ok(())
    }

    /// Ends a call, at the word of its caller, who alone does so.
    ///
    /// # Errors
    /// There is no such call.
    pub(super) fn release_call(&self, call: u32) -> Result<(), Broken> {
        let released = self.calls.live.lock().remove(&call);
        self.drop_call(released.ok_or("the end of a call that it does not have")?);
        Ok(())
    }

    /// Drops a call that was removed. The instance of the callee is told; calls of the result that
    /// wait for one get an error: they may be of other requests.
    pub(super) fn drop_call(&self, LiveCall { place, task, .. }: LiveCall) {
        // Before the others are told: it gets no instance any more.
        drop(task);
        if let Place::Placing(waiting) = place {
            for WaitingCall { call, .. } in waiting {
                self.end_placing(call, "The call whose result this one calls was cancelled.".to_owned());
            }
        }
    }

    /// Drops a stub.
    ///
    /// # Errors
    /// There is no such stub.
    pub(super) fn release_stub(&self, stub: u32) -> Result<(), Broken> {
        let released = self.calls.stubs.lock().remove(stub);
        released.map(drop).ok_or("the end of a stub that it does not have")
    }

    /// Adds a call that has failed already.
    fn fail_call(self: &Arc<Self>, context: u32, call: u32, text: String) -> Result<(), Broken> {
        let place = Place::Failed(text.clone());
        self.calls.live.lock().insert(call, LiveCall { context, place, task: None });
        self.link.send(ToWorker::CallEnded { call, end: CallEnd::Failed(text) });
        Ok(())
    }

    /// Gives a call an instance of the Worker behind a binding, and waits for its answer.
    async fn place(
        self: Arc<Self>,
        call: u32,
        context: u32,
        Destination { worker, entrypoint }: Destination,
        origin: Origin,
        request: CallRequest,
    ) {
        let instance = match worker.place().await {
            Ok(instance) => instance,
            Err(error) => return self.end_placing(call, error.to_string()),
        };
        let callee = instance.exchanges().clone();
        let receiver = Receiver::Entrypoint { name: entrypoint.name, props: entrypoint.props };
        match callee.begin_event(receiver, Made::Now(instance), origin, request) {
            Ok((event, answer)) => {
                self.start(&callee, self.placed(call, &callee, event));
                self.deliver(call, context, callee.calls.wall, answer).await;
            }
            Err(text) => self.end_placing(call, text),
        }
    }

    /// Gives calls to an instance that has their receivers, in the order of the caller's messages,
    /// and then those that have waited for them. The caller chooses how long a chain of these is.
    fn start(self: &Arc<Self>, callee: &Arc<Self>, calls: impl IntoIterator<Item = StartingCall>) {
        let mut starting: VecDeque<_> = calls.into_iter().collect();
        while let Some(StartingCall { call, receiver, of, origin, request }) = starting.pop_front() {
            let context = match self.calls.live.lock().get(&call) {
                Some(live) => live.context,
                None => continue,
            };
            match callee.begin_event(receiver, Made::Before(of), origin, request) {
                Ok((event, answer)) => {
                    let delivery = self.clone().deliver(call, context, callee.calls.wall, answer);
                    let task = self.fetches.as_ref().map(|fetches| fetches.spawn(delivery));
                    if let Some(live) = self.calls.live.lock().get_mut(&call) {
                        live.task = task;
                    }
                    starting.extend(self.placed(call, callee, event));
                }
                Err(text) => self.end_placing(call, text),
            }
        }
    }

    /// Notes the instance of a call. Returns the calls that have waited for it.
    fn placed(
        &self,
        call: u32,
        callee: &Arc<Self>,
        event: u32,
    ) -> impl Iterator<Item = StartingCall> + use<> {
        let placed = Place::At(PlacedCall::new(callee, event));
        let before = match self.calls.live.lock().get_mut(&call) {
            Some(live) => std::mem::replace(&mut live.place, placed),
            None => placed,
        };
        let waiting = if let Place::Placing(waiting) = before { waiting } else { Vec::new() };
        waiting.into_iter().map(move |waiting| waiting.of(event))
    }

    /// Ends a call that gets no instance, with those that have waited for it.
    fn end_placing(&self, call: u32, text: String) {
        let mut failing = vec![call];
        while let Some(call) = failing.pop() {
            let before = match self.calls.live.lock().get_mut(&call) {
                Some(live) => std::mem::replace(&mut live.place, Place::Failed(text.clone())),
                None => continue,
            };
            if let Place::Placing(waiting) = before {
                failing.extend(waiting.iter().map(|waiting| waiting.call));
            }
            self.link.send(ToWorker::CallEnded { call, end: CallEnd::Failed(text.clone()) });
        }
    }

    /// Waits for the answer to a call and gives it to the caller.
    async fn deliver(
        self: Arc<Self>,
        call: u32,
        context: u32,
        wall: Duration,
        mut answer: PendingAnswer<Returned>,
    ) {
        let answered = tokio::time::timeout(wall, answer.answer()).await;
        drop(answer);
        // One value at a time, and only while the caller takes what it is sent.
        let _delivery = self.calls.delivery.lock().await;
        self.link.has_room().await;
        let end = match answered {
            Ok(Ok((threw, value))) => match self.give(context, value) {
                Ok(value) if threw => CallEnd::Threw(value),
                Ok(value) => CallEnd::Returned(value),
                Err(text) => CallEnd::Failed(text),
            },
            Ok(Err(error)) => CallEnd::Failed(format!("{}: {}", error.name, error.message)),
            Err(_) => CallEnd::Failed(format!("The call took longer than the time limit of {wall:?}.")),
        };
        self.link.send(ToWorker::CallEnded { call, end });
    }
}

/// Returns the reason for which the object of a stub cannot be called.
fn gone() -> String {
    "The Worker that has the object of this RPC stub has ended.".to_owned()
}

#[cfg(test)]
impl Exchanges {
    /// Adds a call for which an instance is sought.
    pub(super) fn add_placing(&self, context: u32, call: u32) {
        let place = Place::Placing(Vec::new());
        self.calls.live.lock().insert(call, LiveCall { context, place, task: None });
    }

    /// Places a call as an event of an instance.
    pub(super) fn place_at(self: &Arc<Self>, call: u32, callee: &Arc<Self>, event: u32) {
        self.start(callee, self.placed(call, callee, event));
    }
}
