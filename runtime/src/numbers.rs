//! Finds integers in JSON text that JavaScript's numbers cannot represent exactly.
//!
//! Results can have 10 MB, and few contain such an integer: at first, only every sixteenth byte is
//! checked, to find sixteen digits in a row. If there are such, the text is read once to find
//! strings and the names of fields.

use crate::{Warning, WarningCode};

/// The number of digits of the smallest such integers. 2^53 has sixteen.
const MIN_DIGITS: usize = 16;

/// The number of levels that a path shows.
const MAX_PATH_DEPTH: usize = 32;

/// The number of characters of a path, or of digits, that are shown.
const MAX_SHOWN_CHARS: usize = 120;

/// The integers that JavaScript rounds in a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoundedIntegers {
    /// The path of the first one, such as `.items[].id`.
    path: String,
    digits: String,
    arrives: String,
    count: usize,
}

impl RoundedIntegers {
    /// Returns the warning about the result of a tool.
    pub(crate) fn warning(&self, server: &str, tool: &str) -> Warning {
        let short = |text: &str| text.chars().take(64).collect::<String>();
        let (server, tool) = (short(server), short(tool));
        let more = match self.count {
            1 => String::new(),
            many => format!(", one of {many} such integers in this result"),
        };
        let field = if self.path.is_empty() { "the result" } else { &self.path };
        let message = format!(
            "A number in the result of {server}.{tool} was rounded: {field} is {} and arrived as {}{more}. JavaScript's \
             numbers are exact up to 2^53 only. `await env[{server:?}].$exact({tool:?}, {{ … }})` gives the same value with \
             such integers as BigInt, which the input of a tool and the result of a script carry exactly.",
            self.digits, self.arrives
        );
        Warning::new(WarningCode::RoundedNumber, &message)
    }
}

/// Finds the integers of a JSON text that JavaScript would round.
pub(crate) fn rounded(json: &[u8]) -> Option<RoundedIntegers> {
    if has_long_run(json) { JsonScanner::new(json).read() } else { None }
}

/// Returns `true` if the text has [`MIN_DIGITS`] digits in a row.
fn has_long_run(text: &[u8]) -> bool {
    let mut at = MIN_DIGITS - 1;
    while let Some(byte) = text.get(at) {
        if !byte.is_ascii_digit() {
            at += MIN_DIGITS;
            continue;
        }
        let before = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let behind = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if before + behind >= MIN_DIGITS {
            return true;
        }
        // The next digits begin after the byte that ended these.
        at += behind + MIN_DIGITS;
    }
    false
}

/// A reader of JSON text that knows strings, numbers and the names of fields.
struct JsonScanner<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
    /// The field or list at each level.
    steps: [Step; MAX_PATH_DEPTH],
    found: Option<RoundedIntegers>,
}

#[derive(Clone, Copy)]
enum Step {
    List,
    /// The offsets of the key, without its quotes.
    Field(usize, usize),
}

impl<'t> JsonScanner<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, depth: 0, steps: [Step::Field(0, 0); MAX_PATH_DEPTH], found: None }
    }

    fn read(mut self) -> Option<RoundedIntegers> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => self.number(),
                b'{' | b'[' => {
                    if let Some(step) = self.steps.get_mut(self.depth) {
                        *step = if byte == b'[' { Step::List } else { Step::Field(0, 0) };
                    }
                    self.depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.found
    }

    fn string(&mut self) {
        let start = self.at + 1;
        let mut end = start;
        while let Some(&byte) = self.text.get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at = (end + 1).min(self.text.len());
        let blanks = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if self.text.get(self.at + blanks) == Some(&b':')
            && let Some(step) = self.depth.checked_sub(1).and_then(|level| self.steps.get_mut(level))
        {
            *step = Step::Field(start, end.min(self.text.len()));
        }
    }

    fn number(&mut self) {
        let start = self.at;
        let length = self.text[start..]
            .iter()
            .take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
            .count();
        self.at += length;
        let number = &self.text[start..self.at];
        let digits = number.strip_prefix(b"-").unwrap_or(number);
        if digits.len() < MIN_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
            return;
        }
        let Ok(text) = std::str::from_utf8(number) else { return };
        let arrives = text.parse::<f64>().unwrap_or(f64::NAN);
        let arrives = if arrives.abs() < 1e21 { format!("{arrives}") } else { format!("{arrives:e}") };
        if arrives == text {
            return;
        }
        match &mut self.found {
            Some(found) => found.count += 1,
            None => {
                let digits = shortened(text);
                self.found = Some(RoundedIntegers { path: self.path(), digits, arrives, count: 1 });
            }
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().take(self.depth) {
            match step {
                Step::List => path.push_str("[]"),
                Step::Field(start, end) => {
                    path.push('.');
                    path.push_str(&String::from_utf8_lossy(self.text.get(*start..*end).unwrap_or_default()));
                }
            }
            if path.len() > MAX_SHOWN_CHARS {
                break;
            }
        }
        shortened(&path)
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<(String, String, String, usize)> {
        rounded(json.as_bytes()).map(|r| (r.path, r.digits, r.arrives, r.count))
    }

    #[test]
    fn the_first_field_is_named_and_the_rest_counted() {
        let json =
            r#"{"a":[{"id": 1},{"n\"ame": "x", "id" : 9007199254740993, "b": -725653563933458499}],"c":1}"#;
        let expected = (".a[].id".into(), "9007199254740993".into(), "9007199254740992".into(), 2);
        assert_eq!(found(json), Some(expected));
        assert_eq!(
            found("12345678901234567890123").map(|f| (f.0, f.2)),
            Some(("".into(), "1.2345678901234568e22".into()))
        );
        assert_eq!(found("[[[18446744073709551615]]]").map(|f| f.0), Some("[][][]".into()));
    }

    #[test]
    fn exact_numbers_are_not_found() {
        for json in [
            "9007199254740992",
            "9007199254740991",
            "-9007199254740992",
            "10000000000000000",
            "0.12345678901234567890",
            "12345678901234567e-3",
            r#""9007199254740993""#,
            r#"{"9007199254740993": "a \" 9007199254740993"}"#,
            "",
            "123456789012345",
        ] {
            assert_eq!(found(json), None, "{json}");
        }
    }

    #[test]
    fn digits_are_found_at_every_offset() {
        for before in 0..40 {
            for digits in [15, 16, 17, 40] {
                for behind in 0..20 {
                    let text = format!("{}{}{}", " ".repeat(before), "9".repeat(digits), " ".repeat(behind));
                    assert_eq!(has_long_run(text.as_bytes()), digits >= 16, "{before} {digits} {behind}");
                    let text = format!("1234567 {text}");
                    assert_eq!(has_long_run(text.as_bytes()), digits >= 16, "{before} {digits} {behind}");
                }
            }
        }
    }

    #[test]
    fn odd_texts_end() {
        for odd in [
            "[".repeat(100_000) + &"9".repeat(20),
            "\"".to_owned() + &"9".repeat(20),
            "\\".repeat(7) + &"9".repeat(20),
            "\"\\".to_owned() + &"9".repeat(20) + "\\",
            "]".repeat(50) + &"9".repeat(20),
            "9".repeat(100_000),
            format!("{{\"{}\":99999999999999999}}", "é".repeat(1000)),
        ] {
            let _ = found(&odd);
        }
    }
}
