//! Properties that hold for every input of a server, a script or a file, for the targets in `fuzz/`
//! and for tests.

use std::path::Path;

use rmcp::model::JsonRpcMessage;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::{ConfigError, McpConfig, Secret, ServerConfig};
use crate::policy;
use crate::redact::Redactor;
use crate::results::{MAX_ERROR_TEXT_BYTES, ToolResult};
use crate::transport::message_id::MessageIdScanner;
use crate::transport::messages::{Inbox, Incoming, RawText, parse, raw_result};

/// A line of a server: results are valid JSON, and scanning the line in pieces finds the same id.
///
/// # Panics
/// If that does not hold.
pub fn message(text: &str) {
    let skimmed = |pieces: usize| {
        let mut scanner = MessageIdScanner::default();
        text.as_bytes().chunks(pieces).for_each(|piece| scanner.read(piece));
        scanner.response_id()
    };
    assert_eq!(skimmed(1), skimmed(text.len().max(1)));
    let Incoming::Messages(messages) = parse(text, &Inbox::of_pipes()) else { return };
    for message in messages {
        if let JsonRpcMessage::Response(response) = message
            && let Ok(raw) = raw_result(response.result)
        {
            is_json(raw.get());
            result(raw.get());
        }
    }
}

/// A result of `tools/call`: the value for scripts is valid JSON, and redaction removes
/// credentials.
///
/// # Panics
/// If that does not hold.
pub fn result(text: &str) {
    let text = text.trim();
    if serde_json::from_str::<&RawValue>(text).is_err() {
        return;
    }
    for most in [0, 8, usize::MAX] {
        let Ok(result) = ToolResult::new(RawText::trusted(text.to_owned()), most) else { continue };
        is_json(std::str::from_utf8(&result.value_json()).expect("JSON is UTF-8"));
        assert!(result.error_text().len() < MAX_ERROR_TEXT_BYTES + 100);
        let redacted = result.redacted(&redactor());
        is_json(redacted.raw_json_text());
        if let Ok(value) = serde_json::from_str(redacted.raw_json_text()) {
            assert!(!tells(&value), "{text} → {value}");
        }
    }
}

const SECRET: &str = "se\"cret/7";

fn redactor() -> Redactor {
    let mut config = ServerConfig::stdio("server", ["--mute"]);
    config.variables.push(Secret::new(SECRET));
    Redactor::new(&config)
}

fn tells(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(SECRET),
        Value::Array(items) => items.iter().any(tells),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains(SECRET) || tells(value)),
        _ => false,
    }
}

/// The arguments of a call: either they cannot be judged, or they equal what serde_json reads.
///
/// # Panics
/// If that does not hold.
pub fn arguments(text: &str) {
    if let Some(seen) = policy::seen(text) {
        assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(seen));
    }
}

/// An `mcp.json`: each error has a position in the text.
///
/// # Panics
/// If that does not hold.
pub fn mcp_json(text: &str) {
    let lookup = |name: &str| (name != "UNSET").then(|| format!("<{name}>"));
    if let Err(ConfigError::Invalid { line, column, .. }) =
        McpConfig::parse(text, Path::new("/project/mcp.json"), &lookup)
    {
        let of_line = text.split('\n').nth(line - 1).expect("a line of the file");
        assert!(column >= 1 && column <= of_line.chars().count() + 1, "{line}:{column} of {text:?}");
    }
}

fn is_json(text: &str) {
    assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "{text:?}");
}

#[cfg(test)]
#[path = "../../fuzz/seeds.rs"]
mod seeds;

/// The seeds of fuzzing, and inputs that it has found.
#[test]
fn the_properties_hold_for_the_seeds() {
    seeds::each_text("message", message);
    seeds::each_text("result", result);
    seeds::each_text("arguments", arguments);
    seeds::each_text("mcp_json", mcp_json);
}
