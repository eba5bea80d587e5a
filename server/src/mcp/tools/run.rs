//! The tool `run`: the same run as `POST /v1/run`, with progress notifications and a result for a
//! model.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use isolet_runtime::{Language, Warning, WarningCode};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::arguments::{self, ParsedArguments};
use super::definitions::RUN;
use super::progress::ProgressReporter;
use super::result;
use crate::prompt::report::ResultStyle;
use crate::service::Service;
use crate::service::active_run::ActiveRun;
use crate::service::client::Client;
use crate::service::error::RequestError;
use crate::service::run_request::RunRequest;
use crate::whole_number;

/// The names of the arguments.
const ARGUMENTS: [&str; 3] = ["code", "input", "timeout_ms"];

#[derive(Deserialize)]
struct Arguments {
    code: String,
    #[serde(default, deserialize_with = "present")]
    input: Option<Value>,
    #[serde(default, deserialize_with = "whole_number::deserialize")]
    timeout_ms: Option<u64>,
}

/// Reads an argument that may be `null`, which differs from a missing one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Answers one call. Dropping the future cancels the run.
pub async fn answer(
    service: &Arc<Service>,
    arguments: JsonObject,
    mut progress: ProgressReporter,
    style: ResultStyle,
    client: Client,
) -> CallToolResult {
    let arrived = Instant::now();
    let run = match start(service, arguments, arrived, &client).await {
        Ok(run) => run,
        Err(message) => {
            service.metrics.count_refused();
            return CallToolResult::error(vec![ContentBlock::text(message)]);
        }
    };
    let id = run.id().map(str::to_owned);
    let report = run.report(|event| progress.report(event)).await;
    progress.finish().await;
    result::result(id.as_deref(), &report, style)
}

/// Starts the run. An error is a message for the model.
async fn start(
    service: &Arc<Service>,
    arguments: JsonObject,
    arrived: Instant,
    client: &Client,
) -> Result<ActiveRun, String> {
    let parsed: ParsedArguments<Arguments> =
        arguments::parse(RUN, &ARGUMENTS, arguments).map_err(|error| {
            format!(
                "`run` takes {{ code: string, input?: any, timeout_ms?: number }}: {error}. Example: {{ \"code\": \"return \
                 input.n + 1\", \"input\": {{ \"n\": 1 }} }}"
            )
        })?;
    let arguments = parsed.value;
    if service.is_draining() {
        return Err(RequestError::draining().text());
    }
    let input = arguments.input.map(|input| RawValue::from_string(input.to_string())).transpose();
    let input = input.map_err(|error| format!("`input` is not JSON: {error}"))?;
    let size = arguments.code.len() + input.as_ref().map_or(0, |input| input.get().len());
    let started = async {
        let permit = service.admission.reserve_body(size)?;
        let request = RunRequest {
            code: Cow::Owned(arguments.code),
            input: input.as_deref(),
            timeout_ms: arguments.timeout_ms,
            ..RunRequest::default()
        };
        let mut prepared = request.prepare(service, Language::TypeScript, client).await?;
        let ignored = parsed.ignored.map(|message| Warning::new(WarningCode::IgnoredArgument, &message));
        prepared.warnings.extend(ignored);
        ActiveRun::start(service, prepared, permit, arrived).await
    };
    started.await.map_err(|error| error.text())
}
