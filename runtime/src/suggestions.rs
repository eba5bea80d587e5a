//! Messages about servers and tools that do not exist, with the nearest names, so that a model can
//! correct itself.

use crate::Catalogue;
use crate::calls::CallSite;

/// The number of names that a message lists.
const MAX_LISTED_NAMES: usize = 12;

/// The cause is not known here.
const NO_SERVERS: &str = "This run has no MCP servers: none is configured, or the operator's rules or the run's `tools` leave none.";

/// The hint for `({ env, input }) => …`, which reads a field `env` of env.
const TWO_ARGUMENTS: &str = "The default function gets two arguments, `(env, input)`, and not one object: write `export default async function (env, input) { … }`. \
                    `env` and `input` are globals, too.";

/// Names of the function that calls any tool in other clients.
const GENERIC_CALL_NAMES: &[&str] =
    &["callTool", "call_tool", "call", "invoke", "execute", "run", "request", "use_tool"];

/// The number of tools up to which a hint lists all tools of a server.
const MAX_TOOLS_LISTED_WHOLE: usize = 8;

/// The error about a call that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidCall {
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Set if the call is too large; its name has not been checked.
    pub(crate) too_large: bool,
    /// The nearest tool.
    pub(crate) meant: Option<String>,
}

impl InvalidCall {
    pub(crate) fn to_json(&self, site: Option<CallSite>) -> String {
        let Self { message, hint, too_large, meant } = self;
        serde_json::json!({ "message": message, "hint": hint, "tooLarge": too_large, "meant": meant, "site": site })
            .to_string()
    }
}

/// Returns the error about an unknown server.
pub(crate) fn server(catalogue: &Catalogue, name: &str) -> InvalidCall {
    let message = format!("There is no MCP server {} in env.", quoted(name));
    let near = catalogue.nearest(name, 3);
    let hint = match catalogue.names().count() {
        _ if matches!(name, "env" | "input") => TWO_ARGUMENTS.to_owned(),
        0 => NO_SERVERS.to_owned(),
        _ => {
            let servers = list(catalogue.names().map(|name| catalogue.alias(name)));
            match near.is_empty() {
                true => format!("Servers: {servers}."),
                false => {
                    let near = list(near.into_iter().map(|name| catalogue.alias(name)));
                    format!("Did you mean {near}? Servers: {servers}.")
                }
            }
        }
    };
    InvalidCall { message, hint, too_large: false, meant: None }
}

/// Returns the error about an unknown tool of a server of the catalogue.
pub(crate) fn tool(catalogue: &Catalogue, server: &str, name: &str) -> InvalidCall {
    let Some((_, tools)) = catalogue.server(server) else { return self::server(catalogue, server) };
    // Scripts write aliases.
    let listed = || list(tools.names().map(|name| tools.alias(name)));
    // It may have the tool, and the run not.
    let here = if tools.is_narrowed() { " that may be used here" } else { "" };
    let message = format!("The MCP server {} has no tool {}{here}.", quoted(server), quoted(name));
    let near = tools.nearest(name, 3);
    let hint = match tools.names().count() {
        0 if tools.is_narrowed() => {
            "It has tools, but `tools` of the run, or `mcp_servers` of the Worker, leave none.".to_owned()
        }
        0 => "It offers no tools.".to_owned(),
        _ if GENERIC_CALL_NAMES.contains(&name) => format!(
            "Tools are functions of their server: write `await env.{}.<tool>({{ … }})`. Its tools: {}.",
            catalogue.alias(server),
            listed()
        ),
        _ if near.is_empty() => format!("Its tools: {}.", listed()),
        many => {
            let meant = list(near.iter().map(|name| tools.alias(name)));
            // The nearest name is not always the right one.
            match many <= MAX_TOOLS_LISTED_WHOLE {
                true => format!("Did you mean {meant}? Its tools: {}.", listed()),
                false => format!("Did you mean {meant}?"),
            }
        }
    };
    let meant = near.first().map(|name| (*name).to_owned());
    InvalidCall { message, hint, too_large: false, meant }
}

/// Returns the error about a call that a request may not make any more.
pub(crate) fn too_many(most: u32) -> InvalidCall {
    InvalidCall {
        message: format!("The request started more than {most} tool calls."),
        hint: "Use tools that take lists or filters, or split the work over requests.".to_owned(),
        too_large: true,
        meant: None,
    }
}

/// Returns the error about a call by code whose request has ended.
pub(crate) fn request_has_ended() -> InvalidCall {
    InvalidCall {
        message: "The request that this code belongs to has ended, and makes no more tool calls.".to_owned(),
        hint: "Await the call before you return the response, or give its promise to ctx.waitUntil()."
            .to_owned(),
        too_large: true,
        meant: None,
    }
}

/// Returns the error about arguments, or a name, that are too long.
pub(crate) fn too_large(what: &str, bytes: usize, most: usize) -> InvalidCall {
    let (bytes, most) = (crate::error::bytes(bytes), crate::error::bytes(most));
    InvalidCall {
        message: format!("The {what} of this call has {bytes}; a call can carry {most}."),
        hint: "Send it in parts, or let the tool fetch it.".to_owned(),
        too_large: true,
        meant: None,
    }
}

/// Quotes a name of a script, which can be a megabyte long.
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
        if index == MAX_LISTED_NAMES {
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
    use crate::ServerTools;

    fn catalogue(server: (&str, &str), tools: ServerTools) -> Catalogue {
        let mut catalogue = Catalogue::default();
        catalogue.insert(server.0, server.1, tools);
        catalogue
    }

    #[test]
    fn names_the_nearest_tool() {
        let tools = ServerTools::new([("create_issue", "create_issue"), ("list_issues", "list_issues")]);
        let unknown = tool(&catalogue(("github", "github"), tools), "github", "createIssue");
        assert_eq!(unknown.message, r#"The MCP server "github" has no tool "createIssue"."#);
        assert!(unknown.hint.starts_with("Did you mean create_issue"), "{}", unknown.hint);
    }

    #[test]
    fn names_are_spelled_as_they_are_called() {
        let tools = ServerTools::new([("get-sum", "get_sum"), ("echo", "echo")]);
        let all = catalogue(("my-files", "my_files"), tools);
        assert_eq!(tool(&all, "my-files", "get_sm").hint, "Did you mean get_sum? Its tools: get_sum, echo.");
        assert_eq!(tool(&all, "my-files", "zz").hint, "Its tools: get_sum, echo.");
        let generic = tool(&all, "my-files", "callTool").hint;
        assert!(generic.contains("`await env.my_files.<tool>({ … })`"), "{generic}");
        assert_eq!(server(&all, "my_file").hint, "Did you mean my_files? Servers: my_files.");
        assert_eq!(server(&all, "zz").hint, "Servers: my_files.");
    }

    #[test]
    fn without_a_near_name_it_lists_what_there_is() {
        let catalogue = catalogue(("demo", "demo"), ServerTools::unknown());
        assert_eq!(server(&catalogue, "xyz").hint, "Servers: demo.");
        assert_eq!(server(&Catalogue::default(), "x").hint, NO_SERVERS);
    }

    #[test]
    fn tools_that_the_run_may_not_use_are_mentioned() {
        let none = ServerTools::new([("a", "a"); 0]);
        let of = |tools| catalogue(("demo", "demo"), tools);
        assert_eq!(tool(&of(none.clone()), "demo", "add").hint, "It offers no tools.");
        let narrowed = tool(&of(none.narrowed(true)), "demo", "add");
        assert!(narrowed.hint.contains("`tools` of the run, or `mcp_servers` of the Worker"), "{narrowed:?}");
        assert!(narrowed.message.ends_with("has no tool \"add\" that may be used here."), "{narrowed:?}");
    }

    #[test]
    fn a_huge_name_is_cut() {
        assert!(server(&Catalogue::default(), &"x".repeat(1 << 20)).message.len() < 200);
    }
}
