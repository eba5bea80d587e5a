//! The result of a tool call, and the value that a script gets for it.

pub(crate) mod media;

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::media::{bounded, without_envelope};
use crate::redact::Redactor;
use crate::text::printable;
use crate::transport::messages::RawText;

/// The longest message of a failed result, for the model that reads it. The whole result is
/// available beside it.
pub(crate) const MAX_ERROR_TEXT_BYTES: usize = 8 * 1024;

/// The result of one `tools/call`, as the server sent it.
///
/// The result stays text, and the positions of its parts are found once: results of 10 MB are real,
/// and each parse costs milliseconds.
#[derive(Debug, Clone)]
pub struct ToolResult {
    raw: RawText,
    is_error: bool,
    structured: Option<Range<usize>>,
    content: Option<Vec<Range<usize>>>,
    /// The most bytes of data of one image, audio or file that a script gets.
    max_media: usize,
}

/// The parts of a result that are needed here, as text.
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
    /// The reason why it is not a result of `tools/call`.
    pub(crate) fn new(raw: RawText, max_media: usize) -> Result<Self, String> {
        let text = raw.get();
        // serde would also read the struct from an array.
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

    /// Removes credentials that the server may have repeated in a failure.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let Some(text) = redactor.redact_json(self.raw.get()) else { return self };
        // A credential may be all digits, and then the JSON may not be valid any more.
        Self::new(RawText::trusted(text), self.max_media).unwrap_or_else(|_| Self {
            raw: RawText::trusted(r#"{"content":[],"isError":true}"#.to_owned()),
            is_error: true,
            structured: None,
            content: None,
            max_media: self.max_media,
        })
    }

    /// Returns whether the tool reports an error.
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

    /// The value that a script gets, as JSON. This is the structured content, if there is any. For
    /// a result with only text it is the joined text: parsed if it is a JSON object or array, else
    /// a string. Otherwise it is the whole result, in which oversized images, audio and files have
    /// no data.
    ///
    /// Several texts become a list if each is JSON and at least one is an object or array: the
    /// official Python SDK sends a list so, one item a block.
    pub fn value_json(&self) -> Vec<u8> {
        if let Some(structured) = &self.structured {
            return self.raw.get().as_bytes()[structured.clone()].to_vec();
        }
        let texts: Option<Vec<&RawValue>> = self.blocks().map(text_of).collect();
        let Some(texts) = texts.filter(|_| self.content.is_some()) else {
            return self.whole();
        };
        // A single text that is not JSON is passed on unchanged.
        if let [text] = texts.as_slice()
            && !text.get()[1..].trim_start().starts_with(['{', '[', '\\'])
        {
            return text.get().as_bytes().to_vec();
        }
        // JSON can contain half of a surrogate pair, which is not valid text.
        let texts: Option<Vec<_>> = texts.into_iter().map(unquoted).collect();
        let Some(texts) = texts else { return self.whole() };
        if texts.len() > 1
            && let Some(list) = list(&texts)
        {
            return list.into_bytes();
        }
        let text = texts.join("\n");
        let trimmed = text.trim();
        // `&RawValue` checks the syntax without building a tree, and leaves numbers unchanged.
        if trimmed.starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(trimmed).is_ok() {
            return trimmed.as_bytes().to_vec();
        }
        serde_json::to_vec(&text).unwrap_or_else(|_| self.raw_json())
    }

    /// The message for the author of the script if the result [is an error](Self::is_error): the
    /// tool's own text.
    pub fn error_text(&self) -> String {
        let texts: Vec<_> = self.blocks().filter_map(|block| unquoted(text_of(block)?)).collect();
        let text = match (texts.join("\n"), &self.structured) {
            (text, _) if !text.trim().is_empty() => text,
            (_, Some(structured)) => self.raw.get()[structured.clone()].to_owned(),
            (_, None) => "the tool failed and does not say why".to_owned(),
        };
        crate::text::shortened(text.trim(), MAX_ERROR_TEXT_BYTES).into_owned()
    }

    fn whole(&self) -> Vec<u8> {
        let plain = without_envelope(self.raw.get());
        let text = plain.as_deref().unwrap_or(self.raw.get());
        let bounded = bounded(text, "content", self.max_media).or(plain);
        bounded.map_or_else(|| self.raw_json(), String::into_bytes)
    }

    fn blocks(&self) -> impl Iterator<Item = &str> {
        self.content.iter().flatten().map(|range| &self.raw.get()[range.clone()])
    }
}

/// Checks that a result is not a question to the user, which revision 2026-07-28 allows.
///
/// # Errors
/// The message for the caller.
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

/// Does the same as [`is_final`] for the text of any result.
pub(crate) fn check_final(text: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, default, rename = "resultType")]
        result_type: Option<Cow<'a, str>>,
    }
    let kind: Kind<'_> =
        serde_json::from_str(text).map_err(|error| format!("it is not an object: {error}"))?;
    is_final(kind.result_type.as_deref())
}

/// Returns the list of the texts, if all are JSON and at least one is an object or array.
fn list(texts: &[Cow<'_, str>]) -> Option<String> {
    let mut list = String::with_capacity(texts.iter().map(|text| text.len() + 1).sum::<usize>() + 1);
    let mut nested = false;
    for text in texts {
        let text = text.trim();
        serde_json::from_str::<&RawValue>(text).ok()?;
        nested |= text.starts_with(['{', '[']);
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(text);
    }
    list.push(']');
    nested.then_some(list)
}

/// Returns the text of a text block, in its quotes.
fn text_of(block: &str) -> Option<&RawValue> {
    let block: Block<'_> = serde_json::from_str(block).ok()?;
    block.text.filter(|text| block.kind == "text" && text.get().starts_with('"'))
}

fn unquoted(text: &RawValue) -> Option<Cow<'_, str>> {
    // A plain `Cow` would always be copied.
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Borrowed<'_>>(text.get()).ok().map(|text| text.0)
}

/// The part of a tool's result that says whether the tool failed.
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
    fn null_structured_content_is_ignored() {
        // Python servers write absent fields as null.
        assert_eq!(value(r#"{"content":[{"type":"text","text":"x"}],"structuredContent":null}"#), "\"x\"");
    }

    #[test]
    fn text_is_parsed_only_if_it_is_an_object_or_array() {
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
    fn several_json_texts_are_a_list() {
        let blocks = |texts: &[&str]| {
            let texts: Vec<_> = texts
                .iter()
                .map(|text| format!(r#"{{"type":"text","text":{}}}"#, serde_json::to_string(text).unwrap()))
                .collect();
            value(&format!(r#"{{"content":[{}]}}"#, texts.join(",")))
        };
        assert_eq!(blocks(&["{\n \"a\": 1\n}", " [2] "]), "[{\n \"a\": 1\n},[2]]");
        assert_eq!(blocks(&["{\"id\":9007199254740993}", "null", "7"]), "[{\"id\":9007199254740993},null,7]");
        // A single block is not a list, and plain texts stay text.
        assert_eq!(blocks(&["{\"a\":1}"]), "{\"a\":1}");
        assert_eq!(blocks(&["1", "2"]), r#""1\n2""#);
        assert_eq!(blocks(&["found:", "{\"a\":1}"]), r#""found:\n{\"a\":1}""#);
    }

    #[test]
    fn a_whole_result_has_no_protocol_members() {
        let image = r#"{"type":"image","data":"","mimeType":"image/png"}"#;
        let modern = format!(
            r#"{{"resultType":"complete","content":[{image}],"_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"s"}}}}}}"#
        );
        assert_eq!(value(&modern), format!(r#"{{"content":[{image}]}}"#));
        let meta = format!(
            r#"{{"resultType":"complete","content":[{image}],"_meta":{{"io.modelcontextprotocol/serverInfo":{{}},"x":1.0}}}}"#
        );
        assert_eq!(value(&meta), format!(r#"{{"content":[{image}],"_meta":{{"x":1.0}}}}"#));
        assert_eq!(result(&modern).raw_json(), modern.as_bytes());
    }

    #[test]
    fn half_a_surrogate_pair_loses_nothing_else() {
        assert_eq!(value(r#"{"content":[{"type":"text","text":"a\ud83d"}]}"#), r#""a\ud83d""#);
        let two = r#"{"content":[{"type":"text","text":"a\ud83d"},{"type":"text","text":"b"}]}"#;
        assert_eq!(value(two), two);
        // A text that begins with an escape may still be JSON.
        assert_eq!(value(r#"{"content":[{"type":"text","text":"\n\u007b\"a\":1}"}]}"#), r#"{"a":1}"#);
    }

    #[test]
    fn other_content_gives_the_whole_result() {
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
    fn error_messages_are_the_tools_own_text() {
        let failed = result(r#"{"isError":true,"content":[{"type":"text","text":" no such file "}]}"#);
        assert!(failed.is_error());
        assert_eq!(failed.error_text(), "no such file");
        assert_eq!(result(r#"{"isError":true,"structuredContent":{"why":1}}"#).error_text(), r#"{"why":1}"#);
        assert!(result(r#"{"isError":true,"content":[]}"#).error_text().contains("does not say why"));
        assert!(!result(r#"{"content":[]}"#).is_error());
        let long =
            format!(r#"{{"isError":true,"content":[{{"type":"text","text":"{}"}}]}}"#, "é".repeat(100_000));
        assert!(result(&long).error_text().len() < MAX_ERROR_TEXT_BYTES + 100);
    }

    #[test]
    fn an_invalid_result_is_refused() {
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
