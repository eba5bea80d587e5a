//! A tool's definition from JSON that the strict reader refuses, though it is JSON: half a surrogate pair, a number past
//! what a double holds, deep nesting. A server that sends one such description would otherwise lose a tool.
//!
//! Nothing here recurses. Half a pair becomes U+FFFD and a number the largest there is. Nesting is cut at whole schemas:
//! to cut inside one, at `properties` beside `additionalProperties: false` say, would refuse values that are valid. What
//! stands for a cut schema is a reference to nowhere, so that the declaration has a note in its place.

use serde_json::{Map, Number, Value};

use crate::schema::keywords::{self, Holds};

/// What a cut schema refers to.
pub(crate) const TOO_DEEP: &str = "#isolet:too-deep";

/// Schemas that lie deeper in the definition are cut. Whoever sends the definition on wraps it in a few levels more, and
/// readers of JSON give up at 127.
pub(crate) const DEEPEST_SCHEMA: usize = 96;

/// Other values that lie deeper are `null`, and a schema around one is cut.
const DEEPEST_VALUE: usize = 112;

/// Reads one tool's definition. `None` if the text is no JSON at all.
pub fn tool_from_text(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| read(text))
}

/// What the lenient reader makes of a text, also of one that the strict reader reads.
pub(crate) fn read(text: &str) -> Option<Value> {
    Reader { text, at: 0 }.document()
}

/// What a value is to its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Tool,
    Schema,
    /// A map or a list of schemas: `properties`, `allOf`.
    Schemas,
    /// Something whose change would change what the schema around it means.
    Meaning,
    /// Something that may be lost: an annotation, or no part of a schema.
    Other,
}

impl Role {
    /// The role of what stands under `key`.
    fn under(self, key: &str, is_list: bool) -> Self {
        match (self, key) {
            (Self::Tool, "inputSchema" | "outputSchema") | (Self::Schemas, _) => Self::Schema,
            (Self::Schema, "default" | "examples" | "example" | "title" | "description") => Self::Other,
            (Self::Schema, _) => match keywords::holds(key, is_list) {
                Some(Holds::One) => Self::Schema,
                Some(Holds::Map | Holds::List) => Self::Schemas,
                None => Self::Meaning,
            },
            (Self::Meaning, _) => Self::Meaning,
            (Self::Tool | Self::Other, _) => Self::Other,
        }
    }
}

/// A container that is being read.
struct Open {
    role: Role,
    value: Value,
    key: String,
    /// Something inside is lost that matters.
    spoiled: bool,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn document(mut self) -> Option<Value> {
        let mut stack: Vec<Open> = Vec::new();
        // How deep inside something that is cut.
        let mut skipped = 0_usize;
        loop {
            let next = self.next()?;
            let (role, depth) = match stack.last() {
                None => (Role::Tool, 0),
                Some(open) => (open.role.under(&open.key, next == b'['), stack.len()),
            };
            let done = match next {
                b'{' | b'[' if skipped > 0 => {
                    self.at += 1;
                    skipped += 1;
                    None
                }
                b'{' | b'[' => {
                    self.at += 1;
                    let deepest = if role == Role::Schema { DEEPEST_SCHEMA } else { DEEPEST_VALUE };
                    if depth >= deepest {
                        skipped = 1;
                        let lost = matches!(role, Role::Schemas | Role::Meaning);
                        if let Some(open) = stack.last_mut() {
                            open.spoiled |= lost;
                        }
                        let instead = if role == Role::Schema { cut() } else { Value::Null };
                        place(&mut stack, instead);
                    } else {
                        let value =
                            if next == b'{' { Value::Object(Map::new()) } else { Value::Array(Vec::new()) };
                        stack.push(Open { role, value, key: String::new(), spoiled: false });
                    }
                    None
                }
                b'}' | b']' => {
                    self.at += 1;
                    if skipped > 0 {
                        skipped -= 1;
                        None
                    } else {
                        let open = stack.pop()?;
                        let value = match open.role {
                            Role::Schema if open.spoiled && open.value.is_object() => cut(),
                            _ => open.value,
                        };
                        if let Some(around) = stack.last_mut() {
                            around.spoiled |= open.spoiled && open.role != Role::Schema;
                        }
                        place(&mut stack, value)
                    }
                }
                b',' | b':' => {
                    self.at += 1;
                    None
                }
                b'"' => {
                    let text = self.string()?;
                    let is_key = self.next() == Some(b':');
                    match stack.last_mut() {
                        _ if skipped > 0 => None,
                        Some(open) if is_key => {
                            open.key = text;
                            None
                        }
                        _ => place(&mut stack, Value::String(text)),
                    }
                }
                _ => {
                    let value = self.scalar()?;
                    if skipped > 0 { None } else { place(&mut stack, value) }
                }
            };
            if let Some(value) = done {
                return (self.next().is_none()).then_some(value);
            }
        }
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn scalar(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| matches!(c, ',' | ']' | '}' | ':' | '"') || c.is_ascii_whitespace());
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        serde_json::from_str(word).ok().or_else(|| {
            // A number past the range is infinite to the standard library.
            let number: f64 = word.parse().ok().filter(|number: &f64| number.is_infinite())?;
            word.ends_with(|c: char| c.is_ascii_digit()).then_some(())?;
            Number::from_f64(f64::MAX.copysign(number)).map(Value::Number)
        })
    }

    /// A string, from its first quote.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let literal = self.text.get(start..self.at)?;
        serde_json::from_str(literal).ok().or_else(|| mended(&literal[1..literal.len() - 1]))
    }
}

/// What stands for a cut schema.
fn cut() -> Value {
    Value::Object(Map::from_iter([("$ref".to_owned(), Value::from(TOO_DEEP))]))
}

/// Puts a value where it belongs; gives it back if that is nowhere, as it is the whole.
fn place(stack: &mut [Open], value: Value) -> Option<Value> {
    match stack.last_mut() {
        None => return Some(value),
        Some(Open { value: Value::Array(list), .. }) => list.push(value),
        Some(Open { value: Value::Object(map), key, .. }) => {
            map.insert(std::mem::take(key), value);
        }
        Some(_) => {}
    }
    None
}

/// The inside of a string with halves of surrogate pairs.
fn mended(escaped: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(escaped.len());
    let mut rest = escaped.chars();
    while let Some(c) = rest.next() {
        let unit = match c {
            '\\' => match rest.next()? {
                'u' => {
                    let digits = rest.as_str().get(..4)?;
                    rest = rest.as_str()[4..].chars();
                    u16::from_str_radix(digits, 16).ok()?
                }
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                c @ ('"' | '\\' | '/') => c as u16,
                _ => return None,
            },
            c => {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                continue;
            }
        };
        units.push(unit);
    }
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fuzzing::depth;

    #[test]
    fn what_is_strange_costs_only_itself() {
        let text = r#"{"name": "a\ud800\u00e9\"b\n", "inputSchema": {"required": ["b"], "maximum": 1e999,
            "minimum": -1E+400, "x": [1, true, null, {}, [], "\ud83d\ude00"]}}"#;
        assert_eq!(
            tool_from_text(text),
            Some(json!({ "name": "a\u{fffd}é\"b\n", "inputSchema": { "required": ["b"], "maximum": f64::MAX,
                "minimum": f64::MIN, "x": [1, true, null, {}, [], "😀"] } }))
        );
    }

    #[test]
    fn what_is_no_json_is_nothing() {
        for text in
            ["", "{", "[1,", "\"", "\"\\", "\"\\ud8", "nope", "inf", "{} {}", "]", "1e999x", "\"\\ud800\\q\""]
        {
            assert_eq!(tool_from_text(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_is_cut_at_schemas() {
        for levels in [60, 70, 10_000] {
            let schema = format!(
                "{}{{}}{}",
                r#"{"additionalProperties":false,"properties":{"a":"#.repeat(levels),
                r#"},"required":["a"]}"#.repeat(levels)
            );
            let read = tool_from_text(&format!(r#"{{"name":"t","inputSchema":{schema}}}"#)).unwrap();
            assert!(depth(&read) < 127);
            let mut at = &read["inputSchema"];
            while let Some(next) = at.get("properties") {
                assert_eq!(at["required"], json!(["a"]));
                at = &next["a"];
            }
            assert_eq!(*at, if levels == 60 { json!({}) } else { cut() });
        }
    }

    #[test]
    fn a_literal_that_is_cut_takes_its_schema_along() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let text = format!(
            r#"{{"name":"t","inputSchema":{{"properties":{{"a":{{"const":{deep}}},"b":{{"default":{deep}}}}}}}}}"#
        );
        let read = tool_from_text(&text).unwrap();
        assert_eq!(read["inputSchema"]["properties"]["a"], cut());
        assert!(read["inputSchema"]["properties"]["b"]["default"].is_array());
    }
}
