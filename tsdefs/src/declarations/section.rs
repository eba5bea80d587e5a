//! One server's declarations.

use std::collections::HashSet;
use std::fmt::Write;

use super::base_members::{BASE_MEMBERS, RAW_RESULT, UNTYPED_RESULTS};
use super::frame::{Base, Frame};
use crate::definition::{Offers, ServerDefinition, ToolDefinition};
use crate::detail::Detail;
use crate::names::{aliases, server_type};
use crate::namespace::{Namespace, type_words};
use crate::signature::has_inferred_result;
use crate::summary::{summaries, summary};
use crate::text::{comment, jsdoc, member_name};

/// The characters of a tool's or a server's sentence at `brief`.
const MAX_SENTENCE_CHARS: usize = 160;

/// The bytes of a server's description at `full`.
const MAX_SERVER_DOC_BYTES: usize = 4096;

/// The bytes of a tool's description at `full`.
const MAX_TOOL_DOC_BYTES: usize = 8192;

/// The declarations of one server, without `Env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub(super) server: String,
    pub(super) type_name: String,
    pub(super) detail: Detail,
    /// The comment above the interface.
    docs: String,
    /// The members of the interface, and the namespace behind it.
    text: String,
    /// The names of base members that tools replace.
    replaced: Vec<&'static str>,
    pub(super) offers: Offers,
    /// True if the result type of some tool is unknown.
    pub(super) untyped: bool,
    /// True if the result type of some tool is inferred.
    pub(super) inferred: bool,
    pub(super) widened: usize,
}

impl Section {
    /// Returns the declarations of `server`.
    pub fn new(server: &ServerDefinition, detail: Detail) -> Self {
        Self::of_tools(server, detail, |_| true)
    }

    /// Returns the declarations of the tools of `server` for which `keep` returns `true`. Aliases
    /// are those of the whole list.
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
        let (mut untyped, mut inferred) = (false, false);
        let mut sentences =
            if detail == Detail::Brief { summaries(server, MAX_SENTENCE_CHARS) } else { Vec::new() };
        sentences.resize(names.len(), String::new());
        let tools = server.tools.iter().zip(aliases(&names)).zip(&words).zip(sentences);
        for (((tool, alias), word), sentence) in tools {
            if keep(tool) && shown.insert(&tool.name) {
                let signature = namespace.signature(tool, word, &format!("{type_name}."), detail);
                body.push_str(&tool_member(tool, detail, &alias, &sentence, &signature));
                untyped |= tool.output_schema.is_none();
                inferred |= has_inferred_result(tool);
            }
        }
        let mut text = format!("{body}}}\n");
        let definitions = namespace.text();
        if !definitions.is_empty() {
            let _ = write!(text, "declare namespace {type_name} {{\n{definitions}}}\n");
        }
        let base_names = BASE_MEMBERS.iter().map(|member| member.name);
        Self {
            server: server.name.clone(),
            type_name,
            detail,
            docs: server_docs(server, detail),
            text,
            replaced: base_names.filter(|name| shown.contains(name)).collect(),
            offers: server.offers,
            untyped,
            inferred,
            widened: namespace.widened,
        }
    }

    /// Returns the server's exact name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns the length of the section in bytes.
    pub fn size(&self) -> usize {
        self.docs.len() + self.text.len()
    }

    /// Writes the interface, with the members beside the tools that `base` says.
    pub(super) fn write(&self, base: Base, text: &mut String) {
        let _ = write!(text, "{}interface {}", self.docs, self.type_name);
        if self.detail == Detail::Names || base == Base::None {
            text.push_str(" {\n");
        } else if let Base::Inside(frame) = base {
            text.push_str(" {\n");
            write_base_members(&[self], &self.replaced, frame, text);
        } else if self.replaced.is_empty() {
            text.push_str(" extends McpServer {\n");
        } else {
            let names: Vec<String> = self.replaced.iter().map(|name| format!("\"{name}\"")).collect();
            let _ = writeln!(text, " extends Omit<McpServer, {}> {{", names.join(" | "));
        }
        text.push_str(&self.text);
    }
}

fn server_docs(server: &ServerDefinition, detail: Detail) -> String {
    let Some(text) = &server.description else { return String::new() };
    match detail {
        Detail::Names | Detail::Brief => jsdoc(&summary(text, MAX_SENTENCE_CHARS), ""),
        Detail::Full => jsdoc(&comment(text, MAX_SERVER_DOC_BYTES), ""),
    }
}

/// Returns a tool as a method under its alias. Its exact name works in scripts too.
fn tool_member(
    tool: &ToolDefinition,
    detail: Detail,
    alias: &str,
    sentence: &str,
    signature: &str,
) -> String {
    let mut out = match (detail, &tool.description) {
        (Detail::Full, Some(text)) => jsdoc(&comment(text, MAX_TOOL_DOC_BYTES), "  "),
        _ => jsdoc(sentence, "  "),
    };
    let _ = writeln!(out, "  {}{signature};", member_name(alias));
    out
}

/// Writes the members that at least one of the sections offers, without those that `replaced`
/// names.
pub(super) fn write_base_members(sections: &[&Section], replaced: &[&str], frame: Frame, text: &mut String) {
    let whole = frame == Frame::Whole;
    let untyped = sections.iter().any(|section| section.untyped).then_some(UNTYPED_RESULTS);
    let full = sections.iter().any(|section| section.detail == Detail::Full);
    let docs: Vec<&str> = full.then_some(RAW_RESULT).into_iter().chain(untyped).collect();
    if whole {
        text.push_str(&jsdoc(&docs.join(" "), "  "));
    }
    for member in BASE_MEMBERS {
        let left_out = replaced.contains(&member.name) || !whole && member.is_plain;
        if !left_out && sections.iter().any(|section| (member.is_offered)(section.offers)) {
            let _ = writeln!(text, "  {}{};", member.name, member.signature);
        }
    }
}
