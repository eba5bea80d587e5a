//! Which request a broken answer was for.
//!
//! Servers print `NaN`, or more than isolet takes. Such a line is no message, but its caller waits for nothing else. So a
//! line is skimmed for the id that it has at its top level; strings and brackets are all that is understood of it.

use rmcp::model::RequestId;

/// Longest id or key that is of interest.
const MAX_WORD: usize = 128;

/// Reads a line, in pieces of whatever size.
#[derive(Debug, Default)]
pub(crate) struct Skim {
    /// Something else came before the first bracket: a line of a log that quotes a message, perhaps isolet's own.
    is_other: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The key or value at the top level that was read last, in its quotes.
    word: Vec<u8>,
    key: Key,
    id: Option<RequestId>,
    answers: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Key {
    #[default]
    None,
    Id,
    Other,
}

impl Skim {
    /// The next bytes of the line.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.is_other {
                return;
            }
            self.step(*byte);
        }
    }

    /// The id of the answer that the line was to be; `None` if it looks like something else.
    pub(crate) fn answered(self) -> Option<RequestId> {
        self.id.filter(|_| self.answers && !self.is_other)
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.is_other = self.depth == 0 && byte == b'[';
                self.depth += 1;
            }
            b'}' | b']' => {
                self.end_of_value();
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 => {
                self.key = if self.word == b"\"id\"" { Key::Id } else { Key::Other };
                self.answers |= matches!(self.word.as_slice(), b"\"result\"" | b"\"error\"");
                self.is_other |= self.word == b"\"method\"";
                self.word.clear();
            }
            b',' => self.end_of_value(),
            _ if byte.is_ascii_whitespace() => {}
            _ if self.depth == 0 => self.is_other = self.id.is_none() && !self.answers,
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.word.len() < MAX_WORD {
            self.word.push(byte);
        }
    }

    fn end_of_value(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.key == Key::Id {
            self.id = serde_json::from_slice(&self.word).ok();
        }
        self.key = Key::None;
        self.word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(line: &str) -> Option<String> {
        let mut skim = Skim::default();
        line.as_bytes().chunks(3).for_each(|piece| skim.read(piece));
        skim.answered().map(|id| id.to_string())
    }

    #[test]
    fn the_id_of_a_broken_answer_is_found() {
        for line in [
            r#"{"jsonrpc":"2.0","id":7,"result":{"id":8,"x":NaN}}"#,
            r#" {"result":{"content":[{"text":"\"id\":9,{[\\"}],"x":-Infinity},"jsonrpc":"2.0","id": 7 }"#,
            r#"{"id":"7","error":{"code":1,"message":undefined}}"#,
            r#"{"id":7,"result":{"content":"cut"#,
        ] {
            assert_eq!(answered(line).as_deref(), Some("7"), "{line}");
        }
    }

    #[test]
    fn what_is_no_answer_has_none() {
        for line in [
            "",
            "Listening on {stdio}",
            r#"got {"id":7,"result":NaN}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":NaN}"#,
            r#"{"level":"debug","id":7,"text":"called"}"#,
            r#"{"result":{"id":7},"x":NaN}"#,
            r#"{"id":{},"result":NaN}"#,
            r#"[{"id":7,"result":NaN}]"#,
            "}}}\"id\":7",
        ] {
            assert_eq!(answered(line), None, "{line}");
        }
    }
}
