//! A call that an instance has.

use std::any::Any;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::oneshot;

use super::super::request::{LiveRequest, Phase, Reply};
use super::super::rules::Broken;
use super::super::{Exchanges, PendingAnswer};
use super::{CallRequest, Carried, Returned};
use crate::worker::Worker;
use crate::worker::call_chain::CallChain;
use crate::worker::protocol::{ToWorker, monotonic_us};
use crate::worker::rpc::{Receiver, SentValue};
use crate::{ErrorCode, RunError};

/// The bytes that may wait for an instance above which it gets no more calls.
const MAX_QUEUED_BYTES: usize = 32 << 20;

/// A call that an instance has. When its caller releases it, the instance is told: then nobody
/// calls the result any more.
pub(super) struct PlacedCall {
    /// Not kept: a caller that was taken over may never release its calls.
    callee: Weak<Exchanges>,
    event: u32,
}

impl PlacedCall {
    pub(super) fn new(callee: &Arc<Exchanges>, event: u32) -> Self {
        Self { callee: Arc::downgrade(callee), event }
    }

    pub(super) fn callee(&self) -> Option<Arc<Exchanges>> {
        self.callee.upgrade()
    }

    pub(super) fn event(&self) -> u32 {
        self.event
    }
}

impl Drop for PlacedCall {
    fn drop(&mut self) {
        if let Some(callee) = self.callee.upgrade() {
            callee.link.send(ToWorker::ResultReleased { id: self.event });
        }
    }
}

/// The way in which a call came to an instance.
pub(super) struct Origin {
    /// The number of calls that wait for each other, with this one.
    pub(super) depth: u8,
    /// The Workers that have been called so far.
    pub(super) chain: CallChain,
}

/// The time at which the receiver of a call was made.
pub(super) enum Made {
    /// With the call. The instance is kept alive until the call has ended.
    Now(Arc<dyn Any + Send + Sync>),
    /// By a request of the instance, which must not have ended.
    Before(u32),
}

impl Exchanges {
    /// Gives a call to this instance as an event. Returns the number of the event.
    ///
    /// # Errors
    /// Returns the reason for which the instance cannot have it.
    pub(super) fn begin_event(
        self: &Arc<Self>,
        receiver: Receiver,
        made: Made,
        Origin { depth, chain }: Origin,
        CallRequest { path, arguments }: CallRequest,
    ) -> Result<(u32, PendingAnswer<Returned>), String> {
        let bytes = arguments.as_ref().map_or(0, Carried::size);
        if self.link.queued() + bytes > MAX_QUEUED_BYTES.max(bytes) {
            return Err("The Worker does not take its calls as fast as they come.".to_owned());
        }
        let id = Worker::next_id();
        let (reply, answer) = oneshot::channel();
        // Dropped without the lock of the table: that may be the end of the instance.
        let (request, instance) = match made {
            Made::Now(instance) => (None, Some(instance)),
            Made::Before(request) => (Some(request), None),
        };
        let mut refused = Vec::new();
        let mut table = self.table();
        if let Some(error) = &table.closed {
            return Err(format!("The Worker has ended: {}", error.message));
        }
        let context = match request.map(|request| table.live.get(&request)) {
            None => id,
            Some(Some(request)) => request.context,
            Some(None) => return Err("The request that made the object of this RPC stub has ended.".into()),
        };
        // Before the request is there: nothing is left of one that cannot have its arguments.
        let arguments = arguments.map(|value| self.add_stubs(context, value, &mut refused)).transpose()?;
        let place = self.begun.fetch_add(1, Ordering::Relaxed);
        // With the lock, so that the messages are in the order of the places.
        self.link.send(ToWorker::Call { id, receiver, path, arguments, sent_us: monotonic_us() });
        let request = LiveRequest::new(id, place, Reply::Value(reply), None, chain);
        table.live.insert(id, LiveRequest { context, depth, may_be_held: true, ..request });
        table.waiting.push_back((place, Instant::now()));
        if let Some(instance) = instance {
            table.keep = Some(instance);
        }
        drop(table);
        Ok((id, PendingAnswer::new(id, self.clone(), answer)))
    }

    /// Handles the answer to a call that this instance got.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(in super::super) fn returned(
        self: &Arc<Self>,
        id: u32,
        threw: bool,
        value: SentValue,
    ) -> Result<(), Broken> {
        let context = self.table().known(id)?.context;
        let value = self.carry(context, value)?;
        let reply = {
            let mut table = self.table();
            let request = table.unanswered(id)?;
            if !request.is_call {
                return Err("a value as the answer to a request");
            }
            request.phase = Phase::Complete;
            let reply = request.reply.take();
            self.note_ending(&mut table, id);
            reply
        };
        match (reply, value) {
            (Some(Reply::Value(reply)), Ok(value)) => _ = reply.send(Ok((threw, value))),
            (Some(reply), Err(text)) => reply.fail(RunError::new(ErrorCode::OutputLimit, "Error", text)),
            _ => {}
        }
        Ok(())
    }
}
