//! `GET /v1/types`, whole or in part.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use isolet_tsdefs::Detail;

use super::query::{Query, decode};
use crate::prompt::libraries;
use crate::prompt_costs;
use crate::registry::{Audience, LookupError, SERVER_START_TIMEOUT, Selection, ToolFilter, split_patterns};
use crate::service::Service;
use crate::service::client::Client;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// Answers `/v1/types`, `/v1/types/{server}` and `/v1/types/{server}/{tool}`; `rest` is the path
/// after `types/`.
pub async fn answer(
    service: &Arc<Service>,
    request: &Request<Incoming>,
    rest: Option<&str>,
) -> Result<Reply, Problem> {
    let query =
        Query::parse(request.uri().query().unwrap_or_default(), &["detail", "server", "tools", "tokens"])?;
    let detail = match query.get("detail") {
        None => Detail::Full,
        Some(word) => word.parse().map_err(|error| Problem::bad_request(format!("`detail`: {error}.")))?,
    };
    let selection = match rest {
        None => match (query.get("server"), query.get("tools")) {
            (None, None) => Selection::All,
            (Some(names), None) => Selection::Servers(split_names(names)),
            (None, Some(patterns)) => {
                let patterns = split_patterns(patterns);
                ToolFilter::new(&patterns).map_err(|bad| Problem::bad_request(format!("`tools`: {bad}.")))?;
                Selection::Tools(patterns)
            }
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request("`server` and `tools` cannot be used together.")
                    .with_hint("`tools=a,b/get_*` takes whole servers too."));
            }
        },
        Some(_) if query.get("tools").is_some() => {
            return Err(Problem::bad_request("`tools` chooses among all servers: use GET /v1/types?tools=…"));
        }
        Some(rest) => {
            // Names may contain an escaped slash; the first unescaped one separates server and
            // tool.
            let (name, tool) = rest.split_once('/').map_or((rest, None), |(name, tool)| (name, Some(tool)));
            match tool {
                None => Selection::Servers(vec![decode(name)?]),
                Some(tool) => Selection::Tool { server: decode(name)?, tool: decode(tool)? },
            }
        }
    };
    let tokens = match query.get("tokens") {
        None => false,
        Some("1") => true,
        Some(_) => return Err(Problem::bad_request("`tokens` must be 1: `tokens=1` counts tokens.")),
    };
    if tokens && query.get("detail").is_some() {
        return Err(Problem::bad_request("`tokens=1` counts every level; leave `detail` out."));
    }
    let tenant = request.extensions().get::<Client>().and_then(|client| client.tenant.clone());
    let audience = Audience::Tenant(tenant.as_ref().map(|tenant| &*tenant.0));
    service.registry.ready_for(&selection, SERVER_START_TIMEOUT).await;
    // A text without a server that was asked for by name would look as if it had no tools.
    if let Selection::Servers(names) = &selection {
        let snapshot = service.registry.snapshot();
        if let Some(name) =
            names.iter().find(|name| snapshot.server(name).is_some() && !snapshot.is_listed(name))
        {
            return Err(Problem::unavailable(sentence(&LookupError::Unlisted(name.clone()).to_string()))
                .with_hint("GET /v1/servers has the reason."));
        }
    }
    if tokens {
        // Ten thousand tools take seconds to count the first time.
        let snapshot = service.registry.snapshot_for(audience);
        let counted =
            tokio::task::spawn_blocking(move || prompt_costs::document(&snapshot, &selection)).await;
        let counted = counted.map_err(|_| Problem::unavailable("The tokens could not be counted."))?;
        return Ok(reply::json(counted.map_err(|error| problem(&error))?.to_string()));
    }
    let libraries = match selection {
        Selection::All => libraries::comment(service.engine.libraries()),
        _ => String::new(),
    };
    let text = service.registry.declarations(audience, selection, detail).map_err(|error| problem(&error))?;
    let etag = with_libraries(&text.etag, &libraries);
    let mut reply = if is_cached(request.headers(), etag.to_str().unwrap_or_default()) {
        let mut unchanged = reply::text("");
        unchanged.headers_mut().remove(header::CONTENT_TYPE);
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        match libraries.is_empty() {
            true => reply::text(text.bytes.clone()),
            false => reply::text([libraries.as_bytes(), &text.bytes].concat()),
        }
    };
    reply.headers_mut().insert(header::ETAG, etag);
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(reply)
}

/// Returns the ETag of declarations with a comment about libraries above them.
fn with_libraries(etag: &HeaderValue, libraries: &str) -> HeaderValue {
    if libraries.is_empty() {
        return etag.clone();
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(libraries.as_bytes());
    let plain = etag.to_str().unwrap_or_default().trim_matches('"');
    HeaderValue::from_str(&format!("\"{plain}-{:016x}\"", hasher.finish())).unwrap_or_else(|_| etag.clone())
}

/// Splits a comma-separated list of names.
fn split_names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn problem(error: &LookupError) -> Problem {
    let sentence = sentence(&error.to_string());
    match error {
        LookupError::Unlisted(_) => {
            Problem::unavailable(sentence).with_hint("GET /v1/servers has the reason.")
        }
        _ => Problem::not_found(sentence),
    }
}

/// Returns `true` if the client has the text with this ETag already.
fn is_cached(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

/// Turns an error message into a sentence: with a capital, and a full stop unless it is a question.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if message.ends_with('?') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_found_among_several() {
        let with = |value| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
        assert!(is_cached(&with("\"a\", W/\"b\""), "\"b\""));
        assert!(is_cached(&with("*"), "\"b\""));
        assert!(!is_cached(&with("\"a\""), "\"b\""));
        assert!(!is_cached(&HeaderMap::new(), "\"b\""));
    }
}
