//! Reading a whole configuration.
//!
//! A file that cannot be parsed, has no servers, or has two servers with one name is refused. A
//! server with an invalid configuration is kept with the reason, so that the others work and its
//! callers get the reason.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::dialects::{Dialect, nearest_list};
use super::expand::{VariableSyntax, Variables};
use super::lists::{Lists, Servers};
use super::tree::{Entry, Node, parse};
use super::{ConfigError, McpConfig, ServerConfig, project_of};
use crate::text::{line, line_and_column, shortened};

/// The longest reason why a server is unusable. Some reasons quote the file.
const MAX_REASON_BYTES: usize = 600;

/// An error of one server, with its position in bytes.
pub(super) struct FieldError {
    pub at: usize,
    pub message: String,
}

impl FieldError {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

pub(super) fn read(
    text: &str,
    origin: &Path,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<McpConfig, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let workspace = workspace_of(origin);
    let mut reader = FileReader {
        text,
        origin,
        folder: &workspace,
        variables: Variables {
            lookup,
            workspace: &workspace.to_string_lossy(),
            form: VariableSyntax::Braced,
        },
        dialect: Dialect::Common,
        used: RefCell::default(),
        config: McpConfig::default(),
    };
    reader.file()?;
    Ok(reader.config)
}

/// Returns the folder of the project: the file's own, or the one above a client's folder.
fn workspace_of(origin: &Path) -> PathBuf {
    let absolute = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
    project_of(&absolute).map_or_else(|| PathBuf::from("."), |(project, _)| project.to_owned())
}

/// Returns the working folder of servers that set none: the project's. A file such as `/dev/fd/63`
/// of a shell's `<(…)` belongs to no project, and some programs cannot start in such a folder.
pub(super) fn own_folder(project: &Path) -> &Path {
    let is_none = ["/dev", "/proc"].iter().any(|folder| project.starts_with(folder));
    if is_none { Path::new("/") } else { project }
}

pub(super) struct FileReader<'a> {
    text: &'a str,
    origin: &'a Path,
    /// The folder that paths are relative to.
    pub(super) folder: &'a Path,
    pub(super) variables: Variables<'a>,
    /// The dialect of the list that is being read.
    pub(super) dialect: Dialect,
    /// The values of variables in the server that is being read.
    pub(super) used: RefCell<Vec<String>>,
    config: McpConfig,
}

impl FileReader<'_> {
    fn file(&mut self) -> Result<(), ConfigError> {
        let root = parse(self.text, self.origin)?;
        let Some(entries) = root.as_ref().and_then(Node::as_map) else {
            let offset = root.as_ref().map_or(0, |root| root.at);
            return Err(self.error(offset, "expected an object: {\"mcpServers\": {…}}"));
        };
        if let Some((second, first)) = repeated(entries) {
            return Err(self.twice("the key appears twice:", &second.key, second.at, first));
        }
        let current = std::env::current_dir().ok();
        let lists = Lists::of(entries, self.origin, current.as_deref());
        if let Some(wrong) = lists.wrong.first() {
            return Err(self.error(wrong.value.at, format!("\"{}\" must be an object: {{…}}", wrong.key)));
        }
        if lists.lists.is_empty() && lists.local.is_none() {
            return Err(self.no_servers(entries));
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for list in &lists.lists {
            for (name, at, _) in &list.entries {
                if let Some(first) = seen.insert(name, *at) {
                    return Err(self.twice("two servers are called", name, *at, first));
                }
            }
            self.list(list);
        }
        if let Some(local) = &lists.local {
            self.list(local);
            for name in &local.off {
                if let Some(server) = self.config.servers.get_mut(*name) {
                    server.disabled = true;
                }
            }
        }
        for other in &lists.others {
            self.other(other);
        }
        Ok(())
    }

    /// Handles a key without servers. Settings of a client have many.
    fn other(&mut self, entry: &Entry) {
        let is_list = self
            .origin
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with("mcp.json"));
        let key = line(shortened(&entry.key, 100).as_ref()).into_owned();
        // VS Code's list of inputs. A server that needs one reports that itself.
        match nearest_list(&entry.key) {
            _ if matches!(entry.key.as_str(), "inputs" | "$schema" | "mcp") => {}
            Some(list) if entry.value.as_map().is_some() => {
                self.warn(entry.at, format!("unknown key \"{key}\": did you mean \"{list}\"?"));
            }
            _ if is_list => self.warn(entry.at, format!("unknown key \"{key}\"")),
            _ => {}
        }
    }

    fn no_servers(&self, entries: &[Entry]) -> ConfigError {
        let meant = entries.iter().find_map(|entry| Some((entry, nearest_list(&entry.key)?)));
        if let Some((entry, list)) = meant {
            let message = format!("no servers here: unknown key \"{}\": did you mean \"{list}\"?", entry.key);
            return self.error(entry.at, message);
        }
        let at = entries.first().map_or(0, |entry| entry.at);
        let is_one = entries
            .iter()
            .any(|entry| matches!(entry.key.as_str(), "command" | "url") && entry.value.as_text().is_some());
        if is_one {
            let message = "this is one server without a name: write {\"mcpServers\": {\"name\": {…}}}";
            return self.error(at, message);
        }
        let message = "no servers here: expected the key \"mcpServers\" (or \"servers\"), as in \
                       {\"mcpServers\": {\"files\": {\"command\": \"mcp-server-filesystem\", \"args\": [\".\"]}}}";
        self.error(at, message)
    }

    fn list(&mut self, list: &Servers<'_>) {
        self.dialect = list.dialect;
        self.variables.form = match list.dialect {
            Dialect::Gemini => VariableSyntax::Plain,
            Dialect::OpenCode => VariableSyntax::Curly,
            _ => VariableSyntax::Braced,
        };
        for (name, at, node) in &list.entries {
            if name.trim().is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
                let message =
                    "a server is left out: its name must have 1 to 128 bytes and no control characters";
                self.warn(*at, message.to_owned());
                continue;
            }
            // goose lists built-in extensions too.
            let kind = node.get("type").and_then(Node::as_text);
            if list.dialect == Dialect::Goose && !matches!(kind, Some("stdio" | "sse" | "streamable_http")) {
                continue;
            }
            let disabled = list.off.contains(name) || self.is_disabled(node);
            let server = self.server(*at, node, disabled);
            let used = self.used.take();
            let server = server.unwrap_or_else(|fault| {
                if !disabled {
                    let place = self.place(fault.at);
                    let message = format!("server \"{name}\" cannot be used: {}", fault.message);
                    self.config.warnings.push(format!("{place}: {}", shortened(&message, MAX_REASON_BYTES)));
                }
                self.unusable(&fault)
            });
            let variables = used.into_iter().map(super::Secret::new).collect();
            let server = ServerConfig { disabled, variables, ..server };
            self.config.servers.insert((*name).to_owned(), server);
        }
    }

    /// Creates a server that fails with this reason. Scripts see it, so it has the name of the file
    /// without its folder.
    fn unusable(&self, fault: &FieldError) -> ServerConfig {
        let (line_number, _) = self.position(fault.at);
        let file = self.origin.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let reason = format!("{} ({file}, line {line_number})", shortened(&fault.message, MAX_REASON_BYTES));
        ServerConfig::unusable(line(&reason))
    }

    fn twice(&self, what: &str, name: &str, second: usize, first: usize) -> ConfigError {
        let (line, column) = self.position(first);
        let message =
            format!("{what} \"{name}\" (the first is at {line}:{column}); rename or remove one of them");
        self.error(second, message)
    }

    /// The file and the position, for messages.
    fn place(&self, at: usize) -> String {
        let (line, column) = self.position(at);
        format!("{}:{line}:{column}", self.origin.display())
    }

    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        line_and_column(self.text, at)
    }

    pub(super) fn warn(&mut self, at: usize, message: String) {
        let place = self.place(at);
        self.config.warnings.push(format!("{place}: {message}"));
    }

    fn error(&self, at: usize, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.origin, self.text, at, message)
    }
}

/// Returns the second entry of a repeated key, and the position of the first.
pub(super) fn repeated(entries: &[Entry]) -> Option<(&Entry, usize)> {
    let mut seen: HashMap<Cow<'_, str>, usize> = HashMap::new();
    entries.iter().find_map(|entry| {
        seen.insert(Cow::Borrowed(entry.key.as_str()), entry.at).map(|first| (entry, first))
    })
}
