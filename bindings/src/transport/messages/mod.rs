//! JSON-RPC messages as servers send them.
//!
//! rmcp decodes a result into a union of typed results. That loses members that it does not know,
//! rounds large numbers, and loses a whole tool list over one malformed tool. So the transports of
//! this crate pass results through rmcp's loop as text: the text of `result` travels as a JSON
//! string in [`CustomResult`], and the caller takes it out with [`raw_result`]. A result of 10 MB
//! is then copied, not built into a tree, by the task that all calls of a server share. Only the
//! results of the handshake are decoded, because rmcp reads them itself.
//!
//! | module | one idea |
//! |---|---|
//! | `inbox` | the state of a session that decides how its messages are read |
//! | `handshake_result` | the result of a handshake, read leniently |

mod handshake_result;
mod inbox;

use std::borrow::Cow;

use rmcp::model::{
    CustomResult, ErrorCode, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage, ServerResult,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use self::handshake_result::handshake_result;
pub(crate) use self::inbox::Inbox;

/// The meaning of one piece of text.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// One message, or several: revision 2025-03-26 has batches.
    Messages(Vec<ServerJsonRpcMessage>),
    /// Not a message of JSON-RPC 2.0.
    Invalid,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// Reads a member that is present as `Some`, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Parses one line of stdio, or one body or event of HTTP.
pub(crate) fn parse(text: &str, inbox: &Inbox) -> Incoming {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('[') {
        let Ok(batch) = serde_json::from_str::<Vec<&RawValue>>(text) else { return Incoming::Invalid };
        let messages: Vec<_> = batch.iter().filter_map(|one| message(one.get(), inbox)).collect();
        return if messages.is_empty() { Incoming::Invalid } else { Incoming::Messages(messages) };
    }
    match message(text, inbox) {
        Some(message) => Incoming::Messages(vec![message]),
        None => Incoming::Invalid,
    }
}

fn message(text: &str, inbox: &Inbox) -> Option<ServerJsonRpcMessage> {
    // serde would also read the struct from an array. A batch in a batch is not valid.
    if !text.starts_with('{') {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    if let Some(method) = &envelope.method {
        if method == "notifications/message" {
            inbox.logs.deliver(envelope.params.map_or("", RawValue::get));
        }
        return serde_json::from_str(text).ok().filter(|message| inbox.admits(message));
    }
    let id = envelope.id.and_then(|id| serde_json::from_str::<Option<RequestId>>(id.get()).ok().flatten());
    if let Some(result) = envelope.result {
        let id = id?;
        inbox.is_answer_to(&id);
        if inbox.is_of_handshake(&id)
            && let Some(result) = handshake_result(result.get())
        {
            return Some(JsonRpcMessage::response(result, id));
        }
        let raw = CustomResult(Value::String(result.get().to_owned()));
        return Some(JsonRpcMessage::response(ServerResult::CustomResult(raw), id));
    }
    let error = error_data(envelope.error?.get());
    let id = id.or_else(|| inbox.only_one_waiting());
    if let Some(id) = &id {
        inbox.is_answer_to(id);
        inbox.is_of_handshake(id);
    }
    Some(JsonRpcMessage::error(error, id))
}

/// Reads an error object leniently: people need its message.
fn error_data(text: &str) -> ErrorData {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let code = value.get("code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let message = match value.get("message").unwrap_or(&value) {
        Value::String(message) => message.clone(),
        other => other.to_string(),
    };
    let code = code.map_or(ErrorCode::INTERNAL_ERROR, ErrorCode);
    ErrorData::new(code, message, value.get("data").filter(|data| !data.is_null()).cloned())
}

/// The text of a result, known to be valid JSON. A `RawValue` would have to be parsed again, which
/// is most of the cost of a result of 10 MB.
#[derive(Debug, Clone)]
pub(crate) struct RawText(String);

impl RawText {
    /// The text.
    pub(crate) fn get(&self) -> &str {
        &self.0
    }

    /// Returns the text without a copy.
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// Wraps a text that is known to be valid JSON.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text)
    }
}

/// Takes the text of a result out of a message that [`parse`] has read.
///
/// # Errors
/// The reason why the result cannot be used.
pub(crate) fn raw_result(result: ServerResult) -> Result<RawText, String> {
    match result {
        ServerResult::CustomResult(CustomResult(Value::String(text))) => Ok(RawText(text)),
        ServerResult::CustomResult(CustomResult(Value::Array(reason))) => {
            Err(reason.first().and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        _ => Err("it is not a JSON-RPC result".to_owned()),
    }
}

/// Makes a response for a result that cannot be used, so that the request fails at once.
pub(crate) fn unusable(id: RequestId, reason: String) -> ServerJsonRpcMessage {
    // A result of a server is always a string here, so no server can send this.
    let reason = CustomResult(Value::Array(vec![Value::String(reason)]));
    JsonRpcMessage::response(ServerResult::CustomResult(reason), id)
}

#[cfg(test)]
mod tests {
    use rmcp::model::ClientJsonRpcMessage;

    use super::*;

    fn one(text: &str) -> ServerJsonRpcMessage {
        match parse(text, &Inbox::default()) {
            Incoming::Messages(mut messages) if messages.len() == 1 => messages.remove(0),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_result_keeps_every_byte() {
        let result = r#"{"n": 123456789012345678901234567890, "x":1e999,  "tools":[{"odd":true}]}"#;
        let message = one(&format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#));
        let JsonRpcMessage::Response(response) = message else { panic!("a response") };
        assert_eq!(response.id, RequestId::Number(7));
        assert_eq!(raw_result(response.result).unwrap().get(), result);
    }

    #[test]
    fn incomplete_errors_are_read() {
        for (error, code, text) in [
            (r#"{"code":-32602,"message":"bad a","data":[1]}"#, -32602, "bad a"),
            (r#"{"message":"no code"}"#, -32603, "no code"),
            (r#""just text""#, -32603, "just text"),
            (r#"{"code":"E1"}"#, -32603, r#"{"code":"E1"}"#),
        ] {
            let message = one(&format!(r#"{{"jsonrpc":"2.0","id":"a","error":{error}}}"#));
            let JsonRpcMessage::Error(message) = message else { panic!("an error") };
            assert_eq!((message.error.code.0, message.error.message.as_ref()), (code, text));
        }
    }

    #[test]
    fn answers_of_the_handshake_are_decoded_once() {
        let inbox = Inbox::default();
        inbox.ids().handshake.insert(RequestId::Number(0));
        let text = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}"#;
        let is_typed = |incoming| {
            let Incoming::Messages(messages) = incoming else { panic!("a message") };
            matches!(&messages[0], JsonRpcMessage::Response(response)
                if matches!(response.result, ServerResult::InitializeResult(_)))
        };
        assert!(is_typed(parse(text, &inbox)));
        assert!(!is_typed(parse(text, &inbox)));
    }

    #[test]
    fn requests_of_a_server_over_the_limit_are_dropped() {
        let inbox = Inbox::default();
        let ask = |id: usize| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            matches!(parse(&text, &inbox), Incoming::Messages(_))
        };
        assert_eq!((0..1_000).filter(|id| ask(*id)).count(), inbox::MAX_UNANSWERED);
        // An answer that was sent, and a request that was cancelled, make room.
        let answer =
            ClientJsonRpcMessage::error(ErrorData::new(ErrorCode(1), "no", None), Some(RequestId::Number(3)));
        drop(inbox.outgoing(&answer));
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}"#;
        assert!(matches!(parse(cancel, &inbox), Incoming::Messages(_)));
        assert_eq!((1_000..2_000).filter(|id| ask(*id)).count(), 2);
    }

    #[test]
    fn batches_are_read_and_other_text_is_invalid() {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}, 3]"#;
        assert!(
            matches!(parse(batch, &Inbox::default()), Incoming::Messages(messages) if messages.len() == 2)
        );
        for text in ["", "Server listening on stdio", "{", "{}", "[]", "[[]]", "null", "7", "[1,2,3,4]"] {
            assert!(matches!(parse(text, &Inbox::default()), Incoming::Invalid), "{text}");
        }
    }
}
