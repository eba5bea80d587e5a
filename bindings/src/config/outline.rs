//! An outline of a configuration: what its servers would do. Nothing is started, expanded or
//! opened.
//!
//! The file may be hostile. Names and values are returned as they are in the file, and the caller
//! makes them fit to be shown. Only values that can be nothing but credentials are left out; of
//! those, and of headers, the names are returned.

use std::collections::BTreeSet;
use std::path::Path;

use super::ConfigError;
use super::dialects::{Dialect, KeyMeaning};
use super::expand::{VariableSyntax, Variables};
use super::lists::Lists;
use super::tree::{Entry, Node, parse};
use crate::redact::recognition::is_literal_credential;
use crate::text::shortened;

/// The longest value of a variable that is returned whole; `PATH` has some hundred bytes.
const MAX_VALUE_BYTES: usize = 4096;

/// The outline of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOutline {
    /// The name.
    pub name: String,
    /// The facts, in a fixed order.
    pub facts: Vec<Fact>,
}

/// A fact about a server in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The command and its arguments, with variables not expanded.
    Starts(Vec<String>),
    /// The URL.
    Address(String),
    /// The working folder.
    Folder(String),
    /// The file of variables.
    VariablesFrom(String),
    /// The variables that are set, with their values as written; `None` for values that can only be
    /// credentials.
    Sets(Vec<(String, Option<String>)>),
    /// The names of the headers.
    Headers(Vec<String>),
    /// The variables of isolet's environment that it gets.
    Reads(Vec<String>),
    /// Other keys.
    Keys(Vec<String>),
}

/// Returns the outlines of all servers.
///
/// # Errors
/// Text that cannot be parsed. A configuration with an outline may still be refused when it is
/// used.
pub(super) fn outline(text: &str, origin: &Path) -> Result<Vec<ServerOutline>, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = parse(text, origin)?;
    let Some(entries) = root.as_ref().and_then(Node::as_map) else { return Ok(Vec::new()) };
    let current = std::env::current_dir().ok();
    let Lists { lists, local, .. } = Lists::of(entries, origin, current.as_deref());
    let lists = lists.iter().chain(&local);
    let servers =
        lists.flat_map(|list| list.entries.iter().map(|(name, _, node)| (list.dialect, *name, *node)));
    Ok(servers.map(|(dialect, name, node)| server_outline(dialect, name, node)).collect())
}

/// Shows a value as a person would write it.
fn shown(node: &Node) -> String {
    node.as_text().map_or_else(|| node.to_string(), str::to_owned)
}

fn server_outline(dialect: Dialect, name: &str, node: &Node) -> ServerOutline {
    let name = name.to_owned();
    let Some(fields) = node.as_map() else {
        return ServerOutline { name, facts: vec![Fact::Keys(vec![shown(node)])] };
    };
    // A repeated key is refused later. Here both values are shown.
    let all =
        |means: KeyMeaning| fields.iter().filter(move |field| dialect.meaning(&field.key) == Some(means));
    let mut facts = Vec::new();
    let words = |means| all(means).flat_map(|field| list(&field.value));
    let command: Vec<String> = words(KeyMeaning::Command).chain(words(KeyMeaning::Arguments)).collect();
    if !command.is_empty() {
        facts.push(Fact::Starts(command));
    }
    let single = [
        (KeyMeaning::Address, Fact::Address as fn(String) -> Fact),
        (KeyMeaning::Folder, Fact::Folder),
        (KeyMeaning::VariableFile, Fact::VariablesFrom),
    ];
    for (means, fact) in single {
        facts.extend(all(means).map(|field| fact(shown(&field.value))));
    }
    let set = |variable: &Entry| {
        let (name, value) = (variable.key.as_str(), shown(&variable.value));
        let told =
            (!is_literal_credential(name, &value)).then(|| shortened(&value, MAX_VALUE_BYTES).into_owned());
        (name.to_owned(), told)
    };
    let sets: Vec<_> = all(KeyMeaning::Variables)
        .flat_map(|field| match field.value.as_map() {
            Some(variables) => variables.iter().map(set).collect(),
            None => vec![(shown(&field.value), None)],
        })
        .collect();
    if !sets.is_empty() {
        facts.push(Fact::Sets(sets));
    }
    let headers = all(KeyMeaning::Headers)
        .chain(all(KeyMeaning::HeaderVariables))
        .flat_map(|field| names(&field.value));
    let bearer = all(KeyMeaning::BearerVariable).map(|_| "authorization".to_owned());
    let keys = fields.iter().filter(|field| !is_told(dialect.meaning(&field.key))).map(|field| {
        match dialect.meaning(&field.key) {
            // This key removes a protection.
            Some(KeyMeaning::Privileges) => format!("{}={}", field.key, shown(&field.value)),
            _ => field.key.clone(),
        }
    });
    let told = [
        (headers.chain(bearer).collect::<Vec<_>>(), Fact::Headers as fn(Vec<String>) -> Fact),
        (variables(dialect, node), Fact::Reads),
        (keys.collect(), Fact::Keys),
    ];
    facts.extend(told.into_iter().filter(|(names, _)| !names.is_empty()).map(|(names, fact)| fact(names)));
    ServerOutline { name, facts }
}

/// The items of a list, or a single value.
fn list(node: &Node) -> Vec<String> {
    node.as_list().map_or_else(|| vec![shown(node)], |items| items.iter().map(shown).collect())
}

fn names(node: &Node) -> Vec<String> {
    node.as_map()
        .map_or_else(|| vec![shown(node)], |entries| entries.iter().map(|entry| entry.key.clone()).collect())
}

/// Returns whether a fact other than [`Fact::Keys`] covers the key.
fn is_told(means: Option<KeyMeaning>) -> bool {
    matches!(
        means,
        Some(
            KeyMeaning::Transport
                | KeyMeaning::Command
                | KeyMeaning::Arguments
                | KeyMeaning::Variables
                | KeyMeaning::VariableNames
                | KeyMeaning::VariableFile
                | KeyMeaning::Folder
                | KeyMeaning::Address
                | KeyMeaning::Headers
                | KeyMeaning::HeaderVariables
                | KeyMeaning::BearerVariable
        )
    )
}

/// Returns the names of all variables of a server: those that expansion would use, and those that
/// are passed by name.
fn variables(dialect: Dialect, node: &Node) -> Vec<String> {
    let found = std::cell::RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        found.borrow_mut().insert(name.to_owned());
        Some(String::new())
    };
    // Every syntax is tried, since too many names do no harm here.
    for form in [VariableSyntax::Braced, VariableSyntax::Plain, VariableSyntax::Curly] {
        let applies = match form {
            VariableSyntax::Braced => true,
            VariableSyntax::Plain => dialect == Dialect::Gemini,
            VariableSyntax::Curly => dialect == Dialect::OpenCode,
        };
        let variables = Variables { lookup: &lookup, workspace: "", form };
        for text in node.texts().into_iter().filter(|_| applies) {
            // A variable that cannot be expanded is refused later.
            drop(variables.expand(text, &mut Vec::new()));
        }
    }
    for field in node.as_map().unwrap_or_default() {
        let named = match dialect.meaning(&field.key) {
            Some(KeyMeaning::VariableNames | KeyMeaning::HeaderVariables | KeyMeaning::BearerVariable) => {
                field.value.texts()
            }
            _ => continue,
        };
        found.borrow_mut().extend(named.into_iter().map(str::to_owned));
    }
    found.into_inner().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_is_complete_and_starts_nothing() {
        let text = r#"{
            // A comment.
            "mcpServers": {
                "files": {
                    "command": "sh", "args": ["-c", "echo ${TOKEN:-x}"], "cwd": "sub", "envFile": "/nowhere/.env",
                    "env": { "LD_PRELOAD": "./evil.so", "KEY": "${env:KEY}", "API_TOKEN": "s3cret" }, "start": "lazy",
                    "allowPrivilegeEscalation": true,
                },
            },
            "servers": {
                "web": { "url": "https://${HOST}/mcp?k=${KEY}", "headers": { "Authorization": "Bearer secret" } },
                "odd": 7,
                "twice": { "command": "a", "command": "b" },
            }
        }"#;
        let all = outline(text, Path::new("mcp.json")).unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            all.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(),
            ["files", "web", "odd", "twice"]
        );
        assert_eq!(
            all[0].facts,
            [
                Fact::Starts(words(&["sh", "-c", "echo ${TOKEN:-x}"])),
                Fact::Folder("sub".to_owned()),
                Fact::VariablesFrom("/nowhere/.env".to_owned()),
                Fact::Sets(vec![
                    ("LD_PRELOAD".to_owned(), Some("./evil.so".to_owned())),
                    ("KEY".to_owned(), Some("${env:KEY}".to_owned())),
                    ("API_TOKEN".to_owned(), None),
                ]),
                Fact::Reads(words(&["KEY", "TOKEN"])),
                Fact::Keys(words(&["start", "allowPrivilegeEscalation=true"])),
            ]
        );
        assert_eq!(
            all[1].facts,
            [
                Fact::Address("https://${HOST}/mcp?k=${KEY}".to_owned()),
                Fact::Headers(words(&["Authorization"])),
                Fact::Reads(words(&["HOST", "KEY"])),
            ]
        );
        assert_eq!(all[2].facts, [Fact::Keys(words(&["7"]))]);
        assert_eq!(all[3].facts, [Fact::Starts(words(&["a", "b"]))]);
        assert!(outline("{", Path::new("mcp.json")).is_err());
        assert_eq!(outline("[]", Path::new("mcp.json")).unwrap(), []);
    }
}
