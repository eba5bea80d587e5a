//! Messages of a run and of a Worker's calls as frames, for `benches/frames.rs`.

use crate::blob::Blob;
use crate::process::protocol::frames::{self, FrameBuffer};
use crate::process::protocol::messages::{FromRunner, RunRequest, ToRunner};
use crate::worker::protocol::{FetchTarget, FromWorker, ToWorker};
use crate::worker::rpc::{CallEnd, Callee, GivenValue, Path, SentValue};
use crate::{Limits, LogLevel, LogLine, Operation, Outcome, Stats};

/// A message between the broker and a runner.
#[derive(Debug)]
pub struct Message(Direction);

#[derive(Debug)]
enum Direction {
    ToRunner(ToRunner),
    FromRunner(FromRunner),
}

impl Message {
    /// Returns the message that starts a run of `code`.
    pub fn run(code: &str) -> Self {
        Self(Direction::ToRunner(ToRunner::Run(Box::new(RunRequest {
            catalogue: 1,
            code: code.to_owned(),
            typescript: true,
            input: None,
            vars: String::new(),
            limits: Limits::default(),
        }))))
    }

    /// Returns a call of a tool with these arguments, JSON text.
    pub fn call(arguments: &str) -> Self {
        let operation = Operation::Call { tool: "create_issue".to_owned(), arguments: arguments.to_owned() };
        Self(Direction::FromRunner(FromRunner::Call {
            call: 1,
            request: 0,
            server: "github".to_owned(),
            operation,
        }))
    }

    /// Returns the answer to a call, JSON text.
    pub fn answer(json: &str) -> Self {
        Self(Direction::ToRunner(ToRunner::Answer { call: 1, answer: Ok(Blob(json.into())) }))
    }

    /// Returns a log line.
    pub fn log(text: &str) -> Self {
        let line = LogLine { level: LogLevel::Log, text: text.to_owned(), at_ms: 1.5 };
        Self(Direction::FromRunner(FromRunner::Log { line }))
    }

    /// Returns the end of a run with this result, JSON text.
    pub fn done(result: &str) -> Self {
        let stats = Stats { wall_ms: 1.5, cpu_ms: 1.25, heap_bytes: 1 << 20, queued_ms: 0.5 };
        Self(Direction::FromRunner(FromRunner::Done {
            outcome: Outcome { result: Ok(result.to_owned()), stats },
        }))
    }

    /// Returns a Worker's call of a method of another one. `value` has the arguments.
    pub fn method_call(value: &[u8]) -> Self {
        let arguments =
            SentValue { items: Blob(Vec::new()), value: Blob(value.to_vec()), objects: Vec::new() };
        Self(Direction::FromRunner(FromRunner::FromWorker(FromWorker::Call {
            id: 1,
            call: 1,
            callee: Callee::Target(FetchTarget::Binding("STORE".to_owned())),
            path: Path(vec!["get".to_owned()]),
            arguments: Some(arguments),
        })))
    }

    /// Returns the value that such a call has returned.
    pub fn method_returned(value: &[u8]) -> Self {
        let value = GivenValue { items: Blob(Vec::new()), value: Blob(value.to_vec()), stubs: Vec::new() };
        Self(Direction::ToRunner(ToRunner::ToWorker(ToWorker::CallEnded {
            call: 1,
            end: CallEnd::Returned(value),
        })))
    }

    /// Appends the frame to `frames`.
    ///
    /// # Panics
    /// Panics if the message is longer than a frame may be.
    pub fn append_to(&self, frames: &mut Vec<u8>) {
        let appended = match &self.0 {
            Direction::ToRunner(message) => frames::append(message, frames),
            Direction::FromRunner(message) => frames::append(message, frames),
        };
        appended.expect("a message within the bound");
    }
}

/// Received bytes, from which a side takes messages.
#[derive(Debug, Default)]
pub struct Received(FrameBuffer);

impl Received {
    /// Adds the bytes of a frame of the direction of `like` and takes the message.
    ///
    /// # Panics
    /// Panics if the bytes are not one whole frame.
    pub fn take(&mut self, frame: &[u8], like: &Message) -> Message {
        self.0.tail().extend_from_slice(frame);
        Message(match like.0 {
            Direction::ToRunner(_) => {
                Direction::ToRunner(self.0.take().expect("a valid frame").expect("a whole frame"))
            }
            Direction::FromRunner(_) => {
                Direction::FromRunner(self.0.take().expect("a valid frame").expect("a whole frame"))
            }
        })
    }
}
