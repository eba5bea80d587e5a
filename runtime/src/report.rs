//! What came of a run.

use serde::{Deserialize, Serialize};

/// Something that happened in a run, in order. [`RunEvent::Done`] is the last.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The script logged a line.
    Log(LogLine),
    /// A tool call ended.
    Call(CallRecord),
    /// The run ended.
    Done(Box<Outcome>),
}

/// How a run ended: the part of a [`Report`] that is known only at the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The result's JSON text (`null` for `undefined`), or what went wrong.
    pub result: Result<String, RunError>,
    /// What it cost.
    pub stats: Stats,
}

/// Everything that came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The result's JSON text (`null` for `undefined`), or what went wrong.
    pub result: Result<String, RunError>,
    /// Log lines in order, those before a failure too.
    pub logs: Vec<LogLine>,
    /// Tool calls in the order in which they ended.
    pub calls: Vec<CallRecord>,
    /// What it cost.
    pub stats: Stats,
}

/// One line that the script logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Which of the console's methods.
    pub level: LogLevel,
    /// The formatted text.
    pub text: String,
    /// Milliseconds since the run started.
    pub at_ms: f64,
}

/// Which of the console's methods wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// `console.debug`, `console.trace`
    Debug,
    /// `console.log` and what has no level of its own
    Log,
    /// `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`, failed `console.assert`
    Error,
}

/// One tool call that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Exact name of the server.
    pub server: String,
    /// Exact name of the tool, or a `$` method.
    pub tool: String,
    /// Milliseconds from sending to the answer.
    pub ms: f64,
    /// Whether the promise resolved.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// What a run cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Milliseconds from the first instruction to the end.
    pub wall_ms: f64,
    /// Milliseconds of CPU of the run's process or thread, preparing the text included.
    pub cpu_ms: f64,
    /// V8 heap in use at the end, array buffers included.
    pub heap_bytes: u64,
    /// Milliseconds between the request and the first instruction; counts against no limit.
    pub queued_ms: f64,
}

/// A failed run, for the one who wrote the script: often a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{name}: {message}")]
pub struct RunError {
    /// Which kind of failure.
    pub code: ErrorCode,
    /// The exception's name (`TypeError`), or the limit's.
    pub name: String,
    /// What happened.
    pub message: String,
    /// Line in the text that the caller sent, from 1.
    pub line: Option<u32>,
    /// Column in that line, from 1, in UTF-16 units as editors count.
    pub column: Option<u32>,
    /// The line's text and a caret under the column.
    pub frame: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl RunError {
    /// An error without a position.
    pub fn new(code: ErrorCode, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            name: name.into(),
            message: message.into(),
            line: None,
            column: None,
            frame: None,
            hint: None,
        }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The kinds of failure (design, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The text is no script.
    Syntax,
    /// The script threw.
    Exception,
    /// A tool call failed and the script did not catch it.
    ToolError,
    /// Too much CPU.
    CpuLimit,
    /// Too long.
    WallLimit,
    /// Too much memory.
    MemoryLimit,
    /// Too many tool calls.
    CallLimit,
    /// Result or logs too large.
    OutputLimit,
    /// The isolate's process died.
    Crashed,
    /// The caller went away.
    Cancelled,
}

impl ErrorCode {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Exception => "exception",
            Self::ToolError => "tool_error",
            Self::CpuLimit => "cpu_limit",
            Self::WallLimit => "wall_limit",
            Self::MemoryLimit => "memory_limit",
            Self::CallLimit => "call_limit",
            Self::OutputLimit => "output_limit",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
        }
    }
}
