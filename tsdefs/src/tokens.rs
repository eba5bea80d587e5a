//! Token counts: the cost of a text in a prompt, counted offline.
//!
//! The ranks are a part of the binary (5 MB for two encodings, hence the feature `tokens`) and are
//! parsed at the first count.

use std::borrow::Borrow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::declarations::declare;
use crate::definition::{ServerDefinition, ToolDefinition};
use crate::detail::Detail;

/// The bytes that are encoded at once.
///
/// The encoder is quadratic in the length of a text without word boundaries, and its regular
/// expression panics on very long ones. In pieces of this size, a megabyte of one letter, or of
/// spaces, takes 0.2 s. A cut changes the count by one or two tokens.
const MAX_PIECE_BYTES: usize = 1024;

/// An encoding of current models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GPT-4o and later.
    O200k,
    /// GPT-4. Other vendors' models have similar counts.
    Cl100k,
}

/// The token counts of a text, in each encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TokenCounts {
    /// The tokens of `o200k_base`.
    pub o200k: usize,
    /// The tokens of `cl100k_base`.
    pub cl100k: usize,
}

/// The token counts of tools at each level of detail, and as raw JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// The number of tools.
    pub tools: usize,
    /// The declarations at [`Detail::Names`].
    pub names: TokenCounts,
    /// The declarations at [`Detail::Brief`].
    pub brief: TokenCounts,
    /// The declarations at [`Detail::Full`].
    pub full: TokenCounts,
    /// The definitions as compact JSON: name, description, input and output schema.
    pub raw: TokenCounts,
}

/// Returns the number of tokens of `text`.
pub fn count(text: &str, encoding: Encoding) -> usize {
    let encoder = match encoding {
        Encoding::O200k => tiktoken_rs::o200k_base_singleton(),
        Encoding::Cl100k => tiktoken_rs::cl100k_base_singleton(),
    };
    pieces(text).map(|piece| encoder.encode_ordinary(piece).len()).sum()
}

/// Returns the number of tokens of `text` in each encoding.
pub fn counts(text: &str) -> TokenCounts {
    TokenCounts { o200k: count(text, Encoding::O200k), cl100k: count(text, Encoding::Cl100k) }
}

/// Returns the token counts of `servers` at each level of detail, and as raw JSON.
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

/// Returns a tool as a client passes it to a model without declarations.
fn raw_json(tool: &ToolDefinition) -> String {
    let mut map = Map::new();
    map.insert("name".to_owned(), tool.name.clone().into());
    map.extend(tool.description.clone().map(|text| ("description".to_owned(), Value::from(text))));
    map.insert("inputSchema".to_owned(), tool.input_schema.read().into_owned());
    // A client does not get an inferred type.
    let output = tool.output_schema.clone().filter(|_| !tool.output_inferred);
    map.extend(output.map(|schema| ("outputSchema".to_owned(), schema.read().into_owned())));
    Value::Object(map).to_string()
}

/// Returns `text` in pieces of bounded length, cut before a space if possible: the token of a word
/// includes the space before it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.floor_char_boundary(MAX_PIECE_BYTES);
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
    fn counts_are_those_of_the_encodings() {
        assert_eq!(count("hello world", Encoding::O200k), 2);
        assert_eq!(count("hello world", Encoding::Cl100k), 2);
        assert_eq!(count("", Encoding::O200k), 0);
        // The text of a control token is counted as text.
        assert!(count("<|endoftext|>", Encoding::O200k) > 1);
    }

    #[test]
    fn pieces_add_up_to_the_text() {
        let (words, solid) = ("añ 讀 and more ".repeat(2000), "é".repeat(5000));
        for text in [words.as_str(), solid.as_str(), "", " "] {
            assert_eq!(pieces(text).collect::<String>(), text);
            assert!(pieces(text).all(|piece| piece.len() <= MAX_PIECE_BYTES && !piece.is_empty()));
        }
        let whole = tiktoken_rs::o200k_base_singleton().encode_ordinary(&words).len();
        let cut = count(&words, Encoding::O200k);
        assert!(cut.abs_diff(whole) * 200 < whole, "{cut} against {whole}");
    }

    #[test]
    fn a_long_text_without_spaces_is_counted_in_time() {
        let start = Instant::now();
        assert!(count(&"xyz".repeat(100_000), Encoding::O200k) > 0);
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }

    #[test]
    fn each_level_of_detail_costs_more() {
        let schema = json!({ "type": "object", "properties": { "title": { "type": "string", "description": "The title of it." } } });
        let mut tool = ToolDefinition::new("create_issue", schema);
        tool.description = Some("Creates an issue. It is then there.".to_owned());
        let costs = costs(&[ServerDefinition::new("s", vec![tool])]);
        assert!(costs.names.o200k < costs.brief.o200k && costs.brief.o200k < costs.full.o200k);
        assert!(costs.raw.o200k > 20 && costs.tools == 1);
    }
}
