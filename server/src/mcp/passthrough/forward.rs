//! Forwards one request to its upstream and returns the response unchanged: result, error, or
//! questions to the user. Progress and log messages reach the client meanwhile.

use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::{
    CallError, Forward, LogLevel, LogListener, LogMessage, LogSink, Progress, ProgressSink, Revision,
};
use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, CompleteResult, ContentBlock, CustomNotification, ErrorCode, ErrorData, GetPromptResult,
    InputRequiredResult, ProgressNotification, ProgressNotificationParam, ProgressToken, ReadResourceResult,
    ResultType, ServerNotification,
};
use rmcp::service::RequestContext;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::elicitation;
use crate::mcp::request_context::{caller, revision};
use crate::mcp::wire::big_numbers::mark_numbers;
use crate::mcp::wire::surrogates::replace_lone_surrogates;
use crate::service::Service;
use crate::service::error::text_with_hint;

/// The number of times that an upstream may ask before it answers.
const MAX_ROUNDS: usize = 10;

/// The number of notifications that wait for a slow client; more are dropped.
const MAX_QUEUED_NOTIFICATIONS: usize = 16;

/// The key in `_meta` of a request with the least level of log messages, in the newer revision.
const LOG_LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";

/// The time for sending the last notifications before the result.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The response of an upstream.
pub enum ForwardResult<T> {
    /// The result.
    Complete(T),
    /// The upstream needs input from the user first.
    InputRequired(InputRequiredResult),
}

/// The error of a request that got no result.
pub enum ForwardError {
    /// An error of the upstream, or of the protocol.
    Protocol(ErrorData),
    /// The upstream could not be reached.
    Unreachable(CallError),
}

/// A result with a `resultType`, which clients of the newer revision require.
pub trait TypedResult: DeserializeOwned {
    /// Returns the type that the upstream gave; upstreams of the older revisions give none.
    fn result_type(&mut self) -> &mut Option<ResultType>;
}

macro_rules! typed_results {
    ($($result:ty),*) => {
        $(impl TypedResult for $result {
            fn result_type(&mut self) -> &mut Option<ResultType> {
                &mut self.result_type
            }
        })*
    };
}

typed_results!(CallToolResult, CompleteResult, GetPromptResult, ReadResourceResult);

/// Forwards a request. Dropping the future cancels it upstream. `level` is the log level that a
/// client of the older revisions has set.
pub async fn forward<T: TypedResult>(
    service: &Arc<Service>,
    upstream: &str,
    method: &'static str,
    params: impl serde::Serialize,
    context: &RequestContext<RoleServer>,
    level: Option<LogLevel>,
) -> Result<ForwardResult<T>, ForwardError> {
    let mut params = to_map(params);
    let caller = caller(context);
    let capabilities = context.client_capabilities().and_then(|all| serde_json::to_value(all).ok());
    let revision = revision(context);
    let meta = serde_json::to_value(&context.meta).unwrap_or_default();
    let level = if revision.is_some_and(Revision::has_request_context) {
        meta.get(LOG_LEVEL_KEY).and_then(|level| LogLevel::deserialize(level).ok())
    } else {
        level
    };
    params.insert("_meta".to_owned(), meta);
    for _ in 0..MAX_ROUNDS {
        let (sender, sent) = notifier(context);
        let progress = context.meta.get_progress_token().map(|token| progress_sink(&sender, token));
        let logs = level.map(|least| LogListener { least, sink: log_sink(&sender) });
        drop(sender);
        let request =
            Forward { method, params: params.clone(), capabilities: capabilities.clone(), progress, logs };
        let forwarded =
            service.registry.gate().forward(&caller, upstream, request, service.limits.call_timeout).await;
        // No notification may follow the result.
        let _late = timeout(FLUSH_TIMEOUT, sent).await;
        let raw = forwarded.map_err(error_of)?;
        let Some(input) = elicitation::parse(&raw) else {
            return parse_result(&raw).map(ForwardResult::Complete);
        };
        if revision.is_some_and(Revision::asks_in_results) {
            let question = serde_json::from_str(raw.get());
            return question.map(ForwardResult::InputRequired).map_err(|error| malformed(&error));
        }
        // A client of the older revisions gets the questions as requests, while its own waits.
        let answers = elicitation::ask(context, &input.requests).await.map_err(ForwardError::Protocol)?;
        params.insert("inputResponses".to_owned(), Value::Object(answers));
        match input.state {
            Some(state) => params.insert("requestState".to_owned(), state.into()),
            None => params.remove("requestState"),
        };
    }
    let message = format!("`{upstream}` asked for input {MAX_ROUNDS} times without answering {method}.");
    Err(ForwardError::Protocol(ErrorData::internal_error(message, None)))
}

/// Starts a task that sends notifications to the client of a request. It ends once all senders are
/// dropped and all notifications are sent.
fn notifier(
    context: &RequestContext<RoleServer>,
) -> (mpsc::Sender<ServerNotification>, AbortOnDropHandle<()>) {
    let peer = context.peer.clone();
    let (sender, mut queued) = mpsc::channel::<ServerNotification>(MAX_QUEUED_NOTIFICATIONS);
    let task = tokio::spawn(async move {
        while let Some(notification) = queued.recv().await {
            if peer.send_notification(notification).await.is_err() {
                return;
            }
        }
    });
    (sender, AbortOnDropHandle::new(task))
}

/// Returns a sink that turns progress of the upstream request into progress of the client's. A slow
/// client misses some of it.
fn progress_sink(sender: &mpsc::Sender<ServerNotification>, token: ProgressToken) -> ProgressSink {
    let sender = sender.clone();
    Arc::new(move |report: Progress| {
        let mut progress = ProgressNotificationParam::new(token.clone(), report.progress);
        (progress.total, progress.message) = (report.total, report.message);
        drop(sender.try_send(ProgressNotification::new(progress).into()));
    })
}

/// Returns a sink that forwards log messages of the upstream to the client.
fn log_sink(sender: &mpsc::Sender<ServerNotification>) -> LogSink {
    let sender = sender.clone();
    Arc::new(move |message: LogMessage| {
        let params = serde_json::to_value(message).ok();
        drop(sender.try_send(CustomNotification::new("notifications/message", params).into()));
    })
}

fn to_map(value: impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Parses a result into rmcp's type. Clients of the newer revision refuse a result without a type;
/// rmcp removes the type for clients of the older ones.
fn parse_result<T: TypedResult>(raw: &RawValue) -> Result<T, ForwardError> {
    let marked = mark_numbers(raw.get()).and_then(|marked| serde_json::from_str(&marked).ok());
    let mut result: T = match marked {
        Some(result) => result,
        // A marked number is a string, which is invalid where the protocol has a number.
        None => parse(raw)?,
    };
    result.result_type().get_or_insert(ResultType::COMPLETE);
    Ok(result)
}

/// Parses a result. Content blocks of a type that rmcp does not know become text.
fn parse<T: DeserializeOwned>(raw: &RawValue) -> Result<T, ForwardError> {
    let error = match serde_json::from_str(raw.get()) {
        Ok(result) => return Ok(result),
        Err(error) => error,
    };
    let replaced = replace_lone_surrogates(raw.get().as_bytes());
    let text = replaced.as_deref().unwrap_or(raw.get().as_bytes());
    let mut value: Value = serde_json::from_slice(text).map_err(|_| malformed(&error))?;
    for block in value.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
        if serde_json::from_value::<ContentBlock>(block.clone()).is_err() {
            *block = json!({ "type": "text", "text": block.to_string() });
        }
    }
    serde_json::from_value(value).map_err(|_| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> ForwardError {
    ForwardError::Protocol(ErrorData::internal_error(
        format!("The server's result is invalid: {error}"),
        None,
    ))
}

/// Converts the error of a call.
pub fn error_of(error: CallError) -> ForwardError {
    match error {
        CallError::Upstream { code, message, data, .. } => {
            ForwardError::Protocol(ErrorData::new(ErrorCode(code), message, data.map(|data| *data)))
        }
        other => ForwardError::Unreachable(other),
    }
}

impl ForwardError {
    /// Returns the error of the protocol.
    pub fn into_error(self) -> ErrorData {
        match self {
            Self::Protocol(error) => error,
            Self::Unreachable(error) => ErrorData::internal_error(text_of(&error), None),
        }
    }

    /// Returns the result of a tool for an unreachable upstream, so that the model reads the
    /// reason.
    pub fn into_tool_result(self) -> Result<CallToolResult, ErrorData> {
        match self {
            Self::Protocol(error) => Err(error),
            Self::Unreachable(error) => Ok(CallToolResult::error(vec![ContentBlock::text(text_of(&error))])),
        }
    }
}

fn text_of(error: &CallError) -> String {
    text_with_hint(error.hint().as_deref(), &error.to_string())
}
