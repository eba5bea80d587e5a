//! The first sentence of a description.

use super::comment::comment;

/// Returns the first sentence of `text` on one line, cut after `max_chars` characters.
pub(crate) fn first_sentence(text: &str, max_chars: usize) -> String {
    let clean = comment(text, max_chars * 8 + 64);
    let mut out = String::new();
    for (length, c) in clean[..sentence_end(&clean)].split_whitespace().flat_map(spaced).enumerate() {
        // The space before the first word is left out.
        if length == 0 {
            continue;
        }
        if length > max_chars {
            return cut_at_word(&out);
        }
        out.push(c);
    }
    out
}

fn spaced(word: &str) -> impl Iterator<Item = char> {
    std::iter::once(' ').chain(word.chars())
}

/// Returns the byte offset at which the first sentence of a [clean](comment) text ends.
///
/// A paragraph ends a sentence too, because a heading such as "Notion | List users" has no full
/// stop.
pub(crate) fn sentence_end(clean: &str) -> usize {
    let paragraph = clean.split("\n\n").next().unwrap_or("");
    let mut chars = paragraph.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => {
                chars.peek().is_none_or(|(_, next)| next.is_whitespace())
                    && !is_abbreviation(&paragraph[..end])
            }
            _ => false,
        };
        if ends {
            return end;
        }
    }
    paragraph.len()
}

fn is_abbreviation(text: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs.", "cf.", "approx."].iter().any(|short| text.ends_with(short))
}

/// Cuts `text` before its last word, if that keeps more than half of it, and adds an ellipsis.
fn cut_at_word(text: &str) -> String {
    let kept = text.rfind(' ').filter(|at| at * 2 > text.len()).unwrap_or(text.len());
    format!("{}…", text[..kept].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_at_a_full_stop_or_a_paragraph() {
        assert_eq!(
            first_sentence("Reads a file, e.g. a.txt or b.txt. Then more.", 99),
            "Reads a file, e.g. a.txt or b.txt."
        );
        assert_eq!(first_sentence("Notion | List users\nError:\n400", 99), "Notion | List users Error: 400");
        assert_eq!(first_sentence("Head\n\nBody.", 99), "Head");
        assert_eq!(first_sentence("讀取檔案。然後。", 99), "讀取檔案。");
        assert_eq!(first_sentence("one two three four", 10), "one two…");
    }
}
