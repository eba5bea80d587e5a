//! Pass-through: requests for exposed tools, prompts and resources go to the server whose they are, and come back as
//! they are: results, errors, questions to the user.

use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::{
    CallError, Caller, Forward, LogLevel, LogListener, LogMessage, LogSink, Progress, ProgressSink,
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

use super::gateway::is_modern;
use super::{numbers, questions};
use crate::http::access::Tenant;
use crate::http::server::Server;

/// How often a server may ask before it answers.
const ROUNDS: usize = 10;

/// Notifications that wait for a slow client; more are dropped.
const WAITING: usize = 16;

/// What a client of the newer revision wants to hear of what the server logs, in the metadata of its request.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// How long the last notifications may take to leave before the result does.
const FLUSH: Duration = Duration::from_secs(1);

/// What a server answered.
pub enum Answer<T> {
    /// The result.
    Complete(T),
    /// It wants something from the user first.
    Question(InputRequiredResult),
}

/// Why there is no answer.
pub enum Refusal {
    /// The server's own error, or one of the protocol.
    Protocol(ErrorData),
    /// The server could not be asked.
    Unreachable(CallError),
}

/// A result that says of which type it is, to clients of the revisions that have such types.
pub trait Typed: DeserializeOwned {
    /// The type that the server gave; those of the older revisions give none.
    fn result_type(&mut self) -> &mut Option<ResultType>;
}

macro_rules! typed {
    ($($result:ty),*) => {
        $(impl Typed for $result {
            fn result_type(&mut self) -> &mut Option<ResultType> {
                &mut self.result_type
            }
        })*
    };
}

typed!(CallToolResult, CompleteResult, GetPromptResult, ReadResourceResult);

/// Hands a request on. Dropping the future cancels it upstream. `level` is what a client of the older revisions said that
/// it wants to hear of what servers log.
pub async fn on<T: Typed>(
    server: &Arc<Server>,
    upstream: &str,
    method: &'static str,
    params: impl serde::Serialize,
    context: &RequestContext<RoleServer>,
    level: Option<LogLevel>,
) -> Result<Answer<T>, Refusal> {
    let mut params = object(params);
    let caller = Caller::client(tenant(context).as_ref().map(|tenant| &*tenant.0));
    let capabilities = context.client_capabilities().and_then(|all| serde_json::to_value(all).ok());
    let modern = is_modern(context);
    let meta = serde_json::to_value(&context.meta).unwrap_or_default();
    let level =
        if modern { meta.get(LOG_LEVEL).and_then(|level| LogLevel::deserialize(level).ok()) } else { level };
    params.insert("_meta".to_owned(), meta);
    for _ in 0..ROUNDS {
        let (telling, told) = telling(context);
        let progress = context.meta.get_progress_token().map(|token| reports(&telling, token));
        let logs = level.map(|least| LogListener { least, sink: logged(&telling) });
        drop(telling);
        let request =
            Forward { method, params: params.clone(), capabilities: capabilities.clone(), progress, logs };
        let forwarded = server.tools.gate().forward(&caller, upstream, request, server.limits.call).await;
        // After the result nothing may follow.
        let _late = timeout(FLUSH, told).await;
        let raw = forwarded.map_err(refusal)?;
        let Some(asked) = questions::read(&raw) else { return complete(&raw).map(Answer::Complete) };
        if modern {
            let question = serde_json::from_str(raw.get());
            return question.map(Answer::Question).map_err(|error| malformed(&error));
        }
        // A client of the older revisions is asked by requests of their own, while its request waits.
        let answers = questions::ask(context, &asked.requests).await.map_err(Refusal::Protocol)?;
        params.insert("inputResponses".to_owned(), Value::Object(answers));
        match asked.state {
            Some(state) => params.insert("requestState".to_owned(), state.into()),
            None => params.remove("requestState"),
        };
    }
    let words = format!("`{upstream}` asked {ROUNDS} times and still has no answer to {method}.");
    Err(Refusal::Protocol(ErrorData::internal_error(words, None)))
}

/// Whose token the client's request had.
pub fn tenant(context: &RequestContext<RoleServer>) -> Option<Tenant> {
    context.extensions.get::<http::request::Parts>()?.extensions.get::<Tenant>().cloned()
}

/// The way to the client while its request is under way. The handle ends when the senders are gone and all is told.
fn telling(
    context: &RequestContext<RoleServer>,
) -> (mpsc::Sender<ServerNotification>, AbortOnDropHandle<()>) {
    let peer = context.peer.clone();
    let (sender, mut waiting) = mpsc::channel::<ServerNotification>(WAITING);
    let task = tokio::spawn(async move {
        while let Some(notification) = waiting.recv().await {
            if peer.send_notification(notification).await.is_err() {
                return;
            }
        }
    });
    (sender, AbortOnDropHandle::new(task))
}

/// Progress of the upstream request becomes progress of this one. A slow client misses reports; nobody waits for it.
fn reports(telling: &mpsc::Sender<ServerNotification>, token: ProgressToken) -> ProgressSink {
    let telling = telling.clone();
    Arc::new(move |report: Progress| {
        let mut told = ProgressNotificationParam::new(token.clone(), report.progress);
        (told.total, told.message) = (report.total, report.message);
        drop(telling.try_send(ProgressNotification::new(told).into()));
    })
}

/// What the server logs meanwhile is logged to the client.
fn logged(telling: &mpsc::Sender<ServerNotification>) -> LogSink {
    let telling = telling.clone();
    Arc::new(move |message: LogMessage| {
        let params = serde_json::to_value(message).ok();
        drop(telling.try_send(CustomNotification::new("notifications/message", params).into()));
    })
}

fn object(value: impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// The result as rmcp has it. Clients of the newer revision refuse one without a type; rmcp takes it away from results
/// for the older ones.
fn complete<T: Typed>(raw: &RawValue) -> Result<T, Refusal> {
    let marked = numbers::marked(raw.get()).and_then(|marked| serde_json::from_str(&marked).ok());
    let mut result: T = match marked {
        Some(result) => result,
        // Where the protocol wants a number, a marked one is none.
        None => read(raw)?,
    };
    result.result_type().get_or_insert(ResultType::COMPLETE);
    Ok(result)
}

/// Content of a kind that rmcp does not know becomes text.
fn read<T: DeserializeOwned>(raw: &RawValue) -> Result<T, Refusal> {
    let error = match serde_json::from_str(raw.get()) {
        Ok(result) => return Ok(result),
        Err(error) => error,
    };
    let mut value: Value = serde_json::from_str(raw.get()).map_err(|_| malformed(&error))?;
    for block in value.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
        if serde_json::from_value::<ContentBlock>(block.clone()).is_err() {
            *block = json!({ "type": "text", "text": block.to_string() });
        }
    }
    serde_json::from_value(value).map_err(|_| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::Protocol(ErrorData::internal_error(format!("The server's answer cannot be used: {error}"), None))
}

/// Why a request came to nothing.
pub fn refusal(error: CallError) -> Refusal {
    match error {
        CallError::Upstream { code, message, data, .. } => {
            Refusal::Protocol(ErrorData::new(ErrorCode(code), message, data.map(|data| *data)))
        }
        other => Refusal::Unreachable(other),
    }
}

impl Refusal {
    /// As an error of the protocol, for requests that have no other.
    pub fn error(self) -> ErrorData {
        match self {
            Self::Protocol(error) => error,
            Self::Unreachable(error) => ErrorData::internal_error(words(&error), None),
        }
    }

    /// As the result of a tool, where a model should read it.
    pub fn of_tool(self) -> Result<CallToolResult, ErrorData> {
        match self {
            Self::Protocol(error) => Err(error),
            Self::Unreachable(error) => Ok(CallToolResult::error(vec![ContentBlock::text(words(&error))])),
        }
    }
}

fn words(error: &CallError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("hint: {hint}\n{error}"))
}
