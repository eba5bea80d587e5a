//! `POST /v1/run`: one script, one report, as a document, as text or as events.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Request, header};
use hyper::body::{Body as _, Incoming};
use isolet_runtime::Language;

use super::{run_body, run_events};
use crate::output::report_json;
use crate::prompt::report;
use crate::service::Service;
use crate::service::active_run::ActiveRun;
use crate::service::client::Client;
use crate::service::run_audit::outcome_name;
use crate::service::run_request::RunRequest;
use crate::web::body;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// Answers one request.
pub async fn answer(service: &Arc<Service>, request: Request<Incoming>) -> Result<Reply, Problem> {
    if service.is_draining() {
        return Err(Problem::draining());
    }
    let arrived = Instant::now();
    let format = ReplyFormat::of(request.headers());
    let script = script_language(request.headers())?;
    let max_bytes = service.max_body_bytes(script.is_some());
    let announced =
        usize::try_from(request.body().size_hint().upper().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let mut permit = service.admission.reserve_body(announced.min(max_bytes))?;
    let client = request.extensions().get::<Client>().cloned().unwrap_or_default();
    let body = body::read(request.into_body(), max_bytes).await?;
    // A chunked body does not announce its length, so the maximum was reserved until it arrived.
    permit.shrink(body.len());
    let text = utf8(&body)?;
    let (request, language) = match script {
        Some(language) => (RunRequest { code: text.into(), ..RunRequest::default() }, language),
        None => (run_body::parse(text)?, Language::TypeScript),
    };
    let prepared = request.prepare(service, language, &client).await?;
    drop(body);
    let run = ActiveRun::start(service, prepared, permit, arrived).await?;
    let id = run.id().map(str::to_owned);
    let id = id.as_deref();
    if format == ReplyFormat::Events {
        return Ok(reply::of_run(reply::events(run_events::stream(run)), id, None));
    }
    let report = run.report(|_| {}).await;
    let outcome = outcome_name(report.result.as_ref().err().map(|error| error.code));
    let reply = match format {
        ReplyFormat::Text => reply::text(report::text(&report)),
        ReplyFormat::Json | ReplyFormat::Events => reply::json(report_json::write(id, &report)),
    };
    Ok(reply::of_run(reply, id, Some(outcome)))
}

fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        Problem::bad_request(format!("The body is not UTF-8: invalid UTF-8 at byte {}.", error.valid_up_to()))
    })
}

/// Returns the language of a bare script; `None` for a JSON body.
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
        _ => Err(Problem::unsupported_media_type(format!(
            "`{whole}` is not a media type that /v1/run accepts."
        ))
        .with_hint("Use Content-Type: application/json, text/typescript or application/javascript.")),
    }
}

/// The format of the reply to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyFormat {
    /// The report as a JSON document.
    Json,
    /// The report as text for a model.
    Text,
    /// Events as they happen.
    Events,
}

impl ReplyFormat {
    /// Returns the format that the headers accept. Events win wherever they are named. Text needs a
    /// higher weight than JSON: libraries send `Accept: application/json, text/plain, */*` by
    /// default.
    pub fn of(headers: &HeaderMap) -> Self {
        let (mut json, mut text) = (0.0, 0.0);
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let essence = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let weight: f32 = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            if essence.eq_ignore_ascii_case("text/event-stream") {
                return Self::Events;
            } else if essence.eq_ignore_ascii_case("application/json") {
                json = weight;
            } else if essence.eq_ignore_ascii_case("text/plain") {
                text = weight;
            }
        }
        if text > json { Self::Text } else { Self::Json }
    }
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
    fn the_format_is_what_the_client_accepts() {
        let format = |value| ReplyFormat::of(&with(header::ACCEPT, value));
        assert_eq!(ReplyFormat::of(&HeaderMap::new()), ReplyFormat::Json);
        assert_eq!(format("*/*"), ReplyFormat::Json);
        assert_eq!(format("application/json;q=0.5, text/event-stream"), ReplyFormat::Events);
        assert_eq!(format("text/plain"), ReplyFormat::Text);
        assert_eq!(format("Text/Plain; charset=utf-8, */*"), ReplyFormat::Text);
        assert_eq!(format("text/plain, application/json;q=0.5"), ReplyFormat::Text);
        // The header that axios sends.
        assert_eq!(format("application/json, text/plain, */*"), ReplyFormat::Json);
        assert_eq!(format("text/plain;q=0"), ReplyFormat::Json);
    }
}
