//! Warnings about patterns that match nothing. They are most likely typing errors, and without a
//! warning the only sign would be an empty `env`.

use isolet_runtime::{Catalogue, Warning, WarningCode};

use super::snapshot::{PatternMatch, ToolSnapshot};
use super::tool_filter::{ToolFilter, ToolPattern};

/// The number of servers up to which all are named where no name is similar.
const MAX_NAMED_SERVERS: usize = 10;

/// The number of warnings of one run: a caller may send hundreds of patterns.
const MAX_WARNINGS: usize = 20;

/// Returns a warning for each pattern of a run's `filter` that matches nothing in `snapshot`. A
/// server that has not listed its tools yet may have any tool.
pub fn warnings(snapshot: &ToolSnapshot, filter: &ToolFilter) -> Vec<Warning> {
    let warning = |message: String| Warning::new(WarningCode::UnmatchedTools, &format!("`tools`: {message}"));
    messages(snapshot, filter).into_iter().map(warning).collect()
}

/// Returns why a pattern of a Worker's `mcp_servers` matches none of the servers that are
/// configured. What tools they have is not known before they are started.
pub fn without_servers<'a>(servers: impl Iterator<Item = &'a str>, patterns: &[String]) -> Vec<String> {
    let servers = servers.map(|name| (name.to_owned(), None)).collect();
    let snapshot = ToolSnapshot::of_definitions(servers);
    ToolFilter::new(patterns)
        .map_or_else(|invalid| vec![invalid.to_string()], |filter| messages(&snapshot, &filter))
}

/// Returns the messages of these warnings.
pub fn messages(snapshot: &ToolSnapshot, filter: &ToolFilter) -> Vec<String> {
    let unmatched: Vec<(&ToolPattern, PatternMatch<'_>)> = filter
        .patterns()
        .map(|pattern| (pattern, snapshot.match_pattern(pattern)))
        .filter(|(_, result)| *result != PatternMatch::Some)
        .take(MAX_WARNINGS)
        .collect();
    if unmatched.is_empty() {
        return Vec::new();
    }
    let all = snapshot.catalogue(None);
    unmatched.into_iter().map(|(pattern, result)| message(&all, pattern, result)).collect()
}

/// Describes why a pattern matches nothing, and suggests a similar one.
fn message(all: &Catalogue, pattern: &ToolPattern, result: PatternMatch<'_>) -> String {
    let text = pattern.text();
    let (server, tool) = text.split_once('/').map_or((text, None), |(server, tool)| (server, Some(tool)));
    match result {
        PatternMatch::Some => String::new(),
        PatternMatch::NoTool(server) => {
            let wrong = text
                .strip_prefix(server)
                .map_or(tool.unwrap_or_default(), |rest| rest.trim_start_matches('/'));
            let tools = all.server(server).map(|(_, tools)| tools);
            let nearest = tools.and_then(|tools| tools.nearest(&plain(wrong), 1).first().copied());
            let hint = nearest.map(|tool| format!(" Did you mean `{server}/{tool}`?")).unwrap_or_default();
            format!("the server `{server}` has no tool for the pattern `{text}`.{hint}")
        }
        PatternMatch::NoServer => {
            let has = |server: &&str| all.server(server).is_some_and(|(_, tools)| tools.lists(text));
            let holder = if tool.is_none() { all.names().find(has) } else { None };
            let meant = match holder {
                Some(server) => Some(format!("{server}/{text}")),
                None => all.nearest(&plain(server), 1).first().map(|near| match tool {
                    Some(tool) => format!("{near}/{tool}"),
                    None => (*near).to_owned(),
                }),
            };
            let hint = match meant {
                Some(meant) => format!(" Did you mean `{meant}`?"),
                None if all.names().count() <= MAX_NAMED_SERVERS => {
                    format!(" The servers are {}.", all.names().collect::<Vec<_>>().join(", "))
                }
                None => String::new(),
            };
            format!("there is no server for the pattern `{text}`.{hint}")
        }
    }
}

/// Removes the wildcards from a part of a pattern.
fn plain(part: &str) -> String {
    part.chars().filter(|letter| !"*?[]{},".contains(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use isolet_tsdefs::{ServerDefinition, ToolDefinition};
    use serde_json::json;

    use super::*;

    fn warned(patterns: &[&str]) -> Vec<String> {
        let tool = |name: &str| ToolDefinition::new(name, json!({ "type": "object" }));
        let files = ServerDefinition::new("files", vec![tool("read_text_file"), tool("list")]);
        let servers = vec![
            ("files".to_owned(), Some(Arc::new(files))),
            ("a/b".to_owned(), Some(Arc::new(ServerDefinition::new("a/b", vec![tool("x")])))),
            ("late".to_owned(), None),
        ];
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let filter = ToolFilter::new(&patterns).unwrap();
        warnings(&ToolSnapshot::of_definitions(servers), &filter)
            .into_iter()
            .map(|warning| warning.message)
            .collect()
    }

    #[test]
    fn patterns_that_match_give_no_warning() {
        let patterns =
            ["files", "files/list", "files/read_*", "*", "*/list", "late/whatever", "late", "a/b/x", "a_b/x"];
        assert_eq!(warned(&patterns), [""; 0]);
    }

    #[test]
    fn servers_are_known_before_they_are_started() {
        let patterns = ["demo", "dem0/add", "crm/find_*"].map(str::to_owned);
        assert_eq!(
            without_servers(["demo", "crm"].into_iter(), &patterns),
            ["there is no server for the pattern `dem0/add`. Did you mean `demo/add`?"]
        );
    }

    #[test]
    fn patterns_that_match_nothing_give_a_warning_with_the_nearest_name() {
        assert_eq!(
            warned(&["filez/*", "files/read_text_files", "list", "qqq", "a/b/y"]),
            [
                "`tools`: there is no server for the pattern `filez/*`. Did you mean `files/*`?",
                "`tools`: the server `files` has no tool for the pattern `files/read_text_files`. Did you mean \
                 `files/read_text_file`?",
                "`tools`: there is no server for the pattern `list`. Did you mean `files/list`?",
                "`tools`: there is no server for the pattern `qqq`. The servers are files, a/b, late.",
                "`tools`: the server `a/b` has no tool for the pattern `a/b/y`.",
            ]
        );
        assert_eq!(warned(&["zzz"; 200]).len(), MAX_WARNINGS);
    }
}
