//! The report of a run: result or error, logs, calls, warnings, statistics.

use serde::{Deserialize, Serialize};

/// An event of a run. [`RunEvent::Done`] is the last.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The script logged a line.
    Log(LogLine),
    /// A tool call was sent.
    CallStart(CallStart),
    /// A tool call ended.
    Call(CallRecord),
    /// The run ends well, but something is probably wrong.
    Warning(Warning),
    /// The run ended.
    Done(Box<Outcome>),
}

/// The outcome of a run: the part of a [`Report`] that is known only at the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The result's JSON text (`null` for `undefined`), or the error.
    pub result: Result<String, RunError>,
    /// The statistics of the run.
    pub stats: Stats,
}

/// The report of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The result's JSON text (`null` for `undefined`), or what went wrong.
    pub result: Result<String, RunError>,
    /// The log lines in order, including those before a failure.
    pub logs: Vec<LogLine>,
    /// The tool calls in the order in which they ended.
    pub calls: Vec<CallRecord>,
    /// Probable mistakes of a run that ended well.
    pub warnings: Vec<Warning>,
    /// The statistics of the run.
    pub stats: Stats,
}

/// One line that the script logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// The level.
    pub level: LogLevel,
    /// The formatted text.
    pub text: String,
    /// Milliseconds since the run started.
    pub at_ms: f64,
}

/// The level of a log line, by the method of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// `console.debug`, `console.trace`
    Debug,
    /// `console.log` and methods without a level of their own
    Log,
    /// `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`, failed `console.assert`
    Error,
}

/// One tool call that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallStart {
    /// The call's number within its run, from 1.
    pub call: u32,
    /// The exact name of the server.
    pub server: String,
    /// The exact name of the tool, or a `$` method.
    pub tool: String,
}

/// One tool call that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call's number within its run, from 1, in the order in which calls were sent.
    pub call: u32,
    /// The exact name of the server.
    pub server: String,
    /// Exact name of the tool, or a `$` method.
    pub tool: String,
    /// Milliseconds from sending to the answer.
    pub ms: f64,
    /// `true` if the promise resolved.
    pub ok: bool,
    /// The error, if it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// A probable mistake in a script whose run ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The kind of warning.
    pub code: WarningCode,
    /// The message, with advice, on one line.
    pub message: String,
    /// The line in the text that the caller sent, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in that line, from 1, in UTF-16 units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Warning {
    /// The number of warnings of one run. Further ones are dropped.
    pub const MAX_COUNT: usize = 20;

    /// The length of a message in bytes. Longer messages are shortened.
    pub const MAX_MESSAGE_BYTES: usize = 2048;

    /// Returns a warning without a position. Line breaks and other control characters in the
    /// message become blanks.
    pub fn new(code: WarningCode, message: &str) -> Self {
        // One more, so that the cut is seen.
        let message = message.chars().map(|c| if c.is_control() { ' ' } else { c });
        let message = message.take(Self::MAX_MESSAGE_BYTES + 1).collect();
        let message = shortened(message, Self::MAX_MESSAGE_BYTES);
        Self { code, message, line: None, column: None }
    }

    /// Returns the same warning with a position in the script.
    #[must_use]
    pub fn at(mut self, place: Option<(u32, u32)>) -> Self {
        (self.line, self.column) = place.unzip();
        self
    }
}

/// Returns a text of at most `most` bytes. A longer one ends with `…`.
fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// Makes [`WarningCode`] from one table of names on the wire.
macro_rules! warning_codes {
    ($($(#[$about:meta])* $code:ident = $name:literal,)*) => {
        /// The kinds of warnings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum WarningCode {
            $($(#[$about])* #[serde(rename = $name)] $code,)*
        }

        impl WarningCode {
            /// Every kind of warning.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// Returns the name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

// The order may change: runners and broker run the same executable.
warning_codes! {
    /// The script ended before calls that it had made were answered.
    NotAwaited = "not_awaited",
    /// A pattern of the request's `tools` matches no tool.
    UnmatchedTools = "unmatched_tools",
    /// The request asked for more time than the server allows.
    TimeoutLowered = "timeout_lowered",
    /// A promise was rejected and not handled.
    UnhandledRejection = "unhandled_rejection",
    /// The result is `undefined`.
    NoResult = "no_result",
    /// Functions were declared and never called, and there is no result.
    NeverCalled = "never_called",
    /// The value of the last statement cannot be a result.
    ResultDropped = "result_dropped",
    /// A promise was converted to text.
    PromiseAsText = "promise_as_text",
    /// The request had an unknown argument.
    IgnoredArgument = "ignored_argument",
    /// An integer in the result of a tool was rounded by JavaScript.
    RoundedNumber = "rounded_number",
}

/// The statistics of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Milliseconds from the first instruction to the end.
    pub wall_ms: f64,
    /// Milliseconds of CPU time of the run's process or thread, including the preparation of the
    /// text.
    pub cpu_ms: f64,
    /// The size of the used V8 heap and the array buffers at the end, in bytes.
    pub heap_bytes: u64,
    /// Milliseconds between the request and the first instruction. They count towards no limit.
    pub queued_ms: f64,
}

/// The bound on the frames of a stack trace in a message of a runner, which sends ten.
const MAX_STACK_FRAMES: usize = 100;

/// The error of a failed run, for the author of the script, often a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{name}: {message}")]
pub struct RunError {
    /// The kind of failure.
    pub code: ErrorCode,
    /// The exception's name (`TypeError`), or the limit's.
    pub name: String,
    /// The message.
    pub message: String,
    /// Line in the text that the caller sent, from 1.
    pub line: Option<u32>,
    /// The column in that line, from 1, in UTF-16 units.
    pub column: Option<u32>,
    /// The line's text and a caret under the column.
    pub frame: Option<String>,
    /// Advice.
    pub hint: Option<String>,
    /// The script's own frames, the innermost first. Empty if there is only one.
    #[serde(deserialize_with = "crate::bounded::list::<MAX_STACK_FRAMES, _, _>")]
    pub stack: Vec<StackFrame>,
    /// The tool that the error is about.
    pub tool: Option<ToolPath>,
}

/// A frame of a script's stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFrame {
    /// The function's name, if it has one.
    pub function: Option<String>,
    /// Line in the text that the caller sent, from 1.
    pub line: u32,
    /// The column in that line, from 1.
    pub column: u32,
}

/// A tool by its exact names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolPath {
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
}

impl RunError {
    /// The length of a message in bytes. Longer ones are shortened: a message may quote a name or a
    /// text of the script.
    pub const MAX_MESSAGE_BYTES: usize = 16 << 10;

    /// Returns an error without a position.
    pub fn new(code: ErrorCode, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            name: shortened(name.into(), Self::MAX_MESSAGE_BYTES),
            message: shortened(message.into(), Self::MAX_MESSAGE_BYTES),
            line: None,
            column: None,
            frame: None,
            hint: None,
            stack: Vec::new(),
            tool: None,
        }
    }

    /// Adds frames of the stack, each of which begins with `at `, to the message.
    pub(crate) fn append_frames<'a>(&mut self, mut frames: impl Iterator<Item = &'a str>) {
        let Some(first) = frames.next() else { return };
        self.message = format!("{} ({first})", self.message);
        for frame in frames {
            self.message.push('\n');
            self.message.push_str(frame);
        }
    }

    /// Returns the message without the frames that were added to it.
    pub(crate) fn message_without_frames(&self) -> &str {
        let Some((message, frames)) = self.message.rsplit_once(" (at ") else { return &self.message };
        let mut frames = frames.lines();
        let are_frames = frames.next().is_some_and(|first| first.ends_with(')'))
            && frames.all(|frame| frame.starts_with("at "));
        if are_frames { message } else { &self.message }
    }

    /// Returns the message with the first of the frames that were added to it.
    pub(crate) fn message_with_one_frame(&self) -> String {
        let message = self.message_without_frames();
        format!("{message}{}", self.message[message.len()..].lines().next().unwrap_or_default())
    }

    /// Returns the same error with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Makes [`ErrorCode`] from one table of names on the wire.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// The kinds of failure of a run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $name)] $code,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the documents.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// Returns the name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

error_codes! {
    /// The text is not a valid script.
    Syntax = "syntax",
    /// The script threw an exception.
    Exception = "exception",
    /// A tool call failed and the script did not catch the error.
    ToolError = "tool_error",
    /// The run used up its CPU time.
    CpuLimit = "cpu_limit",
    /// The run took too long.
    WallLimit = "wall_limit",
    /// The run used too much memory.
    MemoryLimit = "memory_limit",
    /// The run started too many tool calls.
    CallLimit = "call_limit",
    /// The result or the logs are too large.
    OutputLimit = "output_limit",
    /// The isolate's process ended before the run did.
    Crashed = "crashed",
    /// The isolate's process did something that a script cannot make it do, and was killed.
    Violation = "violation",
    /// The caller disconnected or cancelled the run.
    Cancelled = "cancelled",
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<&'static str> {
        ErrorCode::ALL.iter().map(|code| code.as_str()).collect()
    }

    #[test]
    fn the_documented_error_codes_are_the_error_codes() {
        let scripts = include_str!("../../docs/scripts.md");
        let (_, table) =
            scripts.split_once("\n| `code` |").expect("docs/scripts.md has a table of error codes");
        let documented: Vec<_> = table
            .lines()
            .skip(2)
            .map_while(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(code, _)| code)
            .collect();
        assert_eq!(documented, names(), "the table of error codes in docs/scripts.md");
    }

    #[test]
    fn the_http_document_lists_the_error_codes() {
        let http = include_str!("../../docs/http.md").split_whitespace().collect::<Vec<_>>().join(" ");
        let list: Vec<_> = names().iter().map(|name| format!("`{name}`")).collect();
        assert!(http.contains(&list.join(", ")), "docs/http.md lacks the list {}", list.join(", "));
    }

    #[test]
    fn long_messages_are_shortened() {
        let error = RunError::new(ErrorCode::Syntax, "é".repeat(1 << 20), "é".repeat(1 << 20));
        for text in [&error.name, &error.message] {
            assert!(text.len() <= RunError::MAX_MESSAGE_BYTES && text.ends_with("é…"), "{}", text.len());
        }
        let warning = Warning::new(WarningCode::NoResult, &"a\n".repeat(1 << 20));
        assert!(warning.message.len() <= Warning::MAX_MESSAGE_BYTES && warning.message.ends_with('…'));
    }

    #[test]
    fn names_on_the_wire_are_those_of_as_str() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
