//! Addresses that call a Worker's `scheduled`, as in `wrangler dev`.
//!
//! Nothing calls it by the clock.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Response, StatusCode, header};
use isolet_runtime::{ErrorCode, RequestHead, RunError};
use url::Url;

use super::exchange::WorkerBody;
use super::request_log::{OpenRequest, RequestEnd};
use super::responses;
use super::version::WorkerVersion;

/// The path of the handler, and the one that it had before.
const HANDLER: &str = "/cdn-cgi/handler/scheduled";
const OLD_HANDLER: &str = "/cdn-cgi/mf/scheduled";

/// The beginning of the paths of handlers. They are never the Worker's.
const HANDLERS: &str = "/cdn-cgi/handler/";

/// The path of `--test-scheduled`.
const TEST: &str = "/__scheduled";

/// Parts of the errors of Workers that do not handle scheduled events.
const NO_HANDLER: [&str; 2] = ["has no scheduled handler", "no listener for scheduled events"];

/// The longest cron expression that is passed on, in bytes.
const MAX_CRON_BYTES: usize = 1024;

/// The addresses that are there.
#[derive(Debug, Clone, Copy, Default)]
pub struct TriggerRoutes {
    /// `/cdn-cgi/handler/scheduled`.
    pub handler: bool,
    /// `/__scheduled`.
    pub test_scheduled: bool,
}

/// Returns the address that calls `scheduled` with an expression.
pub fn address_of(listening: SocketAddr, cron: &str) -> String {
    let query: String = cron.chars().map(|letter| if letter == ' ' { '+' } else { letter }).collect();
    format!("http://{listening}{HANDLER}?cron={}", query.replace('#', "%23"))
}

/// Answers a request for one of the addresses. Returns `None` for another one.
pub async fn answer(
    version: &WorkerVersion,
    request: &RequestHead,
    open: &mut OpenRequest,
) -> Option<Response<WorkerBody>> {
    if !version.triggers.handler && !version.triggers.test_scheduled {
        return None;
    }
    let url = Url::parse(&request.url).ok()?;
    let is_handler = version.triggers.handler && matches!(url.path(), HANDLER | OLD_HANDLER);
    let is_test = version.triggers.test_scheduled && url.path() == TEST;
    if !is_handler && !is_test {
        if !version.triggers.handler || !url.path().starts_with(HANDLERS) {
            return None;
        }
        let text = format!("\"{}\" is not a valid handler. Did you mean to use \"{HANDLER}\"?", url.path());
        return Some(refused(StatusCode::NOT_FOUND, text, open));
    }
    let parameter = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
    };
    let cron = parameter("cron").unwrap_or_default();
    if cron.len() > MAX_CRON_BYTES {
        let text = format!("The parameter `cron` has more than {MAX_CRON_BYTES} bytes.");
        return Some(refused(StatusCode::BAD_REQUEST, text, open));
    }
    let time = match parameter("time").filter(|_| is_handler).map(|text| milliseconds(&text)) {
        None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_millis() as f64),
        Some(Some(time)) => time,
        Some(None) => {
            let text = "The parameter `time` must be a number of milliseconds since 1970.".to_owned();
            return Some(refused(StatusCode::BAD_REQUEST, text, open));
        }
    };
    let called = match &version.worker {
        Some(worker) => worker.scheduled(open.id, cron, time).await,
        None => Err(RunError::new(ErrorCode::Exception, "TypeError", "The project has no Worker.")),
    };
    let outcome = match &called {
        Ok(()) => "ok",
        Err(error) => outcome(error),
    };
    let (mut end, mut reason) = (RequestEnd::Complete, String::new());
    if let Err(error) = &called {
        reason = open.failed(error);
        end = RequestEnd::Failed(error.code);
    }
    let (status, text) = match (is_test, outcome) {
        (true, _) => (StatusCode::OK, "Ran scheduled event"),
        (false, "ok") => (StatusCode::OK, "ok"),
        (false, outcome) => (StatusCode::INTERNAL_SERVER_ERROR, outcome),
    };
    open.end(status.as_u16(), end);
    // wrangler answers with one word. There nothing else says what is missing.
    let is_missing = !status.is_success() && NO_HANDLER.iter().any(|text| reason.contains(text));
    let text = if is_missing { format!("{text}\n{reason}") } else { text.to_owned() };
    Some(text_response(status, text))
}

/// Returns the name that Cloudflare has for the end of an event.
fn outcome(error: &RunError) -> &'static str {
    match error.code {
        ErrorCode::CpuLimit | ErrorCode::WallLimit => "exceededCpu",
        ErrorCode::MemoryLimit => "exceededMemory",
        // An event that nothing can end counts as one that took too long.
        _ if error.name == "DeadlockError" => "exceededCpu",
        _ => "exception",
    }
}

/// Reads a whole number at the beginning of a text, as `parseInt` does.
fn milliseconds(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    let number: f64 = digits[..end].parse().ok().filter(|number| *number <= 8.64e15)?;
    Some(if text.starts_with('-') { -number } else { number })
}

fn refused(status: StatusCode, text: String, open: &mut OpenRequest) -> Response<WorkerBody> {
    open.end(status.as_u16(), RequestEnd::Refused);
    text_response(status, text)
}

fn text_response(status: StatusCode, text: String) -> Response<WorkerBody> {
    let mut response = responses::plain(status, text);
    let kind = HeaderValue::from_static("text/plain;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_in_javascript() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("1745856238000", Some(1_745_856_238_000.0)),
            (" 12x", Some(12.0)),
            ("1e3", Some(1.0)),
            ("-5", Some(-5.0)),
            ("x", None),
            ("-", None),
            ("99999999999999999", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_one_that_can_be_pasted() {
        let address = address_of("127.0.0.1:8787".parse().unwrap(), "*/15 0 * * MON#2");
        assert_eq!(address, "http://127.0.0.1:8787/cdn-cgi/handler/scheduled?cron=*/15+0+*+*+MON%232");
    }
}
