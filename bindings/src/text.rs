//! Foreign text for messages, logs and terminals: shortened, and without characters that act.
//!
//! A terminal obeys control characters (C0, DEL and C1), a bidirectional override reorders text,
//! and a line break makes one message look like two. Such characters are shown as U+FFFD, and a
//! line break within a line as `␤`.

use std::borrow::Cow;
use std::fmt::Write as _;

use isolet_tsdefs::is_invisible;

/// The longest text of a server that is put into a message.
pub(crate) const MAX_UPSTREAM_TEXT_BYTES: usize = 8 * 1024;

/// Shown for a line break in a text that must be one line.
const LINE_BREAK: char = '␤';

/// Returns whether a terminal would obey `c`, or take it for the end of a line: control characters
/// (C0, DEL, C1), marks of direction, and the separators of lines and paragraphs.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Makes `text` one line: line breaks become `␤`, tabs become blanks, and other unprintable
/// characters U+FFFD.
pub fn line(text: &str) -> Cow<'_, str> {
    fit(text.trim_end_matches(is_break), |c| match c {
        '\t' => ' ',
        _ if is_break(c) => LINE_BREAK,
        _ => char::REPLACEMENT_CHARACTER,
    })
}

/// Makes `text` fit to be shown as lines: line breaks and tabs stay, and other unprintable
/// characters become U+FFFD.
pub fn block(text: &str) -> Cow<'_, str> {
    fit(text, |c| match c {
        '\t' | '\n' => c,
        _ => char::REPLACEMENT_CHARACTER,
    })
}

/// Escapes unprintable characters in JSON. Its meaning does not change, because valid JSON has them
/// only in strings.
pub fn json(json: &str) -> Cow<'_, str> {
    // Those below U+0020 are escaped already, or are blanks between tokens.
    let unfit = |c: char| c >= '\u{7f}' && is_unprintable(c);
    if !json.contains(unfit) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match unfit(c) {
            true => drop(write!(text, "\\u{:04x}", u32::from(c))),
            false => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// Escapes unprintable and invisible characters, such as blanks without a width, marks of direction
/// and tags. A model reads them, but a person does not see them.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_unprintable(letter) || is_invisible(letter) {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    shown
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Replaces unprintable characters. CR LF counts as one line break.
fn fit(text: &str, shown: impl Fn(char) -> char) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\r' && letters.peek() == Some(&'\n') {
            continue;
        }
        out.push(if is_unprintable(letter) { shown(letter) } else { letter });
    }
    Cow::Owned(out)
}

/// Returns the line and the column, in characters, of byte `offset` in `text`; both are counted
/// from 1.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    // Bytes that continue a character do not count.
    let column = 1 + before[line_start..].iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    (line, column)
}

/// Returns `text` if it has at most `most` bytes, or else its beginning and the number of omitted
/// bytes.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most);
    Cow::Owned(format!("{}… ({} bytes more)", &text[..end], text.len() - end))
}

/// Writes bytes as lowercase hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Joins an error and its causes. A cause that the text already contains is omitted.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Joins the parts that exist into one line; `None` if there are none.
pub(crate) fn joined(parts: [Option<String>; 3]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Makes foreign bytes one line for terminals and logs, with at most `most` of them.
pub(crate) fn printable(bytes: &[u8], most: usize) -> String {
    let cut = &bytes[..bytes.len().min(most)];
    let text = String::from_utf8_lossy(cut);
    let mut out = line(text.trim_end()).into_owned();
    if cut.len() < bytes.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const POISON: &str = "a\u{1b}[31m\u{9b}5m\u{9d}52;c;eA==\u{9c}\r\nisolet: forged\u{202e}\u{2028}\u{7f}b";

    #[test]
    fn positions_count_characters() {
        assert_eq!(line_and_column("a\nbé = 1", 0), (1, 1));
        assert_eq!(line_and_column("a\nbé = 1", 6), (2, 4));
        assert_eq!(line_and_column("ab", 99), (1, 3));
    }

    #[test]
    fn text_is_shortened_at_character_boundaries() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("aéb", 2), "a… (3 bytes more)");
    }

    #[test]
    fn bytes_become_a_line() {
        assert_eq!(printable(b"\x1b[31mred\tone\r\n", 100), "\u{fffd}[31mred one");
        assert_eq!(printable(b"\xffabc", 2), "\u{fffd}a…");
    }

    #[test]
    fn no_unprintable_character_is_left() {
        assert_eq!(
            line(POISON),
            "a\u{fffd}[31m\u{fffd}5m\u{fffd}52;c;eA==\u{fffd}␤isolet: forged\u{fffd}␤\u{fffd}b"
        );
        assert_eq!(
            block(POISON),
            "a\u{fffd}[31m\u{fffd}5m\u{fffd}52;c;eA==\u{fffd}\nisolet: forged\u{fffd}\u{fffd}\u{fffd}b"
        );
        let every: String =
            (0..0x11_0000).filter_map(char::from_u32).filter(|c| is_unprintable(*c)).collect();
        assert_eq!(every.chars().count(), 65 + 3 + 7 + 4);
        assert!(!line(&every).contains(is_unprintable));
        assert!(!block(&every).contains(|c| is_unprintable(c) && c != '\n' && c != '\t'));
        assert!(matches!(line("é ✓ 👩\u{200d}🚀 שלום"), Cow::Borrowed(_)), "what is fit stays");
        assert_eq!(line("the end\n"), "the end");
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let value = serde_json::json!({ POISON: [POISON, "é", 1.5] });
        let text = value.to_string();
        let shown = json(&text);
        assert!(!shown.contains(is_unprintable), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(json("{\n  \"a\": \"\\u001b\"\n}"), "{\n  \"a\": \"\\u001b\"\n}");
    }
}
