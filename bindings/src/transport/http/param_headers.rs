//! Arguments that are repeated in HTTP headers.
//!
//! From revision 2026-07-28 a tool's schema may mark properties with `x-mcp-header: NAME`. Over
//! HTTP their values are also sent as `Mcp-Param-NAME`, so that proxies can route calls without
//! parsing them. rmcp does this only for lists that it decodes itself, and isolet keeps lists as
//! text (see [`messages`](crate::transport::messages)).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::RwLock;
use serde_json::{Map, Value};

/// The most headers of one request; most servers refuse more.
const MAX_HEADERS: usize = 64;
/// The longest value that is sent as a header, before it is encoded.
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// The deepest nesting of a marked property. Schemas are parsed with a limit of 128 levels.
const MAX_DEPTH: usize = 16;

/// The path of a value in the arguments, and the header that repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamHeader {
    path: Vec<String>,
    header: HeaderName,
}

/// The marked properties of all tools of one server.
#[derive(Clone, Default)]
pub(crate) struct ParamHeaders(Arc<RwLock<HashMap<String, Vec<ParamHeader>>>>);

impl ParamHeaders {
    /// Replaces the marked properties by those of a new list.
    pub(crate) fn replace(&self, params: HashMap<String, Vec<ParamHeader>>) {
        *self.0.write() = params;
    }

    /// Adds the headers for a call of `tool`.
    pub(crate) fn add(&self, tool: &str, arguments: Option<&Map<String, Value>>, headers: &mut HeaderMap) {
        let known = self.0.read();
        let (Some(params), Some(arguments)) = (known.get(tool), arguments) else { return };
        for param in params {
            let (first, rest) = param.path.split_first().expect("a path has a step");
            let value =
                rest.iter().try_fold(arguments.get(first), |value, step| value.map(|value| value.get(step)));
            let Some(Some(value)) = value else { continue };
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            if text.len() > MAX_VALUE_BYTES {
                continue;
            }
            if let Ok(mut value) = HeaderValue::from_str(&encoded(&text)) {
                value.set_sensitive(true);
                headers.insert(param.header.clone(), value);
            }
        }
    }
}

/// Finds the marked properties of a schema.
///
/// # Errors
/// The reason why a mark is invalid. Such a tool must not be offered, because its calls could be
/// routed wrongly.
pub(crate) fn marked(schema: &Map<String, Value>) -> Result<Vec<ParamHeader>, String> {
    if schema.contains_key("x-mcp-header") {
        return Err("x-mcp-header marks the whole schema instead of a property".to_owned());
    }
    let mut found = Found { params: Vec::new(), names: HashSet::new() };
    found.properties(schema, &mut Vec::new())?;
    if found.params.len() < count_marks(schema) {
        return Err("x-mcp-header marks something that is not a plain property".to_owned());
    }
    Ok(found.params)
}

struct Found {
    params: Vec<ParamHeader>,
    names: HashSet<String>,
}

impl Found {
    fn properties(&mut self, schema: &Map<String, Value>, path: &mut Vec<String>) -> Result<(), String> {
        let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(()) };
        if path.len() == MAX_DEPTH {
            return Ok(());
        }
        for (name, property) in properties {
            let Some(property) = property.as_object() else { continue };
            path.push(name.clone());
            if let Some(mark) = property.get("x-mcp-header") {
                self.add(mark, property, path)?;
            }
            self.properties(property, path)?;
            path.pop();
        }
        Ok(())
    }

    fn add(&mut self, mark: &Value, property: &Map<String, Value>, path: &[String]) -> Result<(), String> {
        let wrong = |what: String| Err(format!("x-mcp-header of the property {}: {what}", path.join(".")));
        let Some(name) = mark.as_str().filter(|name| !name.is_empty()) else {
            return wrong("expected the name of a header".to_owned());
        };
        let Ok(header) = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes()) else {
            return wrong("not the name of a header".to_owned());
        };
        if !self.names.insert(name.to_ascii_lowercase()) {
            return wrong(format!("{name} marks two properties"));
        }
        if !matches!(property.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
            return wrong("only strings, integers and booleans can be headers".to_owned());
        }
        if self.params.len() == MAX_HEADERS {
            return wrong(format!("more than {MAX_HEADERS} headers"));
        }
        self.params.push(ParamHeader { path: path.to_vec(), header });
        Ok(())
    }
}

/// Counts the marks in a schema, except in data such as defaults and examples.
fn count_marks(schema: &Map<String, Value>) -> usize {
    fn of(value: &Value, is_map_of_schemas: bool) -> usize {
        match value {
            Value::Object(object) if is_map_of_schemas => object.values().map(|value| of(value, false)).sum(),
            Value::Object(object) => count_marks(object),
            Value::Array(items) => items.iter().map(|item| of(item, false)).sum(),
            _ => 0,
        }
    }
    let counts = schema.iter().map(|(key, value)| match key.as_str() {
        "x-mcp-header" => 1,
        "properties" | "$defs" | "definitions" | "dependencies" | "dependentSchemas"
        | "patternProperties" => of(value, true),
        "default" | "const" | "enum" | "examples" | "dependentRequired" => 0,
        _ => of(value, false),
    });
    counts.sum()
}

/// Returns the value unchanged, or in Base64 if a header cannot carry it unchanged.
fn encoded(value: &str) -> String {
    const PREFIX: &str = "=?base64?";
    const SUFFIX: &str = "?=";
    let printable = value.chars().all(|c| (' '..='~').contains(&c));
    let seems_encoded = value.starts_with(PREFIX) && value.ends_with(SUFFIX);
    if printable && !seems_encoded && value.trim_matches(' ') == value {
        value.to_owned()
    } else {
        format!("{PREFIX}{}{SUFFIX}", BASE64_STANDARD.encode(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn marks(schema: Value) -> Result<usize, String> {
        marked(schema.as_object().unwrap()).map(|params| params.len())
    }

    #[test]
    fn marked_arguments_become_headers() {
        let params = ParamHeaders::default();
        let schema = json!({"properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
            "ok": {"type": "boolean", "x-mcp-header": "Ok"},
            "absent": {"type": "string", "x-mcp-header": "Absent"},
            "odd": {"type": "string", "x-mcp-header": "Odd"}
        }});
        let marks = marked(schema.as_object().unwrap()).unwrap();
        params.replace(HashMap::from([("t".to_owned(), marks)]));
        let arguments = json!({"region": "eu", "deep": {"n": 7}, "ok": null, "odd": "é\n"});
        let mut headers = HeaderMap::new();
        params.add("t", arguments.as_object(), &mut headers);
        assert_eq!(headers["mcp-param-region"], "eu");
        assert_eq!(headers["mcp-param-n"], "7");
        assert_eq!(headers["mcp-param-odd"], "=?base64?w6kK?=");
        assert_eq!(headers.len(), 3);
        params.add("other", arguments.as_object(), &mut headers);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn values_are_sent_unchanged_or_encoded() {
        assert_eq!(encoded("a b"), "a b");
        assert_eq!(encoded(""), "");
        assert_eq!(encoded(" a"), "=?base64?IGE=?=");
        assert!(encoded("=?base64?x?=").starts_with("=?base64?PT9"));
    }

    #[test]
    fn wrong_marks_are_refused() {
        let one = |property: Value| marks(json!({"properties": {"a": property}}));
        assert_eq!(one(json!({"type": "string", "x-mcp-header": "A"})), Ok(1));
        for (property, expected) in [
            (json!({"type": "string", "x-mcp-header": ""}), "name of a header"),
            (json!({"type": "string", "x-mcp-header": 7}), "name of a header"),
            (json!({"type": "string", "x-mcp-header": "a b"}), "name of a header"),
            (json!({"type": "number", "x-mcp-header": "A"}), "only strings"),
            (
                json!({"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}),
                "not a plain property",
            ),
        ] {
            assert!(one(property.clone()).unwrap_err().contains(expected), "{property}");
        }
        assert!(marks(json!({"x-mcp-header": "A"})).is_err());
        let twice = json!({"properties": {
            "a": {"type": "string", "x-mcp-header": "A"}, "b": {"type": "string", "x-mcp-header": "a"}
        }});
        assert!(marks(twice).unwrap_err().contains("marks two"));
        // Data and names of properties are not marks.
        let data =
            json!({"properties": {"x-mcp-header": {"type": "string", "default": {"x-mcp-header": 1}}}});
        assert_eq!(marks(data), Ok(0));
    }
}
