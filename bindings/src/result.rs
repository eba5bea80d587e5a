//! What a tool answered, and the value that a script gets for it.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::media::bounded;
use crate::redact::Redactor;
use crate::text::printable;
use crate::wire::RawText;

/// Longest message made of a failed result. A model reads it; the whole result is there for who wants more.
pub(crate) const MAX_ERROR_TEXT: usize = 8 * 1024;

/// The result of one `tools/call`, as the server sent it.
///
/// It stays text, and where its parts are is found once: results of 10 MB are real, and each look at one costs
/// milliseconds.
#[derive(Debug, Clone)]
pub struct ToolResult {
    raw: RawText,
    is_error: bool,
    structured: Option<Range<usize>>,
    content: Option<Vec<Range<usize>>>,
    /// The longest data of one image and the like that a script gets.
    max_media: usize,
}

/// The parts of a result that matter here, still as text.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default, rename = "structuredContent")]
    structured: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<Vec<&'a RawValue>>,
    #[serde(default, rename = "isError")]
    is_error: Option<bool>,
    #[serde(borrow, default, rename = "resultType")]
    result_type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

impl ToolResult {
    /// Wraps the text of a result.
    ///
    /// # Errors
    /// Why this is no result of `tools/call`.
    pub(crate) fn new(raw: RawText, max_media: usize) -> Result<Self, String> {
        let text = raw.get();
        // A struct would also be read from an array.
        if !text.starts_with('{') {
            return Err("its result is not one of tools/call: expected an object".to_owned());
        }
        let shape: Shape<'_> = serde_json::from_str(text)
            .map_err(|error| format!("its result is not one of tools/call: {error}"))?;
        is_final(shape.result_type.as_deref())?;
        let range = |part: &RawValue| {
            let start = part.get().as_ptr().addr() - text.as_ptr().addr();
            start..start + part.get().len()
        };
        let is_error = shape.is_error == Some(true);
        let structured = shape.structured.map(range);
        let content = shape.content.map(|blocks| blocks.into_iter().map(range).collect());
        Ok(Self { raw, is_error, structured, content, max_media })
    }

    /// A failure without the credentials that the server may have repeated in it.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let Some(text) = redactor.redact_json(self.raw.get()) else { return self };
        // A credential can be all digits, and then the rest may not be what it was.
        Self::new(RawText::trusted(text), self.max_media).unwrap_or_else(|_| Self {
            raw: RawText::trusted(r#"{"content":[],"isError":true}"#.to_owned()),
            is_error: true,
            structured: None,
            content: None,
            max_media: self.max_media,
        })
    }

    /// Whether the tool says that it failed.
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// The whole result, byte for byte.
    pub fn raw_json(&self) -> Vec<u8> {
        self.raw.get().as_bytes().to_vec()
    }

    /// The whole result, byte for byte, as text.
    pub fn raw_json_text(&self) -> &str {
        self.raw.get()
    }

    /// The value that a script gets, as JSON: the structured content if there is any, of whatever type; else, for a
    /// result of nothing but text, the joined text, as it is when it is a JSON object or array, else as a string; else
    /// the whole result, in which an image, a sound or a file that is too large has lost its data.
    pub fn value_json(&self) -> Vec<u8> {
        if let Some(structured) = &self.structured {
            return self.raw.get().as_bytes()[structured.clone()].to_vec();
        }
        let texts: Option<Vec<&RawValue>> = self.blocks().map(text_of).collect();
        let Some(texts) = texts.filter(|_| self.content.is_some()) else {
            return self.whole();
        };
        // What is plainly a text and not JSON in a text goes on as it is.
        if let [text] = texts.as_slice()
            && !text.get()[1..].trim_start().starts_with(['{', '[', '\\'])
        {
            return text.get().as_bytes().to_vec();
        }
        // JSON can write half of a surrogate pair, which is no text.
        let texts: Option<Vec<_>> = texts.into_iter().map(unquoted).collect();
        let Some(text) = texts.map(|texts| texts.join("\n")) else { return self.whole() };
        let trimmed = text.trim();
        // `&RawValue` checks the syntax without building a tree, and leaves numbers as they are.
        if trimmed.starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(trimmed).is_ok() {
            return trimmed.as_bytes().to_vec();
        }
        serde_json::to_vec(&text).unwrap_or_else(|_| self.raw_json())
    }

    /// What to tell the reader of the script about a result with [`is_error`](Self::is_error): the tool's own words.
    pub fn error_text(&self) -> String {
        let texts: Vec<_> = self.blocks().filter_map(|block| unquoted(text_of(block)?)).collect();
        let text = match (texts.join("\n"), &self.structured) {
            (text, _) if !text.trim().is_empty() => text,
            (_, Some(structured)) => self.raw.get()[structured.clone()].to_owned(),
            (_, None) => "the tool failed and does not say why".to_owned(),
        };
        crate::text::shortened(text.trim(), MAX_ERROR_TEXT).into_owned()
    }

    fn whole(&self) -> Vec<u8> {
        let bounded = bounded(self.raw.get(), "content", self.max_media);
        bounded.map_or_else(|| self.raw_json(), String::into_bytes)
    }

    fn blocks(&self) -> impl Iterator<Item = &str> {
        self.content.iter().flatten().map(|range| &self.raw.get()[range.clone()])
    }
}

/// A result of revision 2026-07-28 may be a question instead.
///
/// # Errors
/// What to tell whoever asked.
pub(crate) fn is_final(result_type: Option<&str>) -> Result<(), String> {
    match result_type {
        None | Some("complete") => Ok(()),
        Some("input_required") => {
            Err("it asks for something from the user or a model before it goes on (\"input_required\"), \
             and isolet has neither to ask"
                .to_owned())
        }
        Some(other) => {
            Err(format!("it is of the kind {}, which isolet does not know", printable(other.as_bytes(), 40)))
        }
    }
}

/// As [`is_final`], for the text of any result.
pub(crate) fn check_final(text: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, default, rename = "resultType")]
        result_type: Option<Cow<'a, str>>,
    }
    let kind: Kind<'_> = serde_json::from_str(text).map_err(|error| format!("it is no object: {error}"))?;
    is_final(kind.result_type.as_deref())
}

/// The text of a block of text, in its quotes.
fn text_of(block: &str) -> Option<&RawValue> {
    let block: Block<'_> = serde_json::from_str(block).ok()?;
    block.text.filter(|text| block.kind == "text" && text.get().starts_with('"'))
}

fn unquoted(text: &RawValue) -> Option<Cow<'_, str>> {
    // `Cow` itself would always be a copy.
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Borrowed<'_>>(text.get()).ok().map(|text| text.0)
}

/// The one part of a tool's result that says whether it failed.
#[derive(serde::Deserialize)]
pub(crate) struct Failed {
    #[serde(default, rename = "isError")]
    pub(crate) is_error: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(text: &str) -> ToolResult {
        ToolResult::new(RawText::trusted(text.to_owned()), usize::MAX).unwrap()
    }

    fn value(text: &str) -> String {
        String::from_utf8(result(text).value_json()).unwrap()
    }

    #[test]
    fn structured_content_of_any_type_comes_first() {
        for structured in [
            r#"{"sum": 3.0}"#,
            "[1, 2]",
            "7",
            "\"s\"",
            "false",
            "12345678901234567890123",
            r#"{"a":"\ud83d"}"#,
        ] {
            let text =
                format!(r#"{{"content":[{{"type":"text","text":"x"}}],"structuredContent":{structured}}}"#);
            assert_eq!(value(&text), structured);
        }
    }

    #[test]
    fn null_structured_content_is_none() {
        // Python servers dump absent fields as null.
        assert_eq!(value(r#"{"content":[{"type":"text","text":"x"}],"structuredContent":null}"#), "\"x\"");
    }

    #[test]
    fn text_is_joined_and_read_as_json_only_when_it_is_an_object_or_array() {
        for (text, expected) in [
            (r#"{\"a\": 1}"#, r#"{"a": 1}"#),
            (r#" [1, 2] \n"#, "[1, 2]"),
            ("42", "\"42\""),
            ("true", "\"true\""),
            ("{not json}", "\"{not json}\""),
            (r#"{\"a\": 1} trailing"#, r#""{\"a\": 1} trailing""#),
            ("", "\"\""),
        ] {
            assert_eq!(value(&format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#)), expected);
        }
        let two = r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b","annotations":{}}]}"#;
        assert_eq!(value(two), r#""a\nb""#);
        assert_eq!(value(r#"{"content":[]}"#), "\"\"");
    }

    #[test]
    fn half_a_surrogate_pair_is_no_reason_to_lose_anything() {
        assert_eq!(value(r#"{"content":[{"type":"text","text":"a\ud83d"}]}"#), r#""a\ud83d""#);
        let two = r#"{"content":[{"type":"text","text":"a\ud83d"},{"type":"text","text":"b"}]}"#;
        assert_eq!(value(two), two);
        // A text that begins with an escape may still be JSON.
        assert_eq!(value(r#"{"content":[{"type":"text","text":"\n\u007b\"a\":1}"}]}"#), r#"{"a":1}"#);
    }

    #[test]
    fn anything_else_is_the_whole_result() {
        for whole in [
            r#"{"content":[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"image/png"}]}"#,
            r#"{"content":[{"type":"text"}]}"#,
            r#"{"toolResult": 1}"#,
        ] {
            assert_eq!(value(whole), whole);
            assert_eq!(result(whole).raw_json(), whole.as_bytes());
        }
    }

    #[test]
    fn errors_are_in_the_tools_own_words() {
        let failed = result(r#"{"isError":true,"content":[{"type":"text","text":" no such file "}]}"#);
        assert!(failed.is_error());
        assert_eq!(failed.error_text(), "no such file");
        assert_eq!(result(r#"{"isError":true,"structuredContent":{"why":1}}"#).error_text(), r#"{"why":1}"#);
        assert!(result(r#"{"isError":true,"content":[]}"#).error_text().contains("does not say why"));
        assert!(!result(r#"{"content":[]}"#).is_error());
        let long =
            format!(r#"{{"isError":true,"content":[{{"type":"text","text":"{}"}}]}}"#, "é".repeat(100_000));
        assert!(result(&long).error_text().len() < MAX_ERROR_TEXT + 100);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        let new = |text: &str| ToolResult::new(RawText::trusted(text.to_owned()), usize::MAX);
        assert!(new("null").is_err());
        assert!(new("[null, [], false]").is_err());
        assert!(new(r#"{"content": 7}"#).is_err());
        assert!(
            new(r#"{"resultType":"input_required","inputRequests":{}}"#)
                .unwrap_err()
                .contains("from the user")
        );
        assert!(new(r#"{"resultType":"complete","content":[]}"#).is_ok());
    }
}
