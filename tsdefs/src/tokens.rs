//! What a text costs in a prompt: tokens, counted offline. The ranks are part of the binary (5 MB for two encodings,
//! hence the feature `tokens`) and are read at the first count.

use std::borrow::Borrow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::declare::declare;
use crate::definition::{ServerDefinition, ToolDefinition};
use crate::detail::Detail;

/// Longest piece that is encoded at once. The encoder is quadratic in the length of a text without word boundaries, and
/// its regular expression gives up, with a panic, on very long ones. In pieces of this size a megabyte of one letter, or
/// of blanks, takes 0.2 s. A cut changes the count by a token or two.
const PIECE: usize = 1024;

/// The encodings of current models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GPT-4o and later.
    O200k,
    /// GPT-4; close to what other vendors' models count.
    Cl100k,
}

/// A count in each encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TokenCounts {
    /// Tokens of `o200k_base`.
    pub o200k: usize,
    /// Tokens of `cl100k_base`.
    pub cl100k: usize,
}

/// What the tools of some servers cost at each level, and as they came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// How many tools that is.
    pub tools: usize,
    /// [`Detail::Names`].
    pub names: TokenCounts,
    /// [`Detail::Brief`].
    pub brief: TokenCounts,
    /// [`Detail::Full`].
    pub full: TokenCounts,
    /// The definitions as compact JSON: name, description, input and output schema.
    pub raw: TokenCounts,
}

/// How many tokens `text` has.
pub fn count(text: &str, encoding: Encoding) -> usize {
    let encoder = match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    };
    pieces(text).map(|piece| encoder.encode_ordinary(piece).len()).sum()
}

/// How many tokens `text` has, in each encoding.
pub fn counts(text: &str) -> TokenCounts {
    TokenCounts { o200k: count(text, Encoding::O200k), cl100k: count(text, Encoding::Cl100k) }
}

/// What `servers` cost at each level and raw.
pub fn costs<S: Borrow<ServerDefinition>>(servers: &[S]) -> Costs {
    let at = |detail| counts(&declare(servers, detail).text);
    let raw: Vec<TokenCounts> = servers
        .iter()
        .flat_map(|server| &server.borrow().tools)
        .map(|tool| counts(&raw_json(tool)))
        .collect();
    Costs {
        tools: raw.len(),
        names: at(Detail::Names),
        brief: at(Detail::Brief),
        full: at(Detail::Full),
        raw: TokenCounts {
            o200k: raw.iter().map(|counts| counts.o200k).sum(),
            cl100k: raw.iter().map(|counts| counts.cl100k).sum(),
        },
    }
}

/// A tool as a client hands it to a model when it does not use declarations.
fn raw_json(tool: &ToolDefinition) -> String {
    let mut map = Map::new();
    map.insert("name".to_owned(), tool.name.clone().into());
    map.extend(tool.description.clone().map(|text| ("description".to_owned(), Value::from(text))));
    map.insert("inputSchema".to_owned(), tool.input_schema.clone());
    // What was learned is nothing that a client would get.
    let output = tool.output_schema.clone().filter(|_| !tool.output_observed);
    map.extend(output.map(|schema| ("outputSchema".to_owned(), schema)));
    Value::Object(map).to_string()
}

/// `text` in pieces of bounded length, cut before a blank where there is one: a word's token holds the blank before it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.floor_char_boundary(PIECE);
        if end < rest.len() {
            end = rest[..end].rfind([' ', '\n']).filter(|at| *at > 0).unwrap_or(end);
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    #[test]
    fn known_counts() {
        assert_eq!(count("hello world", Encoding::O200k), 2);
        assert_eq!(count("hello world", Encoding::Cl100k), 2);
        assert_eq!(count("", Encoding::O200k), 0);
        // What would be a control token stays text.
        assert!(count("<|endoftext|>", Encoding::O200k) > 1);
    }

    #[test]
    fn pieces_lose_nothing() {
        let (words, solid) = ("añ 讀 and more ".repeat(2000), "é".repeat(5000));
        for text in [words.as_str(), solid.as_str(), "", " "] {
            assert_eq!(pieces(text).collect::<String>(), text);
            assert!(pieces(text).all(|piece| piece.len() <= PIECE && !piece.is_empty()));
        }
        let whole = tiktoken_rs::o200k_base_singleton().encode_ordinary(&words).len();
        let cut = count(&words, Encoding::O200k);
        assert!(cut.abs_diff(whole) * 200 < whole, "{cut} against {whole}");
    }

    #[test]
    fn a_megabyte_without_a_space_takes_no_hour() {
        let start = Instant::now();
        assert!(count(&"xyz".repeat(100_000), Encoding::O200k) > 0);
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }

    #[test]
    fn each_level_costs_more() {
        let schema = json!({ "type": "object", "properties": { "title": { "type": "string", "description": "The title of it." } } });
        let mut tool = ToolDefinition::new("create_issue", schema);
        tool.description = Some("Creates an issue. It is then there.".to_owned());
        let costs = costs(&[ServerDefinition::new("s", vec![tool])]);
        assert!(costs.names.o200k < costs.brief.o200k && costs.brief.o200k < costs.full.o200k);
        assert!(costs.raw.o200k > 20 && costs.tools == 1);
    }
}
