//! The tool `run`: the same way as `POST /v1/run`, with progress and a result for a model.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::progress::Progress;
use super::report::{self, Reader};
use crate::http::access::Tenant;
use crate::http::going::Going;
use crate::http::problem::Problem;
use crate::http::run::{Asked, job};
use crate::http::server::Server;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    code: String,
    #[serde(default, deserialize_with = "present")]
    input: Option<Value>,
    timeout_ms: Option<u64>,
}

/// `null` is an input; a missing one is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Runs. Dropping the future cancels the run.
pub async fn answer(
    server: &Arc<Server>,
    arguments: JsonObject,
    mut progress: Progress,
    reader: Reader,
    token: Option<Tenant>,
) -> CallToolResult {
    let arrived = Instant::now();
    let going = match begin(server, arguments, arrived, token.as_ref()).await {
        Ok(going) => going,
        Err(refusal) => {
            server.metrics.refused();
            return CallToolResult::error(vec![ContentBlock::text(refusal)]);
        }
    };
    let report = going.report(|event| progress.note(event)).await;
    progress.end().await;
    report::result(&report, reader)
}

async fn begin(
    server: &Arc<Server>,
    arguments: JsonObject,
    arrived: Instant,
    token: Option<&Tenant>,
) -> Result<Going, String> {
    let arguments: Arguments = serde_json::from_value(arguments.into()).map_err(|error| {
        format!(
            "`run` takes {{ code: string, input?: any, timeout_ms?: number }}: {error}. Example: {{ \"code\": \"return \
             input.n + 1\", \"input\": {{ \"n\": 1 }} }}"
        )
    })?;
    if server.is_draining() {
        return Err(refusal(&Problem::draining()));
    }
    let input = arguments.input.map(|input| RawValue::from_string(input.to_string())).transpose();
    let input = input.map_err(|error| format!("`input` is not JSON: {error}"))?;
    let size = arguments.code.len() + input.as_ref().map_or(0, |input| input.get().len());
    let begun = async {
        let share = server.admission.body(size)?;
        let asked = Asked {
            code: Cow::Owned(arguments.code),
            input: input.as_deref(),
            tools: None,
            timeout_ms: arguments.timeout_ms,
            tenant: None,
        };
        let job = job(server, asked, token)?;
        Going::begin(server, job, share, arrived).await
    };
    begun.await.map_err(|problem| refusal(&problem))
}

/// Why there was no run, what to do first.
fn refusal(problem: &Problem) -> String {
    let hint = match (problem.hint(), problem.status().as_u16()) {
        (Some(hint), _) => Some(hint),
        (None, 429) => Some("Try again in a few seconds."),
        (None, 503) => Some("Try again later."),
        (None, _) => None,
    };
    hint.map_or_else(|| problem.detail().to_owned(), |hint| format!("hint: {hint}\n{}", problem.detail()))
}
