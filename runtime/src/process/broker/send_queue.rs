//! The frames on their way to a runner.

use std::io;

use tokio::net::UnixStream;

use crate::ToolFailure;
use crate::blob::Blob;
use crate::byte_queue::ByteQueue;
use crate::process::protocol::frames::{self, EncodeError};
use crate::process::protocol::messages::ToRunner;

/// The frames that did not fit into the socket yet.
#[derive(Default)]
pub(super) struct SendQueue(ByteQueue);

impl SendQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of bytes that were not sent.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Drops all frames.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a message.
    ///
    /// # Errors
    /// Returns an error if the message is too long. Then nothing is added.
    pub(super) fn push(&mut self, message: &ToRunner) -> Result<(), EncodeError> {
        self.0.append(|frame| frames::append(message, frame))
    }

    /// Adds a frame.
    pub(super) fn push_frame(&mut self, frame: Vec<u8>) {
        self.0.push(frame);
    }

    /// Adds the answer to a call; a failure in its place if it is too long, or if the answers that
    /// were not taken yet would have more than `max_bytes`.
    pub(super) fn push_answer(
        &mut self,
        call: u32,
        mut answer: Result<Vec<u8>, ToolFailure>,
        max_bytes: usize,
    ) {
        // Answers that were not taken count towards the memory limit. Not receiving them from the
        // tool host would not bound them: the server has sent them.
        if !self.is_empty() && self.len().saturating_add(answer_bytes(&answer)) > max_bytes {
            let failure = ToolFailure::new(
                "The tool's answer was dropped: answers that were not taken yet fill the memory limit.",
            );
            answer = Err(failure.with_hint("Make fewer calls at once, or ask each for less."));
        }
        let added = frames::check_size(answer.as_ref().map_or(0, Vec::len))
            .and_then(|()| self.push(&ToRunner::Answer { call, answer: answer.map(Blob) }));
        if let Err(error) = added {
            let failure = ToolFailure::new(format!("The tool's answer is too large: {error}."))
                .with_hint("Ask for less: a page, a filter, fewer fields.");
            // A failure is short.
            let _ = self.push(&ToRunner::Answer { call, answer: Err(failure) });
        }
    }

    /// Sends what fits into the socket. If the runner has closed it, the rest is dropped: the
    /// messages that it has sent before are still to be read, most likely with its end.
    pub(super) fn write(&mut self, stream: &UnixStream) {
        while !self.is_empty() {
            match stream.try_write(self.0.front()) {
                Ok(written) => self.0.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.clear(),
            }
        }
    }
}

/// Returns about how much of the broker's memory an answer takes until it is sent.
fn answer_bytes(answer: &Result<Vec<u8>, ToolFailure>) -> usize {
    match answer {
        Ok(json) => json.len(),
        Err(ToolFailure { message, hint, result, error }) => {
            let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
            message.len() + hint.as_ref().map_or(0, String::len) + bytes(result) + bytes(error)
        }
    }
}
