//! Numbers that fit neither into 64 bits nor into a double, in results that are passed through.
//!
//! rmcp holds results as `serde_json::Value`, which rounds such numbers. So inside rmcp such a
//! number is a marked string, and where messages are written it becomes the number again.
//! `arbitrary_precision` of serde_json is not an option: it breaks rmcp's untagged enums.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::OnceLock;

use bytes::Bytes;

/// The length below which all numbers without an exponent are exact.
const MIN_BIG_BYTES: usize = 16;

/// The length of a number that is kept exact.
const MAX_BIG_BYTES: usize = 1024;

/// The mark, generated with the first number that needs it. It is secret, because a server that
/// knew it could turn its own strings into numbers.
static MARK: OnceLock<String> = OnceLock::new();

fn mark() -> &'static str {
    MARK.get_or_init(|| {
        let random = || RandomState::new().build_hasher().finish();
        format!("isolet-number-{:016x}{:016x}-", random(), random())
    })
}

/// Returns the JSON text with such numbers as marked strings; `None` if it has none.
pub fn mark_numbers(json: &str) -> Option<String> {
    let mut text = String::new();
    let mut copied = 0;
    let mut scanner = NumberScanner { json: json.as_bytes(), at: 0 };
    while let Some((begin, end)) = scanner.next_number() {
        if is_rounded(&json[begin..end]) {
            text.push_str(&json[copied..begin]);
            text.push('"');
            text.push_str(mark());
            text.push_str(&json[begin..end]);
            text.push('"');
            copied = end;
        }
    }
    (copied > 0).then(|| text + &json[copied..])
}

/// Returns a message with its marked strings as numbers, as it is sent.
pub fn restore(message: Vec<u8>) -> Vec<u8> {
    match restore_numbers(&message) {
        Cow::Borrowed(_) => message,
        Cow::Owned(restored) => restored,
    }
}

/// Does the same with a body, or with a part of one that has whole messages.
pub fn restore_bytes(body: Bytes) -> Bytes {
    match restore_numbers(&body) {
        Cow::Borrowed(_) => body,
        Cow::Owned(restored) => restored.into(),
    }
}

fn restore_numbers(message: &[u8]) -> Cow<'_, [u8]> {
    let Some(mark) = MARK.get() else { return Cow::Borrowed(message) };
    let Ok(text) = std::str::from_utf8(message) else { return Cow::Borrowed(message) };
    let mut parts = text.split(mark.as_str());
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else {
        return Cow::Borrowed(message);
    };
    let mut whole = first.to_owned();
    for part in parts {
        let end = part.find(|letter: char| !is_numeric(letter)).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        // In a text block that has the result as JSON, the quotes are escaped.
        for quote in ["\\\"", "\""] {
            if let (Some(before), Some(after)) = (whole.strip_suffix(quote), rest.strip_prefix(quote)) {
                let length = before.len();
                whole.truncate(length);
                whole.push_str(number);
                whole.push_str(after);
                break;
            }
        }
    }
    Cow::Owned(whole.into_bytes())
}

fn is_numeric(letter: char) -> bool {
    letter.is_ascii_digit() || "+-.eE".contains(letter)
}

/// Returns `true` if a `Value` would hold another number, or write it differently.
fn is_rounded(number: &str) -> bool {
    if !(MIN_BIG_BYTES..=MAX_BIG_BYTES).contains(&number.len()) {
        // A short number with a large exponent would become infinite.
        return number.len() < MIN_BIG_BYTES && number.parse::<f64>().is_ok_and(f64::is_infinite);
    }
    if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return number.parse::<i64>().is_err() && number.parse::<u64>().is_err();
    }
    // The double is exact if it is written as the same number.
    let double = number.parse().ok().and_then(serde_json::Number::from_f64);
    double.is_none_or(|double| double.to_string() != number)
}

/// Finds numbers outside of strings.
struct NumberScanner<'a> {
    json: &'a [u8],
    at: usize,
}

impl NumberScanner<'_> {
    fn next_number(&mut self) -> Option<(usize, usize)> {
        while let Some(&byte) = self.json.get(self.at) {
            match byte {
                b'"' => self.skip_string(),
                b'-' | b'0'..=b'9' => {
                    let begin = self.at;
                    let rest = &self.json[begin..];
                    let length = rest.iter().position(|byte| !is_numeric(char::from(*byte)));
                    self.at = length.map_or(self.json.len(), |length| begin + length);
                    return Some((begin, self.at));
                }
                _ => self.at += 1,
            }
        }
        None
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(&byte) = self.json.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_numbers_that_would_be_rounded_are_marked() {
        for number in [
            "0",
            "-1",
            "1e300",
            "18446744073709551615",
            "-9223372036854775808",
            "9007199254740993",
            "0.1",
            "0.30000000000000004",
        ] {
            assert_eq!(mark_numbers(&format!("[{number}]")), None, "{number}");
        }
        for number in
            ["123456789012345678901234567890", "18446744073709551616", "1e999", "0.12345678901234567890123"]
        {
            assert!(mark_numbers(&format!("[{number}]")).is_some(), "{number}");
        }
        assert_eq!(
            mark_numbers(r#"{"123456789012345678901234567890":"\" 123456789012345678901234567890"}"#),
            None
        );
        assert_eq!(mark_numbers("\"unfinished \\"), None);
    }

    #[test]
    fn marked_numbers_are_restored_exactly() {
        let given =
            r#"{"a":[123456789012345678901234567890,{"b":-0.12345678901234567890123}],"c":"x","d":7}"#;
        let marked = mark_numbers(given).unwrap();
        let tree: Value = serde_json::from_str(&marked).unwrap();
        assert_eq!(String::from_utf8(restore(serde_json::to_vec(&tree).unwrap())).unwrap(), given);
        // In a text within a message.
        let text = serde_json::to_vec(&json!({ "text": tree.to_string() })).unwrap();
        let text: Value = serde_json::from_slice(&restore_bytes(text.into())).unwrap();
        assert_eq!(text["text"], given);
        assert_eq!(restore(b"\xff".to_vec()), b"\xff");
    }
}
