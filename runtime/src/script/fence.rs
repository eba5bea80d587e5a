//! Blanks Markdown fences and the prose around them, the byte order mark and the hashbang line.
//! Positions stay.

use std::borrow::Cow;

use super::diagnostic::{Diagnostic, ONLY_CODE};
use super::edits::blank_into;

/// Returns the code within one Markdown fence around the whole text, or else the text itself.
///
/// A fence is a line of at least three backticks or tildes, with or without the name of a language;
/// only blank lines, or a word and a colon, may precede it. It ends with the last line that closes
/// it. A missing end is allowed: a model's answer may be cut off after complete code.
pub(super) fn open(source: &str) -> Result<Cow<'_, str>, Diagnostic> {
    let start = announcement(source, preamble(source, false));
    let first = line_end(source, start);
    let Some((mark, length)) = fence(&source[start..first]) else {
        return Ok(blank_preamble(source));
    };
    // A line with further backticks is a template literal.
    if mark == '`' && source[start..first].trim_start()[length..].contains('`') {
        return Ok(blank_preamble(source));
    }
    let (mut close, mut after) = (source.len(), None);
    let mut at = next_line(source, first);
    while at < source.len() {
        let end = line_end(source, at);
        let line = &source[at..end];
        match fence(line) {
            // Another fence begins right after the end of this one.
            Some((m, n))
                if m == mark
                    && n >= length
                    && line.trim().len() == n
                    && close < source.len()
                    && after.is_none() =>
            {
                return Err(several(at));
            }
            Some((m, n)) if m == mark && n >= length && line.trim().len() == n => (close, after) = (at, None),
            _ if close < source.len() && !line.trim().is_empty() => {
                after.get_or_insert(at + line.len() - line.trim_start().len());
            }
            _ => {}
        }
        at = next_line(source, end);
    }
    if let Some(at) = after {
        return Err(
            Diagnostic::new(at as u32, "There is text after the closing Markdown fence.").hint(ONLY_CODE)
        );
    }
    let code = next_line(source, first).min(close);
    let code = code + preamble(&source[code..close], true);
    let mut text = String::with_capacity(source.len());
    blank_into(&mut text, &source[..code]);
    text.push_str(&source[code..close]);
    blank_into(&mut text, &source[close..]);
    Ok(Cow::Owned(text))
}

/// The fences in a text that is not a valid script.
pub(super) enum Fenced {
    /// There is no fence, or it belongs to the code around it (a comment with an example).
    None,
    /// The code of the only fence, with blanks in place of the rest.
    One(String),
    /// There are several fences.
    Several(Diagnostic),
}

/// Looks for fences with prose around them, in a text that does not parse.
pub(super) fn within_prose(source: &str) -> Fenced {
    let mut found: Option<(usize, usize)> = None;
    let mut open: Option<(char, usize)> = None;
    let mut at = 0;
    while at < source.len() {
        let end = line_end(source, at);
        let line = &source[at..end];
        let next = next_line(source, end);
        match (open, fence(line)) {
            (None, Some((mark, length))) if mark != '`' || !line.trim_start()[length..].contains('`') => {
                if found.is_some() {
                    return Fenced::Several(several(at));
                }
                (open, found) = (Some((mark, length)), Some((next, source.len())));
            }
            (Some((mark, length)), Some((m, n))) if m == mark && n >= length && line.trim().len() == n => {
                (open, found) = (None, found.map(|found| (found.0, at)));
            }
            (None, _) if is_code(line) => return Fenced::None,
            _ => {}
        }
        at = next;
    }
    let Some((start, end)) = found else { return Fenced::None };
    let start = start.min(end);
    let code = start + preamble(&source[start..end], true);
    let mut text = String::with_capacity(source.len());
    blank_into(&mut text, &source[..code]);
    text.push_str(&source[code..end]);
    blank_into(&mut text, &source[end..]);
    Fenced::One(text)
}

fn several(at: usize) -> Diagnostic {
    Diagnostic::new(at as u32, "There are several Markdown fences: it is not clear which one is the script.")
        .hint("Send one script, without prose or in a single fence.")
}

/// Returns `true` if a line outside of fences looks like code. The fence is then an example in a
/// comment or a string.
fn is_code(line: &str) -> bool {
    const BEGINNINGS: [&str; 15] = [
        "//",
        "/*",
        "*/",
        "import ",
        "export ",
        "const ",
        "let ",
        "var ",
        "function ",
        "async ",
        "return ",
        "await ",
        "class ",
        "interface ",
        "}",
    ];
    let line = line.trim();
    line.ends_with([';', '{', '`']) || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// Returns the beginning of a fence after one word and a colon ("Here:"), or else `start`. As code,
/// this would be a label and a template literal.
fn announcement(source: &str, start: usize) -> usize {
    let end = line_end(source, start);
    let Some(word) = source[start..end].trim_end().strip_suffix(':') else { return start };
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) {
        return start;
    }
    let next = end + preamble(&source[end..], false);
    match fence(&source[next..line_end(source, next)]) {
        Some(('`', _)) => next,
        _ => start,
    }
}

/// Returns the text with the byte order mark and the hashbang line blanked.
pub(super) fn blank_preamble(source: &str) -> Cow<'_, str> {
    let end = preamble(source, true);
    if !source[..end].contains(['\u{feff}', '#']) {
        return Cow::Borrowed(source);
    }
    let mut text = String::with_capacity(source.len());
    blank_into(&mut text, &source[..end]);
    text.push_str(&source[end..]);
    Cow::Owned(text)
}

/// Returns the length of the text before the first token: byte order mark, blanks and, if asked, a
/// hashbang line.
fn preamble(source: &str, hashbang: bool) -> usize {
    let start =
        source.len() - source.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
    if hashbang && source[start..].starts_with("#!") { line_end(source, start) } else { start }
}

fn fence(line: &str) -> Option<(char, usize)> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    (length >= 3).then_some((mark, length))
}

fn line_end(source: &str, from: usize) -> usize {
    source[from..].find(['\n', '\r']).map_or(source.len(), |n| from + n)
}

fn next_line(source: &str, end: usize) -> usize {
    let rest = &source[end..];
    end + if rest.starts_with("\r\n") { 2 } else { usize::from(!rest.is_empty()) }
}
