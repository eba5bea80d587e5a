//! Indents JSON, and groups the digits of numbers.

/// Indents `json`, which must be valid JSON. Works on the text, because parsing would change the
/// digits of numbers and limit the nesting.
pub fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 4);
    let mut depth = 0_usize;
    let mut rest = json.trim();
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = after;
        match letter {
            '"' => {
                let end = string_end(after);
                text.push('"');
                text.push_str(&after[..end]);
                rest = &after[end..];
            }
            '{' | '[' => {
                text.push(letter);
                let inner = after.trim_start();
                if inner.starts_with(['}', ']']) {
                    text.push_str(&inner[..1]);
                    rest = &inner[1..];
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            blank if blank.is_ascii_whitespace() => {}
            other => text.push(other),
        }
    }
    text
}

/// Returns the offset behind the closing quote of a string whose opening quote precedes `text`.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The deepest level that is indented. With a thousand levels, blanks would take a megabyte.
const MAX_INDENTED_DEPTH: usize = 40;

/// Begins a line.
fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth.min(MAX_INDENTED_DEPTH)));
}

/// Formats 1048576 as `1,048,576`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_048_576), "1,048,576");
    }

    #[test]
    fn json_is_indented_and_keeps_its_digits() {
        assert_eq!(indented("1e400"), "1e400");
        assert_eq!(indented(r#""a{\"}[""#), r#""a{\"}[""#);
        assert_eq!(indented("{ }"), "{}");
        assert_eq!(
            indented(r#"{"a":[1,{"b":"x: {,}"},[]],"c":null}"#),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x: {,}\"\n    },\n    []\n  ],\n  \"c\": null\n}"
        );
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_explodes() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(indented(&deep).len() < 200_000 * 82);
    }
}
