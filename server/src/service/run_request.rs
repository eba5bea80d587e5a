//! A request for a run: checked against the limits, and turned into a job for the engine.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::Caller;
use isolet_runtime::{Entry, Job, Language, Warning, WarningCode};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Service;
use super::client::{Client, Tenant};
use super::error::{RequestError, RequestErrorKind};
use crate::output::pretty::thousands;
use crate::settings::token;
use crate::whole_number;

/// The time that a run waits for the first list of a server that its script names, so that the
/// script knows the names of the tools.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// A request for a run. Its JSON form is the body of `POST /v1/run`, where unknown fields are
/// refused: a misspelt `timeoutMs` without effect would be worse than an error.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest<'a> {
    /// The script.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// The input, as the JSON text that the script's isolate parses.
    #[serde(borrow, default, deserialize_with = "present")]
    pub input: Option<&'a RawValue>,
    /// The patterns of the tools that the script may use; `None` for all tools.
    pub tools: Option<Vec<String>>,
    /// The wall time limit, in milliseconds.
    #[serde(default, deserialize_with = "whole_number::deserialize")]
    pub timeout_ms: Option<u64>,
    /// The tenant of the run, for records and rates. Every run has an isolate of its own anyway.
    pub tenant: Option<String>,
}

/// Reads a field that may be `null`, which differs from a missing one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A run before it starts.
pub struct PreparedRun {
    /// The job for the engine.
    pub job: Job,
    /// The caller of the run's tools.
    pub caller: Caller,
    /// Warnings about the request, which the report begins with.
    pub warnings: Vec<Warning>,
}

impl RunRequest<'_> {
    /// Checks the request of `client` and makes its job. Errors of the request are returned before
    /// anything is waited for.
    pub async fn prepare(
        self,
        service: &Arc<Service>,
        language: Language,
        client: &Client,
    ) -> Result<PreparedRun, RequestError> {
        let mut limits = service.limits.clone();
        let mut warnings = Vec::new();
        match self.timeout_ms {
            Some(0) => return Err(invalid("`timeout_ms` must be at least 1.")),
            Some(ms) => {
                warnings.extend(lowered_timeout(ms, limits.wall));
                limits = limits.with_timeout(Duration::from_millis(ms));
            }
            None => {}
        }
        check_code(&self.code, limits.code)?;
        let tenant = tenant_of_run(self.tenant.as_deref(), client.tenant.as_ref())?;
        let input = self.input.map(RawValue::get);
        if let Some(input) = input.filter(|input| input.len() > limits.input) {
            return Err(too_large(format!(
                "`input` has {} bytes; the limit is {}.",
                thousands(input.len()),
                thousands(limits.input)
            )));
        }
        let caller = client.caller_of_run(tenant);
        let within = LIST_TIMEOUT.min(service.limits.wall);
        let (environment, unmatched) = service
            .registry
            .environment_for(&self.code, self.tools.as_deref(), caller.clone(), within)
            .await
            .map_err(|error| invalid(format!("`tools`: {error}.")))?;
        warnings.extend(unmatched.iter().cloned());
        tracing::debug!(run = caller.number(), tenant, bytes = self.code.len(), "run");
        let job = Job {
            code: self.code.into_owned(),
            language,
            entry: Entry::Script { input: input.map(str::to_owned) },
            environment,
            limits,
        };
        Ok(PreparedRun { job, caller, warnings })
    }
}

fn invalid(detail: impl Into<String>) -> RequestError {
    RequestError::new(RequestErrorKind::Invalid, detail)
}

fn too_large(detail: impl Into<String>) -> RequestError {
    RequestError::new(RequestErrorKind::TooLarge, detail)
}

/// Returns a warning if a request asks for more time than the server allows.
fn lowered_timeout(ms: u64, max: Duration) -> Option<Warning> {
    let max = u64::try_from(max.as_millis()).unwrap_or(u64::MAX);
    let message = || {
        format!("`timeout_ms` is {ms}; this server gives a run {max} ms at most, and this run has no more.")
    };
    (ms > max).then(|| Warning::new(WarningCode::TimeoutLowered, &message()))
}

fn check_code(code: &str, max_bytes: usize) -> Result<(), RequestError> {
    if code.len() > max_bytes {
        return Err(too_large(format!(
            "The script has {} bytes; the limit is {}.",
            thousands(code.len()),
            thousands(max_bytes)
        ))
        .with_hint("Pass data as `input`, not inside the script."));
    }
    if code.trim().is_empty() {
        return Err(invalid("The script is empty."));
    }
    Ok(())
}

/// Returns the tenant of a run: that of the token, if it has one.
fn tenant_of_run<'a>(
    requested: Option<&'a str>,
    of_token: Option<&'a Tenant>,
) -> Result<Option<&'a str>, RequestError> {
    match (requested, of_token.map(|tenant| &*tenant.0)) {
        (Some(requested), Some(own)) if requested != own => Err(RequestError::new(
            RequestErrorKind::Forbidden,
            format!("This token belongs to the tenant `{own}`: `tenant` cannot be another one."),
        )),
        (_, Some(own)) => Ok(Some(own)),
        (Some(requested), None) => {
            token::parse_name(requested).map(Some).map_err(|why| invalid(format!("`tenant`: {why}.")))
        }
        (None, None) => Ok(None),
    }
}
