//! The JSON body of `POST /v1/run`, and messages that explain what is wrong with an invalid one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::service::run_request::RunRequest;
use crate::web::problem::Problem;
use crate::whole_number;

/// A field: its name, the values that it takes, and a function that checks a value.
type Field = (&'static str, &'static str, fn(&str) -> bool);

/// The fields.
const FIELDS: [Field; 5] = [
    ("code", "a string, the script", is::<String>),
    ("input", "any JSON", |_| true),
    ("tools", "a list of strings such as \"github\" or \"github/get_*\"", is::<Option<Vec<String>>>),
    ("timeout_ms", "a whole number of milliseconds, at least 1", is::<WholeNumber>),
    ("tenant", "a string", is::<Option<String>>),
];

/// A whole number as the body may spell it.
#[derive(Deserialize)]
#[serde(transparent)]
struct WholeNumber(
    #[serde(deserialize_with = "whole_number::deserialize")]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    Option<u64>,
);

/// The length of a quotation from the body, in characters.
const MAX_QUOTED_CHARS: usize = 40;

fn is<T: DeserializeOwned>(json: &str) -> bool {
    serde_json::from_str::<T>(json).is_ok()
}

/// Parses a body.
pub fn parse(text: &str) -> Result<RunRequest<'_>, Problem> {
    // Serde would read a struct from an array too, field by field.
    let parsed = match text.trim_start().starts_with('[') {
        true => Err(serde::de::Error::custom("a list")),
        false => serde_json::from_str(text),
    };
    parsed.map_err(|error: serde_json::Error| {
        Problem::bad_request(explain(text, &error)).with_hint(
            "Send {\"code\": \"…\", \"input\"?: any, \"tools\"?: [\"server/tool\"], \"timeout_ms\"?: n}, or the bare \
             script with Content-Type: text/typescript.",
        )
    })
}

/// Explains why serde has refused `text` with `error`. Parses the text a second time; refusing an
/// invalid body need not be fast.
fn explain(text: &str, error: &serde_json::Error) -> String {
    let Fields(fields) = match serde_json::from_str(text) {
        Ok(fields) => fields,
        Err(error) if error.is_data() => {
            return format!("The body must be a JSON object, not {}.", kind(text.trim_start()));
        }
        Err(error) => return format!("The body is not JSON: {error}."),
    };
    let names = || FIELDS.map(|(name, ..)| format!("`{name}`")).join(", ");
    for (name, value) in &fields {
        let Some((_, takes, fits)) = FIELDS.iter().find(|(known, ..)| known == name) else {
            let lower = short(name).to_lowercase();
            let near = FIELDS.iter().map(|(known, ..)| (strsim::jaro_winkler(known, &lower), known));
            let near = near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
            let meant = near.map(|(_, known)| format!(" Did you mean `{known}`?")).unwrap_or_default();
            return format!("Unknown field `{}`.{meant} The fields are {}.", short(name), names());
        };
        if !fits(value.get()) {
            return format!("`{name}` must be {takes}, not {}.", kind(value.get()));
        }
    }
    match fields.iter().find(|(name, _)| fields.iter().filter(|(other, _)| other == name).count() > 1) {
        Some((name, _)) => format!("`{name}` occurs more than once."),
        None if !fields.iter().any(|(name, _)| name == "code") => {
            "`code` is missing: the script to run.".to_owned()
        }
        None => format!("The body is not a valid request: {error}."),
    }
}

/// Describes a JSON value.
fn kind(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'"') => format!("the string {}", short(json)),
        Some(b'[') => match json.len() {
            ..=MAX_QUOTED_CHARS => format!("the list {json}"),
            _ => "a list".to_owned(),
        },
        Some(b'{') => "an object".to_owned(),
        _ => short(json).into_owned(),
    }
}

fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The number of fields that are looked at.
const MAX_FIELDS: usize = 32;

/// The first fields of an object, including duplicates.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    if fields.len() < MAX_FIELDS {
                        fields.push(field);
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_input_is_an_input() {
        let request = parse(r#"{"code": "1", "input": null}"#).unwrap_or_else(|_| panic!("a body"));
        assert_eq!(request.input.map(RawValue::get), Some("null"));
        let request = parse(r#"{"code": "a\nb"}"#).unwrap_or_else(|_| panic!("a body"));
        assert!(request.input.is_none() && request.timeout_ms.is_none());
        assert_eq!(request.code, "a\nb");
    }

    #[test]
    fn a_whole_number_is_read_in_any_spelling() {
        for (text, expected) in
            [("5000", Some(5000)), ("5000.0", Some(5000)), ("5e3", Some(5000)), ("null", None)]
        {
            let body = format!("{{\"code\": \"1\", \"timeout_ms\": {text}}}");
            let request = parse(&body).unwrap_or_else(|problem| panic!("{}", problem.detail()));
            assert_eq!(request.timeout_ms, expected, "{text}");
        }
        assert!(parse(r#"{"code": "1", "timeout_ms": 5.5}"#).is_err());
    }

    #[test]
    fn errors_name_the_field_and_its_value() {
        let said = |body: &str| parse(body).err().expect("no body").detail().to_owned();
        assert_eq!(
            said(r#"{"code": "1", "timeoutMs": 3}"#).split(" The fields").next(),
            Some("Unknown field `timeoutMs`. Did you mean `timeout_ms`?")
        );
        assert!(
            said(r#"{"script": "1"}"#).starts_with("Unknown field `script`. The fields are `code`, `input`")
        );
        let number = "`timeout_ms` must be a whole number of milliseconds, at least 1, not ";
        assert_eq!(said(r#"{"code": "1", "timeout_ms": "1s"}"#), format!("{number}the string \"1s\"."));
        assert_eq!(said(r#"{"code": "1", "timeout_ms": -1}"#), format!("{number}-1."));
        let list = "`tools` must be a list of strings such as \"github\" or \"github/get_*\", not ";
        assert_eq!(said(r#"{"code": "1", "tools": "github"}"#), format!("{list}the string \"github\"."));
        assert_eq!(said(r#"{"code": "1", "tools": [1]}"#), format!("{list}the list [1]."));
        assert_eq!(said(r#"{"code": {}}"#), "`code` must be a string, the script, not an object.");
        assert_eq!(said(r#"{"code": "1", "code": "2"}"#), "`code` occurs more than once.");
        assert_eq!(said("{}"), "`code` is missing: the script to run.");
        assert_eq!(said(" [1]"), "The body must be a JSON object, not the list [1].");
        assert_eq!(said("7"), "The body must be a JSON object, not 7.");
        assert!(said("{\"code\": 'x'}").starts_with("The body is not JSON: expected value at line 1"));
        assert!(said(&format!("{{\"{}\": 1}}", "x".repeat(5000))).len() < 300);
    }
}
