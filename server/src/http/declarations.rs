//! `GET /v1/types`, whole or in part.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use isolet_tsdefs::Detail;
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use super::reply::{self, Reply};
use super::server::Server;
use crate::costs;
use crate::tools::Selection;
use crate::toolset::Missing;

/// How long a request waits for servers that are still starting. After that it says what it knows: one server that
/// hangs must not keep the others' declarations back.
const WAIT: Duration = Duration::from_secs(10);

/// Answers `/v1/types`, `/v1/types/{server}` and `/v1/types/{server}/{tool}`; `rest` is what stands after `types/`.
pub async fn types(
    server: &Arc<Server>,
    request: &Request<Incoming>,
    rest: Option<&str>,
) -> Result<Reply, Problem> {
    let query = Query::parse(request.uri().query().unwrap_or_default(), &["detail", "server", "tokens"])?;
    let detail = match query.get("detail") {
        None => Detail::Full,
        Some(word) => word.parse().map_err(|error| Problem::bad_request(format!("`detail`: {error}.")))?,
    };
    let selection = match rest {
        None => match query.get("server") {
            None => Selection::All,
            Some(names) => Selection::Servers(names.split(',').map(|name| name.trim().to_owned()).collect()),
        },
        Some(rest) => {
            // Names may hold a slash, escaped; the first that is not escaped divides.
            let (name, tool) = rest.split_once('/').map_or((rest, None), |(name, tool)| (name, Some(tool)));
            match tool {
                None => Selection::Servers(vec![decoded(name)?]),
                Some(tool) => Selection::Tool { server: decoded(name)?, tool: decoded(tool)? },
            }
        }
    };
    let tokens = match query.get("tokens") {
        None => false,
        Some("1") => true,
        Some(_) => return Err(Problem::bad_request("`tokens` can only be 1: `tokens=1` counts tokens.")),
    };
    if tokens && query.get("detail").is_some() {
        return Err(Problem::bad_request("`tokens=1` counts every level; leave `detail` out."));
    }
    server.tools.ready_for(&selection, WAIT).await;
    // Asked for a server by name, a text without it would say that it has no tools.
    if let Selection::Servers(names) = &selection {
        let toolset = server.tools.toolset();
        if let Some(name) =
            names.iter().find(|name| toolset.server(name).is_some() && !toolset.is_listed(name))
        {
            return Err(Problem::unavailable(sentence(&Missing::Unlisted(name.clone()).to_string()))
                .with_hint("GET /v1/servers says why."));
        }
    }
    if tokens {
        // Ten thousand tools take seconds to count the first time.
        let toolset = server.tools.toolset();
        let counted = tokio::task::spawn_blocking(move || costs::of(&toolset, &selection)).await;
        let counted = counted.map_err(|_| Problem::unavailable("The tokens could not be counted."))?;
        return Ok(reply::json(counted.map_err(|missing| problem(&missing))?.to_string()));
    }
    let text = server.tools.declarations(selection, detail).map_err(|missing| problem(&missing))?;
    let mut reply = if matches(request.headers(), text.etag.to_str().unwrap_or_default()) {
        let mut unchanged = reply::text("");
        unchanged.headers_mut().remove(header::CONTENT_TYPE);
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        reply::text(text.bytes.clone())
    };
    reply.headers_mut().insert(header::ETAG, text.etag.clone());
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(reply)
}

fn problem(missing: &Missing) -> Problem {
    let sentence = sentence(&missing.to_string());
    match missing {
        Missing::Unlisted(_) => Problem::unavailable(sentence).with_hint("GET /v1/servers says why."),
        _ => Problem::not_found(sentence),
    }
}

/// Whether the client has this text already.
fn matches(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

/// A query string, read strictly: a parameter that means nothing here is a mistake.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `text`; only `known` names may occur, each once.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(&value.replace('+', " "))?);
            if !known.contains(&name.as_str()) {
                return Err(Problem::bad_request(format!("There is no parameter `{name}` here."))
                    .with_hint(format!("Parameters: {}.", known.join(", "))));
            }
            if pairs.iter().any(|(there, _)| *there == name) {
                let twice = Problem::bad_request(format!("`{name}` is there more than once."));
                return Err(match name.as_str() {
                    "server" => twice.with_hint("Several servers are named with commas: server=a,b."),
                    _ => twice,
                });
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

fn decoded(text: &str) -> Result<String, Problem> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Problem::bad_request(format!("`{text}` is not UTF-8 once it is decoded.")))
}

/// An error's words as a sentence: with a capital, and with a stop unless it is a question.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if words.ends_with('?') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_strict() {
        let query = Query::parse("q=a+b%20c&limit=3", &["q", "limit"]).unwrap();
        assert_eq!(query.get("q"), Some("a b c"));
        assert_eq!(query.get("limit"), Some("3"));
        assert_eq!(query.get("detail"), None);
        assert!(Query::parse("limits=3", &["limit"]).is_err());
        assert!(Query::parse("q=%ff", &["q"]).is_err());
        assert!(Query::parse("q=a&q=b", &["q"]).is_err());
    }

    #[test]
    fn an_etag_is_found_among_several() {
        let with = |value| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
        assert!(matches(&with("\"a\", W/\"b\""), "\"b\""));
        assert!(matches(&with("*"), "\"b\""));
        assert!(!matches(&with("\"a\""), "\"b\""));
        assert!(!matches(&HeaderMap::new(), "\"b\""));
    }
}
