//! Reads the arguments of a tool, with errors that name the tool, the argument and the fault.
//!
//! Typed structs would be shorter, but the errors of serde (`invalid type: string "1", expected
//! f64`) name no argument, and a model needs the name to correct its script.

use rmcp::model::JsonObject;
use serde_json::Value;

/// The arguments of one call.
pub struct Arguments {
    tool: &'static str,
    given: JsonObject,
}

/// An error in the arguments or in the request: the text of an `isError` result.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DemoError(pub String);

impl Arguments {
    /// Takes `given`. Fails if it has a name that is not in `known`.
    pub fn new(tool: &'static str, given: JsonObject, known: &[&str]) -> Result<Self, DemoError> {
        match given.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self { tool, given }),
            Some(name) => Err(DemoError(format!(
                "{tool}: unknown argument `{name}`; {}",
                if known.is_empty() {
                    "the tool takes none".to_owned()
                } else {
                    format!("the arguments are {}", quoted(known))
                }
            ))),
        }
    }

    /// Returns the number `name`.
    pub fn number(&self, name: &str) -> Result<serde_json::Number, DemoError> {
        match self.required(name, "a number")? {
            Value::Number(number) => Ok(number.clone()),
            other => Err(self.wrong(name, "a number", other)),
        }
    }

    /// Returns the string `name`.
    pub fn text(&self, name: &str) -> Result<&str, DemoError> {
        match self.required(name, "a string")? {
            Value::String(text) => Ok(text),
            other => Err(self.wrong(name, "a string", other)),
        }
    }

    /// Returns the string `name`, if it is given.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, DemoError> {
        if self.given.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// Returns the string `name`, if it is given. Fails unless it is one of `choices`.
    pub fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<&str>, DemoError> {
        match self.optional_text(name)? {
            Some(text) if !choices.contains(&text) => {
                Err(self.wrong(name, &format!("one of {}", quoted(choices)), &Value::from(text)))
            }
            choice => Ok(choice),
        }
    }

    /// Returns the whole number `name`, from `min` to `max`, or `default` if it is not given.
    pub fn integer(&self, name: &str, min: u64, max: u64, default: Option<u64>) -> Result<u64, DemoError> {
        let wanted = format!("a whole number from {min} to {max}");
        let value = match (self.given.get(name), default) {
            (None, Some(default)) => return Ok(default),
            _ => self.required(name, &wanted)?,
        };
        value
            .as_u64()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| self.wrong(name, &wanted, value))
    }

    /// Returns the object `name`.
    pub fn object(&self, name: &str) -> Result<&JsonObject, DemoError> {
        match self.required(name, "an object")? {
            Value::Object(object) => Ok(object),
            other => Err(self.wrong(name, "an object", other)),
        }
    }

    /// Deserialises all arguments into a value of type `T`.
    pub fn parse<T: serde::de::DeserializeOwned>(self) -> Result<T, DemoError> {
        serde_json::from_value(Value::Object(self.given))
            .map_err(|error| DemoError(format!("{}: {error}", self.tool)))
    }

    fn required(&self, name: &str, wanted: &str) -> Result<&Value, DemoError> {
        self.given
            .get(name)
            .ok_or_else(|| DemoError(format!("{}: argument `{name}` is missing; it is {wanted}", self.tool)))
    }

    fn wrong(&self, name: &str, wanted: &str, found: &Value) -> DemoError {
        DemoError(format!("{}: argument `{name}` must be {wanted}, found {}", self.tool, shown(found)))
    }
}

/// Formats names as `` `a`, `b` and `c` ``.
pub fn quoted(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

/// The longest value that an error quotes, in characters.
const MAX_SHOWN_CHARS: usize = 40;

/// Formats a value for an error: a short one unchanged, a long one by its kind.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match value {
        _ if text.chars().count() <= MAX_SHOWN_CHARS => text,
        Value::String(_) => "a long string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        _ => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(given: Value) -> Arguments {
        let Value::Object(given) = given else { panic!("an object") };
        Arguments::new("add", given, &["a", "b"]).unwrap()
    }

    #[test]
    fn errors_name_the_argument_and_the_value() {
        let add = arguments(json!({ "a": "1", "b": 2 }));
        assert_eq!(add.number("a").unwrap_err().0, "add: argument `a` must be a number, found \"1\"");
        assert_eq!(
            add.integer("c", 0, 9, None).unwrap_err().0,
            "add: argument `c` is missing; it is a whole number from 0 to 9"
        );
        assert_eq!(add.integer("c", 0, 9, Some(3)).unwrap(), 3);
        assert!(add.integer("b", 3, 9, None).is_err());
    }

    #[test]
    fn unknown_arguments_are_refused() {
        let Value::Object(given) = json!({ "x": 1 }) else { unreachable!() };
        let error = Arguments::new("add", given, &["a", "b"]).err().expect("refused");
        assert_eq!(error.0, "add: unknown argument `x`; the arguments are `a` and `b`");
    }
}
