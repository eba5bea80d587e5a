//! The example script in the description of `run`, which calls tools of the connected servers.
//!
//! Models copy it, so it shows what saves tokens: two calls at once, with arguments, and a reduced
//! result. It prefers tools that are annotated as read-only and take an argument, leaves out
//! deprecated ones, and only makes calls whose arguments the schemas accept.

use isolet_tsdefs::{ToolDefinition, is_deprecated};
use serde_json::{Map, Value};

use super::quote::MAX_NAME_BYTES;
use super::server_lines::OverviewServer;

/// Verbs at the beginning of names of tools that read.
const READ_VERBS: [&str; 7] = ["list", "get", "search", "find", "read", "query", "fetch"];

/// The length of a call.
const MAX_CALL_BYTES: usize = 120;

/// The number of tools that are considered.
const MAX_TOOLS: usize = 1000;

/// The variables of the two results.
const VARIABLES: [&str; 2] = ["first", "second"];

/// A call that could be shown.
struct Candidate<'a> {
    /// The order: annotated as read-only, has arguments, has a verb of reading.
    rank: (bool, bool, bool),
    text: String,
    tool: &'a ToolDefinition,
}

/// Returns the script.
pub fn script(servers: &[OverviewServer<'_>], reads_only: &dyn Fn(&str, &str) -> bool) -> String {
    let mut calls: Vec<Candidate<'_>> =
        servers.iter().flat_map(|server| candidates(server, reads_only)).take(MAX_TOOLS).collect();
    calls.sort_by_key(|call| call.rank);
    let mut calls = calls.into_iter();
    let Some(first) = calls.next() else {
        return match servers.iter().find(|server| server.alias.len() <= MAX_NAME_BYTES) {
            Some(server) => {
                let alias = server.alias;
                format!(
                    "const tools = await env.{alias}.$tools();\nreturn tools.filter((tool) => tool.name);"
                )
            }
            None => "return [1, 2, 3].map((n) => n * n);".to_owned(),
        };
    };
    // A second tool of the same rank, else the first again.
    let second = calls.next().filter(|second| second.rank == first.rank);
    let second = second.as_ref().unwrap_or(&first);
    let parts = VARIABLES.iter().zip([&first, second]).map(|(value, call)| reduced(value, call.tool));
    let parts: Vec<String> = parts.collect();
    let result = match parts.iter().any(|part| part.contains(".filter(")) {
        true => format!("{{ {}: {}, {}: {} }}", VARIABLES[0], parts[0], VARIABLES[1], parts[1]),
        false => format!("[{}].filter((found) => found != null)", parts.join(", ")),
    };
    format!(
        "const [{}] = await Promise.all([\n  {},\n  {},\n]);\nreturn {result};",
        VARIABLES.join(", "),
        first.text,
        second.text
    )
}

fn candidates<'a>(
    server: &'a OverviewServer<'a>,
    reads_only: &'a dyn Fn(&str, &str) -> bool,
) -> impl Iterator<Item = Candidate<'a>> {
    let tools = server.definition.tools.iter().zip(server.aliases);
    tools.filter_map(move |(tool, alias)| {
        let is_short = alias.len() <= MAX_NAME_BYTES && server.alias.len() <= MAX_NAME_BYTES;
        let usable = is_short && !is_deprecated(tool);
        let arguments = arguments(tool).filter(|_| usable)?;
        let text = format!("env.{}.{alias}({arguments})", server.alias);
        let name = alias.to_ascii_lowercase();
        let reads = READ_VERBS.iter().any(|verb| name.starts_with(verb));
        let rank = (!reads_only(server.name, &tool.name), arguments.is_empty(), !reads);
        (text.len() <= MAX_CALL_BYTES).then_some(Candidate { rank, text, tool })
    })
}

/// Returns an expression that reduces a result of a declared type: a field, or filtered items.
fn reduced(value: &str, tool: &ToolDefinition) -> String {
    let schema = tool.output_schema.as_ref().filter(|_| !tool.output_inferred).map(|schema| schema.read());
    let Some(schema) = schema.as_deref().and_then(Value::as_object) else { return value.to_owned() };
    let filtered = |list: &str, items: Option<&Value>| {
        let fields = items.and_then(Value::as_object).and_then(properties)?;
        let name = fields.iter().find(|(name, field)| is_scalar(field) && is_plain(name))?.0;
        Some(format!("{list}.filter((item) => item.{name})"))
    };
    if is(schema, "array") {
        return filtered(value, schema.get("items")).unwrap_or_else(|| value.to_owned());
    }
    let Some(fields) = properties(schema).filter(|_| is(schema, "object")) else { return value.to_owned() };
    let required = |name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|one| one == name))
    };
    let sure = || fields.iter().filter(|(name, _)| is_plain(name) && required(name));
    let list = sure().find_map(|(name, field)| {
        let field = field.as_object().filter(|field| is(field, "array"))?;
        filtered(&format!("{value}.{name}"), field.get("items"))
    });
    // A field that is an argument too is known already.
    let input = tool.input_schema.read();
    let arguments = input.as_object().and_then(properties);
    let is_new = |name: &str| arguments.is_none_or(|arguments| !arguments.contains_key(name));
    let scalar = || {
        let (name, _) = sure().find(|(name, field)| is_scalar(field) && is_new(name))?;
        Some(format!("{value}.{name}"))
    };
    list.or_else(scalar).unwrap_or_else(|| value.to_owned())
}

fn properties(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn is(schema: &Map<String, Value>, kind: &str) -> bool {
    schema.get("type").and_then(Value::as_str) == Some(kind)
}

fn is_scalar(field: &Value) -> bool {
    field["type"].as_str().is_some_and(|kind| ["string", "number", "integer", "boolean"].contains(&kind))
}

fn is_plain(name: &str) -> bool {
    isolet_tsdefs::is_identifier(name) && name.len() <= 40
}

/// Returns arguments that the tool's schema certainly accepts: none, or one or two strings or
/// numbers.
fn arguments(tool: &ToolDefinition) -> Option<String> {
    let schema = tool.input_schema.read();
    let schema = schema.as_object()?;
    if ["allOf", "anyOf", "oneOf", "not", "if", "$ref", "minProperties"]
        .iter()
        .any(|key| schema.contains_key(*key))
    {
        return None;
    }
    let required = match schema.get("required") {
        None => &[][..],
        Some(Value::Array(names)) if names.len() <= 2 => names.as_slice(),
        Some(_) => return None,
    };
    let mut fields = Vec::new();
    for name in required {
        let name = name.as_str().filter(|name| is_plain(name))?;
        let property = schema.get("properties")?.get(name)?.as_object()?;
        let plain = property
            .keys()
            .all(|key| ["type", "description", "title", "default", "examples"].contains(&key.as_str()));
        let value = match property.get("type")?.as_str()? {
            "string" if plain => "\"…\"",
            "number" | "integer" if plain => "1",
            "boolean" if plain => "true",
            _ => return None,
        };
        fields.push(format!("{name}: {value}"));
    }
    Some(if fields.is_empty() { String::new() } else { format!("{{ {} }}", fields.join(", ")) })
}

#[cfg(test)]
mod tests {
    use isolet_tsdefs::{Schema, ServerDefinition};
    use serde_json::json;

    use super::*;

    fn example(tools: Vec<ToolDefinition>) -> String {
        let definition = ServerDefinition::new("my-hub", tools);
        let aliases: Vec<String> = definition.tools.iter().map(|tool| tool.name.replace('-', "_")).collect();
        let server =
            OverviewServer { name: "my-hub", alias: "my_hub", definition: &definition, aliases: &aliases };
        script(&[server], &|_, tool| tool.starts_with("read"))
    }

    fn tool(name: &str, input: Value) -> ToolDefinition {
        ToolDefinition::new(name, input)
    }

    fn by_id() -> Value {
        json!({ "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] })
    }

    #[test]
    fn the_schemas_accept_the_arguments() {
        let odd = json!({ "type": "object", "properties": { "id": { "enum": [1] } }, "required": ["id"] });
        assert_eq!(
            example(vec![
                tool("delete-all", json!({})),
                tool("get_x", odd.clone()),
                tool("get-user", by_id())
            ]),
            "const [first, second] = await Promise.all([\n  env.my_hub.get_user({ id: \"…\" }),\n  \
             env.my_hub.get_user({ id: \"…\" }),\n]);\nreturn [first, second].filter((found) => found != null);"
        );
        assert!(example(vec![tool("get_x", odd)]).contains("env.my_hub.$tools()"));
        assert!(script(&[], &|_, _| true).starts_with("return [1"));
    }

    #[test]
    fn deprecated_tools_are_left_out() {
        let mut old = tool("read_file", by_id());
        old.description = Some("Reads a file. DEPRECATED: Use read_text_file instead.".to_owned());
        let text = example(vec![old.clone(), tool("get_user", by_id())]);
        assert!(text.contains("get_user(") && !text.contains("read_file("), "{text}");
        assert!(example(vec![old]).contains("env.my_hub.$tools()"));
    }

    #[test]
    fn read_only_tools_come_first_and_lists_are_filtered() {
        let mut list = tool("read_orders", by_id());
        let order = json!({ "type": "object", "properties": { "lines": {}, "open": { "type": "boolean" } } });
        list.output_schema = Some(Schema::from(json!({
            "type": "object", "properties": { "orders": { "type": "array", "items": order } }, "required": ["orders"]
        })));
        let mut count = tool("read_count", by_id());
        let fields = json!({ "count": { "type": "integer" } });
        count.output_schema =
            Some(json!({ "type": "object", "properties": fields, "required": ["count"] }).into());
        let text = example(vec![tool("get_user", by_id()), list, tool("read_all", json!({})), count]);
        assert!(text.contains("env.my_hub.read_orders({ id: \"…\" }),\n  env.my_hub.read_count("), "{text}");
        assert!(
            text.ends_with(
                "return { first: first.orders.filter((item) => item.open), second: second.count };"
            ),
            "{text}"
        );
    }
}
