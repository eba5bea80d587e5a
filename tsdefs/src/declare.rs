//! Servers → declarations: one section a server, put together under `interface Env`.
//!
//! A section depends on nothing but its server and the level, so it can be kept until that server's list changes;
//! putting sections together is joining text.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt::Write;

use crate::definition::{ServerDefinition, ToolDefinition};
use crate::detail::Detail;
use crate::names::{aliases, server_type};
use crate::parallel::in_parallel;
use crate::text::{comment, first_sentence, jsdoc, member_name};
use crate::tool::{Namespace, type_words};

/// What every server offers beside its tools. Repeating it is no error: declarations of one interface merge.
const BASE: &str = "\
/** What every server has beside its tools. */
interface McpServer {
  /** Calls a tool and resolves to the whole MCP result: content, structuredContent, isError. */
  $raw(tool: string, input?: object): Promise<unknown>;
  /** Names of the tools. */
  $tools(): Promise<string[]>;
  $resources(): Promise<unknown[]>;
  $readResource(uri: string): Promise<unknown>;
  $prompts(): Promise<unknown[]>;
  $getPrompt(name: string, input?: { [k: string]: string }): Promise<unknown>;
}
";

/// Members of [`BASE`]: a tool with such a name replaces the member, as it does at run time.
const BASE_MEMBERS: [&str; 6] = ["$raw", "$tools", "$resources", "$readResource", "$prompts", "$getPrompt"];

/// Declarations as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declarations {
    /// TypeScript, ready for a prompt or a `.d.ts` file.
    pub text: String,
    /// How many types were widened to `unknown` or left less strict than the schema because of a bound or a reference
    /// that cannot be resolved. Each carries a note in the text.
    pub widened: usize,
}

/// One server's declarations, without `Env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    server: String,
    type_name: String,
    detail: Detail,
    text: String,
    widened: usize,
}

impl Section {
    /// The declarations of `server`.
    pub fn new(server: &ServerDefinition, detail: Detail) -> Self {
        Self::of_tools(server, detail, |_| true)
    }

    /// The declarations of those tools of `server` that `keep` lets through. Aliases are those of the whole list.
    pub fn of_tools(
        server: &ServerDefinition,
        detail: Detail,
        keep: impl Fn(&ToolDefinition) -> bool,
    ) -> Self {
        let type_name = server_type(&server.name);
        let names: Vec<&str> = server.tools.iter().map(|tool| tool.name.as_str()).collect();
        let words = type_words(names.iter().copied());
        let mut namespace = Namespace::new(&words);
        let mut body = String::new();
        let mut shown: HashSet<&str> = HashSet::new();
        let members = Members { type_name: &type_name, detail };
        for ((tool, alias), word) in server.tools.iter().zip(aliases(&names)).zip(&words) {
            if keep(tool) && shown.insert(&tool.name) {
                let signature = namespace.signature(tool, word, &format!("{type_name}."), detail);
                body.push_str(&members.tool(tool, &alias, &signature));
            }
        }
        let mut text = format!(
            "{}interface {type_name}{} {{\n{body}}}\n",
            members.description(server),
            members.base(&shown),
        );
        let definitions = namespace.text();
        if !definitions.is_empty() {
            let _ = write!(text, "declare namespace {type_name} {{\n{definitions}}}\n");
        }
        Self { server: server.name.clone(), type_name, detail, text, widened: namespace.widened }
    }

    /// The server's exact name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The text, without `Env`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Writes the members of one server's interface.
struct Members<'a> {
    type_name: &'a str,
    detail: Detail,
}

impl Members<'_> {
    fn description(&self, server: &ServerDefinition) -> String {
        let Some(text) = &server.description else { return String::new() };
        match self.detail {
            Detail::Names | Detail::Brief => jsdoc(&first_sentence(text, 160), ""),
            Detail::Full => jsdoc(&comment(text, 4096), ""),
        }
    }

    fn base(&self, tools: &HashSet<&str>) -> String {
        if self.detail == Detail::Names {
            return String::new();
        }
        let replaced: Vec<String> = BASE_MEMBERS
            .iter()
            .filter(|name| tools.contains(*name))
            .map(|name| format!("\"{name}\""))
            .collect();
        if replaced.is_empty() {
            " extends McpServer".to_owned()
        } else {
            format!(" extends Omit<McpServer, {}>", replaced.join(" | "))
        }
    }

    fn tool(&self, tool: &ToolDefinition, alias: &str, signature: &str) -> String {
        let name = member_name(&tool.name);
        let mut out = String::new();
        if let Some(text) = &tool.description {
            match self.detail {
                Detail::Names => {}
                Detail::Brief => out.push_str(&jsdoc(&first_sentence(text, 160), "  ")),
                Detail::Full => out.push_str(&jsdoc(&comment(text, 8192), "  ")),
            }
        }
        let _ = writeln!(out, "  {name}{signature};");
        if alias != tool.name {
            let _ = writeln!(out, "  {}: {}[{name}];", member_name(alias), self.type_name);
        }
        out
    }
}

/// Puts sections together under `interface Env` and `env`.
///
/// `servers` are the names of all servers there are, in order, so that the aliases are the same whichever sections are
/// shown. A text of one section declares `env` with `var`, which may be repeated beside another server's text; a text
/// of several has `const`, once.
pub fn assemble<'a, S: AsRef<str>>(
    sections: impl IntoIterator<Item = &'a Section>,
    servers: &[S],
) -> Declarations {
    let aliases = aliases(servers);
    let mut seen = HashSet::new();
    let sections: Vec<&Section> =
        sections.into_iter().filter(|section| seen.insert(section.server.as_str())).collect();
    let mut text = String::new();
    if sections.iter().any(|section| section.detail != Detail::Names) {
        text.push_str(BASE);
    }
    let mut members = String::new();
    for section in &sections {
        text.push_str(&section.text);
        let _ = writeln!(members, "  {}: {};", member_name(&section.server), section.type_name);
        let alias = servers.iter().position(|name| name.as_ref() == section.server).map(|at| &aliases[at]);
        if let Some(alias) = alias.filter(|alias| **alias != section.server) {
            let _ = writeln!(members, "  {}: {};", member_name(alias), section.type_name);
        }
    }
    let binding = if sections.len() == 1 { "var" } else { "const" };
    let _ = write!(text, "interface Env {{\n{members}}}\ndeclare {binding} env: Env;\n");
    Declarations { text, widened: sections.iter().map(|section| section.widened).sum() }
}

/// The declarations of all servers.
pub fn declare<S: Borrow<ServerDefinition>>(servers: &[S], detail: Detail) -> Declarations {
    declare_where(servers, detail, |_, _| true)
}

/// The declarations of those tools that `keep` lets through; a server of which nothing is left is left out. Aliases are
/// those of the whole list.
pub fn declare_where<S: Borrow<ServerDefinition>>(
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
    let sections = in_parallel(
        &shown,
        |server| server.tools.len(),
        |server| Section::of_tools(server, detail, |tool| keep(server, tool)),
    );
    assemble(&sections, &names)
}

/// The declarations of one server on its own.
pub fn declare_server(server: &ServerDefinition, detail: Detail) -> Declarations {
    declare(std::slice::from_ref(server), detail)
}

/// The declarations of one tool, by exact name or alias; `None` if the server has no such tool.
pub fn declare_tool(server: &ServerDefinition, tool: &str, detail: Detail) -> Option<Declarations> {
    let names: Vec<&str> = server.tools.iter().map(|tool| tool.name.as_str()).collect();
    let exact = names.iter().copied().find(|name| *name == tool).or_else(|| {
        let at = aliases(&names).iter().position(|alias| alias == tool)?;
        Some(names[at])
    })?;
    Some(declare_where(std::slice::from_ref(server), detail, |_, tool| tool.name == exact))
}
