//! Questions of an upstream to the user, for clients of older revisions.
//!
//! Since revision 2026-07-28 such a question is the result of the request, and the client repeats
//! the request with the answers. In the older revisions the server sends requests to the client
//! while the client's request waits. This module lets upstreams of the newer revision ask clients
//! of the older ones.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{CustomRequest, ErrorData, ServerRequest};
use rmcp::service::{RequestContext, ServiceError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::timeout;

/// The time that the user has to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// The number of questions at once.
const MAX_QUESTIONS: usize = 16;

/// The questions of one round.
#[derive(Deserialize)]
pub struct InputRequests {
    /// The questions, by the names that the upstream gave them.
    #[serde(default, rename = "inputRequests")]
    pub requests: Map<String, Value>,
    /// The state that the upstream wants back with the answers.
    #[serde(default, rename = "requestState")]
    pub state: Option<String>,
}

#[derive(Deserialize)]
struct ResultKind<'a> {
    #[serde(borrow, default, rename = "resultType")]
    kind: Option<std::borrow::Cow<'a, str>>,
}

/// Returns the questions, if the result is a request for input.
pub fn parse(result: &RawValue) -> Option<InputRequests> {
    let kind: ResultKind<'_> = serde_json::from_str(result.get()).ok()?;
    if kind.kind.as_deref() != Some("input_required") {
        return None;
    }
    serde_json::from_str(result.get()).ok()
}

/// Asks the client, one question after the other.
pub async fn ask(
    context: &RequestContext<RoleServer>,
    questions: &Map<String, Value>,
) -> Result<Map<String, Value>, ErrorData> {
    if questions.len() > MAX_QUESTIONS {
        return Err(ErrorData::internal_error(
            format!("The server asks more than {MAX_QUESTIONS} questions at once."),
            None,
        ));
    }
    let mut answers = Map::new();
    for (name, question) in questions {
        let method = question["method"].as_str().unwrap_or_default();
        if !is_supported(context, method) {
            let message = format!("The tool requires {method}, which this client does not support.");
            return Err(ErrorData::invalid_request(message, None));
        }
        let request = CustomRequest::new(method, question.get("params").cloned());
        let answer =
            timeout(ANSWER_TIMEOUT, context.peer.send_request(ServerRequest::CustomRequest(request))).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(ServiceError::McpError(error))) => return Err(error),
            Ok(Err(error)) => return Err(ErrorData::internal_error(format!("{method}: {error}"), None)),
            Err(_) => {
                return Err(ErrorData::internal_error(format!("{method} was not answered in time"), None));
            }
        };
        answers.insert(name.clone(), serde_json::to_value(&answer).unwrap_or_default());
    }
    Ok(answers)
}

/// Returns `true` if the client has the capability for this method.
fn is_supported(context: &RequestContext<RoleServer>, method: &str) -> bool {
    let Some(all) = context.client_capabilities().and_then(|all| serde_json::to_value(all).ok()) else {
        return false;
    };
    let kind = match method {
        "elicitation/create" => "elicitation",
        "sampling/createMessage" => "sampling",
        "roots/list" => "roots",
        _ => return false,
    };
    all.get(kind).is_some_and(|value| !value.is_null())
}
