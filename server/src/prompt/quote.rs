//! Quoting and cutting text of servers.

use serde_json::Value;

/// The length of a name that is shown. The protocol advises 128 bytes; a longer one is more likely
/// a message to the model.
pub const MAX_NAME_BYTES: usize = 128;

/// Returns the text as a string literal on one line, which a model cannot mistake for anything
/// else.
pub fn quoted(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    // JSON does not escape these two line breaks of Unicode.
    let plain = plain.replace(['\u{2028}', '\u{2029}'], " ");
    Value::from(plain).to_string()
}

/// Returns the beginning of `text`, at most `max_bytes` long.
pub fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
