//! The calls that a Worker makes to others, and what it says of calls that it gets.

use std::collections::HashMap;
use std::time::Instant;

use super::RunState;
use crate::worker::protocol::FromWorker;
use crate::worker::rpc::{Callee, MAX_CALLS, Path, SentValue};

/// The calls that have not ended.
#[derive(Default)]
pub(crate) struct Calls {
    live: HashMap<u32, LiveCall>,
}

struct LiveCall {
    /// The request that made it.
    request: u32,
    /// The request that it ends with.
    context: u32,
}

impl Calls {
    /// Returns `true` if a call will end.
    pub(super) fn expect(&self) -> bool {
        !self.live.is_empty()
    }
}

impl RunState {
    /// Sends a call for a request. It ends with the request `context`. Returns its number.
    ///
    /// # Errors
    /// Returns the reason for which it cannot be made.
    pub(crate) fn call_method(
        &mut self,
        (request, context): (u32, u32),
        callee: Callee,
        path: Path,
        arguments: Option<SentValue>,
    ) -> Result<u32, String> {
        if self.rpc.live.len() >= MAX_CALLS {
            return Err(format!("The Worker waits for {MAX_CALLS} calls of other Workers already."));
        }
        if let Callee::Target(target) = &callee {
            self.check_target(target)?;
        }
        self.begin_call(request)?;
        self.next_id += 1;
        let call = self.next_id;
        self.rpc.live.insert(call, LiveCall { request, context });
        self.channel.worker(FromWorker::Call { id: request, call, callee, path, arguments });
        Ok(call)
    }

    /// Returns the request of a call that has not ended, if that has not ended either.
    pub(crate) fn request_of_method_call(&self, call: u32) -> Option<u32> {
        let LiveCall { request, context } = self.rpc.live.get(&call)?;
        Some(if self.requests.is_live(*request) { *request } else { *context })
    }

    /// Ends a call: its end has come, or nobody waits for it any more.
    pub(crate) fn release_call(&mut self, call: u32) {
        if self.rpc.live.remove(&call).is_some() {
            self.channel.worker(FromWorker::CallReleased { call });
        }
    }

    /// Ends the calls of a request.
    pub(super) fn end_calls(&mut self, context: u32) {
        self.rpc.live.retain(|_, call| call.context != context);
    }

    /// Drops a stub.
    pub(crate) fn release_stub(&mut self, stub: u32) {
        self.channel.worker(FromWorker::StubReleased { stub });
    }

    /// Answers a call with the value that it returned or threw.
    pub(crate) fn return_value(&mut self, id: u32, threw: bool, value: SentValue) {
        if let Some(request) = self.requests.get(id).filter(|request| !request.is_answered) {
            request.is_answered = true;
            self.channel.worker(FromWorker::Returned { id, threw, value });
        }
    }

    /// Notes that others have stubs of a request's objects, or that nobody has any more.
    pub(crate) fn hold_request(&mut self, id: u32, is_held: bool) {
        self.requests.hold(id, is_held, Instant::now());
    }
}
