//! `GET /v1/search?q=…&limit=8`: the tools that answer a question, best first.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;

use super::declarations::Query;
use super::problem::Problem;
use super::reply::{self, Reply};
use super::server::Server;

/// Hits without a wish.
pub const HITS: usize = 8;

/// More hits than this are no answer to a question; `GET /v1/types?detail=names` lists everything.
const MOST_HITS: usize = 100;

/// As for declarations: one server that hangs must not keep the others back.
const WAIT: Duration = Duration::from_secs(10);

/// Answers one search.
pub async fn answer(server: &Arc<Server>, request: &Request<Incoming>) -> Result<Reply, Problem> {
    let query = Query::parse(request.uri().query().unwrap_or_default(), &["q", "limit"])?;
    let question = query.get("q").filter(|question| !question.trim().is_empty()).ok_or_else(|| {
        Problem::bad_request("`q` is missing or empty.").with_hint("GET /v1/search?q=create+an+issue&limit=8")
    })?;
    let limit = match query.get("limit").map(str::parse::<usize>) {
        None => HITS,
        Some(Ok(limit @ 1..=MOST_HITS)) => limit,
        Some(_) => {
            return Err(Problem::bad_request(format!("`limit` must be a number from 1 to {MOST_HITS}.")));
        }
    };
    server.tools.started(WAIT).await;
    let hits = server.tools.toolset().search(question, limit);
    Ok(reply::json(serde_json::json!({ "query": question, "hits": hits }).to_string()))
}
