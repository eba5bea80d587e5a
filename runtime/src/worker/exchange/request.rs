//! A request that has not ended in the Worker.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, oneshot};

use super::Answer;
use super::calls::Returned;
use super::rules::Used;
use crate::RunError;
use crate::run_channel::AbortOnDrop;
use crate::worker::body::BodyQueue;
use crate::worker::call_chain::CallChain;
use crate::worker::socket_queue::SocketQueue;

/// A request that has not ended in the Worker.
pub(super) struct LiveRequest {
    /// The number of requests before it.
    pub(super) place: u64,
    pub(super) phase: Phase,
    /// `None` once it was answered, or nobody waits for it.
    pub(super) reply: Option<Reply>,
    /// `true` for a call by another Worker.
    pub(super) is_call: bool,
    /// The request that made the object that is called, with which its stubs and calls end; else
    /// this request.
    pub(super) context: u32,
    /// The number of calls that wait for each other here.
    pub(super) depth: u8,
    /// `true` once the Worker was told that nobody waits for it.
    pub(super) is_cancelled: bool,
    /// The body of the request, if it is a stream.
    pub(super) upload: Option<Upload>,
    /// The Workers that have been called for the request from outside.
    pub(super) chain: CallChain,
    /// `true` once others may have stubs of its objects.
    pub(super) may_be_held: bool,
    /// The use of its limits.
    pub(super) used: Used,
    /// The number of messages that its WebSocket got. Each may use the limits again.
    pub(super) messages: u64,
    /// The time by which the Worker must end it, once it has nothing else to do for it.
    pub(super) ends_by: Option<Instant>,
}

/// The receiver of the answer.
pub(super) enum Reply {
    Response(oneshot::Sender<Answer>),
    Value(oneshot::Sender<Result<Returned, RunError>>),
}

impl Reply {
    /// Answers with an error.
    pub(super) fn fail(self, error: RunError) {
        // Nobody may wait any more.
        match self {
            Self::Response(reply) => _ = reply.send(Err(error)),
            Self::Value(reply) => _ = reply.send(Err(error)),
        }
    }
}

/// The part of the answer that has come.
pub(super) enum Phase {
    /// None.
    Unanswered,
    /// The head. The body comes in pieces.
    Streaming(Arc<BodyQueue>),
    /// The head. A WebSocket is open.
    Socket(Arc<SocketQueue>),
    /// All of it.
    Complete,
}

/// The body of a request, on its way to the Worker.
pub(super) struct Upload {
    /// The bytes that may be sent.
    pub(super) credit: Arc<Semaphore>,
    /// The task that sends them, while they are wanted.
    pub(super) task: Option<AbortOnDrop>,
    /// `true` once the Worker has refused the rest.
    pub(super) is_refused: bool,
}

impl LiveRequest {
    pub(super) fn new(id: u32, place: u64, reply: Reply, upload: Option<Upload>, chain: CallChain) -> Self {
        Self {
            place,
            phase: Phase::Unanswered,
            is_call: matches!(reply, Reply::Value(_)),
            reply: Some(reply),
            context: id,
            depth: 0,
            is_cancelled: false,
            upload,
            chain,
            may_be_held: false,
            used: Used::default(),
            messages: 0,
            ends_by: None,
        }
    }

    /// Ends the task that sends the body.
    pub(super) fn stop_upload(&mut self) {
        if let Some(upload) = &mut self.upload {
            upload.task = None;
        }
    }
}
