//! Sections under one `interface Env`, with what they share.

use std::collections::HashSet;
use std::fmt::Write;

use super::base_members::UNTYPED_RESULTS;
use super::frame::{Base, Frame};
use super::section::{Section, write_base_members};
use crate::detail::Detail;
use crate::names::aliases;
use crate::namespace::INFERRED_RESULT;
use crate::text::{jsdoc, member_name};

/// The comment on the interface for inferred result types.
const INFERRED_RESULT_DOCS: &str = "Resolves to what was observed, not promised.";

/// Declarations as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declarations {
    /// The TypeScript, ready for a prompt or a `.d.ts` file.
    pub text: String,
    /// The number of types that were widened to `unknown`, or are less strict than the schema,
    /// because of a bound or of a reference that cannot be resolved. Each has a note in the text.
    pub widened: usize,
}

/// Assembles sections under `interface Env` and `env`.
///
/// `servers` are the names of all servers, in order, so that the aliases are the same whichever
/// sections are shown. A text of one section declares `env` with `var`, which may be repeated
/// beside another server's text; a text of several sections declares it with `const`.
pub fn assemble<'a, S: AsRef<str>>(
    sections: impl IntoIterator<Item = &'a Section>,
    servers: &[S],
) -> Declarations {
    assemble_in(Frame::Whole, sections, servers)
}

/// Returns the same as [`assemble`], in a frame.
pub fn assemble_in<'a, S: AsRef<str>>(
    frame: Frame,
    sections: impl IntoIterator<Item = &'a Section>,
    servers: &[S],
) -> Declarations {
    let mut seen = HashSet::new();
    let sections: Vec<&Section> =
        sections.into_iter().filter(|section| seen.insert(section.server.as_str())).collect();
    let mut text = String::new();
    let base = write_shared(frame, &sections, &mut text);
    sections.iter().for_each(|section| section.write(base, &mut text));
    write_env(frame, &sections, servers, &mut text);
    Declarations { text, widened: sections.iter().map(|section| section.widened).sum() }
}

/// Writes the declarations that several sections share. Returns the source of the base members.
fn write_shared(frame: Frame, sections: &[&Section], text: &mut String) -> Base {
    let alone = sections.len() == 1;
    let mut base = if alone { Base::Inside(frame) } else { Base::Inherited };
    if sections.iter().all(|section| section.detail == Detail::Names) {
        return base;
    }
    if frame == Frame::Line && sections.iter().any(|section| section.untyped) {
        text.push_str(&jsdoc(UNTYPED_RESULTS, ""));
    }
    if !alone {
        let mut shared = String::new();
        write_base_members(sections, &[], frame, &mut shared);
        if shared.is_empty() {
            base = Base::None;
        } else {
            let _ = write!(text, "interface McpServer {{\n{shared}}}\n");
        }
    }
    if sections.iter().any(|section| section.inferred) {
        let _ = write!(
            text,
            "/** {INFERRED_RESULT_DOCS} */\ninterface {INFERRED_RESULT}<T> extends Promise<T> {{}}\n"
        );
    }
    base
}

/// Writes `Env` and `env`.
fn write_env<S: AsRef<str>>(frame: Frame, sections: &[&Section], servers: &[S], text: &mut String) {
    let aliases = aliases(servers);
    let entries = sections.iter().map(|section| {
        let alias = servers.iter().position(|name| name.as_ref() == section.server).map(|at| &aliases[at]);
        let name = alias.map_or(section.server.as_str(), String::as_str);
        format!("{}: {}", member_name(name), section.type_name)
    });
    let _ = match frame {
        Frame::Whole => {
            let members: String = entries.map(|entry| format!("  {entry};\n")).collect();
            let binding = if sections.len() == 1 { "var" } else { "const" };
            write!(text, "interface Env {{\n{members}}}\ndeclare {binding} env: Env;\n")
        }
        Frame::Line => {
            writeln!(text, "declare const env: {{ {} }};", entries.collect::<Vec<_>>().join("; "))
        }
    };
}
