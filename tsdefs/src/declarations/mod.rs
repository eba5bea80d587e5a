//! Servers → declarations: one section for each server, assembled under `interface Env`.
//!
//! | module | content |
//! |---|---|
//! | [`section`] | one server's declarations |
//! | [`assembly`] | sections under one `interface Env`, with what they share |
//! | [`frame`] | the text around the interfaces |
//! | [`base_members`] | the members that a server has beside its tools |
//!
//! A section depends on its server and on the level of detail only, so it can be kept until the
//! list of that server changes. Assembling sections is joining text.

use std::borrow::Borrow;

use crate::definition::{ServerDefinition, ToolDefinition};
use crate::detail::Detail;
use crate::names::aliases;
use crate::parallel::parallel_map;

mod assembly;
mod base_members;
mod frame;
mod section;

pub use assembly::{Declarations, assemble, assemble_in};
pub use frame::Frame;
pub use section::Section;

/// Returns the declarations of all servers.
pub fn declare<S: Borrow<ServerDefinition>>(servers: &[S], detail: Detail) -> Declarations {
    declare_where(servers, detail, |_, _| true)
}

/// Returns the declarations of the tools for which `keep` returns `true`.
///
/// A server of which no tool is left is left out. Aliases are those of the whole list.
pub fn declare_where<S: Borrow<ServerDefinition>>(
    servers: &[S],
    detail: Detail,
    keep: impl Fn(&ServerDefinition, &ToolDefinition) -> bool + Sync,
) -> Declarations {
    declare_in(Frame::Whole, servers, detail, keep)
}

/// Returns the same as [`declare_where`], in a frame.
pub fn declare_in<S: Borrow<ServerDefinition>>(
    frame: Frame,
    servers: &[S],
    detail: Detail,
    keep: impl Fn(&ServerDefinition, &ToolDefinition) -> bool + Sync,
) -> Declarations {
    let all: Vec<&ServerDefinition> = servers.iter().map(Borrow::borrow).collect();
    let names: Vec<&str> = all.iter().map(|server| server.name.as_str()).collect();
    let kept = |server: &&ServerDefinition| {
        server.tools.is_empty() || server.tools.iter().any(|tool| keep(server, tool))
    };
    let shown: Vec<&ServerDefinition> = all.iter().copied().filter(kept).collect();
    let sections = parallel_map(
        &shown,
        |server| server.tools.len(),
        |server| Section::of_tools(server, detail, |tool| keep(server, tool)),
    );
    assemble_in(frame, &sections, &names)
}

/// Returns the declarations of one server.
pub fn declare_server(server: &ServerDefinition, detail: Detail) -> Declarations {
    declare(std::slice::from_ref(server), detail)
}

/// Returns the declarations of one tool, by its exact name or its alias. Returns `None` if the
/// server has no such tool.
pub fn declare_tool(server: &ServerDefinition, tool: &str, detail: Detail) -> Option<Declarations> {
    let names: Vec<&str> = server.tools.iter().map(|tool| tool.name.as_str()).collect();
    let exact = names.iter().copied().find(|name| *name == tool).or_else(|| {
        let at = aliases(&names).iter().position(|alias| alias == tool)?;
        Some(names[at])
    })?;
    Some(declare_where(std::slice::from_ref(server), detail, |_, tool| tool.name == exact))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::base_members::UNTYPED_RESULTS;
    use super::*;
    use crate::definition::Offers;

    fn server(name: &str, offers: Offers) -> ServerDefinition {
        let mut server =
            ServerDefinition::new(name, vec![ToolDefinition::new("a", json!({ "type": "object" }))]);
        server.offers = offers;
        server
    }

    fn in_a_line(servers: &[ServerDefinition]) -> String {
        declare_in(Frame::Line, servers, Detail::Brief, |_, _| true).text
    }

    #[test]
    fn a_frame_of_one_line_leaves_out_members_of_all_servers() {
        let text = in_a_line(&[server("x-y", Offers::default())]);
        let (words, rest) = text.split_once('\n').unwrap_or_default();
        assert_eq!(words, format!("/** {UNTYPED_RESULTS} */"));
        assert!(rest.starts_with("interface XY {\n  a("), "{text}");
        assert!(rest.ends_with("}\ndeclare const env: { x_y: XY };\n") && !rest.contains('$'), "{text}");
        let text = in_a_line(&[server("x", Offers::default()), server("y", Offers::default())]);
        assert!(
            text.ends_with("declare const env: { x: X; y: Y };\n") && !text.contains("McpServer"),
            "{text}"
        );
    }

    #[test]
    fn resources_are_declared_in_every_frame() {
        let with = Offers { resources: true, ..Offers::default() };
        let alone = in_a_line(&[server("x", with)]);
        assert!(alone.contains("$readResource(uri") && !alone.contains("$raw"), "{alone}");
        let both = in_a_line(&[server("x", with), server("y", Offers::default())]);
        assert!(
            both.contains("interface McpServer {\n  $resources()") && both.contains("X extends McpServer"),
            "{both}"
        );
    }
}
