//! The messages between the broker, its zygotes and their runners.
//!
//! All three are processes of the same executable, so there is one version of the messages and
//! no negotiation. A zygote still sends [`PROTOCOL_VERSION`] first: the broker then notices if the
//! executable on disk was replaced after the broker started.
//!
//! The broker does not trust messages from a runner, since the script may have taken over the
//! process. It checks sizes, counts and numbers itself; a message that breaks a rule ends the run.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::job::WorkerFeatures;
use crate::process::jail::JailReport;
use crate::report::Outcome;
use crate::worker::protocol::{FromWorker, ToWorker};
use crate::{
    CallRecord, Catalogue, Library, Limits, LogLine, Module, Operation, RunError, ToolFailure, Warning,
    WarningCode,
};

/// The version of the messages. The broker does not use a zygote of another version.
pub(crate) const PROTOCOL_VERSION: u32 = 11;

/// A message from the broker to a zygote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToZygote {
    /// The libraries. A zygote that was started for libraries gets them first, and evaluates them
    /// before it is ready.
    Libraries {
        /// The specifiers that scripts can import.
        libraries: Vec<Library>,
        /// The modules that they reach.
        modules: Vec<Module>,
    },
    /// A catalogue that runs will refer to by its number; runners forked from now on have it. It is
    /// sent when the tools of a server change, not with each run.
    Catalogue {
        /// The catalogue's number.
        id: u64,
        /// Servers and their tools.
        catalogue: Catalogue,
    },
    /// No further run will refer to this catalogue.
    ForgetCatalogue {
        /// The catalogue's number.
        id: u64,
    },
    /// Forks runners.
    Spawn {
        /// The number of runners.
        count: u32,
        /// Their kind.
        kind: RunnerKind,
    },
    /// Takes note of processes that have ended, copies of app zygotes among them.
    Reap,
    /// Asks for [`FromZygote::RunnerExit`] of a runner that has ended.
    QueryExit {
        /// The runner's process id.
        pid: u32,
    },
}

/// The kind of a forked process, by what it may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RunnerKind {
    /// The process of one job.
    Runner,
    /// A process that evaluates a Worker's modules and is copied when the broker asks.
    AppZygote,
}

/// A message from a zygote to the broker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromZygote {
    /// The zygote's first message: its isolate is ready and its jail is closed.
    Ready {
        /// [`PROTOCOL_VERSION`] of the zygote.
        version: u32,
        /// The state of each layer of its jail.
        jail: JailReport,
        /// `true` if a descriptor comes with this message, on which the broker allows copies of app
        /// zygotes.
        supervised: bool,
    },
    /// A library is about to be evaluated.
    Evaluating {
        /// Its index in the list.
        library: u32,
    },
    /// The zygote cannot become ready. This is its last message.
    Failed {
        /// The reason, for the operator.
        reason: String,
    },
    /// A runner was forked. Two descriptors come with this message: its socket and its pidfd, in
    /// this order.
    Runner {
        /// The runner's process id.
        pid: u32,
        /// Its kind.
        kind: RunnerKind,
        /// The numbers of the catalogues that it has.
        catalogues: Vec<u64>,
    },
    /// The answer to [`ToZygote::QueryExit`].
    RunnerExit {
        /// The runner's process id.
        pid: u32,
        /// `true` if the kernel ended the runner for a system call that its jail forbids
        /// (`SIGSYS`).
        forbidden_call: bool,
    },
}

/// A message from the broker to a runner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToRunner {
    /// A catalogue that the zygote did not have when it forked the runner.
    Catalogue {
        /// The catalogue's number.
        id: u64,
        /// Servers and their tools.
        catalogue: Catalogue,
    },
    /// The run. A runner gets one.
    Run(Box<RunRequest>),
    /// The Worker. A runner gets it instead of a run.
    Worker(Box<WorkerStart>),
    /// Makes a copy of an app zygote.
    Copy {
        /// A random number with which the copy asks for its socket.
        key: u64,
    },
    /// A message to the Worker.
    ToWorker(ToWorker),
    /// The answer to a call.
    Answer {
        /// The number that the runner gave the call.
        call: u32,
        /// JSON text, or the reason for its absence.
        answer: Result<Blob, ToolFailure>,
    },
}

/// A Worker as it is sent to a runner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorkerStart {
    /// The number of the catalogue that the Worker sees.
    pub(crate) catalogue: u64,
    /// Set for an app zygote, which serves no request. Its copies do.
    pub(crate) is_app_zygote: bool,
    /// The name of the entry module.
    pub(crate) main: String,
    /// All modules.
    pub(crate) modules: Vec<Module>,
    /// The parts of its isolate that others do not have.
    pub(crate) features: WorkerFeatures,
    /// The variables in `env` as the text of a JSON object.
    pub(crate) vars: String,
    /// The limits of the evaluation of the modules.
    pub(crate) start_limits: Limits,
    /// The limits of each request.
    pub(crate) limits: Limits,
}

/// A job as it is sent to a runner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunRequest {
    /// The number of the catalogue that the run sees.
    pub(crate) catalogue: u64,
    /// The script's source text.
    pub(crate) code: String,
    /// `true` if the source is TypeScript; otherwise it is JavaScript.
    pub(crate) typescript: bool,
    /// The script's `input`, as JSON text.
    pub(crate) input: Option<String>,
    /// The variables in `env` as the text of a JSON object, or the empty string.
    pub(crate) vars: String,
    /// The limits of the run.
    pub(crate) limits: Limits,
}

/// A message from a runner to the broker, about the one run or Worker that the runner has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromRunner {
    /// The script logged a line.
    Log {
        /// The line.
        line: LogLine,
    },
    /// The script calls a tool.
    Call {
        /// The call's number, chosen by the runner.
        call: u32,
        /// The request of a Worker for which it is made, or 0. The call ends with the request.
        request: u32,
        /// The exact name of the server.
        server: String,
        /// The operation and its arguments.
        operation: Operation,
    },
    /// A call that was never sent, because the run ended while the call waited for others. The
    /// broker knows of all other calls from [`FromRunner::Call`].
    UnsentCall {
        /// The names to report.
        call: CallNames,
    },
    /// The script ended well, but something is probably wrong with it.
    Warning {
        /// The warning.
        warning: WarningFrame,
    },
    /// The Worker's modules were evaluated.
    WorkerReady,
    /// The Worker's modules could not be evaluated. This is the runner's last message.
    WorkerFailed {
        /// The reason.
        error: RunError,
    },
    /// A message of the Worker.
    FromWorker(FromWorker),
    /// A limit stopped the Worker. This is the runner's last message.
    Stopped {
        /// The limit, as a [`StopReason`](crate::StopReason).
        reason: u8,
        /// The request that the turn ran for, or 0.
        request: u32,
    },
    /// A turn of the Worker has ended. It is sent after much CPU time without another message.
    Alive,
    /// The run has ended.
    Done {
        /// The result or error.
        outcome: Outcome,
    },
}

/// The fields of a [`CallRecord`] that the broker takes from a runner. The others would follow from
/// the call having failed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CallNames {
    /// The exact name of the server.
    pub(crate) server: String,
    /// The exact name of the tool, or a `$` method.
    pub(crate) tool: String,
}

impl From<CallRecord> for CallNames {
    fn from(CallRecord { server, tool, .. }: CallRecord) -> Self {
        Self { server, tool }
    }
}

/// A [`Warning`] as it is sent. Reports leave out fields without a value, which postcard cannot do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WarningFrame {
    code: WarningCode,
    message: String,
    line: Option<u32>,
    column: Option<u32>,
}

impl From<Warning> for WarningFrame {
    fn from(Warning { code, message, line, column }: Warning) -> Self {
        Self { code, message, line, column }
    }
}

impl WarningFrame {
    /// Returns the warning, or `None` if its message is longer than [`Warning::MAX_MESSAGE_BYTES`].
    pub(crate) fn checked(self) -> Option<Warning> {
        let Self { code, message, line, column } = self;
        // `Warning::new` removes line breaks, which a runner may have put into the message.
        (message.len() <= Warning::MAX_MESSAGE_BYTES).then(|| Warning {
            line,
            column,
            ..Warning::new(code, &message)
        })
    }
}
