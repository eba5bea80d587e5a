//! Puts an entry into JSON, TOML or YAML. Comments, order and all other entries are kept.

use std::fmt::Write as _;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table};

/// The format of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON with comments and trailing commas.
    Json,
    /// TOML, for Codex.
    Toml,
    /// YAML, for Goose.
    Yaml,
}

/// Returns `text` with `entry` under the key `name` of the object at the path `servers`. An
/// existing entry of that name is replaced.
///
/// # Errors
/// The reason why the text cannot be edited.
pub fn put(
    format: Format,
    text: &str,
    servers: &[&str],
    name: &str,
    entry: &Value,
) -> Result<String, String> {
    match format {
        Format::Json => json(text, servers, name, entry),
        Format::Toml => toml(text, servers, name, entry),
        Format::Yaml => yaml(text, servers, name, entry),
    }
}

/// Returns the entry alone, for a person to paste.
pub fn snippet(format: Format, servers: &[&str], name: &str, entry: &Value) -> String {
    put(format, "", servers, name, entry).unwrap_or_default()
}

fn json(text: &str, servers: &[&str], name: &str, entry: &Value) -> Result<String, String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root = CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| error.to_string())?;
    let mut object = root.object_value_or_create().ok_or("it is not a JSON object")?;
    for key in servers {
        object = object.object_value_or_create(key).ok_or_else(|| format!("\"{key}\" is not an object"))?;
    }
    match object.get(name) {
        Some(property) => property.set_value(to_cst(entry)),
        None => drop(object.append(name, to_cst(entry))),
    }
    Ok(root.to_string())
}

fn to_cst(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(boolean) => CstInputValue::Bool(*boolean),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(to_cst).collect()),
        Value::Object(fields) => {
            CstInputValue::Object(fields.iter().map(|(key, value)| (key.clone(), to_cst(value))).collect())
        }
    }
}

fn toml(text: &str, servers: &[&str], name: &str, entry: &Value) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let mut table = document.as_table_mut();
    for key in servers {
        let inner = table.entry(key).or_insert_with(|| {
            let mut inner = Table::new();
            // No header of its own: that of the first entry suffices.
            inner.set_implicit(true);
            Item::Table(inner)
        });
        table = inner.as_table_mut().ok_or_else(|| format!("`{key}` is not a table of its own"))?;
    }
    let mut fields = Table::new();
    for (key, value) in entry.as_object().into_iter().flatten() {
        let value: toml_edit::Value = match value {
            Value::String(text) => text.as_str().into(),
            Value::Bool(boolean) => (*boolean).into(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        fields.insert(key, Item::Value(value));
    }
    match table.get_mut(name) {
        // Keeps the comments above the entry.
        Some(Item::Table(old)) => {
            *fields.decor_mut() = old.decor().clone();
            fields.set_position(old.position());
            *old = fields;
        }
        Some(other) => *other = Item::Table(fields),
        None => drop(table.insert(name, Item::Table(fields))),
    }
    Ok(document.to_string())
}

/// Edits YAML line by line, since no library keeps its comments. The lines of the entry are put
/// below the line of the key `servers`, or replace the existing lines. The caller must parse the
/// text before and after, and compare.
fn yaml(text: &str, servers: &[&str], name: &str, entry: &Value) -> Result<String, String> {
    let [key] = servers else { return Err("its servers are nested deeper than isolet can write".to_owned()) };
    let servers_line = |line: &str| {
        line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')).map(|rest| rest.trim().to_owned())
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some((at, rest)) = lines.iter().enumerate().find_map(|(at, line)| Some((at, servers_line(line)?)))
    else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Ok(format!("{text}{gap}{key}:\n{}", block(2, name, entry)));
    };
    if !(rest.is_empty() || rest.starts_with('#') || rest == "{}") {
        return Err(format!("`{key}` is written on one line"));
    }
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let first = lines[at + 1..].iter().find(|line| !is_blank(line));
    let indent = first.map_or(0, |line| indent_of(line));
    let indent = if indent == 0 { 2 } else { indent };
    let end = lines[at + 1..]
        .iter()
        .position(|line| !is_blank(line) && indent_of(line) == 0)
        .map_or(lines.len(), |length| at + 1 + length);
    // The first line of the existing entry.
    let is_entry = |line: &str| {
        indent_of(line) == indent
            && line.trim_start().split_once(':').is_some_and(|(key, _)| key.trim_matches(['"', '\'']) == name)
    };
    let old = lines[at + 1..end].iter().position(|line| is_entry(line)).map(|offset| at + 1 + offset);
    let (from, to) = match old {
        None => (at + 1, at + 1),
        Some(from) => {
            let length = lines[from + 1..end]
                .iter()
                .take_while(|line| is_blank(line) || indent_of(line) > indent)
                .count();
            // Blank lines and comments after the entry belong to the next one.
            let tail =
                lines[from + 1..from + 1 + length].iter().rev().take_while(|line| is_blank(line)).count();
            (from, from + 1 + length - tail)
        }
    };
    let mut out: String = lines[..at].concat();
    out.push_str(if rest == "{}" { "" } else { lines[at] });
    if rest == "{}" {
        let _ = writeln!(out, "{key}:");
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&lines[at + 1..from].concat());
    out.push_str(&block(indent, name, entry));
    out.push_str(&lines[to..].concat());
    Ok(out)
}

/// Formats an entry with its values as JSON, which is valid YAML.
fn block(indent: usize, name: &str, entry: &Value) -> String {
    let mut text = format!("{:indent$}{name}:\n", "");
    for (key, value) in entry.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{:width$}{key}: {value}", "", width = 2 * indent);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> Value {
        json!({ "command": "/bin/isolet", "args": ["mcp"] })
    }

    #[test]
    fn json_edits_keep_comments_and_are_idempotent() {
        let text = "// mine\n{\n  \"theme\": \"x\", // dark\n  \"mcpServers\": {\n    \"a\": { \"command\": \"b\" }, // first\n  },\n}\n";
        let once = put(Format::Json, text, &["mcpServers"], "isolet", &entry()).unwrap();
        for kept in ["// mine", "// dark", "// first", "\"a\": { \"command\": \"b\" }"] {
            assert!(once.contains(kept), "{once}");
        }
        assert!(once.contains("/bin/isolet"));
        assert_eq!(put(Format::Json, &once, &["mcpServers"], "isolet", &entry()).unwrap(), once);
        let other = put(Format::Json, &once, &["mcpServers"], "isolet", &json!({ "command": "c" })).unwrap();
        assert!(!other.contains("/bin/isolet") && other.contains("// first"), "{other}");
        assert!(put(Format::Json, "{\"mcpServers\": []}", &["mcpServers"], "isolet", &entry()).is_err());
        assert!(put(Format::Json, "{", &["mcpServers"], "isolet", &entry()).is_err());
    }

    #[test]
    fn toml_edits_keep_comments_and_are_idempotent() {
        let text = "# mine\nmodel = \"x\" # best\n\n# first\n[mcp_servers.a]\ncommand = \"b\"\n\n[tui]\ntheme = \"y\"\n";
        let once = put(Format::Toml, text, &["mcp_servers"], "isolet", &entry()).unwrap();
        for kept in ["# mine", "# best", "# first\n[mcp_servers.a]\ncommand = \"b\"", "[tui]\ntheme = \"y\""]
        {
            assert!(once.contains(kept), "{once}");
        }
        assert!(once.contains("[mcp_servers.isolet]\ncommand = \"/bin/isolet\"\nargs = [\"mcp\"]"), "{once}");
        assert!(!once.contains("[mcp_servers]\n"), "{once}");
        assert_eq!(put(Format::Toml, &once, &["mcp_servers"], "isolet", &entry()).unwrap(), once);
        assert!(put(Format::Toml, "mcp_servers = 1", &["mcp_servers"], "isolet", &entry()).is_err());
    }

    #[test]
    fn yaml_edits_keep_comments_and_are_idempotent() {
        let text = "# mine\nA: b\nextensions: # all\n    # first\n    dev:\n        type: builtin\n\nC: d\n";
        let once = put(Format::Yaml, text, &["extensions"], "isolet", &entry()).unwrap();
        assert!(
            once.contains("extensions: # all\n    isolet:\n        command: \"/bin/isolet\"\n"),
            "{once}"
        );
        assert!(once.ends_with("    # first\n    dev:\n        type: builtin\n\nC: d\n"), "{once}");
        assert_eq!(put(Format::Yaml, &once, &["extensions"], "isolet", &entry()).unwrap(), once);
        let other = put(Format::Yaml, &once, &["extensions"], "isolet", &json!({ "command": "c" })).unwrap();
        assert_eq!(other.lines().count(), once.lines().count() - 1, "{other}");
        for text in ["", "A: b\n", "A: b", "extensions: {}\nA: b\n", "extensions:\n"] {
            let once = put(Format::Yaml, text, &["extensions"], "isolet", &entry()).unwrap();
            assert!(once.contains("extensions:\n  isolet:\n    command:"), "{once}");
            assert_eq!(put(Format::Yaml, &once, &["extensions"], "isolet", &entry()).unwrap(), once);
        }
        assert!(put(Format::Yaml, "extensions: {a: 1}\n", &["extensions"], "isolet", &entry()).is_err());
    }
}
