//! A lenient reader of tool definitions, for JSON that the strict reader refuses: half a surrogate
//! pair, a number outside the range of a double, deep nesting. Without it, one such description
//! would cost the server a tool.
//!
//! Nothing here recurses. Half a surrogate pair becomes U+FFFD, and a number outside the range the
//! largest double. Nesting is cut at whole schemas: to cut inside one, at `properties` beside
//! `additionalProperties: false` for instance, would refuse valid values. A cut schema becomes a
//! reference without a target, so that the declaration has a note in its place.

use serde_json::{Map, Number, Value};

use crate::schema::{Annotation, Holds, Keyword, TOO_DEEP_REFERENCE};

/// The nesting at which schemas are cut. A sender wraps the definition in a few more levels, and
/// JSON readers refuse more than 127.
pub(crate) const MAX_SCHEMA_DEPTH: usize = 96;

/// The nesting at which other values become `null`. A schema around such a value is cut.
const MAX_VALUE_DEPTH: usize = 112;

/// Reads one tool's definition, with the strict reader if possible. Returns `None` if the text is
/// not JSON.
pub fn parse_tool_json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| read(text))
}

/// Reads a text with the lenient reader alone.
pub(crate) fn read(text: &str) -> Option<Value> {
    LenientReader { text, at: 0 }.document()
}

/// The role of a value in a tool's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The whole definition.
    Tool,
    Schema,
    /// A map or a list of schemas: `properties`, `allOf`.
    Schemas,
    /// A value that is part of the meaning of the schema around it.
    Meaning,
    /// A value that may be lost: an annotation, or a value outside schemas.
    Other,
}

impl Role {
    /// Returns the role of the value of `key`.
    fn under(self, key: &str, is_list: bool) -> Self {
        match (self, key) {
            (Self::Tool, "inputSchema" | "outputSchema") | (Self::Schemas, _) => Self::Schema,
            (Self::Schema, _) => {
                Keyword::from_name(key).map_or(Self::Meaning, |keyword| Self::under_keyword(keyword, is_list))
            }
            (Self::Meaning, _) => Self::Meaning,
            (Self::Tool | Self::Other, _) => Self::Other,
        }
    }

    fn under_keyword(keyword: Keyword, is_list: bool) -> Self {
        let by_content = match keyword.holds(is_list) {
            Holds::Schema | Holds::SchemaOrList => Self::Schema,
            Holds::Map | Holds::List => Self::Schemas,
            Holds::Data => Self::Meaning,
        };
        match keyword {
            Keyword::Annotation(annotation) => match annotation {
                Annotation::Title
                | Annotation::Description
                | Annotation::Default
                | Annotation::Examples
                | Annotation::Example => Self::Other,
                Annotation::Id
                | Annotation::Schema
                | Annotation::Anchor
                | Annotation::DynamicAnchor
                | Annotation::RecursiveAnchor
                | Annotation::Vocabulary
                | Annotation::Comment
                | Annotation::Defs
                | Annotation::Definitions
                | Annotation::Deprecated
                | Annotation::ReadOnly
                | Annotation::WriteOnly
                | Annotation::ContentEncoding
                | Annotation::ContentMediaType
                | Annotation::ContentSchema
                | Annotation::Discriminator => by_content,
            },
            Keyword::Reference(_)
            | Keyword::General(_)
            | Keyword::Logic(_)
            | Keyword::Scalar(_)
            | Keyword::Array(_)
            | Keyword::Object(_) => by_content,
        }
    }
}

/// A container that is being read.
struct Open {
    role: Role,
    value: Value,
    key: String,
    /// True if a value inside is lost that is part of the meaning.
    incomplete: bool,
}

/// The reader, at a byte offset of its text.
struct LenientReader<'t> {
    text: &'t str,
    at: usize,
}

impl LenientReader<'_> {
    /// Reads the whole text. Returns `None` if it is not one JSON value.
    fn document(mut self) -> Option<Value> {
        let mut stack: Vec<Open> = Vec::new();
        // The nesting inside a value that is cut.
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
                    let max_depth = if role == Role::Schema { MAX_SCHEMA_DEPTH } else { MAX_VALUE_DEPTH };
                    if depth >= max_depth {
                        skipped = 1;
                        let lost = matches!(role, Role::Schemas | Role::Meaning);
                        if let Some(open) = stack.last_mut() {
                            open.incomplete |= lost;
                        }
                        let instead = if role == Role::Schema { cut_schema() } else { Value::Null };
                        add(&mut stack, instead);
                    } else {
                        let value =
                            if next == b'{' { Value::Object(Map::new()) } else { Value::Array(Vec::new()) };
                        stack.push(Open { role, value, key: String::new(), incomplete: false });
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
                            Role::Schema if open.incomplete && open.value.is_object() => cut_schema(),
                            _ => open.value,
                        };
                        if let Some(around) = stack.last_mut() {
                            around.incomplete |= open.incomplete && open.role != Role::Schema;
                        }
                        add(&mut stack, value)
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
                        _ => add(&mut stack, Value::String(text)),
                    }
                }
                _ => {
                    let value = self.scalar()?;
                    if skipped > 0 { None } else { add(&mut stack, value) }
                }
            };
            if let Some(value) = done {
                return (self.next().is_none()).then_some(value);
            }
        }
    }

    /// Skips white space and returns the byte behind it.
    fn next(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| matches!(c, ',' | ']' | '}' | ':' | '"') || c.is_ascii_whitespace());
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        serde_json::from_str(word).ok().or_else(|| {
            // The standard library reads a number outside the range as infinite.
            let number: f64 = word.parse().ok().filter(|number: &f64| number.is_infinite())?;
            word.ends_with(|c: char| c.is_ascii_digit()).then_some(())?;
            Number::from_f64(f64::MAX.copysign(number)).map(Value::Number)
        })
    }

    /// Reads a string, from its first quote.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let literal = self.text.get(start..self.at)?;
        serde_json::from_str(literal)
            .ok()
            .or_else(|| with_replaced_surrogates(&literal[1..literal.len() - 1]))
    }
}

/// Returns the schema that replaces a cut one.
fn cut_schema() -> Value {
    Value::Object(Map::from_iter([("$ref".to_owned(), Value::from(TOO_DEEP_REFERENCE))]))
}

/// Adds a value to the innermost container. Returns it if there is none, because it is the whole
/// document.
fn add(stack: &mut [Open], value: Value) -> Option<Value> {
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

/// Returns the content of an escaped string, with U+FFFD for halves of surrogate pairs.
fn with_replaced_surrogates(escaped: &str) -> Option<String> {
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
    fn a_replaced_value_leaves_the_others_alone() {
        let text = r#"{"name": "a\ud800\u00e9\"b\n", "inputSchema": {"required": ["b"], "maximum": 1e999,
            "minimum": -1E+400, "x": [1, true, null, {}, [], "\ud83d\ude00"]}}"#;
        assert_eq!(
            parse_tool_json(text),
            Some(json!({ "name": "a\u{fffd}é\"b\n", "inputSchema": { "required": ["b"], "maximum": f64::MAX,
                "minimum": f64::MIN, "x": [1, true, null, {}, [], "😀"] } }))
        );
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        for text in
            ["", "{", "[1,", "\"", "\"\\", "\"\\ud8", "nope", "inf", "{} {}", "]", "1e999x", "\"\\ud800\\q\""]
        {
            assert_eq!(parse_tool_json(text), None, "{text}");
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
            let read = parse_tool_json(&format!(r#"{{"name":"t","inputSchema":{schema}}}"#)).unwrap();
            assert!(depth(&read) < 127);
            let mut at = &read["inputSchema"];
            while let Some(next) = at.get("properties") {
                assert_eq!(at["required"], json!(["a"]));
                at = &next["a"];
            }
            assert_eq!(*at, if levels == 60 { json!({}) } else { cut_schema() });
        }
    }

    #[test]
    fn a_cut_literal_cuts_its_schema() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let text = format!(
            r#"{{"name":"t","inputSchema":{{"properties":{{"a":{{"const":{deep}}},"b":{{"default":{deep}}}}}}}}}"#
        );
        let read = parse_tool_json(&text).unwrap();
        assert_eq!(read["inputSchema"]["properties"]["a"], cut_schema());
        assert!(read["inputSchema"]["properties"]["b"]["default"].is_array());
    }
}
