//! Reading a tool's arguments, with messages that name the tool, the argument and what was wrong.
//!
//! Typed structs would be shorter, but serde's words (`invalid type: string "1", expected f64`) name no argument, and
//! these messages are what a model repairs its script by.

use rmcp::model::JsonObject;
use serde_json::Value;

/// The arguments of one call.
pub struct Arguments {
    tool: &'static str,
    given: JsonObject,
}

/// What is wrong with the arguments, or with what they ask for: the text of an `isError` result.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Arguments {
    /// Takes `given` if it has no names but those in `known`.
    pub fn new(tool: &'static str, given: JsonObject, known: &[&str]) -> Result<Self, Refusal> {
        match given.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self { tool, given }),
            Some(name) => Err(Refusal(format!(
                "{tool}: there is no argument `{name}`; {}",
                if known.is_empty() {
                    "the tool takes none".to_owned()
                } else {
                    format!("the arguments are {}", quoted(known))
                }
            ))),
        }
    }

    /// The number `name`.
    pub fn number(&self, name: &str) -> Result<serde_json::Number, Refusal> {
        match self.required(name, "a number")? {
            Value::Number(number) => Ok(number.clone()),
            other => Err(self.wrong(name, "a number", other)),
        }
    }

    /// The string `name`.
    pub fn text(&self, name: &str) -> Result<&str, Refusal> {
        match self.required(name, "a string")? {
            Value::String(text) => Ok(text),
            other => Err(self.wrong(name, "a string", other)),
        }
    }

    /// The string `name`, where it is given.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        if self.given.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// The string `name`, where it is given, as one of `choices`.
    pub fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<&str>, Refusal> {
        match self.optional_text(name)? {
            Some(text) if !choices.contains(&text) => {
                Err(self.wrong(name, &format!("one of {}", quoted(choices)), &Value::from(text)))
            }
            choice => Ok(choice),
        }
    }

    /// The whole number `name` from `least` to `most`; `default` where it is not given.
    pub fn integer(&self, name: &str, least: u64, most: u64, default: Option<u64>) -> Result<u64, Refusal> {
        let wanted = format!("a whole number from {least} to {most}");
        let value = match (self.given.get(name), default) {
            (None, Some(default)) => return Ok(default),
            _ => self.required(name, &wanted)?,
        };
        value
            .as_u64()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.wrong(name, &wanted, value))
    }

    /// The object `name`.
    pub fn object(&self, name: &str) -> Result<&JsonObject, Refusal> {
        match self.required(name, "an object")? {
            Value::Object(object) => Ok(object),
            other => Err(self.wrong(name, "an object", other)),
        }
    }

    /// All arguments as a value of type `T`.
    pub fn parse<T: serde::de::DeserializeOwned>(self) -> Result<T, Refusal> {
        serde_json::from_value(Value::Object(self.given))
            .map_err(|error| Refusal(format!("{}: {error}", self.tool)))
    }

    fn required(&self, name: &str, wanted: &str) -> Result<&Value, Refusal> {
        self.given
            .get(name)
            .ok_or_else(|| Refusal(format!("{}: argument `{name}` is missing; it is {wanted}", self.tool)))
    }

    fn wrong(&self, name: &str, wanted: &str, found: &Value) -> Refusal {
        Refusal(format!("{}: argument `{name}` must be {wanted}, found {}", self.tool, shown(found)))
    }
}

/// `` `a`, `b` and `c` ``
pub fn quoted(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

/// A value for a message: short ones as they are, long ones by their kind.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match value {
        _ if text.chars().count() <= 40 => text,
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
    fn messages_name_the_argument_and_the_value() {
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
        let refusal = Arguments::new("add", given, &["a", "b"]).err().expect("refused");
        assert_eq!(refusal.0, "add: there is no argument `x`; the arguments are `a` and `b`");
    }
}
