//! One server's part of an index.

use std::collections::HashMap;
use std::sync::Arc;

use super::terms;
use super::vocabulary::{TermCounts, Vocabulary};
use crate::definition::{ServerDefinition, ToolDefinition};
use crate::deprecation::is_deprecated;
use crate::names::aliases;
use crate::parallel::parallel_map;
use crate::summary::summaries;

/// The tools that one thread indexes at a time.
const TOOLS_PER_CHUNK: usize = 256;

/// The characters of a tool's description in a hit.
const MAX_SENTENCE_CHARS: usize = 200;

/// The part of an index that depends on one server only. It can be kept until that server's list
/// changes.
#[derive(Debug, Default)]
pub struct SearchEntries {
    /// The terms of the server's tools, each once. Tools refer to them by number.
    pub(super) terms: Vec<Box<str>>,
    pub(super) tools: Vec<(Arc<ToolEntry>, TermCounts)>,
}

impl SearchEntries {
    /// Returns the entries of a server's tools.
    pub fn new(server: &ServerDefinition) -> Self {
        let names: Vec<&str> = server.tools.iter().map(|tool| tool.name.as_str()).collect();
        let about: Vec<(String, String)> =
            aliases(&names).into_iter().zip(summaries(server, MAX_SENTENCE_CHARS)).collect();
        let chunks: Vec<_> =
            server.tools.chunks(TOOLS_PER_CHUNK).zip(about.chunks(TOOLS_PER_CHUNK)).collect();
        let of = |(tools, about): &(&[ToolDefinition], &[(String, String)])| Self::of(server, tools, about);
        let mut parts = parallel_map(&chunks, |(tools, _)| tools.len(), of).into_iter();
        let mut all = parts.next().unwrap_or_default();
        let mut known: HashMap<Box<str>, u32> = HashMap::new();
        for part in parts {
            if known.is_empty() {
                known.extend(all.terms.iter().cloned().zip(0..));
            }
            let number = |term: Box<str>| match known.get(&term) {
                Some(number) => *number,
                None => {
                    let number = all.terms.len() as u32;
                    all.terms.push(term.clone());
                    known.insert(term, number);
                    number
                }
            };
            let numbers: Vec<u32> = part.terms.into_iter().map(number).collect();
            all.tools.extend(part.tools.into_iter().map(|(entry, mut counts)| {
                counts.iter_mut().for_each(|(term, _)| *term = numbers[*term as usize]);
                (entry, counts)
            }));
        }
        all
    }

    /// Returns the entries of some tools of `server`. `about` has the alias and the sentence of
    /// each.
    fn of(server: &ServerDefinition, tools: &[ToolDefinition], about: &[(String, String)]) -> Self {
        let name: Arc<str> = server.name.as_str().into();
        let mut vocabulary = Vocabulary::default();
        let entry = |(tool, (alias, description)): (&ToolDefinition, &(String, String))| {
            let counts = vocabulary.count(server, tool);
            let entry = ToolEntry {
                server: name.clone(),
                alias: alias.as_str().into(),
                tool: ToolDefinition { title: None, description: None, ..tool.clone() },
                tools: server.tools.len(),
                description: description.as_str().into(),
                name_terms: terms::terms(&tool.name),
                deprecated: is_deprecated(tool),
                length: counts.iter().map(|(_, count)| count).sum(),
            };
            (Arc::new(entry), counts)
        };
        let tools = tools.iter().zip(about).map(entry).collect();
        Self { terms: vocabulary.terms, tools }
    }

    /// Returns the number of tools.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Returns whether there are no tools.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}

/// A tool of an index. Its signature is rendered when it is found.
#[derive(Debug)]
pub(super) struct ToolEntry {
    pub server: Arc<str>,
    pub alias: Box<str>,
    /// The definition without title and description.
    pub tool: ToolDefinition,
    /// The number of tools of the server.
    pub tools: usize,
    pub description: Box<str>,
    /// The terms of the name, for queries that are a name.
    pub name_terms: Vec<String>,
    /// Set if it is deprecated.
    pub deprecated: bool,
    /// The sum of the weighted counts.
    pub length: f32,
}
