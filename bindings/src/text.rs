//! Text of unknown origin on its way into messages: cut to a length, and without control characters.

use std::borrow::Cow;

/// `text` if it has at most `most` bytes, else its beginning and how much was cut.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most);
    Cow::Owned(format!("{}… ({} bytes more)", &text[..end], text.len() - end))
}

/// One line of a stranger's output, fit for a terminal and a log: at most `most` bytes, without control characters
/// (and so without the escape sequences that could move the cursor or change the title).
pub(crate) fn printable(line: &[u8], most: usize) -> String {
    let cut = &line[..line.len().min(most)];
    let text = String::from_utf8_lossy(cut);
    let mut out: String = text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < line.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_characters() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("aéb", 2), "a… (3 bytes more)");
    }

    #[test]
    fn lines_lose_control_characters() {
        assert_eq!(printable(b"\x1b[31mred\tone\r\n", 100), " [31mred one");
        assert_eq!(printable(b"\xffabc", 2), "\u{fffd}a…");
    }
}
