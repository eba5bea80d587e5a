//! Finds the JSON-RPC id of a message that cannot be parsed.
//!
//! Servers print `NaN`, or more than isolet takes; clients send requests that are too long to be
//! kept. The peer waits for an answer with this id, so the text is scanned for the `id` of the
//! outermost object. The scanner understands only strings and brackets. It also notes whether the
//! message is a request (`method`) or a response (`result`, `error`).

use rmcp::model::RequestId;

/// The longest name or value of a member that is kept. No peer uses a longer id.
const MAX_MEMBER_BYTES: usize = 256;

/// Scans one message, in pieces of any size.
#[derive(Debug, Default)]
pub struct MessageIdScanner {
    /// Other text precedes the first bracket: the line is a log line that quotes a message.
    is_other: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The last name or value in the outermost object, with its quotes.
    text: Vec<u8>,
    value_of: Member,
    id: Option<RequestId>,
    is_request: bool,
    is_response: bool,
}

/// The member of the outermost object at which the scanner is.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Member {
    #[default]
    None,
    Id,
    Other,
}

impl MessageIdScanner {
    /// Scans the next bytes of the message.
    pub fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.is_other {
                return;
            }
            self.step(*byte);
        }
    }

    /// Returns the id of the request that the text is or begins.
    pub fn request_id(self) -> Option<RequestId> {
        self.id.filter(|_| self.is_request && !self.is_other)
    }

    /// Returns the id that the text answers, if it is or begins a response.
    pub fn response_id(self) -> Option<RequestId> {
        self.id.filter(|_| self.is_response && !self.is_request && !self.is_other)
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
                match self.text.as_slice() {
                    b"\"id\"" => self.value_of = Member::Id,
                    name => {
                        self.value_of = Member::Other;
                        self.is_response |= matches!(name, b"\"result\"" | b"\"error\"");
                        self.is_request |= name == b"\"method\"";
                    }
                }
                self.text.clear();
            }
            b',' => self.end_of_value(),
            _ if byte.is_ascii_whitespace() => {}
            // A byte order mark.
            0xef | 0xbb | 0xbf if self.depth == 0 => {}
            _ if self.depth == 0 => {
                self.is_other = self.id.is_none() && !self.is_response && !self.is_request;
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.text.len() < MAX_MEMBER_BYTES {
            self.text.push(byte);
        }
    }

    fn end_of_value(&mut self) {
        if self.depth != 1 {
            return;
        }
        if self.value_of == Member::Id {
            self.id = serde_json::from_slice(&self.text).ok();
        }
        self.value_of = Member::None;
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> MessageIdScanner {
        let mut scanner = MessageIdScanner::default();
        text.as_bytes().chunks(3).for_each(|piece| scanner.read(piece));
        scanner
    }

    fn response_id(text: &str) -> Option<String> {
        scanned(text).response_id().map(|id| id.to_string())
    }

    fn request_id(text: &str) -> Option<String> {
        scanned(text).request_id().map(|id| id.to_string())
    }

    #[test]
    fn the_id_of_a_broken_response_is_found() {
        for line in [
            r#"{"jsonrpc":"2.0","id":7,"result":{"id":8,"x":NaN}}"#,
            r#" {"result":{"content":[{"text":"\"id\":9,{[\\"}],"x":-Infinity},"jsonrpc":"2.0","id": 7 }"#,
            r#"{"id":"7","error":{"code":1,"message":undefined}}"#,
            r#"{"id":7,"result":{"content":"cut"#,
            "\u{feff}{\"id\":7,\"result\":NaN}",
        ] {
            assert_eq!(response_id(line).as_deref(), Some("7"), "{line}");
        }
    }

    #[test]
    fn other_lines_have_no_response_id() {
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
            assert_eq!(response_id(line), None, "{line}");
        }
    }

    #[test]
    fn the_id_of_a_request_is_its_own() {
        for (text, expected) in [
            (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"id":8,"a":[{"id":9}]}}"#, Some("7")),
            (r#" { "method" : "x" , "params":{"id":8}, "s":"\"id\":1,}", "id" : "a b" } "#, Some("a b")),
            (r#"{"method":"x","params":["id",{"id":1}]}"#, None),
            (r#"{"id":7,"result":{"method":"x"}}"#, None),
            (r#"{"id":null,"method":"x"}"#, None),
            ("}}}}{", None),
            ("", None),
        ] {
            assert_eq!(request_id(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_long_id_is_ignored() {
        assert_eq!(request_id(&format!(r#"{{"id":"{}","method":"x"}}"#, "a".repeat(1000))), None);
    }
}
