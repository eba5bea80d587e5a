//! Markdown fences, byte order mark and hashbang. All become blanks, so that positions stay.

use std::borrow::Cow;

use super::edits::blank_into;
use super::fault::{Flaw, ONLY_CODE};

/// The code within one Markdown fence around everything, or the text itself.
///
/// A fence is a line of at least three backticks or tildes, with or without a language behind them; only blank lines, or a
/// word and a colon, may stand before it. It ends with the last line that closes it; a missing end is forgiven, since models get cut off and
/// the code may still be whole.
pub(super) fn open(source: &str) -> Result<Cow<'_, str>, Flaw> {
    let start = announcement(source, preamble(source, false));
    let first = line_end(source, start);
    let Some((mark, length)) = fence(&source[start..first]) else {
        return Ok(blank_preamble(source));
    };
    // With backticks in it the line is a template literal.
    if mark == '`' && source[start..first].trim_start()[length..].contains('`') {
        return Ok(blank_preamble(source));
    }
    let (mut close, mut after) = (source.len(), None);
    let mut at = next_line(source, first);
    while at < source.len() {
        let end = line_end(source, at);
        let line = &source[at..end];
        match fence(line) {
            Some((m, n)) if m == mark && n >= length && line.trim().len() == n => (close, after) = (at, None),
            _ if close < source.len() && !line.trim().is_empty() => {
                after.get_or_insert(at + line.len() - line.trim_start().len());
            }
            _ => {}
        }
        at = next_line(source, end);
    }
    if let Some(at) = after {
        return Err(Flaw::new(at as u32, "There is text after the closing Markdown fence.").hint(ONLY_CODE));
    }
    let code = next_line(source, first).min(close);
    let code = code + preamble(&source[code..close], true);
    let mut text = String::with_capacity(source.len());
    blank_into(&mut text, &source[..code]);
    text.push_str(&source[code..close]);
    blank_into(&mut text, &source[close..]);
    Ok(Cow::Owned(text))
}

/// Where a fence begins that one word and a colon announce ("Here:"); else `start`. To the language these are a label and
/// a template literal, which nobody means.
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

/// The text with a byte order mark and a hashbang line blanked.
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

/// Length of what stands before the first token: byte order mark, blanks and, if asked, a hashbang line.
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
