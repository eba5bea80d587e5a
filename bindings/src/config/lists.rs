//! Finding the servers in a file.

use std::path::Path;

use super::dialects::{Dialect, KeyMeaning, SERVER_KEYS};
use super::tree::{Entry, Node, NodeKind};

/// The servers under one key of a file.
pub(super) struct Servers<'t> {
    pub dialect: Dialect,
    pub entries: Vec<(&'t str, usize, &'t Node)>,
    /// The names of servers that are disabled elsewhere in the file.
    pub off: Vec<&'t str>,
}

/// The parts of a file.
#[derive(Default)]
pub(super) struct Lists<'t> {
    /// The lists of servers, in the order of the file.
    pub lists: Vec<Servers<'t>>,
    /// Claude Code's list for the current folder. Its servers replace those with the same name.
    pub local: Option<Servers<'t>>,
    /// Keys that should have servers and have no object.
    pub wrong: Vec<&'t Entry>,
    /// The other keys of the file.
    pub others: Vec<&'t Entry>,
}

impl<'t> Lists<'t> {
    /// Finds the servers of `root`, the content of the file `origin`. `current` is isolet's working
    /// folder.
    pub(super) fn of(root: &'t [Entry], origin: &Path, current: Option<&Path>) -> Self {
        let mut found = Self::default();
        for entry in root {
            if let Some((key, _)) = SERVER_KEYS.iter().find(|(key, _)| *key == entry.key) {
                match servers(&entry.value) {
                    _ if *key == "mcp" => found.opencode(entry, origin),
                    Some(entries) => found.add(Dialect::of(key, origin), entries),
                    None => found.wrong.push(entry),
                }
            } else if entry.key == "projects"
                && let Some(project) = current.and_then(|folder| project(&entry.value, folder))
            {
                let entries = project.get("mcpServers").and_then(servers).unwrap_or_default();
                let off = texts(project.get("disabledMcpServers"));
                found.local = Some(Servers { dialect: Dialect::Common, entries, off });
            } else {
                found.others.push(entry);
            }
        }
        if found.lists.is_empty() && found.local.is_none() && found.wrong.is_empty() {
            found.bare(root);
        }
        found.switch_off(root);
        found
    }

    fn add(&mut self, dialect: Dialect, entries: Vec<(&'t str, usize, &'t Node)>) {
        self.lists.push(Servers { dialect, entries, off: Vec::new() });
    }

    /// `mcp` is opencode's list, or contains a list `servers` (opencode and VS Code's settings), or
    /// is Gemini CLI's settings for servers elsewhere.
    fn opencode(&mut self, entry: &'t Entry, origin: &Path) {
        if let Some(list) = entry.value.get("servers").and_then(servers) {
            let name = origin.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let dialect = if name == "settings.json" { Dialect::Common } else { Dialect::OpenCode };
            return self.add(dialect, list);
        }
        let all = entry.value.as_map().unwrap_or_default();
        let is_settings =
            ["allowed", "excluded", "serverCommand"].iter().any(|key| entry.value.get(key).is_some());
        if is_settings || all.is_empty() {
            self.others.push(entry);
        } else {
            self.add(Dialect::OpenCode, servers(&entry.value).unwrap_or_default());
        }
    }

    /// Reads a file that has only servers.
    fn bare(&mut self, root: &'t [Entry]) {
        let is_server = |entry: &&Entry| {
            let fields = entry.value.as_map().unwrap_or_default();
            let means = |field: &Entry| Dialect::Common.meaning(&field.key);
            fields.iter().any(|field| matches!(means(field), Some(KeyMeaning::Command | KeyMeaning::Address)))
        };
        let entries: Vec<_> =
            root.iter().filter(is_server).map(|entry| (entry.key.as_str(), entry.at, &entry.value)).collect();
        if !entries.is_empty() {
            self.others.retain(|other| !is_server(other));
            self.add(Dialect::Common, entries);
        }
    }

    /// Applies Gemini CLI's lists of servers to start and not to start.
    fn switch_off(&mut self, root: &'t [Entry]) {
        let Some(gemini) = root.iter().find(|entry| entry.key == "mcp").map(|entry| &entry.value) else {
            return;
        };
        let (allowed, excluded) = (gemini.get("allowed"), texts(gemini.get("excluded")));
        let only = allowed.map(|allowed| texts(Some(allowed)));
        for list in self.lists.iter_mut().filter(|list| list.dialect == Dialect::Gemini) {
            let is_off = |name: &&str| {
                excluded.contains(name) || only.as_ref().is_some_and(|only| !only.contains(name))
            };
            list.off.extend(list.entries.iter().map(|(name, ..)| *name).filter(is_off));
        }
    }
}

/// The entries of an object, or of Continue's list of objects with names.
fn servers(node: &Node) -> Option<Vec<(&str, usize, &Node)>> {
    match &node.kind {
        NodeKind::Map(entries) => {
            Some(entries.iter().map(|entry| (entry.key.as_str(), entry.at, &entry.value)).collect())
        }
        NodeKind::List(items) => {
            items.iter().map(|item| Some((item.get("name")?.as_text()?, item.at, item))).collect()
        }
        // A YAML key without a value.
        NodeKind::Null => Some(Vec::new()),
        _ => None,
    }
}

/// Finds the entry for `folder` in Claude Code's projects.
fn project<'t>(projects: &'t Node, folder: &Path) -> Option<&'t Node> {
    let all = projects.as_map()?;
    folder
        .ancestors()
        .find_map(|folder| all.iter().find(|entry| Path::new(&entry.key) == folder).map(|entry| &entry.value))
}

fn texts(node: Option<&Node>) -> Vec<&str> {
    node.and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_text).collect()
}
