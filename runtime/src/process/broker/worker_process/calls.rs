//! The calls of a Worker in flight.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::FuturesUnordered;

use crate::job::WorkerJob;
use crate::limits::MAX_IN_FLIGHT_BYTES;
use crate::process::broker::remote_run::checks::{argument_bytes, broken_rule};
use crate::{Operation, ToolFailure, ToolHost, ToolRequest};

/// The runner's number of a call, and the answer; `None` if the call was cancelled.
type NumberedAnswer = (u32, Option<Result<Vec<u8>, ToolFailure>>);

/// The calls in flight. Dropping this value cancels them.
pub(super) struct WorkerCalls {
    host: Arc<dyn ToolHost>,
    max_in_flight: usize,
    timeout: Duration,
    answers: FuturesUnordered<BoxFuture<'static, NumberedAnswer>>,
    in_flight: HashMap<u32, InFlightCall>,
    /// The length of the arguments of all calls in flight.
    bytes: usize,
}

struct InFlightCall {
    cancel: AbortHandle,
    bytes: usize,
    /// The request that it ends with, or 0.
    request: u32,
}

impl WorkerCalls {
    pub(super) fn new(job: &WorkerJob) -> Self {
        Self {
            host: job.environment.host.clone(),
            max_in_flight: job.limits.concurrent_calls as usize,
            timeout: job.limits.call_timeout,
            answers: FuturesUnordered::new(),
            in_flight: HashMap::new(),
            bytes: 0,
        }
    }

    /// Starts a call.
    ///
    /// # Errors
    /// Returns the rule that it breaks.
    pub(super) fn start(
        &mut self,
        call: u32,
        request: u32,
        server: String,
        operation: Operation,
    ) -> io::Result<()> {
        let bytes = argument_bytes(&server, &operation)?;
        if self.in_flight.len() >= self.max_in_flight || self.bytes + bytes > MAX_IN_FLIGHT_BYTES {
            return Err(broken_rule("more calls at once than the limit"));
        }
        let (cancel, registration) = AbortHandle::new_pair();
        if self.in_flight.insert(call, InFlightCall { cancel, bytes, request }).is_some() {
            return Err(broken_rule("a call's number twice"));
        }
        self.bytes += bytes;
        let asked = ToolRequest { server, operation, timeout: self.timeout };
        let answer = Abortable::new(self.host.call(asked), registration);
        self.answers.push(Box::pin(async move { (call, answer.await.ok()) }));
        Ok(())
    }

    /// Cancels the calls of a request that has ended.
    pub(super) fn end_request(&mut self, request: u32) {
        self.in_flight.retain(|_, call| {
            let ends = call.request == request;
            if ends {
                call.cancel.abort();
                self.bytes -= call.bytes;
            }
            !ends
        });
    }

    /// Waits for the next answer of a call that was not cancelled. Waits without end if there is no
    /// call.
    pub(super) async fn next(&mut self) -> (u32, Result<Vec<u8>, ToolFailure>) {
        loop {
            match self.answers.next().await {
                None => std::future::pending().await,
                // A later call may have the number of a cancelled one.
                Some((_, None)) => {}
                Some((number, Some(answer))) => {
                    if let Some(call) = self.in_flight.remove(&number) {
                        self.bytes -= call.bytes;
                    }
                    return (number, answer);
                }
            }
        }
    }
}
