//! Summaries: the first sentence of a description that other tools do not share.
//!
//! Servers begin the descriptions of all their tools alike ("This tool belongs to the file
//! system."), and their instructions with a heading. A list of first sentences would show the same
//! line for every tool.

use std::collections::HashMap;

use crate::definition::{ServerDefinition, ToolDefinition};
use crate::deprecation;
use crate::text::{comment, first_sentence, sentence_end};

/// The sentences at the beginning that are compared.
const MAX_SHARED_SENTENCES: usize = 4;

/// The bytes of a label before a colon or a bar, such as `Tool description:`.
const MAX_LABEL_BYTES: usize = 24;

/// The bytes of a description that are read.
const MAX_READ_BYTES: usize = 4096;

/// The number of tools that must share a beginning for it to be left out, unless they are half of
/// the server's.
const MIN_SHARING_TOOLS: usize = 3;

/// Returns the first sentence of `text` on one line, cut after `max_chars` characters. A heading is
/// left out where text follows it.
pub fn summary(text: &str, max_chars: usize) -> String {
    first_sentence(&without_heading(&comment(text, MAX_READ_BYTES)), max_chars)
}

/// Returns one sentence for each tool of a server, in order; an empty one for a tool without a
/// description. Sentences and labels that several tools begin with are left out where more text
/// follows. The sentence of a deprecated tool says so.
pub(crate) fn summaries(server: &ServerDefinition, max_chars: usize) -> Vec<String> {
    let texts: Vec<String> = server
        .tools
        .iter()
        .map(|tool| {
            without_heading(&comment(tool.description.as_deref().unwrap_or_default(), MAX_READ_BYTES))
        })
        .collect();
    let mut rests: Vec<&str> = texts.iter().map(String::as_str).collect();
    let described = rests.iter().filter(|text| !text.is_empty()).count();
    let several = |count: usize| count >= MIN_SHARING_TOOLS || count >= 2 && count * 2 >= described;
    let mut sharing: Vec<usize> = (0..rests.len()).collect();
    for _ in 0..MAX_SHARED_SENTENCES {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for at in &sharing {
            *counts.entry(first(rests[*at])).or_default() += 1;
        }
        sharing.retain(|at| {
            let sentence = first(rests[*at]);
            let rest = rests[*at][sentence.len()..].trim_start();
            // The mark of a deprecated tool says nothing of what it does.
            let skipped = !sentence.is_empty()
                && !rest.is_empty()
                && several(counts[sentence])
                && !deprecation::says_so(&first(rest).to_ascii_lowercase());
            if skipped {
                rests[*at] = rest;
            }
            skipped
        });
    }
    let mut labels: HashMap<&str, usize> = HashMap::new();
    for rest in &rests {
        *labels.entry(label(rest)).or_default() += 1;
    }
    let sentence = |(rest, tool): (&&str, &ToolDefinition)| {
        let label = label(rest);
        let is_left_out = several(labels[label]) && !deprecation::says_so(&label.to_ascii_lowercase());
        let rest = if is_left_out { rest[label.len()..].trim_start() } else { rest };
        match deprecation::mark(tool) {
            Some(mark) => with_mark(rest, &mark, max_chars),
            None => first_sentence(rest, max_chars),
        }
    };
    rests.iter().zip(&server.tools).map(sentence).collect()
}

/// Returns the first sentence with the mark of a deprecated tool, which is not cut.
fn with_mark(text: &str, mark: &str, max_chars: usize) -> String {
    let whole = first_sentence(text, max_chars);
    if whole.contains(mark) || deprecation::says_so(&whole.to_ascii_lowercase()) {
        return whole;
    }
    let mut sentence = first_sentence(text, max_chars.saturating_sub(mark.chars().count() + 2));
    if sentence.ends_with(char::is_alphanumeric) {
        sentence.push('.');
    }
    if !sentence.is_empty() {
        sentence.push(' ');
    }
    sentence + mark
}

/// Returns the first sentence.
fn first(text: &str) -> &str {
    text[..sentence_end(text)].trim_end()
}

/// Returns a label such as `Tool description:` or `Notion |` at the start of `text`, if more text
/// follows it; else an empty text.
fn label(text: &str) -> &str {
    let Some(at) = text.find([':', '|']).filter(|at| *at <= MAX_LABEL_BYTES) else { return "" };
    let words = text[..at].chars().all(|letter| letter.is_alphabetic() || letter == ' ');
    let follows = text[at + 1..].starts_with(' ') && !text[at + 1..].trim().is_empty();
    if at > 0 && words && follows { &text[..=at] } else { "" }
}

/// Returns the text behind Markdown headings, or the last heading without its marks if no text
/// follows.
fn without_heading(text: &str) -> String {
    let mut rest = text.trim_start();
    let mut heading = "";
    while rest.starts_with('#') {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        let words = line.trim_matches(|letter: char| letter == '#' || letter.is_whitespace());
        if !words.is_empty() {
            heading = words;
        }
        rest = behind.trim_start();
    }
    if rest.is_empty() { heading.to_owned() } else { rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summaries_of(descriptions: &[&str]) -> Vec<String> {
        let tool = |text: &&str| ToolDefinition {
            description: Some((*text).to_owned()),
            ..ToolDefinition::new("t", json!({}))
        };
        summaries(&ServerDefinition::new("s", descriptions.iter().map(tool).collect()), 160)
    }

    #[test]
    fn sentences_that_all_tools_begin_with_are_left_out() {
        assert_eq!(
            summaries_of(&[
                "This tool belongs to X. Copies a file. More.",
                "This tool belongs to X. Moves a file."
            ]),
            ["Copies a file.", "Moves a file."]
        );
        let long = "This tool belongs to the file system. It is simple, e.g. small.\nTool description: ";
        let texts = ["Copies.", "Moves.", "Deletes."].map(|text| format!("{long}{text} And so on."));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(summaries_of(&texts), ["Copies.", "Moves.", "Deletes."]);
        assert_eq!(
            summaries_of(&["Notion | List users\nError", "Notion | Get a page", ""])[..2],
            ["List users Error", "Get a page"]
        );
    }

    #[test]
    fn a_sentence_stays_if_no_text_follows() {
        assert_eq!(summaries_of(&["Lists issues.", "Lists issues."]), ["Lists issues.", "Lists issues."]);
        let few = ["Gets a user. By id.", "Gets a user. By name.", "Lists.", "Adds.", "Drops.", ""];
        assert_eq!(summaries_of(&few)[..2], ["Gets a user.", "Gets a user."]);
        assert_eq!(summaries_of(&["Time: now", "Date: today"]), ["Time: now", "Date: today"]);
    }

    #[test]
    fn a_deprecated_tool_keeps_its_mark() {
        assert_eq!(
            summaries_of(&["Reads a file as text. DEPRECATED: Use x instead. More.", "Moves. By name."]),
            ["Reads a file as text. DEPRECATED: Use x instead.", "Moves."]
        );
        assert_eq!(
            summaries_of(&["Deprecated: use a. Lists.", "Deprecated: use b. Finds."]),
            ["Deprecated: use a.", "Deprecated: use b."]
        );
        let long = format!("Reads {} file. Nothing more. This tool is deprecated.", "very ".repeat(60));
        let sentence = &summaries_of(&[&long])[0];
        assert!(sentence.ends_with("very… This tool is deprecated.") && sentence.len() <= 164, "{sentence}");
        assert_eq!(summaries_of(&["Reads a file\nDeprecated: use x"]), ["Reads a file Deprecated: use x"]);
        assert_eq!(summaries_of(&["[Deprecated] Reads a file. More."]), ["[Deprecated] Reads a file."]);
    }

    #[test]
    fn headings_are_not_sentences() {
        assert_eq!(summary("# Server – Instructions\n\n## Use\nCall it. Then.", 99), "Call it.");
        assert_eq!(
            summary("# Everything Server – Server Instructions", 99),
            "Everything Server – Server Instructions"
        );
        assert_eq!(summary("Plain. Text", 99), "Plain.");
        assert_eq!(summary("#\n#", 99), "");
    }
}
