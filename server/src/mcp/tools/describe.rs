//! The tool `describe`: shows the declarations of chosen tools.

use std::sync::Arc;

use isolet_tsdefs::{Detail, Frame};
use rmcp::model::JsonObject;
use serde::Deserialize;

use super::arguments::{self, ParsedArguments};
use super::definitions::DESCRIBE;
use crate::output::pretty::thousands;
use crate::prompt::quote::{MAX_NAME_BYTES, cut};
use crate::registry::{Audience, LookupError, Registry, SERVER_START_TIMEOUT, ToolFilter, ToolSnapshot};

/// The length of the answer, about 14,000 tokens. Beyond it, the level of detail is reduced.
const MAX_ANSWER_BYTES: usize = 48 * 1024;

/// The length of the reason why a server cannot be used.
const MAX_REASON_BYTES: usize = 500;

/// The number of patterns in one request.
const MAX_PATTERNS: usize = 100;

/// The number of names that an error lists.
const MAX_LISTED_NAMES: usize = 20;

#[derive(Deserialize)]
struct Arguments {
    tools: OneOrMany,
}

/// A list of names, or the single name that some models send instead.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Answers one call, with the types inferred for this audience. An error is a message for the
/// model.
pub async fn answer(
    registry: &Arc<Registry>,
    audience: Audience<'_>,
    arguments: JsonObject,
) -> Result<String, String> {
    let parsed: ParsedArguments<Arguments> =
        arguments::parse(DESCRIBE, &["tools"], arguments).map_err(|error| {
            format!(
                "`describe` takes {{ tools: string[] }}: {error}. Example: {{ \"tools\": [\"server/tool\"] }}"
            )
        })?;
    let names = match parsed.value.tools {
        OneOrMany::One(name) => vec![name],
        OneOrMany::Many(names) => names,
    };
    if names.is_empty() {
        return Err(
            "`tools` is empty. Name tools as \"server/tool\", or a whole server as \"server\".".to_owned()
        );
    }
    if names.len() > MAX_PATTERNS {
        return Err(format!(
            "{} names are too many, at most {MAX_PATTERNS}. Use \"server\" or \"server/get_*\".",
            names.len()
        ));
    }
    let patterns: Vec<String> = {
        let snapshot = registry.snapshot();
        names.iter().map(|name| pattern(&snapshot, name)).collect()
    };
    wait_for(registry, &patterns).await;
    let snapshot = registry.snapshot_for(audience);
    let (mut matching, mut not_found) = (Vec::new(), Vec::new());
    for pattern in patterns {
        let filter = ToolFilter::new(std::slice::from_ref(&pattern)).map_err(|error| error.to_string())?;
        if snapshot.count(&filter) == 0 {
            let server = server_of(&snapshot, &pattern);
            let failure = server.and_then(|server| registry.failure_reason(server));
            not_found.push(explain_no_match(&snapshot, &pattern, failure.as_deref()));
        } else {
            matching.push(pattern);
        }
    }
    if matching.is_empty() {
        return Err(not_found.join("\n"));
    }
    let filter = ToolFilter::new(&matching).map_err(|error| error.to_string())?;
    let mut text = fitting(&snapshot, &filter)?;
    if let Some(message) = parsed.ignored {
        text = format!("// warning: {message}\n{text}");
    }
    for reason in not_found {
        text.push_str(&format!("// Not found: {reason}\n"));
    }
    Ok(text)
}

/// Waits for the lists of the servers that patterns name, and starts those that start at their
/// first use. If a pattern does not name a server, waits for all that are starting.
async fn wait_for(registry: &Arc<Registry>, patterns: &[String]) {
    let snapshot = registry.snapshot();
    let named: Vec<Option<&str>> = patterns.iter().map(|pattern| server_of(&snapshot, pattern)).collect();
    let mut servers: Vec<String> = named.iter().flatten().map(|server| (*server).to_owned()).collect();
    servers.sort_unstable();
    servers.dedup();
    let is_open = named.iter().any(Option::is_none);
    let started = async {
        if is_open {
            registry.started(SERVER_START_TIMEOUT).await;
        }
    };
    tokio::join!(started, registry.all_listed(&servers, SERVER_START_TIMEOUT));
}

/// Returns the server that a pattern names.
fn server_of<'a>(snapshot: &'a ToolSnapshot, pattern: &str) -> Option<&'a str> {
    // The exact name of a server may contain a slash.
    let named = |name: &str| snapshot.server(name).map(|server| server.name);
    named(pattern).or_else(|| pattern.match_indices('/').find_map(|(at, _)| named(&pattern[..at])))
}

/// Returns the most detailed declarations that are short enough.
fn fitting(snapshot: &ToolSnapshot, filter: &ToolFilter) -> Result<String, String> {
    let count = snapshot.count(filter);
    for detail in [Detail::Full, Detail::Brief, Detail::Names] {
        // Declarations of ten thousand tools would take a second to write, only to be discarded.
        if detail == Detail::Full && count > 500 || detail == Detail::Brief && count > 2000 {
            continue;
        }
        let text = snapshot.declarations_where_in(Frame::Line, filter, detail).text;
        if text.len() > MAX_ANSWER_BYTES {
            continue;
        }
        return Ok(match detail {
            Detail::Full => text,
            _ => format!(
                "// {count} tools at the level \"{detail}\", as more would be too long. Ask for fewer tools to see all of them.\n{text}"
            ),
        });
    }
    Err(format!(
        "{} tools are too many to describe at once. Find those you need with `search`, then ask for them by name.",
        thousands(count)
    ))
}

/// Returns a pattern for a name that a model wrote, perhaps as a script would (`env.server.tool`).
fn pattern(snapshot: &ToolSnapshot, name: &str) -> String {
    let name = name.trim();
    let name = name.strip_prefix("env.").unwrap_or(name);
    if name.contains('/') || snapshot.server(name).is_some() {
        return name.to_owned();
    }
    match name.split_once('.') {
        Some((server, tool)) if snapshot.server(server).is_some() => format!("{server}/{tool}"),
        _ => name.to_owned(),
    }
}

/// Explains why a pattern matches no tools, with similar names. `failure` is the reason why its
/// server cannot be used.
fn explain_no_match(snapshot: &ToolSnapshot, pattern: &str, failure: Option<&str>) -> String {
    if let Some(server) = server_of(snapshot, pattern).filter(|server| !snapshot.is_listed(server)) {
        let unlisted = LookupError::Unlisted(server.to_owned());
        return match failure {
            Some(failure) => format!("{unlisted}: {}", cut(failure, MAX_REASON_BYTES)),
            None => unlisted.to_string(),
        };
    }
    let (error, server) = match pattern.split_once('/') {
        Some((server, tool)) => (snapshot.declaration(server, tool, Detail::Names).err(), Some(server)),
        None => (snapshot.declarations(Some(&[pattern]), Detail::Names).err(), None),
    };
    let Some(error) = error else { return format!("`{pattern}` has no tools") };
    match &error {
        LookupError::UnknownServer { name, nearest, known } if nearest.is_empty() => {
            format!("there is no server `{name}`. Servers: {}", some_of(known.iter().map(String::as_str)))
        }
        LookupError::UnknownTool { nearest, .. } if nearest.is_empty() => {
            let found = snapshot
                .servers()
                .find(|(named, _)| Some(named.name) == server || Some(named.alias) == server);
            let names = found.and_then(|(_, tools)| tools).map(|(definition, _)| &definition.tools);
            let names = names.into_iter().flatten().map(|tool| tool.name.as_str());
            format!("{error}. Its tools: {}", some_of(names))
        }
        _ => error.to_string(),
    }
}

/// Returns some of the names, and the number of the others.
fn some_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.map(|name| cut(name, MAX_NAME_BYTES)).collect();
    let more = names.len().saturating_sub(MAX_LISTED_NAMES);
    let shown = names[..names.len() - more].join(", ");
    match (names.len(), more) {
        (0, _) => "none".to_owned(),
        (_, 0) => shown,
        _ => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use isolet_tsdefs::{ServerDefinition, ToolDefinition};
    use serde_json::json;

    use super::*;

    fn snapshot(count: usize) -> ToolSnapshot {
        let tools = (0..count).map(|number| {
            let mut tool = ToolDefinition::new(format!("get-{number}"), json!({ "type": "object" }));
            tool.description = Some("word ".repeat(30));
            tool
        });
        let hub = Arc::new(ServerDefinition::new("my.hub", tools.collect()));
        ToolSnapshot::of_definitions(vec![("my.hub".to_owned(), Some(hub)), ("late".to_owned(), None)])
    }

    #[test]
    fn names_may_be_written_as_in_scripts() {
        let snapshot = snapshot(1);
        for (name, expected) in [
            ("my.hub", "my.hub"),
            ("env.my_hub.get_0", "my_hub/get_0"),
            (" my_hub.get-0", "my_hub/get-0"),
            ("my.hub/get_*", "my.hub/get_*"),
            ("nobody.x", "nobody.x"),
        ] {
            assert_eq!(pattern(&snapshot, name), expected);
        }
    }

    #[test]
    fn errors_suggest_similar_names() {
        let snapshot = snapshot(1);
        let why = |pattern| explain_no_match(&snapshot, pattern, None);
        assert_eq!(why("my_hub/got_0"), "the server `my.hub` has no tool `got_0`: did you mean get-0?");
        assert_eq!(why("my_hup"), "there is no server `my_hup`: did you mean my.hub?");
        assert_eq!(why("my_hub/x*"), "the server `my.hub` has no tool `x*`. Its tools: get-0");
        assert_eq!(why("nothing_like_it"), "there is no server `nothing_like_it`. Servers: my.hub, late");
        assert_eq!(why("late/x"), "the server `late` has not listed its tools");
        assert_eq!(
            explain_no_match(&snapshot, "late", Some("it is gone")),
            "the server `late` has not listed its tools: it is gone"
        );
    }

    #[test]
    fn long_answers_have_less_detail() {
        let whole = |count| fitting(&snapshot(count), &ToolFilter::new(&["my.hub".to_owned()]).unwrap());
        assert!(whole(3).unwrap().starts_with("/** Unknown results are text"), "{:?}", whole(3));
        let brief = whole(400).unwrap();
        assert!(
            brief.starts_with("// 400 tools at the level \"names\"")
                || brief.starts_with("// 400 tools at the level \"brief\""),
            "{}",
            &brief[..100]
        );
        assert!(brief.len() <= MAX_ANSWER_BYTES + 200);
        assert!(whole(20_000).unwrap_err().starts_with("20,000 tools are too many"));
    }
}
