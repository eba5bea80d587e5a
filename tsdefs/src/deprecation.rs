//! Deprecated tools: MCP has no field for that, so their descriptions and titles say it.

use crate::definition::ToolDefinition;
use crate::text::{comment, first_sentence, sentence_end};

/// The bytes of a description that are read.
const MAX_READ_BYTES: usize = 4096;

/// The characters of a mark.
const MAX_MARK_CHARS: usize = 80;

/// The mark of a tool whose title alone says it.
const TITLE_MARK: &str = "Deprecated.";

/// The word, in lower case.
const WORD: &str = "deprecated";

/// The words in front of [`WORD`] in a sentence about the tool itself.
const SUBJECTS: [&str; 12] = [
    "this is",
    "it is",
    "this tool is",
    "the tool is",
    "this tool is now",
    "this method is",
    "this function is",
    "this endpoint is",
    "this command is",
    "this operation is",
    "this api is",
    "this tool has been",
];

/// The words behind [`WORD`] at the start of a sentence about the tool itself. Other words are
/// about something else: `Deprecated packages are listed.`
const FOLLOWERS: [&str; 7] = ["use", "in", "since", "as", "and", "please", "tool"];

/// Returns `true` if the description or the title says that the tool is deprecated.
pub fn is_deprecated(tool: &ToolDefinition) -> bool {
    mark(tool).is_some()
}

/// Returns the sentence that says that the tool is deprecated, on one line.
pub(crate) fn mark(tool: &ToolDefinition) -> Option<String> {
    let of_title = || {
        let title = tool.title.as_deref()?.to_ascii_lowercase();
        let bracketed = title.contains("(deprecated)") || title.contains("[deprecated]");
        (bracketed || says_so(&title)).then(|| TITLE_MARK.to_owned())
    };
    tool.description.as_deref().and_then(of_description).or_else(of_title)
}

fn of_description(text: &str) -> Option<String> {
    let mut end = text.len().min(MAX_READ_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if !text[..end].to_ascii_lowercase().contains(WORD) {
        return None;
    }
    let clean = comment(text, MAX_READ_BYTES);
    let mut rest = clean.trim_start();
    while !rest.is_empty() {
        let (sentence, behind) = rest.split_at(sentence_end(rest));
        // A list or a heading may be part of what counts as one sentence.
        let line = sentence.lines().find(|line| says_so(&line.to_ascii_lowercase()));
        if let Some(line) = line {
            return Some(first_sentence(line.trim(), MAX_MARK_CHARS));
        }
        rest = behind.trim_start();
    }
    None
}

/// Returns `true` if a sentence in lower case says that the tool is deprecated. It takes time in
/// proportion to the sentence: titles have no bound.
pub(crate) fn says_so(sentence: &str) -> bool {
    let is_mark = |c: char| !c.is_alphanumeric();
    let sentence = sentence.trim_start_matches(is_mark);
    sentence.match_indices(WORD).any(|(at, _)| {
        let behind = &sentence[at + WORD.len()..];
        if behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        let before = sentence[..at].trim_end_matches(is_mark);
        if before.is_empty() {
            // Not a word behind it, or one that goes on about the tool.
            let next = behind.trim_start().split(is_mark).next().unwrap_or("");
            return next.is_empty() || FOLLOWERS.contains(&next);
        }
        let is_subject = |front: &str| front.is_empty() || front.ends_with([':', ';', '!', '-', '–', '—']);
        SUBJECTS.iter().any(|subject| before.strip_suffix(subject).map(str::trim_end).is_some_and(is_subject))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mark_of(description: &str) -> Option<String> {
        let description = Some(description.to_owned());
        mark(&ToolDefinition { description, ..ToolDefinition::new("t", json!({})) })
    }

    #[test]
    fn a_description_says_that_its_tool_is_deprecated() {
        for (text, expected) in [
            (
                "Read a file as text. DEPRECATED: Use read_text_file instead.",
                "DEPRECATED: Use read_text_file instead.",
            ),
            ("(Deprecated) Reads a file. More.", "(Deprecated) Reads a file."),
            ("**Deprecated** since 2.0, use x.", "**Deprecated** since 2.0, use x."),
            ("[DEPRECATED] Reads.", "[DEPRECATED] Reads."),
            ("Reads.\n@deprecated use x", "\\@deprecated use x"),
            ("Reads. This tool is deprecated, use x. More.", "This tool is deprecated, use x."),
            ("Reads. Note: this tool is deprecated.", "Note: this tool is deprecated."),
            ("Deprecated. Use x.", "Deprecated."),
        ] {
            assert_eq!(mark_of(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_else_is_deprecated_is_not_the_tool() {
        for text in [
            "Lists deprecated packages.",
            "Deprecated packages are listed.",
            "Finds out whether an API is deprecated. More.",
            "Describes a package, and tells whether it is deprecated.",
            "Reads. The argument `x` is deprecated.",
            "deprecated_calls finds calls.",
            "",
        ] {
            assert_eq!(mark_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_title_says_it_too() {
        let titled = |title: &str| ToolDefinition {
            title: Some(title.to_owned()),
            ..ToolDefinition::new("t", json!({}))
        };
        assert_eq!(mark(&titled("Read File (Deprecated)")).as_deref(), Some("Deprecated."));
        assert!(!is_deprecated(&titled("Find deprecated files")));
    }

    /// A server may send a title of megabytes.
    #[test]
    fn a_title_of_any_length_is_read_once() {
        for title in ["deprecated ", "deprecated", "- deprecated x", "this is  deprecatedly "] {
            let title = Some(format!("a {}", title.repeat(1 << 20)));
            assert!(!is_deprecated(&ToolDefinition { title, ..ToolDefinition::new("t", json!({})) }));
        }
    }
}
