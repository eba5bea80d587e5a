//! The tools that the servers' configuration offers (`includeTools`, `excludeTools` and other
//! clients' keys).

use std::collections::HashMap;

use crate::config::McpConfig;
use crate::policy::{NamePatterns, Refusal};

/// The tool filters of all servers that have one.
#[derive(Debug, Default)]
pub struct ToolSelections {
    servers: HashMap<String, CompiledSelection>,
}

#[derive(Debug)]
struct CompiledSelection {
    only: Option<NamePatterns>,
    except: Option<NamePatterns>,
    broken: bool,
}

impl ToolSelections {
    /// Compiles the filters of a configuration. A filter with an invalid pattern offers nothing;
    /// reading the configuration has reported it.
    pub fn of(config: &McpConfig) -> Self {
        let servers = config.tool_selections().map(|(name, choice)| {
            let choice = match choice.names() {
                Ok((only, except)) => CompiledSelection { only, except, broken: false },
                Err(_) => CompiledSelection { only: None, except: None, broken: true },
            };
            (name.to_owned(), choice)
        });
        Self { servers: servers.collect() }
    }

    /// Checks that the configuration offers a tool, given by its exact name. Exclusion is broad: it
    /// ignores case, and applies to the alias in declarations too.
    pub(super) fn check(&self, server: &str, tool: &str) -> Result<(), Refusal> {
        let Some(choice) = self.servers.get(server) else { return Ok(()) };
        let offered = !choice.broken
            && choice.only.as_ref().is_none_or(|only| only.permits(tool))
            && !choice.except.as_ref().is_some_and(|except| except.forbids(tool));
        if offered { Ok(()) } else { Err(Refusal::not_chosen(server, tool)) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn excluded_tools_are_refused() {
        let text = r#"{"mcpServers": {
            "only": {"command": "x", "includeTools": ["read", "list_*"], "excludeTools": ["list_secret"]},
            "none": {"command": "x", "enabled_tools": []},
            "all": {"command": "x", "tools": ["*"]},
            "without": {"command": "x", "disabledTools": ["delete-file"]}
        }}"#;
        let config = McpConfig::parse(text, Path::new("mcp.json"), &|_| None).unwrap();
        let choices = ToolSelections::of(&config);
        for (server, tool, offered) in [
            ("only", "read", true),
            ("only", "list_all", true),
            ("only", "list_secret", false),
            ("only", "write", false),
            ("none", "read", false),
            ("all", "anything", true),
            ("without", "delete-file", false),
            ("without", "DELETE-FILE", false),
            ("without", "read", true),
            ("unheard-of", "read", true),
        ] {
            assert_eq!(choices.check(server, tool).is_ok(), offered, "{server}/{tool}");
        }
    }
}
