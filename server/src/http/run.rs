//! `POST /v1/run`: one script, one report, as a document or as events.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Request, header};
use hyper::body::{Body as _, Incoming};
use isolet_bindings::Caller;
use isolet_runtime::{Entry, Job, Language};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::access::{self, Tenant};
use super::body;
use super::going::{Going, Prepared};
use super::problem::Problem;
use super::reply::{self, Reply};
use super::server::Server;
use crate::pretty::thousands;

/// The body of a request. Unknown fields are refused: `timeoutMs` that does nothing is worse than an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked<'a> {
    /// The script.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// Kept as text: it is checked once here and parsed once by the script's isolate.
    #[serde(borrow, default, deserialize_with = "present")]
    pub input: Option<&'a RawValue>,
    /// Which tools it may use; without patterns all.
    pub tools: Option<Vec<String>>,
    /// The most time on the clock.
    pub timeout_ms: Option<u64>,
    /// Whose run it is, for records and rates. All runs have isolates of their own.
    pub tenant: Option<String>,
}

/// `null` is an input; a missing one is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Answers one request.
pub async fn answer(server: &Arc<Server>, request: Request<Incoming>) -> Result<Reply, Problem> {
    if server.is_draining() {
        return Err(Problem::draining());
    }
    let arrived = Instant::now();
    let as_events = wants_events(request.headers());
    let script = script_language(request.headers())?;
    let most = server.largest_body(script.is_some());
    let announced =
        usize::try_from(request.body().size_hint().upper().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let mut share = server.admission.body(announced.min(most))?;
    let token = request.extensions().get::<Tenant>().cloned();
    let token = token.as_ref();
    let body = body::read(request.into_body(), most).await?;
    // A body in chunks announces nothing, and is charged for the most that it could have been until it is here.
    share.shrink(body.len());
    let job = match script {
        Some(language) => bare_script(server, &body, language, token)?,
        None => asked(server, &body, token)?,
    };
    drop(body);
    let run = Going::begin(server, job, share, arrived).await?;
    if as_events { Ok(reply::events(run.events())) } else { Ok(reply::json(run.document().await)) }
}

/// The job of a JSON body.
fn asked(server: &Arc<Server>, body: &[u8], token: Option<&Tenant>) -> Result<Prepared, Problem> {
    let text = utf8(body)?;
    // Serde reads a struct from an array too, field by field.
    let read = match text.trim_start().starts_with('[') {
        true => Err(serde::de::Error::custom("expected an object, found an array")),
        false => serde_json::from_str(text),
    };
    let asked: Asked<'_> = read.map_err(|error: serde_json::Error| {
        Problem::bad_request(format!("The body is not what /v1/run takes: {error}.")).with_hint(
            "Send {\"code\": \"…\", \"input\"?: any, \"tools\"?: [\"server/tool\"], \"timeout_ms\"?: n}, or the bare \
             script with Content-Type: text/typescript.",
        )
    })?;
    job(server, asked, token)
}

/// The job of a request, whichever way it came. `token` is whose its token is.
pub fn job(server: &Arc<Server>, asked: Asked<'_>, token: Option<&Tenant>) -> Result<Prepared, Problem> {
    let mut limits = server.limits.clone();
    match asked.timeout_ms {
        Some(0) => return Err(Problem::bad_request("`timeout_ms` must be at least 1.")),
        Some(ms) => limits = limits.with_timeout(Duration::from_millis(ms)),
        None => {}
    }
    check_code(&asked.code, limits.code_bytes)?;
    let tenant = whose(asked.tenant.as_deref(), token)?;
    let input = asked.input.map(RawValue::get);
    if let Some(input) = input.filter(|input| input.len() > limits.input_bytes) {
        return Err(Problem::too_large(format!(
            "`input` has {} bytes; the limit is {}.",
            thousands(input.len()),
            thousands(limits.input_bytes)
        )));
    }
    let caller = Caller::run(tenant);
    let environment = server
        .tools
        .environment(asked.tools.as_deref(), caller.clone())
        .map_err(|error| Problem::bad_request(format!("`tools`: {error}")))?;
    tracing::debug!(run = caller.number(), tenant, bytes = asked.code.len(), "run");
    let job = Job {
        code: asked.code.into_owned(),
        language: Language::TypeScript,
        entry: Entry::Script { input: input.map(str::to_owned) },
        environment,
        limits,
    };
    Ok(Prepared { job, caller })
}

/// The job of a body that is the script.
fn bare_script(
    server: &Arc<Server>,
    body: &[u8],
    language: Language,
    token: Option<&Tenant>,
) -> Result<Prepared, Problem> {
    let code = utf8(body)?;
    check_code(code, server.limits.code_bytes)?;
    let caller = Caller::run(whose(None, token)?);
    let environment = server
        .tools
        .environment(None, caller.clone())
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let job = Job {
        code: code.to_owned(),
        language,
        entry: Entry::Script { input: None },
        environment,
        limits: server.limits.clone(),
    };
    Ok(Prepared { job, caller })
}

fn check_code(code: &str, most: usize) -> Result<(), Problem> {
    if code.len() > most {
        return Err(Problem::too_large(format!(
            "The script has {} bytes; the limit is {}.",
            thousands(code.len()),
            thousands(most)
        ))
        .with_hint("Pass data as `input`, not inside the script."));
    }
    if code.trim().is_empty() {
        return Err(Problem::bad_request("The script is empty."));
    }
    Ok(())
}

/// Whose run it is. A token that is a tenant's leaves no choice.
fn whose<'a>(asked: Option<&'a str>, token: Option<&'a Tenant>) -> Result<Option<&'a str>, Problem> {
    match (asked, token.map(|tenant| &*tenant.0)) {
        (Some(asked), Some(own)) if asked != own => Err(Problem::forbidden(format!(
            "This token is of the tenant `{own}`: `tenant` cannot be another one."
        ))),
        (_, Some(own)) => Ok(Some(own)),
        (Some(asked), None) => {
            access::tenant(asked).map(Some).map_err(|why| Problem::bad_request(format!("`tenant`: {why}.")))
        }
        (None, None) => Ok(None),
    }
}

fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        Problem::bad_request(format!(
            "The body is not UTF-8: byte {} begins no character.",
            error.valid_up_to()
        ))
    })
}

/// Which language a bare script is in; `None` for a JSON body.
fn script_language(headers: &HeaderMap) -> Result<Option<Language>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let whole = value.to_str().unwrap_or("?");
    let essence = whole.split(';').next().unwrap_or(whole).trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(None),
        "text/typescript" | "application/typescript" | "application/x-typescript" => {
            Ok(Some(Language::TypeScript))
        }
        "application/javascript" | "text/javascript" => Ok(Some(Language::JavaScript)),
        _ => Err(Problem::unsupported_media_type(format!("`{whole}` is not a type that /v1/run takes."))
            .with_hint("Use Content-Type: application/json, text/typescript or application/javascript.")),
    }
}

fn wants_events(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|range| {
            range
                .split(';')
                .next()
                .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
        })
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_content_type_decides_what_the_body_is() {
        let language = |value| script_language(&with(header::CONTENT_TYPE, value));
        assert_eq!(script_language(&HeaderMap::new()).unwrap(), None);
        assert_eq!(language("application/json; charset=utf-8").unwrap(), None);
        assert_eq!(language("text/typescript").unwrap(), Some(Language::TypeScript));
        assert_eq!(language("Application/JavaScript").unwrap(), Some(Language::JavaScript));
        assert_eq!(language("application/x-www-form-urlencoded").unwrap_err().status(), 415);
    }

    #[test]
    fn events_are_sent_to_those_who_ask() {
        assert!(wants_events(&with(header::ACCEPT, "application/json;q=0.5, text/event-stream")));
        assert!(!wants_events(&with(header::ACCEPT, "*/*")));
        assert!(!wants_events(&HeaderMap::new()));
    }

    #[test]
    fn a_null_input_is_an_input() {
        let asked: Asked<'_> = serde_json::from_str(r#"{"code": "1", "input": null}"#).unwrap();
        assert_eq!(asked.input.map(RawValue::get), Some("null"));
        let asked: Asked<'_> = serde_json::from_str(r#"{"code": "a\nb"}"#).unwrap();
        assert!(asked.input.is_none());
        assert_eq!(asked.code, "a\nb");
        assert!(serde_json::from_str::<Asked<'_>>(r#"{"code": "1", "timeoutMs": 3}"#).is_err());
    }
}
