//! The messages to an isolate's thread while it waits between two turns of the event loop.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::ToolFailure;
use crate::worker::protocol::ToWorker;

/// A message to an isolate's thread.
pub(crate) enum Inbound {
    /// The answer to a tool call.
    Answer { id: u32, answer: Result<Vec<u8>, ToolFailure> },
    /// The run was stopped; its [`RunControl`](crate::stop::RunControl) has the reason.
    Stopped,
    /// A message to a Worker.
    Worker(ToWorker),
}

/// The source of messages for a thread that waits.
pub(crate) trait Inbox {
    /// Waits for the next message. Returns `None` if none arrived within `timeout`.
    fn wait(&mut self, timeout: Duration) -> Option<Inbound>;
}

impl Inbox for Receiver<Inbound> {
    /// The isolate's control holds a sender, so that the channel stays open as long as the isolate
    /// lives.
    fn wait(&mut self, timeout: Duration) -> Option<Inbound> {
        self.recv_timeout(timeout).ok()
    }
}
