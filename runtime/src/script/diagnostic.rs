//! Syntax errors: messages, positions, hints.

use oxc_diagnostics::OxcDiagnostic;

/// A syntax error of a caller's text. Its reader is often a model that will try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct SyntaxError {
    /// The message.
    pub message: String,
    /// Line in the text that the caller sent, from 1.
    pub line: u32,
    /// Column in that line, from 1, in UTF-16 units.
    pub column: u32,
    /// Advice about it.
    pub hint: Option<String>,
}

/// A syntax error whose position is a byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnostic {
    pub at: u32,
    pub message: String,
    pub hint: Option<String>,
    /// Set if `lower` can perhaps rewrite the text.
    pub lowers: bool,
}

impl Diagnostic {
    pub fn new(at: u32, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None, lowers: false }
    }

    /// An error about TypeScript that `lower` can rewrite.
    pub fn lowering(at: u32, message: impl Into<String>) -> Self {
        Self { lowers: true, ..Self::new(at, message) }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn locate(self, text: &str) -> SyntaxError {
        let (line, column) = position(text, self.at as usize);
        SyntaxError { message: self.message, line, column, hint: self.hint }
    }
}

/// Returns the line and column of a byte offset, from 1, with columns in UTF-16 units. Lines end as
/// in JavaScript.
pub(crate) fn position(text: &str, at: usize) -> (u32, u32) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (mut line, mut column) = (1, 1);
    let mut chars = text[..at].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // The line feed after it ends the line, if it is before `at` too.
            '\r' if chars.peek() == Some(&'\n') || text[at..].starts_with('\n') && chars.peek().is_none() => {
                column += 1
            }
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => (line, column) = (line + 1, 1),
            _ => column += c.len_utf16() as u32,
        }
    }
    (line, column)
}

/// Returns the byte offset at which a line begins. Lines count from 1. Returns `None` past the last
/// line.
pub fn line_start(text: &str, line: u32) -> Option<usize> {
    let mut at = 0;
    for _ in 1..line {
        let rest = &text[at..];
        let end = rest.find(super::edits::is_line_terminator)?;
        let length = if rest[end..].starts_with("\r\n") { 2 } else { rest[end..].chars().next()?.len_utf8() };
        at += end + length;
    }
    Some(at)
}

/// Returns the first error of the parser, in plain words.
pub(super) fn from_diagnostics<'d>(
    text: &str,
    all: impl IntoIterator<Item = &'d OxcDiagnostic>,
) -> Option<Diagnostic> {
    let offset = |d: &OxcDiagnostic| d.labels.iter().next().map_or(0, |label| label.offset());
    let first = all.into_iter().min_by_key(|d| offset(d))?;
    let mut at = offset(first) as usize;
    let mut message = first
        .message
        .replace("`EOF`", "the end of the text")
        .replace("`Undetermined`", "an invalid character");
    // The parser points at the end of the statement; the unexpected token after it is more helpful.
    let missing_semicolon = message.starts_with("Expected a semicolon");
    if missing_semicolon {
        at = text.len() - text.get(at..).unwrap_or("").trim_start().len();
    }
    if missing_semicolon || message == "Unexpected token" {
        message = match token(text, at) {
            "" => "Unexpected end of the text".into(),
            token => format!("Unexpected `{token}`"),
        };
    }
    if !message.ends_with('.') {
        message.push('.');
    }
    let opening = first.labels.get(1).map(|label| label.offset() as usize);
    let hint = hint(text, at, &message, opening)
        .or_else(|| missing_semicolon.then(|| UNFINISHED.into()))
        .or_else(|| first.help.as_ref().map(|help| sentence(help)));
    Some(Diagnostic { at: at as u32, message, hint, lowers: false })
}

fn sentence(help: &str) -> String {
    let mut help = help.to_owned();
    if !help.ends_with(['.', '?', '!']) {
        help.push('.');
    }
    help
}

/// Returns the word or character at an offset.
fn token(text: &str, at: usize) -> &str {
    let Some(rest) = text.get(at..) else { return "" };
    let word = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(rest.len());
    let end = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
    // A name can be a megabyte long.
    rest.char_indices().nth(40).map_or(&rest[..end], |(limit, _)| &rest[..end.min(limit)])
}

pub(super) const ONLY_CODE: &str =
    "The text must be only code: remove the prose around it (one Markdown fence around all of it is fine).";
pub(super) const NO_JSX: &str = "JSX is not supported: build the value with plain function calls or strings.";
pub(super) const NEEDS_TYPESCRIPT: &str =
    "This is TypeScript: send it as TypeScript (Content-Type: text/typescript), or remove the types.";

const UNFINISHED: &str =
    "What stands before it is a complete statement: an operator, a comma or a semicolon is missing.";

/// Returns a hint about a common mistake.
fn hint(text: &str, at: usize, message: &str, opening: Option<usize>) -> Option<String> {
    let rest = text.get(at..).unwrap_or("");
    let first = rest.chars().next();
    if matches!(first, Some('\u{2018}'..='\u{201f}' | '\u{2032}' | '\u{2033}' | '\u{ff02}' | '\u{ff07}')) {
        return Some("Use plain quotes (' or \") instead of typographic ones.".into());
    }
    if message.starts_with("Unterminated string") {
        return Some(match first {
            Some('`') => "The template literal is never closed: add the closing backtick.".into(),
            _ => "A quoted string ends on its own line: close the quote, or use backticks for text of several lines.".into(),
        });
    }
    if prose(text, at) {
        return Some(ONLY_CODE.into());
    }
    if let Some(opening) = opening.filter(|&o| o < at && message.starts_with("Expected `")) {
        let (line, column) = position(text, opening);
        return Some(format!(
            "The `{}` at line {line}, column {column} is not closed.",
            token(text, opening)
        ));
    }
    if message.contains("the end of the text") || message == "Unexpected end of the text." {
        return Some("Something opened earlier is not closed, or the text was cut off.".into());
    }
    None
}

/// Returns `true` if the text seems to be a message with code in it.
fn prose(text: &str, at: usize) -> bool {
    if text.lines().any(|line| line.trim_start().starts_with("```")) {
        return true;
    }
    // "Here is the script:", where the parser stops in the first line that is not blank.
    let Some(first) = text.lines().find(|line| !line.trim().is_empty()) else { return false };
    let start = first.as_ptr() as usize - text.as_ptr() as usize;
    let mut words = first.split_whitespace();
    at <= start + first.len()
        && words.next().is_some_and(|w| {
            w.starts_with(|c: char| c.is_uppercase()) && w.chars().all(|c| c.is_alphabetic() || c == '\'')
        })
        && words.next().is_some_and(|w| w.chars().all(|c| c.is_alphabetic() || ",'".contains(c)))
}
