//! Which request a message is that is too long to be kept: its id, found on the way past. Clients write it first or last,
//! and what stands between may have members of the same name.

use rmcp::model::RequestId;

/// Longest member that is looked at; an id of more is nobody's.
const LONGEST: usize = 256;

/// What was seen of an object's own members.
#[derive(Debug, Default)]
pub struct Outline {
    /// In how many objects and lists this is.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The text of the member at hand, as far as it is short and has no members itself.
    member: Vec<u8>,
    id: Option<RequestId>,
    has_method: bool,
}

impl Outline {
    /// Reads on.
    pub fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.step(byte);
        }
    }

    /// The id, if this is a request and has one.
    pub fn request(self) -> Option<RequestId> {
        self.id.filter(|_| self.has_method)
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth == 1 {
                        return;
                    }
                }
                b'}' | b']' => {
                    if self.depth == 1 {
                        self.end_of_member();
                    }
                    self.depth = self.depth.saturating_sub(1);
                }
                b',' if self.depth == 1 => {
                    self.end_of_member();
                    return;
                }
                _ => {}
            }
        }
        if self.depth == 1 && self.member.len() <= LONGEST {
            self.member.push(byte);
        }
    }

    fn end_of_member(&mut self) {
        let member = std::mem::take(&mut self.member);
        if member.len() > LONGEST {
            return;
        }
        let text = member.trim_ascii();
        if let Some(value) =
            text.strip_prefix(b"\"id\"").and_then(|rest| rest.trim_ascii().strip_prefix(b":"))
        {
            self.id = serde_json::from_slice(value).ok();
        }
        self.has_method |= text.starts_with(b"\"method\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<String> {
        let mut outline = Outline::default();
        for piece in text.as_bytes().chunks(3) {
            outline.read(piece);
        }
        outline.request().map(|id| id.to_string())
    }

    #[test]
    fn the_messages_own_id_is_found() {
        for (text, expected) in [
            (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"id":8,"a":[{"id":9}]}}"#, Some("7")),
            (r#" { "method" : "x" , "params":{"id":8}, "s":"\"id\":1,}", "id" : "a b" } "#, Some("a b")),
            (r#"{"method":"x","params":["id",{"id":1}]}"#, None),
            (r#"{"id":7,"result":{"method":"x"}}"#, None),
            (r#"{"id":null,"method":"x"}"#, None),
            ("}}}}{", None),
            ("", None),
        ] {
            assert_eq!(id(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_long_id_is_none() {
        assert_eq!(id(&format!(r#"{{"id":"{}","method":"x"}}"#, "a".repeat(1000))), None);
    }
}
