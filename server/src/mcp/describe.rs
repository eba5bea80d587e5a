//! The tool `describe`: the declarations of chosen tools.

use std::sync::Arc;

use isolet_tsdefs::Detail;
use rmcp::model::JsonObject;
use serde::Deserialize;

use super::catalogue::cut;
use super::search::WAIT;
use crate::filter::ToolFilter;
use crate::pretty::thousands;
use crate::tools::Tools;
use crate::toolset::{Missing, Toolset};

/// The longest answer, about 14,000 tokens. Past it less is said of each tool.
const LONGEST: usize = 48 * 1024;

/// The longest reason why a server is of no use.
const LONGEST_REASON: usize = 500;

/// Patterns in one request.
const MOST: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    tools: Wanted,
}

/// A list, or the one name that models send in place of a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    One(String),
    Many(Vec<String>),
}

/// Describes. An error is for the model to read.
pub async fn answer(tools: &Arc<Tools>, arguments: JsonObject) -> Result<String, String> {
    let asked: Asked = serde_json::from_value(arguments.into()).map_err(|error| {
        format!(
            "`describe` takes {{ tools: string[] }}: {error}. Example: {{ \"tools\": [\"server/tool\"] }}"
        )
    })?;
    let wanted = match asked.tools {
        Wanted::One(name) => vec![name],
        Wanted::Many(names) => names,
    };
    if wanted.is_empty() {
        return Err(
            "`tools` is empty. Name tools as \"server/tool\", or a whole server as \"server\".".to_owned()
        );
    }
    if wanted.len() > MOST {
        return Err(format!(
            "{} names are too many, at most {MOST}. Use \"server\" or \"server/get_*\".",
            wanted.len()
        ));
    }
    let asked: Vec<String> = {
        let toolset = tools.toolset();
        wanted.iter().map(|name| pattern(&toolset, name)).collect()
    };
    wait_for(tools, &asked).await;
    let toolset = tools.toolset();
    let (mut patterns, mut missing) = (Vec::new(), Vec::new());
    for pattern in asked {
        let filter = ToolFilter::new(std::slice::from_ref(&pattern)).map_err(|error| error.to_string())?;
        if toolset.count(&filter) == 0 {
            let broken = server_of(&toolset, &pattern).and_then(|server| tools.broken(server));
            missing.push(why_nothing(&toolset, &pattern, broken.as_deref()));
        } else {
            patterns.push(pattern);
        }
    }
    if patterns.is_empty() {
        return Err(missing.join("\n"));
    }
    let filter = ToolFilter::new(&patterns).map_err(|error| error.to_string())?;
    let mut text = fitting(&toolset, &filter)?;
    for reason in missing {
        text.push_str(&format!("// Not found: {reason}\n"));
    }
    Ok(text)
}

/// Waits for the servers that are asked for: who names one needs it, so one that waits for its first use is started. If
/// a pattern leaves open whose tools it means, all that are starting are waited for.
async fn wait_for(tools: &Arc<Tools>, patterns: &[String]) {
    let toolset = tools.toolset();
    let named: Vec<Option<&str>> = patterns.iter().map(|pattern| server_of(&toolset, pattern)).collect();
    let mut servers: Vec<String> = named.iter().flatten().map(|server| (*server).to_owned()).collect();
    servers.sort_unstable();
    servers.dedup();
    let open = named.iter().any(Option::is_none);
    let started = async {
        if open {
            tools.started(WAIT).await;
        }
    };
    tokio::join!(started, tools.all_listed(&servers, WAIT));
}

/// The one server whose tools a pattern means, if it names one.
fn server_of<'a>(toolset: &'a Toolset, pattern: &str) -> Option<&'a str> {
    // The exact name of a server may have a slash itself.
    let named = |name: &str| toolset.server(name).map(|server| server.name);
    named(pattern).or_else(|| pattern.match_indices('/').find_map(|(at, _)| named(&pattern[..at])))
}

/// The most detailed declarations that are short enough.
fn fitting(toolset: &Toolset, filter: &ToolFilter) -> Result<String, String> {
    let count = toolset.count(filter);
    for detail in [Detail::Full, Detail::Brief, Detail::Names] {
        // Ten thousand tools in full would take a second to write only to be thrown away.
        if detail == Detail::Full && count > 500 || detail == Detail::Brief && count > 2000 {
            continue;
        }
        let text = toolset.declarations_where(filter, detail).text;
        if text.len() > LONGEST {
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

/// What was asked for, as a pattern: models also write the name as a script does.
fn pattern(toolset: &Toolset, name: &str) -> String {
    let name = name.trim();
    let name = name.strip_prefix("env.").unwrap_or(name);
    if name.contains('/') || toolset.server(name).is_some() {
        return name.to_owned();
    }
    match name.split_once('.') {
        Some((server, tool)) if toolset.server(server).is_some() => format!("{server}/{tool}"),
        _ => name.to_owned(),
    }
}

/// Why a pattern has no tools, with names like it; `broken` is what is wrong with its server.
fn why_nothing(toolset: &Toolset, pattern: &str, broken: Option<&str>) -> String {
    if let Some(server) = server_of(toolset, pattern).filter(|server| !toolset.is_listed(server)) {
        let missing = Missing::Unlisted(server.to_owned());
        return match broken {
            Some(broken) => format!("{missing}: {}", cut(broken, LONGEST_REASON)),
            None => missing.to_string(),
        };
    }
    let missing = match pattern.split_once('/') {
        Some((server, tool)) => toolset.declaration(server, tool, Detail::Names).err(),
        None => toolset.declarations(Some(&[pattern]), Detail::Names).err(),
    };
    missing.map_or_else(|| format!("`{pattern}` has no tools"), |missing| missing.to_string())
}

#[cfg(test)]
mod tests {
    use isolet_tsdefs::{ServerDefinition, ToolDefinition};
    use serde_json::json;

    use super::*;

    fn toolset(count: usize) -> Toolset {
        let tools = (0..count).map(|number| {
            let mut tool = ToolDefinition::new(format!("get-{number}"), json!({ "type": "object" }));
            tool.description = Some("word ".repeat(30));
            tool
        });
        let hub = Arc::new(ServerDefinition::new("my.hub", tools.collect()));
        Toolset::new(1, vec![("my.hub".to_owned(), Some(hub)), ("late".to_owned(), None)])
    }

    #[test]
    fn names_are_understood_as_scripts_write_them() {
        let toolset = toolset(1);
        for (asked, pattern_) in [
            ("my.hub", "my.hub"),
            ("env.my_hub.get_0", "my_hub/get_0"),
            (" my_hub.get-0", "my_hub/get-0"),
            ("my.hub/get_*", "my.hub/get_*"),
            ("nobody.x", "nobody.x"),
        ] {
            assert_eq!(pattern(&toolset, asked), pattern_);
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let toolset = toolset(1);
        let why = |pattern| why_nothing(&toolset, pattern, None);
        assert_eq!(why("my_hub/got_0"), "the server `my.hub` has no tool `got_0`: did you mean get-0?");
        assert_eq!(why("my_hup"), "there is no server `my_hup`: did you mean my.hub?");
        assert_eq!(why("my_hub/x*"), "the server `my.hub` has no tool `x*`");
        assert_eq!(why("late/x"), "the server `late` has not listed its tools");
        assert_eq!(
            why_nothing(&toolset, "late", Some("it is gone")),
            "the server `late` has not listed its tools: it is gone"
        );
    }

    #[test]
    fn long_answers_say_less_of_each_tool() {
        let whole = |count| fitting(&toolset(count), &ToolFilter::new(&["my.hub".to_owned()]).unwrap());
        assert!(whole(3).unwrap().starts_with("/** "));
        let brief = whole(400).unwrap();
        assert!(
            brief.starts_with("// 400 tools at the level \"names\"")
                || brief.starts_with("// 400 tools at the level \"brief\""),
            "{}",
            &brief[..100]
        );
        assert!(brief.len() <= LONGEST + 200);
        assert!(whole(20_000).unwrap_err().starts_with("20,000 tools are too many"));
    }
}
