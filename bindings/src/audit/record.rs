//! Records of calls, fetches and runs. Other records are in [`event`](super::event).
//!
//! Names come from scripts and servers and are shortened. Error messages are not recorded: they
//! contain text of servers, which may be anything. A refusal is recorded with its rule.

use std::net::SocketAddr;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::clock::rfc3339;
use crate::caller::Caller;
use crate::read_file::Summary;
use crate::text::shortened;

/// The longest name in a record.
const MAX_NAME_BYTES: usize = 256;

/// The longest arguments in a record.
const MAX_ARGUMENTS_BYTES: usize = 16 * 1024;

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server returned a result.
    Ok,
    /// The server returned a result that reports an error of the tool.
    ToolError,
    /// A rule refused the call.
    Denied,
    /// The server did not answer in time.
    Timeout,
    /// The run or its caller did not wait for the answer. The call may have been made.
    Cancelled,
    /// Any other failure: the server is not connected, or answered with a JSON-RPC error.
    Failed,
}

/// The record of a call.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// The start of the call.
    pub began: SystemTime,
    /// The caller.
    pub caller: &'a Caller,
    /// The exact name of the server.
    pub server: &'a str,
    /// The exact name of the tool, or an operation such as `$readResource`.
    pub tool: &'a str,
    /// The arguments as JSON text.
    pub arguments: &'a str,
    /// True if the arguments are recorded.
    pub with_arguments: bool,
    /// The result.
    pub result: Option<Summary>,
    /// The duration in milliseconds.
    pub ms: f64,
    /// The outcome.
    pub outcome: Outcome,
    /// The rule that refused the call.
    pub rule: Option<&'a str>,
}

/// The record of a run.
#[derive(Debug)]
pub struct RunRecord<'a> {
    /// The time of the request.
    pub began: SystemTime,
    /// The caller.
    pub caller: &'a Caller,
    /// The script.
    pub code: Summary,
    /// The input of the script.
    pub input: Option<Summary>,
    /// The JSON of the result.
    pub result: Option<Summary>,
    /// `ok`, or the error code.
    pub outcome: &'a str,
    /// The number of calls that have ended.
    pub calls: usize,
    /// The wall time in milliseconds.
    pub wall_ms: f64,
    /// The CPU time in milliseconds.
    pub cpu_ms: f64,
    /// The time in the queue in milliseconds.
    pub queued_ms: f64,
}

/// The record of a fetch of a Worker. The path and the query are not recorded: they may contain
/// secrets.
#[derive(Debug)]
pub struct FetchRecord<'a> {
    /// The start of the fetch.
    pub began: SystemTime,
    /// The caller.
    pub caller: &'a Caller,
    /// The method.
    pub method: &'a str,
    /// The scheme, the host and the port.
    pub origin: &'a str,
    /// The status of the answer, if there is one.
    pub status: Option<u16>,
    /// The time until the head of the answer in milliseconds.
    pub ms: f64,
    /// The outcome.
    pub outcome: Outcome,
}

#[derive(Serialize)]
struct FetchLine<'a> {
    time: String,
    event: &'static str,
    #[serde(flatten)]
    who: CallerFields<'a>,
    #[serde(serialize_with = "name")]
    method: Option<&'a str>,
    #[serde(serialize_with = "name")]
    origin: Option<&'a str>,
    status: Option<u16>,
    ms: f64,
    outcome: Outcome,
}

#[derive(Serialize)]
struct CallLine<'a> {
    time: String,
    event: &'static str,
    #[serde(flatten)]
    who: CallerFields<'a>,
    #[serde(serialize_with = "name")]
    server: Option<&'a str>,
    #[serde(serialize_with = "name")]
    tool: Option<&'a str>,
    arguments: ArgumentsPart,
    result: Option<&'a Summary>,
    ms: f64,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
}

#[derive(Serialize)]
struct ArgumentsPart {
    #[serde(flatten)]
    summary: Summary,
    /// Parsed and written again, because the original may have line breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

#[derive(Serialize)]
struct RunLine<'a> {
    time: String,
    event: &'static str,
    #[serde(flatten)]
    who: CallerFields<'a>,
    code: &'a Summary,
    input: Option<&'a Summary>,
    result: Option<&'a Summary>,
    outcome: &'a str,
    calls: usize,
    wall_ms: f64,
    cpu_ms: f64,
    queued_ms: f64,
}

/// The caller of a record. `run` is null for clients that call tools without a script; `worker` is
/// there only for Workers.
#[derive(Serialize)]
pub(super) struct CallerFields<'a> {
    run: Option<&'a str>,
    #[serde(serialize_with = "name")]
    tenant: Option<&'a str>,
    peer: Option<SocketAddr>,
    #[serde(serialize_with = "name")]
    token: Option<&'a str>,
    #[serde(serialize_with = "name", skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
}

impl<'a> CallerFields<'a> {
    pub(super) fn of(caller: &'a Caller) -> Self {
        Self {
            run: caller.number(),
            tenant: caller.tenant(),
            peer: caller.peer(),
            token: caller.token(),
            worker: caller.worker(),
        }
    }
}

/// Shortens a name.
pub(super) fn name<S: Serializer>(name: &Option<&str>, serializer: S) -> Result<S::Ok, S::Error> {
    name.map(|name| shortened(name, MAX_NAME_BYTES)).serialize(serializer)
}

impl CallRecord<'_> {
    pub(super) fn line(&self) -> Vec<u8> {
        let value = self.with_arguments.then(|| match self.arguments.len() {
            0..=MAX_ARGUMENTS_BYTES => {
                serde_json::from_str(self.arguments).unwrap_or_else(|_| self.arguments.into())
            }
            _ => Value::from(format!("longer than {MAX_ARGUMENTS_BYTES} bytes")),
        });
        line(&CallLine {
            time: rfc3339(self.began),
            event: "call",
            who: CallerFields::of(self.caller),
            server: Some(self.server),
            tool: Some(self.tool),
            arguments: ArgumentsPart { summary: Summary::of(self.arguments.as_bytes()), value },
            result: self.result.as_ref(),
            ms: rounded(self.ms),
            outcome: self.outcome,
            rule: self.rule,
        })
    }
}

impl FetchRecord<'_> {
    pub(super) fn line(&self) -> Vec<u8> {
        line(&FetchLine {
            time: rfc3339(self.began),
            event: "fetch",
            who: CallerFields::of(self.caller),
            method: Some(self.method),
            origin: Some(self.origin),
            status: self.status,
            ms: rounded(self.ms),
            outcome: self.outcome,
        })
    }
}

impl RunRecord<'_> {
    pub(super) fn line(&self) -> Vec<u8> {
        line(&RunLine {
            time: rfc3339(self.began),
            event: "run",
            who: CallerFields::of(self.caller),
            code: &self.code,
            input: self.input.as_ref(),
            result: self.result.as_ref(),
            outcome: self.outcome,
            calls: self.calls,
            wall_ms: rounded(self.wall_ms),
            cpu_ms: rounded(self.cpu_ms),
            queued_ms: rounded(self.queued_ms),
        })
    }
}

/// The number of records that were dropped.
pub(super) fn gap(dropped: u64) -> Vec<u8> {
    let time = rfc3339(SystemTime::now());
    line(&serde_json::json!({ "time": time, "event": "gap", "dropped": dropped }))
}

pub(super) fn line(record: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_string(record).expect("strings and numbers serialise");
    // Records are shown in terminals too.
    let mut line = crate::text::json(&text).into_owned();
    line.push('\n');
    line.into_bytes()
}

/// Rounds to microseconds.
fn rounded(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
