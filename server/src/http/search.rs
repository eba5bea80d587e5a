//! `GET /v1/search?q=…&limit=8`: the tools that match a query, best first.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

use super::query::Query;
use crate::registry::{DEFAULT_SEARCH_HITS, SERVER_START_TIMEOUT};
use crate::service::Service;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// The number of hits; `GET /v1/types?detail=names` lists all tools.
const MAX_HITS: usize = 100;

/// Answers one search.
pub async fn answer(service: &Arc<Service>, request: &Request<Incoming>) -> Result<Reply, Problem> {
    let query = Query::parse(request.uri().query().unwrap_or_default(), &["q", "limit"])?;
    let question = query.get("q").filter(|question| !question.trim().is_empty()).ok_or_else(|| {
        Problem::bad_request("`q` is missing or empty.").with_hint("GET /v1/search?q=create+an+issue&limit=8")
    })?;
    let limit = match query.get("limit").map(str::parse::<usize>) {
        None => DEFAULT_SEARCH_HITS,
        Some(Ok(limit @ 1..=MAX_HITS)) => limit,
        Some(_) => {
            return Err(Problem::bad_request(format!("`limit` must be a number from 1 to {MAX_HITS}.")));
        }
    };
    service.registry.started(SERVER_START_TIMEOUT).await;
    let hits = service.registry.snapshot().search(question, limit);
    Ok(reply::json(serde_json::json!({ "query": question, "hits": hits }).to_string()))
}
