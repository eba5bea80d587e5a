//! What to say of a server or a tool that does not exist: the nearest names, so that a model can correct itself at once.

use crate::state::Site;
use crate::{Catalogue, ServerTools};

/// How many names a message lists.
const LISTED: usize = 12;

/// A message and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) message: String,
    pub(crate) hint: String,
    /// The name is no matter: the call is too large to be sent.
    pub(crate) too_large: bool,
}

impl Unknown {
    pub(crate) fn to_json(&self, site: Option<Site>) -> String {
        let Self { message, hint, too_large } = self;
        serde_json::json!({ "message": message, "hint": hint, "tooLarge": too_large, "site": site })
            .to_string()
    }
}

/// There is no server called `name`.
pub(crate) fn server(catalogue: &Catalogue, name: &str) -> Unknown {
    let message = format!("There is no MCP server {} in env.", quoted(name));
    let near = catalogue.nearest(name, 3);
    let hint = match catalogue.names().count() {
        0 => "No MCP servers are configured for this run.".to_owned(),
        _ if near.is_empty() => format!("Servers: {}.", list(catalogue.names())),
        _ => format!("Did you mean {}? Servers: {}.", list(near.into_iter()), list(catalogue.names())),
    };
    Unknown { message, hint, too_large: false }
}

/// The server has no tool called `name`.
pub(crate) fn tool(server: &str, tools: &ServerTools, name: &str) -> Unknown {
    let message = format!("The MCP server {} has no tool {}.", quoted(server), quoted(name));
    let near = tools.nearest(name, 3);
    let hint = match tools.names().count() {
        0 => "It offers no tools.".to_owned(),
        _ if near.is_empty() => format!("Its tools: {}.", list(tools.names())),
        _ => format!("Did you mean {}?", list(near.into_iter())),
    };
    Unknown { message, hint, too_large: false }
}

/// What a call carries is longer than calls may be.
pub(crate) fn too_large(what: &str, bytes: usize, most: usize) -> Unknown {
    let (bytes, most) = (crate::fault::bytes(bytes), crate::fault::bytes(most));
    Unknown {
        message: format!("The {what} of this call has {bytes}; a call can carry {most}."),
        hint: "Send it in parts, or let the tool fetch it.".to_owned(),
        too_large: true,
    }
}

/// A name from a script, which can be a megabyte of anything.
fn quoted(name: &str) -> String {
    let mut short: String = name.chars().take(80).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    format!("{short:?}")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for (index, name) in names.enumerate() {
        if index == LISTED {
            text.push_str(", …");
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_tool() {
        let tools = ServerTools::new([("create_issue", "create_issue"), ("list_issues", "list_issues")]);
        let unknown = tool("github", &tools, "createIssue");
        assert_eq!(unknown.message, r#"The MCP server "github" has no tool "createIssue"."#);
        assert!(unknown.hint.starts_with("Did you mean create_issue"), "{}", unknown.hint);
    }

    #[test]
    fn without_a_near_name_it_lists_what_there_is() {
        let mut catalogue = Catalogue::default();
        catalogue.insert("demo", "demo", ServerTools::unknown());
        assert_eq!(server(&catalogue, "xyz").hint, "Servers: demo.");
        assert_eq!(server(&Catalogue::default(), "x").hint, "No MCP servers are configured for this run.");
    }

    #[test]
    fn a_huge_name_is_cut() {
        assert!(server(&Catalogue::default(), &"x".repeat(1 << 20)).message.len() < 200);
    }
}
