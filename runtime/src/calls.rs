//! The calls of a run as its errors, warnings and records describe them.

use std::any::Any;
use std::time::Instant;

use crate::ToolFailure;

/// The place in the script where a call was made: line and column from 1.
pub(crate) type CallSite = (u32, u32);

/// A call whose promise nobody awaits.
#[derive(Debug, Clone)]
pub(crate) struct UnawaitedCall {
    pub(crate) server: String,
    pub(crate) tool: String,
    pub(crate) site: Option<CallSite>,
}

/// A call that has been sent and not answered.
pub(crate) struct InFlightCall {
    pub(crate) server: String,
    pub(crate) tool: String,
    /// The length of its arguments.
    pub(crate) bytes: usize,
    /// Set if the script gets the tool's unwrapped value
    /// ([`Operation::Call`](crate::Operation::Call)).
    pub(crate) plain: bool,
    pub(crate) sent: Instant,
    pub(crate) site: Option<CallSite>,
    /// The request of a Worker that it belongs to, or 0.
    pub(crate) request: u32,
    /// Dropping this value cancels the call.
    pub(crate) _cancel: Box<dyn Any + Send>,
}

/// The beginning of the last answer that a script got.
pub(crate) struct LastAnswer {
    pub(crate) server: String,
    pub(crate) tool: String,
    /// The first [`MAX_HEAD_BYTES`](Self::MAX_HEAD_BYTES) of the JSON text.
    pub(crate) head: Vec<u8>,
}

impl LastAnswer {
    /// The number of bytes that are kept of an answer.
    pub(crate) const MAX_HEAD_BYTES: usize = 2048;

    /// Returns a sentence about the answer: `demo.get resolved to an object with id, name`.
    pub(crate) fn description(&self) -> String {
        let (server, tool) = (short_name(&self.server), short_name(&self.tool));
        format!("{server}.{tool} resolved to {}", shape(&self.head))
    }
}

/// Describes a JSON value by the beginning of its text.
fn shape(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    let object = |text: &str| {
        let names = keys(text);
        if names.is_empty() {
            "an object without fields".to_owned()
        } else {
            format!("an object with {}", names.join(", "))
        }
    };
    match text.chars().next() {
        Some('{') => object(text),
        Some('[') => match text[1..].trim_start() {
            items if items.starts_with('{') => format!("a list, its first item {}", object(items)),
            items if items.starts_with(']') => "an empty list".to_owned(),
            _ => "a list".to_owned(),
        },
        Some('"') => {
            let begins: String = text[1..].chars().take_while(|c| *c != '"').take(40).collect();
            format!("a text, which begins `{begins}`")
        }
        _ => {
            let value: String = text.chars().take(40).collect();
            value
        }
    }
}

/// The number of fields that a description names.
const MAX_KEYS: usize = 12;

/// Returns the names of the fields in the beginning of an object's text, at most [`MAX_KEYS`].
fn keys(text: &str) -> Vec<String> {
    let (mut names, mut depth, mut name) = (Vec::new(), 0usize, None);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && names.len() < MAX_KEYS {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            b'"' => {
                let start = at + 1;
                at = start;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                // Only the name of a field is followed by a colon.
                name = text.get(start..at.min(bytes.len())).filter(|_| depth == 1);
            }
            b':' if depth == 1 => names.extend(name.take().map(short_name)),
            b',' => name = None,
            _ => {}
        }
        at += 1;
    }
    names
}

/// Returns the first 64 characters of a name that a script or a server chose.
pub(crate) fn short_name(name: &str) -> String {
    name.chars().take(64).collect()
}

/// The error in the record of a call that waited behind others until the run ended.
pub(crate) const NOT_SENT: &str = "not sent: the run ended while it waited behind the calls in flight";

/// The error in the record of a call that the end of its run cancelled.
pub(crate) const CANCELLED: &str = "cancelled: the run ended before this call was answered";

/// The length of the error in the record of a call. The script gets the whole message.
const MAX_RECORDED_CHARS: usize = 2000;

/// Returns the error for the record of a call that failed.
pub(crate) fn recorded_error(failure: &ToolFailure) -> String {
    failure.message.chars().take(MAX_RECORDED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_described_by_its_beginning() {
        for (json, told) in [
            (
                r#"{"timezone":"UTC","a":{"b":1,"c":["d"]},"e":"x: y, \"z\":"}"#,
                "an object with timezone, a, e",
            ),
            (r#"[{"id":1,"name":"a"},{"id":2}]"#, "a list, its first item an object with id, name"),
            ("[]", "an empty list"),
            ("[1,2]", "a list"),
            ("{}", "an object without fields"),
            (r#""plain text""#, "a text, which begins `plain text`"),
            ("null", "null"),
            (r#"{"cut":"off in the mi"#, "an object with cut"),
            ("", ""),
        ] {
            assert_eq!(shape(json.as_bytes()), told, "{json}");
        }
        let odd = br#"{"a\"#;
        assert_eq!(shape(odd), "an object without fields");
        assert!(shape("\u{1f600}".repeat(600).as_bytes()).len() < 200);
    }
}
