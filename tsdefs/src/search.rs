//! Finding the right tool among thousands: BM25 over weighted fields.
//!
//! | module | one idea |
//! |---|---|
//! | `fields` | what of a schema can be searched for |
//! | `fold` | accents and widths |
//! | `terms` | text → terms |
//!
//! A term in a tool's name says more than one in a description, so each field has a weight and the weighted counts are
//! summed before they saturate (BM25F). A term of the question that no tool has is replaced by its nearest: words that
//! begin so, words one slip away, words of the same meaning among the verbs that tools are named with.

mod fields;
mod fold;
mod terms;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use self::fields::Field;
use crate::definition::{ServerDefinition, ToolDefinition};
use crate::names::is_identifier;
use crate::parallel::in_parallel;
use crate::text::{first_sentence, string_literal};
use crate::tool::parameters;

/// How much one occurrence counts, by field. A hit in the name is worth most: names are few words, chosen with care.
mod weight {
    pub const NAME: f32 = 5.0;
    pub const TITLE: f32 = 2.0;
    pub const SERVER: f32 = 2.0;
    pub const DESCRIPTION: f32 = 1.0;
    pub const PARAMETER: f32 = 1.0;
    pub const PARAMETER_DESCRIPTION: f32 = 0.3;
    pub const INNER_PARAMETER: f32 = 0.5;
    pub const INNER_DESCRIPTION: f32 = 0.15;
    pub const VALUE: f32 = 0.3;
}

/// Saturation of repeated terms, as is usual for BM25.
const K1: f32 = 1.2;

/// How much a long description counts against a tool. Less than the usual 0.75: the length of a description says
/// little about what a tool does.
const B: f32 = 0.4;

/// Bytes of a question that are read.
const LONGEST_QUERY: usize = 1000;

/// Terms of a question that are looked up.
const MOST_QUERY_TERMS: usize = 32;

/// How much a replaced term counts: the same meaning, the end of a compound, the same beginning, one slip.
const SYNONYM: f32 = 0.5;
const COMPOUND: f32 = 0.5;
const PREFIX: f32 = 0.6;
const SLIP: f32 = 0.5;

/// Verbs of the same meaning, as stems: what people say, and what tools are called.
const SYNONYMS: [&[&str]; 9] = [
    &["creat", "add", "new", "mak", "insert", "open"],
    &["delet", "remov", "eras", "drop", "clear"],
    &["get", "fetch", "retriev", "read", "show", "view", "load", "look", "display"],
    &["updat", "edit", "modifi", "chang", "set", "patch"],
    &["search", "find", "queri", "lookup", "locat"],
    &["list", "enumerat", "all"],
    &["send", "post", "submit", "publish", "writ"],
    &["run", "execut", "invok", "start", "call"],
    &["folder", "directori", "dir", "path"],
];

/// A tool that answers a question.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Hit {
    /// The server's exact name.
    pub server: String,
    /// The tool's exact name.
    pub tool: String,
    /// How it is called, on one line: `env.github.create_issue(input: { … }): Promise<…>`.
    pub signature: String,
    /// The first sentence of its description.
    pub description: String,
    /// How well it answers; comparable within one search only.
    pub score: f64,
}

/// The tools of some servers, ready to be searched.
#[derive(Debug, Default)]
pub struct SearchIndex {
    tools: Vec<Arc<Entry>>,
    postings: BTreeMap<String, Vec<Posting>>,
    mean_length: f32,
}

/// One server's part of an index: all that depends on that server alone, so it can be kept until its list changes.
#[derive(Debug, Default)]
pub struct SearchEntries {
    tools: Vec<(Arc<Entry>, BTreeMap<String, f32>)>,
}

impl SearchEntries {
    /// The entries of a server's tools.
    pub fn new(server: &ServerDefinition) -> Self {
        let entry = |tool: &ToolDefinition| {
            let counts = counted(server, tool);
            let entry = Entry {
                server: server.name.clone(),
                tool: tool.name.clone(),
                signature: format!(
                    "{}{}",
                    path(&server.name, &tool.name),
                    parameters(tool, server.tools.len())
                ),
                description: first_sentence(tool.description.as_deref().unwrap_or_default(), 200),
                name_terms: terms::terms(&tool.name),
                length: counts.values().sum(),
            };
            (Arc::new(entry), counts)
        };
        Self { tools: server.tools.iter().map(entry).collect() }
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}

#[derive(Debug)]
struct Entry {
    server: String,
    tool: String,
    signature: String,
    description: String,
    /// Terms of the name, for questions that are a name.
    name_terms: Vec<String>,
    length: f32,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    tool: u32,
    count: f32,
}

impl SearchIndex {
    /// Indexes all tools of these servers.
    pub fn new(servers: &[ServerDefinition]) -> Self {
        let entries = in_parallel(servers, |server| server.tools.len(), SearchEntries::new);
        Self::assemble(&entries)
    }

    /// Puts the parts of several servers together.
    pub fn assemble<'e>(servers: impl IntoIterator<Item = &'e SearchEntries>) -> Self {
        let mut index = Self::default();
        let mut total = 0.0;
        for (entry, counts) in servers.into_iter().flat_map(|server| &server.tools) {
            total += entry.length;
            let number = index.tools.len() as u32;
            for (term, count) in counts {
                let posting = Posting { tool: number, count: *count };
                match index.postings.get_mut(term) {
                    Some(postings) => postings.push(posting),
                    None => drop(index.postings.insert(term.clone(), vec![posting])),
                }
            }
            index.tools.push(entry.clone());
        }
        index.mean_length = total / index.tools.len().max(1) as f32;
        index
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The best answers to `query`, best first, at most `limit`.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let query: String = query.chars().take(LONGEST_QUERY).collect();
        let mut wanted = terms::query_terms(&query);
        wanted.truncate(MOST_QUERY_TERMS);
        let mut scores: HashMap<u32, f32> = HashMap::new();
        for term in &wanted {
            let mut best: HashMap<u32, f32> = HashMap::new();
            for (known, share) in self.meant(term) {
                self.score(known, share, &mut best);
            }
            for (tool, score) in best {
                *scores.entry(tool).or_default() += score;
            }
        }
        let mut found: Vec<(u32, f32)> =
            scores.into_iter().map(|(tool, score)| (tool, score * self.likeness(&wanted, tool))).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(limit);
        found.into_iter().map(|(tool, score)| self.hit(tool, score)).collect()
    }

    fn hit(&self, tool: u32, score: f32) -> Hit {
        let entry = &self.tools[tool as usize];
        Hit {
            server: entry.server.clone(),
            tool: entry.tool.clone(),
            signature: entry.signature.clone(),
            description: entry.description.clone(),
            // In double precision, or three decimals become sixteen as JSON.
            score: (f64::from(score) * 1000.0).round() / 1000.0,
        }
    }

    /// A tool whose whole name is in the question is more likely meant than one of which a part is.
    fn likeness(&self, wanted: &[String], tool: u32) -> f32 {
        let name = &self.tools[tool as usize].name_terms;
        let covered = name.iter().filter(|term| wanted.contains(term)).count();
        1.0 + 0.5 * covered as f32 / name.len().max(1) as f32
    }

    /// The terms of the index that `term` stands for, with the share that each counts.
    fn meant<'i>(&'i self, term: &str) -> Vec<(&'i str, f32)> {
        let mut meant: Vec<(&str, f32)> = Vec::new();
        let add = |meant: &mut Vec<(&'i str, f32)>, term: &str, share| {
            if let Some((known, _)) = self.postings.get_key_value(term)
                && !meant.iter().any(|(there, _)| *there == known.as_str())
            {
                meant.push((known, share));
            }
        };
        add(&mut meant, term, 1.0);
        for group in SYNONYMS.iter().filter(|group| group.contains(&term)) {
            group.iter().for_each(|other| add(&mut meant, other, SYNONYM));
        }
        if term.len() >= 4 {
            // `sheet` is in `worksheet` and `spreadsheet`.
            let compounds =
                self.postings.keys().filter(|known| known.len() > term.len() && known.ends_with(term));
            meant.extend(compounds.take(16).map(|known| (known.as_str(), COMPOUND)));
        }
        if meant.is_empty() && term.len() >= 3 {
            let begins =
                self.postings.range(term.to_owned()..).take_while(|(known, _)| known.starts_with(term));
            meant.extend(begins.take(16).map(|(known, _)| (known.as_str(), PREFIX)));
        }
        if meant.is_empty() && term.len() >= 4 {
            let near = self.postings.keys().filter(|known| within_one_slip(known, term));
            meant.extend(near.take(16).map(|known| (known.as_str(), SLIP)));
        }
        meant
    }

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

/// The weighted terms of one tool.
fn counted(server: &ServerDefinition, tool: &ToolDefinition) -> BTreeMap<String, f32> {
    let mut counts: BTreeMap<String, f32> = BTreeMap::new();
    let mut add = |text: &str, weight: f32| {
        for term in terms::terms(text) {
            *counts.entry(term).or_default() += weight;
        }
    };
    add(&tool.name, weight::NAME);
    add(&server.name, weight::SERVER);
    add(tool.title.as_deref().unwrap_or_default(), weight::TITLE);
    add(tool.description.as_deref().unwrap_or_default(), weight::DESCRIPTION);
    for field in fields::fields(&tool.input_schema) {
        match field {
            Field::Name { name, inner: false } => add(name, weight::PARAMETER),
            Field::Name { name, inner: true } => add(name, weight::INNER_PARAMETER),
            Field::Description { text, inner: false } => add(text, weight::PARAMETER_DESCRIPTION),
            Field::Description { text, inner: true } => add(text, weight::INNER_DESCRIPTION),
            Field::Value(word) => add(word, weight::VALUE),
        }
    }
    counts
}

/// `env.server.tool`, with brackets where a name is no identifier.
fn path(server: &str, tool: &str) -> String {
    let member = |name: &str| {
        if is_identifier(name) { format!(".{name}") } else { format!("[{}]", string_literal(name)) }
    };
    format!("env{}{}", member(server), member(tool))
}

/// Whether one letter is wrong, missing, additional or exchanged with its neighbour.
fn within_one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[same..], &b[same..]);
    let tail = |a: &[char], skip_a: usize, b: &[char], skip_b: usize| a.get(skip_a..) == b.get(skip_b..);
    tail(rest_a, 1, rest_b, 1)
        || tail(rest_a, 1, rest_b, 0)
        || tail(rest_a, 0, rest_b, 1)
        || (rest_a.len() >= 2
            && rest_b.len() >= 2
            && rest_a[0] == rest_b[1]
            && rest_a[1] == rest_b[0]
            && rest_a[2..] == rest_b[2..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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

    fn tools(query: &str) -> Vec<String> {
        index().search(query, 3).into_iter().map(|hit| hit.tool).collect()
    }

    #[test]
    fn names_descriptions_and_other_scripts() {
        assert_eq!(tools("read file")[0], "read_file");
        assert_eq!(tools("reading multiple")[0], "read_multiple_files");
        assert_eq!(tools("moveFile")[0], "move-file");
        assert_eq!(tools("文字")[0], "translate");
        assert!(tools("quantum chromodynamics").is_empty());
    }

    #[test]
    fn slips_beginnings_and_synonyms() {
        assert_eq!(tools("tranlsate")[0], "translate");
        assert_eq!(tools("mov")[0], "move-file");
        assert_eq!(tools("fetch one file")[0], "read_file");
    }

    #[test]
    fn a_hit_can_be_called() {
        let hit = &index().search("move", 1)[0];
        assert_eq!(
            hit.signature,
            "env.files[\"move-file\"](input?: { path?: string; [k: string]: unknown }): Promise<unknown>"
        );
        assert_eq!(hit.description, "Moves a file.");
        assert!(index().search("move", 0).is_empty() && !index().is_empty());
    }

    #[test]
    fn slips() {
        for (a, b) in [
            ("abcd", "abxd"),
            ("abcd", "abd"),
            ("abcd", "abccd"),
            ("abcd", "bacd"),
            ("abcd", "abdc"),
            ("abcd", "abcde"),
        ] {
            assert!(within_one_slip(a, b) && within_one_slip(b, a), "{a} {b}");
        }
        assert!(!within_one_slip("abcd", "axyd") && !within_one_slip("abcd", "ab"));
    }
}
