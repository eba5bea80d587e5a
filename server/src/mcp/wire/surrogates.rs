//! Lone surrogates in JSON: `\ud83d`, which JavaScript writes for a string that was cut in the
//! middle of an emoji. It is valid JSON but not valid Unicode, and serde refuses the whole
//! document. Messages that are passed through have U+FFFD in its place.

/// Returns the JSON with U+FFFD for lone surrogates; `None` if it has none.
pub fn replace_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut replaced: Option<Vec<u8>> = None;
    // JSON has backslashes only in strings, so the scan need not know where strings begin.
    let mut at = 0;
    while let Some(next) = json.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        let escape = at + next;
        at = escape + 2;
        let Some(unit) = code_unit(json, escape) else { continue };
        at = escape + 6;
        match unit {
            0xD800..=0xDBFF if matches!(code_unit(json, at), Some(0xDC00..=0xDFFF)) => at += 6,
            0xD800..=0xDFFF => {
                let text = replaced.get_or_insert_with(|| json.to_vec());
                text[escape..escape + 6].copy_from_slice(b"\\ufffd");
            }
            _ => {}
        }
    }
    replaced
}

/// Returns the code unit that is written as `\uXXXX` at `at`.
fn code_unit(json: &[u8], at: usize) -> Option<u16> {
    let escape = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits =
        std::str::from_utf8(escape).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (json, expected) in [
            (r#"{"a":"x\ud83dy"}"#, Some(r#"{"a":"x\ufffdy"}"#)),
            (r#"["\uDE00\ud83d"]"#, Some(r#"["\ufffd\ufffd"]"#)),
            (r#"["\ud83d\ud83d\ude00"]"#, Some(r#"["\ufffd\ud83d\ude00"]"#)),
            (r#"["\ud83d\ude00 \\ud83d \\\\ud83d \u00e9"]"#, None),
            (r#"["\\\ud83d"]"#, Some(r#"["\\\ufffd"]"#)),
            (r#"["\ud83"]"#, None),
            (r#"["\ud83d"#, Some(r#"["\ufffd"#)),
            ("\\", None),
            ("", None),
        ] {
            assert_eq!(
                replace_lone_surrogates(json.as_bytes()).as_deref(),
                expected.map(str::as_bytes),
                "{json}"
            );
        }
    }
}
