//! The definitions of isolet's own three tools, and the instructions of the server.

use isolet_runtime::Limits;
use rmcp::model::{MetaObject, Tool, ToolAnnotations};
use serde_json::json;

use crate::mcp::client_traits::{ClientTraits, MAX_COMMON_DESCRIPTION_BYTES};
use crate::prompt::overview::{OverviewSource, ToolOverview};
use crate::prompt::run_tool::{self, object};

/// The name of the tool that finds tools.
pub const SEARCH: &str = "search";

/// The name of the tool that shows declarations.
pub const DESCRIBE: &str = "describe";

/// The name of the tool that runs scripts.
pub const RUN: &str = run_tool::NAME;

/// The beginning of the instructions, which a client may show its model before any tool.
const INSTRUCTIONS: &str = "`run` does a whole job with one TypeScript script that calls the tools of all connected MCP servers as \
     env.<server>.<tool>({ … }). Its description says how and lists the tools, `search` finds them by what they do, \
     `describe` shows their types.";

/// The length of names below which a server gets no line in the instructions.
const MIN_LINE_BYTES: usize = 40;

/// Returns the instructions: how to begin, and the names of tools that do not fit into the
/// description of `run`.
pub fn instructions(overview: &ToolOverview) -> String {
    let mut text = INSTRUCTIONS.to_owned();
    let title = "\n\nMore tools, as they were when this session began:";
    let mut left = MAX_COMMON_DESCRIPTION_BYTES.saturating_sub(text.len() + title.len());
    let mut lines = Vec::new();
    for (turn, line) in overview.rest.iter().enumerate() {
        // Each server has an equal share; what one does not need goes to those after it.
        let share = left / (overview.rest.len() - turn);
        let names = whole_names(line, share.saturating_sub(1));
        if names.len() >= MIN_LINE_BYTES.min(line.len()) {
            left -= names.len() + 1;
            lines.push(names);
        }
    }
    if !lines.is_empty() {
        text.push_str(title);
        for line in lines {
            text.push('\n');
            text.push_str(line);
        }
    }
    text
}

/// Returns as many of the names in a line as fit, none of them cut.
fn whole_names(line: &str, max_bytes: usize) -> &str {
    if line.len() <= max_bytes {
        return line;
    }
    let mut end = max_bytes;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line[..end].rfind(", ").map_or("", |comma| &line[..comma])
}

/// Returns all three tools for a client with these traits, and the overview of tools that is in the
/// description of `run`.
pub fn all(
    source: &OverviewSource<'_>,
    unavailable: &str,
    limits: &Limits,
    traits: ClientTraits,
) -> (Vec<Tool>, ToolOverview) {
    let (run, overview) = run_tool::definition(source, unavailable, limits, traits.description);
    let mut tools = vec![search(), describe(), run];
    if traits.defers_tools {
        // These three stand for hundreds of tools: a model that has to search for them first does
        // not know what they are for.
        let meta = object(json!({ "anthropic/alwaysLoad": true }));
        tools.iter_mut().for_each(|tool| tool.meta = Some(MetaObject::from((*meta).clone())));
    }
    (tools, overview)
}

fn search() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {
            "query": { "type": "string", "description": "What the tool should do, such as \"create an issue\"." },
            "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 8 }
        },
        "required": ["query"],
        "additionalProperties": false
    });
    Tool::new(
        SEARCH,
        "Finds tools of the connected MCP servers that `run` does not list, by what they do. Best first, each as the \
         call to write; only a script in `run` can call them.",
        object(input),
    )
    .with_title("Search tools")
    .with_annotations(read_only("Search tools"))
}

fn describe() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {
            "tools": {
                "type": "array",
                "items": { "type": "string" },
                "description": "\"server/tool\", \"server/get_*\", or \"server\" for all of its tools."
            }
        },
        "required": ["tools"],
        "additionalProperties": false
    });
    Tool::new(
        DESCRIBE,
        "Shows the TypeScript types of tools, with the documentation of every field. Ask for it before a script calls a \
         tool whose types you have not seen.",
        object(input),
    )
    .with_title("Describe tools")
    .with_annotations(read_only("Describe tools"))
}

/// Returns the annotations of a tool that only reads.
fn read_only(title: &str) -> ToolAnnotations {
    ToolAnnotations::with_title(title).read_only(true).idempotent(true).destructive(false).open_world(false)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use isolet_tsdefs::{Detail, ServerDefinition, ToolDefinition};

    use super::*;
    use crate::mcp::client_traits::traits;
    use crate::registry::ToolSnapshot;

    fn listed(snapshot: &ToolSnapshot, traits: ClientTraits) -> (Vec<Tool>, ToolOverview) {
        let brief = || snapshot.declarations(None, Detail::Brief).ok().map(|declarations| declarations.text);
        let source = OverviewSource {
            snapshot,
            reads_only: &|_, _| false,
            brief: &brief,
            is_only_tool: false,
            libraries: &[],
        };
        all(&source, "Not available: env.late (starting).\n\n", &Limits::default(), traits)
    }

    #[test]
    fn only_run_is_not_read_only() {
        let (tools, _) = listed(&ToolSnapshot::of_definitions(Vec::new()), traits(None));
        let hints: Vec<_> = tools
            .iter()
            .map(|tool| (&*tool.name, tool.annotations.as_ref().and_then(|hints| hints.read_only_hint)))
            .collect();
        assert_eq!(hints, [(SEARCH, Some(true)), (DESCRIBE, Some(true)), (RUN, Some(false))]);
    }

    #[test]
    fn descriptions_fit_what_clients_show() {
        for tools in [0, 1, 10, 40, 100, 1000] {
            let tool = |number: usize| {
                let fields = json!({ "path": { "type": "string" }, "limit": { "type": "integer" } });
                let schema = json!({ "type": "object", "properties": fields, "required": ["path"] });
                let mut tool = ToolDefinition::new(format!("read_some_text_file_{number}"), schema);
                tool.description = Some("Reads a file and tells how it went. ".repeat(4));
                tool
            };
            let mut hub = ServerDefinition::new("my.hub", (0..tools).map(tool).collect());
            hub.description = Some("Größe ".repeat(200));
            let snapshot = ToolSnapshot::of_definitions(vec![("my.hub".to_owned(), Some(Arc::new(hub)))]);
            let mut lengths = Vec::new();
            for client in [None, Some("claude-code"), Some("codex-mcp-client")] {
                let traits = traits(client);
                let (all, overview) = listed(&snapshot, traits);
                let description = all[2].description.as_deref().unwrap();
                assert!(description.len() <= traits.description, "{tools} {client:?}: {description}");
                assert!(
                    instructions(&overview).len() <= MAX_COMMON_DESCRIPTION_BYTES,
                    "{}",
                    instructions(&overview)
                );
                let says_all = description.contains("These are all");
                let names = description.matches("read_some_text_file_").count();
                assert!(
                    tools == 0 || says_all == (names >= tools),
                    "{tools} {client:?} {names}: {description}"
                );
                assert!(description.find("never {content").unwrap() < 500);
                assert!(
                    description.find("env.late").unwrap()
                        < description.find("tools are").unwrap_or(usize::MAX)
                );
                assert_eq!(all[0].meta.is_some(), client == Some("claude-code"));
                lengths.push(names);
            }
            assert!(lengths[2] >= lengths[0], "{lengths:?}");
        }
    }

    #[test]
    fn names_that_do_not_fit_are_in_the_instructions() {
        let rest = vec![
            "env.a: one, two, three_with_a_long_name".to_owned(),
            format!("env.b: {}", "name, ".repeat(1000)),
        ];
        let text = instructions(&ToolOverview { rest, ..ToolOverview::default() });
        assert!(text.contains("\nenv.a: one, two, three_with_a_long_name\nenv.b: name, name"), "{text}");
        assert!(
            text.len() <= MAX_COMMON_DESCRIPTION_BYTES
                && text.len() > MAX_COMMON_DESCRIPTION_BYTES - 20
                && text.ends_with(", name"),
            "{}",
            text.len()
        );
        assert_eq!(instructions(&ToolOverview::default()), INSTRUCTIONS);
    }
}
