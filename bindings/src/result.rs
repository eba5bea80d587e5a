//! What a tool answered, and the value that a script gets for it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::media::bounded;
use crate::redact::Redactor;
use crate::text::printable;

/// Longest message made of a failed result. A model reads it; the whole result is there for who wants more.
const MAX_ERROR_TEXT: usize = 8 * 1024;

/// The result of one `tools/call`, as the server sent it.
#[derive(Debug, Clone)]
pub struct ToolResult {
    raw: Box<RawValue>,
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
    text: Option<Cow<'a, str>>,
}

impl ToolResult {
    /// Wraps the text of a result.
    ///
    /// # Errors
    /// Why this is no result of `tools/call`.
    pub(crate) fn new(raw: Box<RawValue>, max_media: usize) -> Result<Self, String> {
        let result = Self { raw, max_media };
        let shape =
            result.shape().map_err(|error| format!("its result is not one of tools/call: {error}"))?;
        is_final(shape.result_type.as_deref()).map(|()| result)
    }

    /// A failure without the credentials that the server may have repeated in it.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        if !redactor.concerns(self.raw.get()) {
            return self;
        }
        let text = redactor.redact(self.raw.get());
        // A credential can be all digits, and then the rest may not be JSON any more.
        let raw = RawValue::from_string(text).unwrap_or_else(|_| {
            RawValue::from_string(r#"{"content":[],"isError":true}"#.to_owned()).expect("this is JSON")
        });
        Self { raw, ..self }
    }

    /// Whether the tool says that it failed.
    pub fn is_error(&self) -> bool {
        self.shape().is_ok_and(|shape| shape.is_error == Some(true))
    }

    /// The whole result, byte for byte, as text.
    pub fn raw_json_text(&self) -> &str {
        self.raw.get()
    }

    /// The whole result, byte for byte.
    pub fn raw_json(&self) -> Vec<u8> {
        self.raw.get().as_bytes().to_vec()
    }

    /// The value that a script gets, as JSON: the structured content if there is any, of whatever type; else, for a
    /// result of nothing but text, the joined text, as it is when it is a JSON object or array, else as a string; else
    /// the whole result, in which an image, a sound or a file that is too large has lost its data.
    pub fn value_json(&self) -> Vec<u8> {
        let Ok(shape) = self.shape() else { return self.raw_json() };
        if let Some(structured) = shape.structured {
            return structured.get().as_bytes().to_vec();
        }
        let Some(text) = shape.content.as_deref().and_then(only_text) else {
            let bounded = bounded(self.raw.get(), "content", self.max_media);
            return bounded.map_or_else(|| self.raw_json(), String::into_bytes);
        };
        let trimmed = text.trim();
        // `&RawValue` checks the syntax without building a tree, and leaves numbers as they are.
        if trimmed.starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(trimmed).is_ok() {
            return trimmed.as_bytes().to_vec();
        }
        serde_json::to_vec(&text).unwrap_or_else(|_| self.raw_json())
    }

    /// What to tell the reader of the script about a result with [`is_error`](Self::is_error): the tool's own words.
    pub fn error_text(&self) -> String {
        let Ok(shape) = self.shape() else { return "the tool failed".to_owned() };
        let blocks = shape.content.unwrap_or_default();
        let texts: Vec<_> = blocks.iter().filter_map(|block| text_of(block)).collect();
        let text = match (texts.join("\n"), shape.structured) {
            (text, _) if !text.trim().is_empty() => text,
            (_, Some(structured)) => structured.get().to_owned(),
            (_, None) => "the tool failed and does not say why".to_owned(),
        };
        crate::text::shortened(text.trim(), MAX_ERROR_TEXT).into_owned()
    }

    fn shape(&self) -> Result<Shape<'_>, serde_json::Error> {
        // A struct would also be read from an array.
        if !self.raw.get().starts_with('{') {
            return Err(serde::de::Error::custom("expected an object"));
        }
        serde_json::from_str(self.raw.get())
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
pub(crate) fn check_final(raw: &RawValue) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, default, rename = "resultType")]
        result_type: Option<Cow<'a, str>>,
    }
    let kind: Kind<'_> =
        serde_json::from_str(raw.get()).map_err(|error| format!("it is no object: {error}"))?;
    is_final(kind.result_type.as_deref())
}

/// The joined text of `blocks` if all of them are text.
fn only_text(blocks: &[&RawValue]) -> Option<String> {
    let texts: Option<Vec<_>> = blocks.iter().map(|block| text_of(block)).collect();
    texts.map(|texts| texts.join("\n"))
}

fn text_of<'a>(block: &'a RawValue) -> Option<Cow<'a, str>> {
    let block: Block<'a> = serde_json::from_str(block.get()).ok()?;
    block.text.filter(|_| block.kind == "text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(text: &str) -> ToolResult {
        ToolResult::new(RawValue::from_string(text.to_owned()).unwrap(), usize::MAX).unwrap()
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
        let new = |text: &str| ToolResult::new(RawValue::from_string(text.to_owned()).unwrap(), usize::MAX);
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
