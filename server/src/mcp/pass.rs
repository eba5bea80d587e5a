//! Pass-through: requests for exposed tools, prompts and resources go to the server whose they are, and come back as
//! they are: results, errors, questions to the user.

use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::{CallError, Caller, Forward, Progress, ProgressSink};
use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, CompleteResult, ContentBlock, ErrorCode, ErrorData, GetPromptResult, InputRequiredResult,
    ProgressNotificationParam, ProtocolVersion, ReadResourceResult, ResultType,
};
use rmcp::service::RequestContext;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::questions;
use crate::http::access::Tenant;
use crate::http::server::Server;

/// How often a server may ask before it answers.
const ROUNDS: usize = 10;

/// Reports that wait for a slow client; more are dropped.
const WAITING: usize = 16;

/// How long the last reports may take to leave before the result does.
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

/// Hands a request on. Dropping the future cancels it upstream.
pub async fn on<T: Typed>(
    server: &Arc<Server>,
    upstream: &str,
    method: &'static str,
    params: impl serde::Serialize,
    context: &RequestContext<RoleServer>,
) -> Result<Answer<T>, Refusal> {
    let mut params = object(params);
    let caller = Caller::client(tenant(context).as_ref().map(|tenant| &*tenant.0));
    let capabilities = context.client_capabilities().and_then(|all| serde_json::to_value(all).ok());
    let modern = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    params.insert("_meta".to_owned(), serde_json::to_value(&context.meta).unwrap_or_default());
    for _ in 0..ROUNDS {
        let (progress, told) = reports(context).unzip();
        let request =
            Forward { method, params: params.clone(), capabilities: capabilities.clone(), progress };
        let forwarded = server.tools.gate().forward(&caller, upstream, request, server.limits.call).await;
        if let Some(told) = told {
            // After the result nothing may follow.
            let _late = timeout(FLUSH, told).await;
        }
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

/// Progress of the upstream request becomes progress of this one. The handle ends when the sink is gone and all is told.
fn reports(context: &RequestContext<RoleServer>) -> Option<(ProgressSink, AbortOnDropHandle<()>)> {
    let token = context.meta.get_progress_token()?;
    let peer = context.peer.clone();
    let (sender, mut reports) = mpsc::channel::<Progress>(WAITING);
    let task = tokio::spawn(async move {
        while let Some(report) = reports.recv().await {
            let mut told = ProgressNotificationParam::new(token.clone(), report.progress);
            (told.total, told.message) = (report.total, report.message);
            if peer.notify_progress(told).await.is_err() {
                return;
            }
        }
    });
    // A slow client misses reports; nobody waits for it.
    let sink: ProgressSink = Arc::new(move |report| drop(sender.try_send(report)));
    Some((sink, AbortOnDropHandle::new(task)))
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
    let mut result: T = read(raw)?;
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

fn refusal(error: CallError) -> Refusal {
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
