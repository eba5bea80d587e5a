//! What a server wants from the user before it answers, put to a client of the older revisions.
//!
//! Since 2026-07-28 such a question is the result of the request, and the client asks again with the answers. Before,
//! the server sent requests to the client while its own waited. Servers that speak the newer revision reach clients that
//! speak the older ones through this.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientResult, CustomRequest, ErrorData, ServerRequest};
use rmcp::service::{RequestContext, ServiceError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::timeout;

/// How long a person may think.
const PATIENCE: Duration = Duration::from_secs(300);

/// Questions at once.
const MOST: usize = 16;

/// The questions of one round.
#[derive(Deserialize)]
pub struct Asked {
    /// By the server's names for them.
    #[serde(default, rename = "inputRequests")]
    pub requests: Map<String, Value>,
    /// What the server wants back with the answers.
    #[serde(default, rename = "requestState")]
    pub state: Option<String>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default, rename = "resultType")]
    kind: Option<std::borrow::Cow<'a, str>>,
}

/// The questions, if the result is none but has some.
pub fn read(result: &RawValue) -> Option<Asked> {
    let kind: Kind<'_> = serde_json::from_str(result.get()).ok()?;
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
    if questions.len() > MOST {
        return Err(ErrorData::internal_error(
            format!("The server has more than {MOST} questions at once."),
            None,
        ));
    }
    let mut answers = Map::new();
    for (name, question) in questions {
        let method = question["method"].as_str().unwrap_or_default();
        if !can(context, method) {
            let words = format!("The tool asks for {method}, and this client does not offer that.");
            return Err(ErrorData::invalid_request(words, None));
        }
        let request = CustomRequest::new(method, question.get("params").cloned());
        let answer =
            timeout(PATIENCE, context.peer.send_request(ServerRequest::CustomRequest(request))).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(ServiceError::McpError(error))) => return Err(error),
            Ok(Err(error)) => return Err(ErrorData::internal_error(format!("{method}: {error}"), None)),
            Err(_) => {
                return Err(ErrorData::internal_error(format!("{method} was not answered in time"), None));
            }
        };
        answers.insert(name.clone(), written(&answer));
    }
    Ok(answers)
}

fn written(answer: &ClientResult) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}

/// Whether the client said that it can.
fn can(context: &RequestContext<RoleServer>, method: &str) -> bool {
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
