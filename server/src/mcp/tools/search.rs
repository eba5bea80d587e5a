//! The tool `search`: finds tools by what they do.

use std::fmt::Write as _;
use std::sync::Arc;

use isolet_tsdefs::Hit;
use rmcp::model::JsonObject;
use serde::Deserialize;

use super::arguments::{self, ParsedArguments};
use super::definitions::SEARCH;
use crate::prompt::quote::quoted;
use crate::prompt::unavailable;
use crate::registry::{DEFAULT_SEARCH_HITS, Registry, SERVER_START_TIMEOUT};
use crate::whole_number;

/// The end of a signature without a known result type, which is not shown.
const UNKNOWN_RESULT: &str = ": Promise<unknown>";

/// The number of matches.
const MAX_HITS: usize = 100;

#[derive(Deserialize)]
struct Arguments {
    query: String,
    #[serde(default, deserialize_with = "whole_number::deserialize")]
    limit: Option<u64>,
}

/// Answers one call. An error is a message for the model.
pub async fn answer(registry: &Arc<Registry>, arguments: JsonObject) -> Result<String, String> {
    let parsed: ParsedArguments<Arguments> = arguments::parse(SEARCH, &["query", "limit"], arguments).map_err(|error| {
        format!("`search` takes {{ query: string, limit?: number }}: {error}. Example: {{ \"query\": \"create an issue\" }}")
    })?;
    let arguments = parsed.value;
    let query = arguments.query.trim();
    if query.is_empty() {
        return Err("`query` is empty. Say what the tool should do, such as \"create an issue\".".to_owned());
    }
    registry.started(SERVER_START_TIMEOUT).await;
    let snapshot = registry.snapshot();
    let limit = arguments.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DEFAULT_SEARCH_HITS);
    let hits = snapshot.search(query, limit.clamp(1, MAX_HITS));
    let warning = parsed.ignored.map(|message| format!("warning: {message}\n\n")).unwrap_or_default();
    // Tools of these servers cannot be found.
    let unavailable = unavailable::text(registry, &snapshot);
    let unavailable = match unavailable.is_empty() {
        true => unavailable,
        false => format!("\n\nNot searched: {}", unavailable.trim_end()),
    };
    if hits.is_empty() {
        let servers: Vec<&str> = snapshot.servers().map(|(server, _)| server.alias).take(MAX_HITS).collect();
        return Ok(format!(
            "{warning}No tool matches {}. Try other words for what it should do, or `describe` with the name of a server. \
             Servers: {}.{unavailable}",
            quoted(query),
            if servers.is_empty() { "none".to_owned() } else { servers.join(", ") }
        ));
    }
    Ok(format!("{warning}{}{unavailable}", text(&hits)))
}

/// Returns the matches, each as the call that a script would write.
fn text(hits: &[Hit]) -> String {
    let mut text = String::from("Best first, for a script in `run`. Quotes hold the servers' text.\n");
    for hit in hits {
        let _ = write!(text, "\n{}", hit.signature.strip_suffix(UNKNOWN_RESULT).unwrap_or(&hit.signature));
        if !hit.description.is_empty() {
            let _ = write!(text, "\n    {}", quoted(&hit.description));
        }
    }
    text
}
