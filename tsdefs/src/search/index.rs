//! The index of several servers, and its ranking.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::entries::{SearchEntries, ToolEntry};
use super::similar_terms::similar_terms;
use super::terms;
use crate::definition::ServerDefinition;
use crate::parallel::parallel_map;
use crate::signature::signature;

/// The saturation of repeated terms, as is usual for BM25.
const K1: f32 = 1.2;

/// The effect of a tool's length on its score. It is less than the usual 0.75, because a long
/// description does not mean that a tool does more.
const B: f32 = 0.4;

/// The factor of a deprecated tool that the query does not name: it comes behind others that match
/// alike.
const DEPRECATED: f32 = 0.5;

/// The characters of a query that are read.
const MAX_QUERY_CHARS: usize = 1000;

/// The terms of a query that are looked up.
const MAX_QUERY_TERMS: usize = 32;

/// A tool that matches a query.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Hit {
    /// The server's exact name.
    pub server: String,
    /// The tool's exact name.
    pub tool: String,
    /// The call on one line: `env.github.create_issue(input: { … }): Promise<…>`.
    pub signature: String,
    /// The first sentence of the description that other tools of the server do not share.
    pub description: String,
    /// The score. Scores of different searches are not comparable.
    pub score: f64,
}

/// An index of the tools of several servers.
#[derive(Debug, Default)]
pub struct SearchIndex {
    tools: Vec<Arc<ToolEntry>>,
    postings: BTreeMap<Box<str>, Box<[Posting]>>,
    mean_length: f32,
}

/// A tool that has a term, and the weighted count of the term there.
#[derive(Debug, Clone, Copy)]
struct Posting {
    tool: u32,
    count: f32,
}

impl SearchIndex {
    /// Returns an index of all tools of these servers.
    pub fn new(servers: &[ServerDefinition]) -> Self {
        let entries = parallel_map(servers, |server| server.tools.len(), SearchEntries::new);
        Self::assemble(&entries)
    }

    /// Returns an index of the parts of several servers.
    pub fn assemble<'e>(servers: impl IntoIterator<Item = &'e SearchEntries>) -> Self {
        let mut index = Self::default();
        let mut total = 0.0;
        let mut places: HashMap<Box<str>, usize> = HashMap::new();
        let mut postings: Vec<Vec<Posting>> = Vec::new();
        for server in servers {
            let mut place = |term: &str| match places.get(term) {
                Some(place) => *place,
                None => {
                    postings.push(Vec::new());
                    places.insert(term.into(), postings.len() - 1);
                    postings.len() - 1
                }
            };
            let place: Vec<usize> = server.terms.iter().map(|term| place(term)).collect();
            for (entry, counts) in &server.tools {
                total += entry.length;
                let number = index.tools.len() as u32;
                for (term, count) in counts {
                    postings[place[*term as usize]].push(Posting { tool: number, count: *count });
                }
                index.tools.push(entry.clone());
            }
        }
        index.postings = places
            .into_iter()
            .map(|(term, place)| (term, std::mem::take(&mut postings[place]).into_boxed_slice()))
            .collect();
        index.mean_length = total / index.tools.len().max(1) as f32;
        index
    }

    /// Returns the number of tools.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Returns whether there are no tools.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Returns the tools that match `query`, best first, `limit` at most.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let query: String = query.chars().take(MAX_QUERY_CHARS).collect();
        let mut wanted = terms::query_terms(&query);
        wanted.truncate(MAX_QUERY_TERMS);
        let mut scores: HashMap<u32, f32> = HashMap::new();
        for term in &wanted {
            let mut best: HashMap<u32, f32> = HashMap::new();
            for (known, share) in similar_terms(&self.postings, term) {
                self.score(known, share, &mut best);
            }
            for (tool, score) in best {
                *scores.entry(tool).or_default() += score;
            }
        }
        let factor = |tool: u32| {
            let entry = &self.tools[tool as usize];
            let is_behind = entry.deprecated && !is_named(&query, entry);
            (if is_behind { DEPRECATED } else { 1.0 }) * self.name_factor(&wanted, tool)
        };
        let mut found: Vec<(u32, f32)> =
            scores.into_iter().map(|(tool, score)| (tool, score * factor(tool))).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(limit);
        found.into_iter().map(|(tool, score)| self.hit(tool, score)).collect()
    }

    fn hit(&self, tool: u32, score: f32) -> Hit {
        let entry = &self.tools[tool as usize];
        Hit {
            server: entry.server.to_string(),
            tool: entry.tool.name.clone(),
            // The server's alias would depend on the other servers.
            signature: signature(&entry.server, &entry.alias, &entry.tool, entry.tools),
            description: entry.description.to_string(),
            // In single precision, three decimals would become sixteen as JSON.
            score: (f64::from(score) * 1000.0).round() / 1000.0,
        }
    }

    /// Returns the factor for the part of a tool's name that is in the query.
    fn name_factor(&self, wanted: &[String], tool: u32) -> f32 {
        let name = &self.tools[tool as usize].name_terms;
        let covered = name.iter().filter(|term| wanted.contains(term)).count();
        1.0 + 0.5 * covered as f32 / name.len().max(1) as f32
    }

    /// Adds the scores of the tools that have `term`; each tool keeps the best.
    fn score(&self, term: &str, share: f32, best: &mut HashMap<u32, f32>) {
        let Some(postings) = self.postings.get(term) else { return };
        let (all, having) = (self.tools.len() as f32, postings.len() as f32);
        let rarity = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
        for posting in postings {
            let length = self.tools[posting.tool as usize].length / self.mean_length.max(1.0);
            let frequency = posting.count / (posting.count + K1 * (1.0 - B + B * length));
            let score = share * rarity * frequency * (K1 + 1.0);
            let known = best.entry(posting.tool).or_default();
            *known = known.max(score);
        }
    }
}

/// Returns `true` if the query has the exact name of a tool. A name of one term may be a verb.
fn is_named(query: &str, entry: &ToolEntry) -> bool {
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let is_name = |word: &str| word == entry.tool.name || word == &*entry.alias;
    entry.name_terms.len() > 1 && query.split(|c| !is_inside(c)).any(is_name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::ToolDefinition;

    fn index() -> SearchIndex {
        let tool = |name: &str, description: &str| ToolDefinition {
            description: Some(description.to_owned()),
            ..ToolDefinition::new(
                name,
                json!({ "type": "object", "properties": { "path": { "type": "string" } } }),
            )
        };
        SearchIndex::new(&[
            ServerDefinition::new(
                "files",
                vec![
                    tool("read_file", "Reads one file. More."),
                    tool("read_multiple_files", "Reads several files."),
                    tool("move-file", "Moves a file."),
                ],
            ),
            ServerDefinition::new("翻譯", vec![tool("translate", "翻譯一段文字")]),
        ])
    }

    fn found(query: &str) -> Vec<String> {
        index().search(query, 3).into_iter().map(|hit| hit.tool).collect()
    }

    #[test]
    fn names_descriptions_and_other_scripts_are_found() {
        assert_eq!(found("read file")[0], "read_file");
        assert_eq!(found("reading multiple")[0], "read_multiple_files");
        assert_eq!(found("moveFile")[0], "move-file");
        assert_eq!(found("文字")[0], "translate");
        assert!(found("quantum chromodynamics").is_empty());
    }

    #[test]
    fn typos_prefixes_and_synonyms_are_found() {
        assert_eq!(found("tranlsate")[0], "translate");
        assert_eq!(found("mov")[0], "move-file");
        assert_eq!(found("fetch one file")[0], "read_file");
    }

    #[test]
    fn deprecated_tools_come_behind_others_that_match_alike() {
        let tool = |name: &str, description: &str| ToolDefinition {
            description: Some(description.to_owned()),
            ..ToolDefinition::new(name, json!({}))
        };
        let index = SearchIndex::new(&[ServerDefinition::new(
            "files",
            vec![
                tool("read_file", "Reads a file as text. DEPRECATED: Use read_text_file instead."),
                tool("read_text_file", "Reads a file as text. More of it."),
                tool("move_item", "Moves an item."),
            ],
        )]);
        assert_eq!(index.search("files/read_file", 1)[0].tool, "read_file");
        for query in ["read a file", "read"] {
            let hits = index.search(query, 2);
            let tools: Vec<&str> = hits.iter().map(|hit| hit.tool.as_str()).collect();
            assert_eq!(tools, ["read_text_file", "read_file"], "{query}");
            assert_eq!(hits[1].description, "Reads a file as text. DEPRECATED: Use read_text_file instead.");
        }
    }

    #[test]
    fn a_hit_has_a_signature_and_a_sentence() {
        let hit = &index().search("move", 1)[0];
        assert_eq!(hit.signature, "env.files.move_file(input?: { path?: string }): Promise<unknown>");
        assert_eq!(hit.description, "Moves a file.");
        assert!(index().search("move", 0).is_empty() && !index().is_empty());
    }
}
