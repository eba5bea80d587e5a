//! Lenient parsing of the arguments of isolet's own tools: some clients add arguments of their own,
//! and some models send the whole object as a string.

use rmcp::model::{CallToolRequestParams, JsonObject};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::prompt::quote::{cut, quoted};

/// The number of ignored arguments that are named.
const MAX_NAMED_ARGUMENTS: usize = 5;

/// The length of a name in a message.
const MAX_NAME_BYTES: usize = 60;

/// Parsed arguments.
pub struct ParsedArguments<T> {
    /// The arguments.
    pub value: T,
    /// A message about arguments that were ignored.
    pub ignored: Option<String>,
}

/// Parses the arguments of `tool`, which has the arguments `known`. Unknown ones are ignored with a
/// message: some clients add one to every call (Cline's `task_progress`), and an error would take
/// another turn of the model.
///
/// # Errors
/// The arguments are invalid. The message is for the model.
pub fn parse<T: DeserializeOwned>(
    tool: &str,
    known: &[&str],
    mut arguments: JsonObject,
) -> Result<ParsedArguments<T>, String> {
    let unknown: Vec<String> =
        arguments.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    for name in &unknown {
        arguments.remove(name);
    }
    let names: Vec<String> = unknown
        .iter()
        .take(MAX_NAMED_ARGUMENTS)
        .map(|name| format!("`{}`", cut(quoted(name).trim_matches('"'), MAX_NAME_BYTES)))
        .collect();
    let value = serde_json::from_value(arguments.into()).map_err(|error| match names.as_slice() {
        [] => error.to_string(),
        names => format!("{error}; unknown field {}", names.join(", ")),
    })?;
    let ignored = (!names.is_empty()).then(|| {
        format!("`{tool}` has no argument {}: ignored. It takes {}.", names.join(", "), known.join(", "))
    });
    Ok(ParsedArguments { value, ignored })
}

/// Parses a call whose `arguments` are not an object, which rmcp does not accept: a string may be
/// the JSON of the object. Returns `None` if something else is wrong with the call, and an error
/// for the model if the arguments are not an object in any form.
pub fn parse_text_arguments(params: &Value) -> Option<Result<CallToolRequestParams, String>> {
    let mut params = params.clone();
    let name = params.get("name")?.as_str()?.to_owned();
    let arguments = params.get_mut("arguments").filter(|arguments| !arguments.is_object())?;
    let object = match &*arguments {
        Value::String(text) if text.trim().is_empty() => Some(json!({})),
        Value::String(text) => serde_json::from_str::<Value>(text).ok().filter(Value::is_object),
        _ => None,
    };
    let Some(object) = object else {
        let kind = match arguments {
            Value::String(_) => "a string that is not the JSON of an object",
            Value::Array(_) => "an array",
            _ => "something else",
        };
        let name = cut(&name, MAX_NAME_BYTES);
        return Some(Err(format!(
            "`arguments` of {} must be a JSON object, and is {kind}. Example: {{ \"name\": \"run\", \"arguments\": \
             {{ \"code\": \"return 1\" }} }}",
            quoted(name)
        )));
    };
    *arguments = object;
    serde_json::from_value(params).ok().map(Ok)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct SearchArguments {
        query: String,
    }

    fn parse_search(arguments: Value) -> Result<ParsedArguments<SearchArguments>, String> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        parse("search", &["query", "limit"], arguments)
    }

    #[test]
    fn unknown_arguments_are_ignored_and_named() {
        let given = parse_search(json!({ "query": "x", "task_progress": "- [ ] one" }))
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(given.value.query, "x");
        assert_eq!(
            given.ignored.as_deref(),
            Some("`search` has no argument `task_progress`: ignored. It takes query, limit.")
        );
        let error = parse_search(json!({ "question": "x" })).err().unwrap_or_default();
        assert_eq!(error, "missing field `query`; unknown field `question`");
    }

    #[test]
    fn arguments_in_a_string_are_parsed() {
        let call = |arguments: Value| parse_text_arguments(&json!({ "name": "run", "arguments": arguments }));
        let Some(Ok(params)) = call(json!("{\"code\":\"return 1\"}")) else { panic!("a call") };
        assert_eq!(params.arguments.map(Value::from), Some(json!({ "code": "return 1" })));
        for odd in [json!("return 1"), json!(["return 1"]), json!(7)] {
            assert!(matches!(call(odd), Some(Err(words)) if words.contains("must be a JSON object")));
        }
        assert!(call(json!({})).is_none() && parse_text_arguments(&json!({ "name": 7 })).is_none());
    }
}
