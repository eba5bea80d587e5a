//! What is written of a call and of a run.
//!
//! Names come from scripts and servers and are cut. Error messages are not recorded: they are made of what servers send,
//! and could hold anything. What was refused is recorded with its rule.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::clock::rfc3339;
use crate::text::shortened;

/// Longest name in a record.
const LONGEST_NAME: usize = 256;

/// Longest arguments in a record, where they are recorded.
const LONGEST_ARGUMENTS: usize = 16 * 1024;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server gave a result.
    Ok,
    /// The server gave a result that says that the tool failed.
    ToolError,
    /// The call was not made: a rule refused it.
    Denied,
    /// No answer in time.
    Timeout,
    /// The script or its caller did not wait for the answer. The call may have been made.
    Cancelled,
    /// Anything else: the server is not there, or answered with an error of the protocol.
    Failed,
}

/// A text by its size and its digest.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Summary {
    /// How long it is.
    pub bytes: usize,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
}

impl Summary {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), sha256: hexadecimal(&Sha256::digest(bytes)) }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One call.
#[derive(Debug)]
pub struct CallRecord<'a> {
    /// When it began.
    pub began: SystemTime,
    /// Of which run; none for a call that a client made itself.
    pub run: Option<&'a str>,
    /// Whose run.
    pub tenant: Option<&'a str>,
    /// The server's exact name.
    pub server: &'a str,
    /// The tool's exact name, or `$readResource` and the like.
    pub tool: &'a str,
    /// JSON text.
    pub arguments: &'a str,
    /// Whether they are recorded.
    pub with_arguments: bool,
    /// What came back.
    pub result: Option<Summary>,
    /// Milliseconds.
    pub ms: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Which rule refused it.
    pub rule: Option<&'a str>,
}

/// One run.
#[derive(Debug)]
pub struct RunRecord<'a> {
    /// When it was asked for.
    pub began: SystemTime,
    /// Its number.
    pub run: &'a str,
    /// Whose it is.
    pub tenant: Option<&'a str>,
    /// The script.
    pub code: Summary,
    /// Its input.
    pub input: Option<Summary>,
    /// Its result's JSON.
    pub result: Option<Summary>,
    /// `ok`, or the error's code.
    pub outcome: &'a str,
    /// Calls that ended.
    pub calls: usize,
    /// Milliseconds on the clock.
    pub wall_ms: f64,
    /// Milliseconds of CPU.
    pub cpu_ms: f64,
    /// Milliseconds in the queue.
    pub queued_ms: f64,
}

#[derive(Serialize)]
struct CallLine<'a> {
    time: String,
    event: &'static str,
    run: Option<&'a str>,
    #[serde(serialize_with = "name")]
    tenant: Option<&'a str>,
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
    /// Parsed and written again: what is sent may have line breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

#[derive(Serialize)]
struct RunLine<'a> {
    time: String,
    event: &'static str,
    run: &'a str,
    #[serde(serialize_with = "name")]
    tenant: Option<&'a str>,
    code: &'a Summary,
    input: Option<&'a Summary>,
    result: Option<&'a Summary>,
    outcome: &'a str,
    calls: usize,
    wall_ms: f64,
    cpu_ms: f64,
    queued_ms: f64,
}

/// A name that may be anything, cut.
fn name<S: Serializer>(name: &Option<&str>, serializer: S) -> Result<S::Ok, S::Error> {
    name.map(|name| shortened(name, LONGEST_NAME)).serialize(serializer)
}

impl CallRecord<'_> {
    pub(super) fn line(&self) -> Vec<u8> {
        let value = self.with_arguments.then(|| match self.arguments.len() {
            0..=LONGEST_ARGUMENTS => {
                serde_json::from_str(self.arguments).unwrap_or_else(|_| self.arguments.into())
            }
            _ => Value::from(format!("longer than {LONGEST_ARGUMENTS} bytes")),
        });
        line(&CallLine {
            time: rfc3339(self.began),
            event: "call",
            run: self.run,
            tenant: self.tenant,
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

impl RunRecord<'_> {
    pub(super) fn line(&self) -> Vec<u8> {
        line(&RunLine {
            time: rfc3339(self.began),
            event: "run",
            run: self.run,
            tenant: self.tenant,
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

/// That records were dropped.
pub(super) fn gap(dropped: u64) -> Vec<u8> {
    let time = rfc3339(SystemTime::now());
    line(&serde_json::json!({ "time": time, "event": "gap", "dropped": dropped }))
}

fn line(record: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(record).expect("strings and numbers serialise");
    line.push(b'\n');
    line
}

/// Whole microseconds.
fn rounded(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
