//! Arguments, parsed so that nothing can hide in them.
//!
//! JSON parsers differ: of a repeated key some take the first value and some the last, Go's parser
//! takes `PATH` for `path`, and JavaScript code that merges objects treats `__proto__` specially. A
//! rule has to see what the server will see, so objects with such keys are not judged at all.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The arguments of a call.
#[derive(Debug)]
pub(super) struct Arguments {
    value: Value,
    /// The reason why they cannot be judged.
    hidden: Option<String>,
}

impl Arguments {
    pub(super) fn parse(text: &str) -> Self {
        match serde_json::from_str::<ParsedJson>(text) {
            Ok(plain) => Self { value: plain.value, hidden: plain.hidden },
            Err(_) => Self { value: Value::Null, hidden: Some("they are not JSON".to_owned()) },
        }
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    /// The reason why these arguments cannot be judged.
    pub(super) fn hides_something(&self) -> Option<&str> {
        self.hidden.as_deref()
    }
}

/// Folds a key as lenient servers do: Go's JSON parser also takes `ſ` for `s`, and the Kelvin sign
/// for `k`.
pub(super) fn folded(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

struct ParsedJson {
    value: Value,
    hidden: Option<String>,
}

impl ParsedJson {
    fn of(value: impl Into<Value>) -> Self {
        Self { value: value.into(), hidden: None }
    }
}

impl<'de> Deserialize<'de> for ParsedJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = ParsedJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<ParsedJson, E> {
        Ok(ParsedJson::of(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<ParsedJson, E> {
        Ok(ParsedJson::of(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<ParsedJson, E> {
        Ok(ParsedJson::of(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<ParsedJson, E> {
        Ok(ParsedJson::of(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<ParsedJson, E> {
        Ok(ParsedJson::of(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<ParsedJson, E> {
        Ok(ParsedJson::of(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ParsedJson, A::Error> {
        let (mut list, mut hidden) = (Vec::new(), None);
        while let Some(item) = items.next_element::<ParsedJson>()? {
            hidden = hidden.or(item.hidden);
            list.push(item.value);
        }
        Ok(ParsedJson { value: Value::Array(list), hidden })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ParsedJson, A::Error> {
        let (mut map, mut hidden, mut seen) = (Map::new(), None, HashSet::new());
        while let Some((key, item)) = entries.next_entry::<String, ParsedJson>()? {
            hidden = hidden.or(item.hidden);
            if key == "__proto__" {
                hidden.get_or_insert_with(|| "they have a key `__proto__`".to_owned());
            }
            if !seen.insert(folded(&key)) {
                let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
                hidden.get_or_insert_with(|| {
                    format!("they have the key `{shown}` twice, if case does not count")
                });
            }
            map.insert(key, item.value);
        }
        Ok(ParsedJson { value: Value::Object(map), hidden })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Option<String> {
        Arguments::parse(text).hides_something().map(str::to_owned)
    }

    #[test]
    fn plain_arguments_are_unchanged() {
        let text = r#"{"a": [1, 1.5, -2, "x", null, true, {"b": {}}], "A b": "é"}"#;
        let arguments = Arguments::parse(text);
        assert_eq!(*arguments.value(), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(arguments.hides_something(), None);
    }

    #[test]
    fn keys_that_parsers_read_differently_are_noticed_at_any_depth() {
        for text in [
            r#"{"path": "/a", "path": "/b"}"#,
            r#"{"path": "/a", "PATH": "/b"}"#,
            r#"{"path": "/a", "\u0070ath": "/b"}"#,
            "{\"disk\": 1, \"di\u{17f}\u{212a}\": 2}",
            r#"{"list": [{"a": {"x": 1, "X": 2}}]}"#,
            r#"{"__proto__": {"path": "/b"}}"#,
            r#"{"a": [{"__proto__": 1}]}"#,
            r#"{"a": 1"#,
        ] {
            assert!(hidden(text).is_some(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_by_the_parser() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(hidden(&deep).as_deref(), Some("they are not JSON"));
    }
}
