//! The tool `search`: which tools do something.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use isolet_tsdefs::Hit;
use rmcp::model::JsonObject;
use serde::Deserialize;

use super::catalogue::quoted;
use crate::http::HITS;
use crate::tools::Tools;

/// Servers that are starting may still list their tools; one that hangs must not keep the others back.
pub const WAIT: Duration = Duration::from_secs(10);

/// More matches than this are no answer.
const MOST: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    query: String,
    limit: Option<usize>,
}

/// Searches. An error is for the model to read.
pub async fn answer(tools: &Arc<Tools>, arguments: JsonObject) -> Result<String, String> {
    let asked: Asked = serde_json::from_value(arguments.into()).map_err(|error| {
        format!("`search` takes {{ query: string, limit?: number }}: {error}. Example: {{ \"query\": \"create an issue\" }}")
    })?;
    let query = asked.query.trim();
    if query.is_empty() {
        return Err("`query` is empty. Say what the tool should do, such as \"create an issue\".".to_owned());
    }
    tools.started(WAIT).await;
    let toolset = tools.toolset();
    let hits = toolset.search(query, asked.limit.unwrap_or(HITS).clamp(1, MOST));
    if hits.is_empty() {
        let servers: Vec<&str> = toolset.servers().map(|(server, _)| server.alias).take(MOST).collect();
        return Ok(format!(
            "No tool matches {}. Try other words for what it should do, or `describe` with the name of a server. \
             Servers: {}.",
            quoted(query),
            if servers.is_empty() { "none".to_owned() } else { servers.join(", ") }
        ));
    }
    Ok(text(&hits))
}

/// The matches, each as the call that a script would write.
fn text(hits: &[Hit]) -> String {
    let mut text = String::from(
        "Best first; call them from a script in `run`. Quotes hold the servers' text. `describe` has the types in full.\n",
    );
    for hit in hits {
        let _ = write!(text, "\n{}", hit.signature);
        if !hit.description.is_empty() {
            let _ = write!(text, "\n    {}", quoted(&hit.description));
        }
    }
    text
}
