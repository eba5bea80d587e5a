//! JSON-RPC messages as servers really send them.
//!
//! rmcp decodes a result into a union of typed results. That loses fields it does not know, rounds large numbers, and
//! loses a whole tool list over one malformed tool. So the transports of this crate hand results through rmcp's loop as
//! they are: the text of `result` travels as a JSON string inside [`CustomResult`], and whoever asked takes it out with
//! [`raw_result`]. A 10 MB result is then copied, not built into a tree, by the task that all calls of a server share.
//! Only the answers of the handshake are decoded, because rmcp reads them itself.

mod skim;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, CustomResult, ErrorCode, ErrorData,
    JsonRpcMessage, RequestId, ServerJsonRpcMessage, ServerNotification, ServerResult,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub(crate) use skim::Skim;

use crate::logs::Logs;

/// Requests of a server that may wait for isolet's answer at once. rmcp gives each a task, so a server that asks faster
/// than it reads would fill the memory; what is over this is not heard. isolet offers nothing but pings.
const MAX_UNANSWERED: usize = 64;

/// What a transport remembers of a session, to know how to read what comes in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intake {
    ids: Arc<Mutex<Ids>>,
    /// Told here, where the order of what came in is known: rmcp gives each notification a task of its own.
    logs: Logs,
}

#[derive(Debug, Default)]
struct Ids {
    /// The handshake's requests that are under way: their answers are decoded, all others stay text.
    handshake: HashSet<RequestId>,
    /// The server's own requests that are not answered yet.
    unanswered: HashSet<RequestId>,
    /// Over pipes: the requests that wait for their one answer. Over HTTP, whoever sent a request sees what became of it.
    waiting: Option<HashSet<RequestId>>,
}

/// A message that goes out; dropped when it is gone or given up.
#[must_use]
pub(crate) struct Outgoing {
    intake: Intake,
    answers: Option<RequestId>,
}

impl Intake {
    /// For a session over pipes, where an answer is known by its id alone.
    pub(crate) fn of_pipes() -> Self {
        let ids = Ids { waiting: Some(HashSet::new()), ..Ids::default() };
        Self { ids: Arc::new(Mutex::new(ids)), logs: Logs::default() }
    }

    /// The same, telling `logs` what the server logs.
    pub(crate) fn telling(self, logs: Logs) -> Self {
        Self { logs, ..self }
    }

    /// Looks at a message that goes out.
    pub(crate) fn outgoing(&self, message: &ClientJsonRpcMessage) -> Outgoing {
        let answers = match message {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.is_answer_to(id);
                }
                None
            }
            JsonRpcMessage::Request(request) => {
                let kind = &request.request;
                let mut ids = self.ids();
                if matches!(kind, ClientRequest::InitializeRequest(_) | ClientRequest::DiscoverRequest(_)) {
                    ids.handshake.insert(request.id.clone());
                }
                // A subscription is answered when it ends.
                if !matches!(kind, ClientRequest::SubscriptionsListenRequest(_))
                    && let Some(waiting) = &mut ids.waiting
                {
                    waiting.insert(request.id.clone());
                }
                None
            }
        };
        Outgoing { intake: self.clone(), answers }
    }

    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `id` is of the handshake, the first time that it is answered.
    fn is_of_handshake(&self, id: &RequestId) -> bool {
        take(&mut self.ids().handshake, id)
    }

    /// Whether a request waits for an answer with this `id`, the first time that there is one.
    pub(crate) fn is_answer_to(&self, id: &RequestId) -> bool {
        self.ids().waiting.as_mut().is_some_and(|waiting| take(waiting, id))
    }

    /// The one request that waits for an answer, if it is one: an error without an id can only be for that.
    fn only_one_waiting(&self) -> Option<RequestId> {
        let ids = self.ids();
        let waiting = ids.waiting.as_ref()?;
        waiting.iter().next().filter(|_| waiting.len() == 1).cloned()
    }

    /// Whether a message of the server's own is to be heard.
    fn admits(&self, message: &ServerJsonRpcMessage) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                let unanswered = &mut self.ids().unanswered;
                unanswered.len() < MAX_UNANSWERED && unanswered.insert(request.id.clone())
            }
            JsonRpcMessage::Notification(notification) => {
                if let ServerNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.ids().unanswered.remove(id);
                }
                true
            }
            _ => true,
        }
    }
}

/// Removes `id`. A server may answer id 0 with "0"; rmcp forgives that, so this must too.
fn take(ids: &mut HashSet<RequestId>, id: &RequestId) -> bool {
    let numeric = match id {
        RequestId::String(text) => text.parse().ok().map(RequestId::Number),
        RequestId::Number(_) => None,
    };
    ids.remove(id) || numeric.is_some_and(|id| ids.remove(&id))
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(id) = &self.answers {
            self.intake.ids().unanswered.remove(id);
        }
    }
}

/// What one piece of text turned out to be.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message, or several (revision 2025-03-26 had batches).
    Messages(Vec<ServerJsonRpcMessage>),
    /// Not a message of JSON-RPC 2.0.
    Garbage,
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

/// `Some` for a field that is there, even as `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one line of stdio, or one body or event of HTTP.
pub(crate) fn parse(text: &str, intake: &Intake) -> Incoming {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('[') {
        let Ok(batch) = serde_json::from_str::<Vec<&RawValue>>(text) else { return Incoming::Garbage };
        let messages: Vec<_> = batch.iter().filter_map(|one| message(one.get(), intake)).collect();
        return if messages.is_empty() { Incoming::Garbage } else { Incoming::Messages(messages) };
    }
    match message(text, intake) {
        Some(message) => Incoming::Messages(vec![message]),
        None => Incoming::Garbage,
    }
}

fn message(text: &str, intake: &Intake) -> Option<ServerJsonRpcMessage> {
    // A struct would also be read from an array, and a batch in a batch is no message.
    if !text.starts_with('{') {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    if let Some(method) = &envelope.method {
        if method == "notifications/message" {
            intake.logs.said(envelope.params.map_or("", RawValue::get));
        }
        return serde_json::from_str(text).ok().filter(|message| intake.admits(message));
    }
    let id = envelope.id.and_then(|id| serde_json::from_str::<Option<RequestId>>(id.get()).ok().flatten());
    if let Some(result) = envelope.result {
        let id = id?;
        intake.is_answer_to(&id);
        if intake.is_of_handshake(&id)
            && let Some(result) = handshake_result(result.get())
        {
            return Some(JsonRpcMessage::response(result, id));
        }
        let raw = CustomResult(Value::String(result.get().to_owned()));
        return Some(JsonRpcMessage::response(ServerResult::CustomResult(raw), id));
    }
    let error = error_data(envelope.error?.get());
    let id = id.or_else(|| intake.only_one_waiting());
    if let Some(id) = &id {
        intake.is_answer_to(id);
        intake.is_of_handshake(id);
    }
    Some(JsonRpcMessage::error(error, id))
}

/// The answer to a greeting, forgiving of what is missing or odd: what matters of it is the revision, and which kinds of
/// things the server has.
fn handshake_result(text: &str) -> Option<ServerResult> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let result = value.as_object_mut()?;
    if result.contains_key("supportedVersions") {
        if let Some(info) = result.remove("serverInfo") {
            let meta = result.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                meta.entry("io.modelcontextprotocol/serverInfo").or_insert(info);
            }
        }
        let read = |result: &Map<String, Value>| {
            serde_json::from_value(Value::Object(result.clone())).ok().map(ServerResult::DiscoverResult)
        };
        for (key, value) in
            [("resultType", json!("complete")), ("ttlMs", json!(0)), ("cacheScope", json!("private"))]
        {
            result.entry(key).or_insert(value);
        }
        tame(result);
        return read(result).or_else(|| {
            result.insert("ttlMs".to_owned(), json!(0));
            result.insert("cacheScope".to_owned(), json!("private"));
            read(result)
        });
    }
    if !result.contains_key("protocolVersion") {
        return None;
    }
    tame(result);
    let named = result
        .get("serverInfo")
        .is_some_and(|info| serde_json::from_value::<rmcp::model::Implementation>(info.clone()).is_ok());
    if !named {
        let name = result.get("serverInfo").and_then(|info| info.get("name")).and_then(Value::as_str);
        let info = json!({ "name": name.unwrap_or_default(), "version": "" });
        result.insert("serverInfo".to_owned(), info);
    }
    serde_json::from_value(value).ok().map(ServerResult::InitializeResult)
}

/// Makes the parts readable that every greeting's answer has.
fn tame(result: &mut Map<String, Value>) {
    let readable = |value: &Value| {
        serde_json::from_value::<rmcp::model::ServerCapabilities>(value.clone()).is_ok() && value.is_object()
    };
    if !result.get("capabilities").is_some_and(readable) {
        let offered = result.get("capabilities").and_then(Value::as_object);
        let kinds = ["tools", "resources", "prompts"].into_iter();
        let kinds = kinds.filter(|kind| offered.is_some_and(|offered| offered.contains_key(*kind)));
        let capabilities: Map<_, _> = kinds.map(|kind| (kind.to_owned(), json!({}))).collect();
        result.insert("capabilities".to_owned(), Value::Object(capabilities));
    }
    if !result.get("instructions").is_none_or(Value::is_string) {
        result.remove("instructions");
    }
    if !result.get("_meta").is_none_or(Value::is_object) {
        result.remove("_meta");
    }
}

/// An error object, forgiving of what is missing: its message is what people need.
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

/// The text of a result. It was read as JSON once, when it came; a `RawValue` could only be made by reading it again,
/// which is what a result of 10 MB mostly costs.
#[derive(Debug, Clone)]
pub(crate) struct RawText(String);

impl RawText {
    /// The text.
    pub(crate) fn get(&self) -> &str {
        &self.0
    }

    /// The text itself.
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// A text that is known to be JSON.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text)
    }
}

/// The text of a result that came through [`parse`].
///
/// # Errors
/// Why there is none.
pub(crate) fn raw_result(result: ServerResult) -> Result<RawText, String> {
    match result {
        ServerResult::CustomResult(CustomResult(Value::String(text))) => Ok(RawText(text)),
        ServerResult::CustomResult(CustomResult(Value::Array(reason))) => {
            Err(reason.first().and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        _ => Err("it is no result of JSON-RPC".to_owned()),
    }
}

/// Stands in for an answer that cannot be used, so that whoever waits for it need not wait any longer.
pub(crate) fn unusable(id: RequestId, reason: String) -> ServerJsonRpcMessage {
    // A server's own result is always a string here, so none can pass for this.
    let reason = CustomResult(Value::Array(vec![Value::String(reason)]));
    JsonRpcMessage::response(ServerResult::CustomResult(reason), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ServerJsonRpcMessage {
        match parse(text, &Intake::default()) {
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
    fn errors_are_read_even_when_they_are_sloppy() {
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
        let intake = Intake::default();
        intake.ids().handshake.insert(RequestId::Number(0));
        let text = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}"#;
        let is_typed = |incoming| {
            let Incoming::Messages(messages) = incoming else { panic!("a message") };
            matches!(&messages[0], JsonRpcMessage::Response(response)
                if matches!(response.result, ServerResult::InitializeResult(_)))
        };
        assert!(is_typed(parse(text, &intake)));
        assert!(!is_typed(parse(text, &intake)));
    }

    #[test]
    fn a_server_that_asks_without_end_is_not_heard() {
        let intake = Intake::default();
        let ask = |id: usize| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            matches!(parse(&text, &intake), Incoming::Messages(_))
        };
        assert_eq!((0..1_000).filter(|id| ask(*id)).count(), MAX_UNANSWERED);
        // An answer that went out, or a request that was taken back, makes room.
        let answer =
            ClientJsonRpcMessage::error(ErrorData::new(ErrorCode(1), "no", None), Some(RequestId::Number(3)));
        drop(intake.outgoing(&answer));
        let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}"#;
        assert!(matches!(parse(cancel, &intake), Incoming::Messages(_)));
        assert_eq!((1_000..2_000).filter(|id| ask(*id)).count(), 2);
    }

    #[test]
    fn batches_and_garbage() {
        let batch = r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}, 3]"#;
        assert!(
            matches!(parse(batch, &Intake::default()), Incoming::Messages(messages) if messages.len() == 2)
        );
        for text in ["", "Server listening on stdio", "{", "{}", "[]", "[[]]", "null", "7", "[1,2,3,4]"] {
            assert!(matches!(parse(text, &Intake::default()), Incoming::Garbage), "{text}");
        }
    }
}
