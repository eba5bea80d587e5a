//! The names that a run can see: servers, tools, aliases; and the nearest names to an unknown one.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The servers and tools that one run can see. Immutable and shared: a run holds an `Arc` of it, so
/// that servers with thousands of tools cost a run nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    servers: IndexMap<String, ServerTools>,
    aliases: HashMap<String, String>,
}

/// One server's tools.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTools {
    /// The exact names in the order of the list. `None` while the server has not listed its tools;
    /// every name is then accepted, and the host waits for the list.
    tools: Option<IndexMap<String, ()>>,
    aliases: HashMap<String, String>,
    /// The names and aliases of tools that are not listed and not suggested. The host refuses calls
    /// of them with a reason.
    withheld: HashMap<String, String>,
    /// Set if the run may not use some of the server's tools.
    narrowed: bool,
}

impl ServerTools {
    /// Returns a server whose tools are not known yet.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Returns a server with these `(exact name, alias)` pairs. An alias that is another tool's
    /// exact name is ignored.
    pub fn new<N: Into<String>, A: Into<String>>(tools: impl IntoIterator<Item = (N, A)>) -> Self {
        let mut names = IndexMap::new();
        let mut aliases = HashMap::new();
        for (name, alias) in tools {
            let (name, alias) = (name.into(), alias.into());
            if name != alias {
                aliases.entry(alias).or_insert_with(|| name.clone());
            }
            names.insert(name, ());
        }
        Self { tools: Some(names), aliases, withheld: HashMap::new(), narrowed: false }
    }

    /// Returns the same server. With `narrowed`, the run may not use some of its tools.
    #[must_use]
    pub fn narrowed(self, narrowed: bool) -> Self {
        Self { narrowed, ..self }
    }

    /// Returns `true` if the run may not use some of the server's tools.
    pub fn is_narrowed(&self) -> bool {
        self.narrowed
    }

    /// Returns the same server with withheld tools, as `(exact name, alias)`.
    #[must_use]
    pub fn withholding<N: Into<String>, A: Into<String>>(
        mut self,
        tools: impl IntoIterator<Item = (N, A)>,
    ) -> Self {
        for (name, alias) in tools {
            let name = name.into();
            self.withheld.entry(alias.into()).or_insert_with(|| name.clone());
            self.withheld.insert(name.clone(), name);
        }
        self
    }

    /// Returns the exact name of `name`, which may be an alias, or `None` for an unknown tool.
    pub fn resolve<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        match &self.tools {
            None => Some(name),
            Some(tools) if tools.contains_key(name) => Some(name),
            Some(_) => self.aliases.get(name).or_else(|| self.withheld.get(name)).map(String::as_str),
        }
    }

    /// Returns `true` if the list is known and contains `name` as an exact name or alias.
    pub fn lists(&self, name: &str) -> bool {
        self.tools.is_some() && self.resolve(name).is_some()
    }

    /// Returns the exact names in the order of the list. Empty while the list is unknown.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().flat_map(|tools| tools.keys().map(String::as_str))
    }

    /// Returns the alias of a tool by its exact name, as scripts write it. A name that has none is
    /// its own.
    pub fn alias<'a>(&'a self, name: &'a str) -> &'a str {
        alias(&self.aliases, name)
    }

    /// Returns at most `limit` names that are similar to `wrong`, the nearest first.
    pub fn nearest(&self, wrong: &str, limit: usize) -> Vec<&str> {
        nearest(wrong, self.names(), limit)
    }

    fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        if let Some(tools) = &mut self.tools {
            tools.retain(|name, ()| keep(name));
            self.aliases.retain(|_, name| tools.contains_key(name));
            self.withheld.retain(|_, name| keep(name));
        }
    }
}

impl Catalogue {
    /// Adds a server. `alias` is its identifier in the declarations.
    pub fn insert(&mut self, name: impl Into<String>, alias: impl Into<String>, tools: ServerTools) {
        let (name, alias) = (name.into(), alias.into());
        if name != alias {
            self.aliases.entry(alias).or_insert_with(|| name.clone());
        }
        self.servers.insert(name, tools);
    }

    /// Returns the exact name and the tools of the server `name`, which may be an alias.
    pub fn server(&self, name: &str) -> Option<(&str, &ServerTools)> {
        let exact = if self.servers.contains_key(name) { name } else { self.aliases.get(name)? };
        self.servers.get_key_value(exact).map(|(name, tools)| (name.as_str(), tools))
    }

    /// Returns the exact names and aliases of the servers that have not listed their tools yet.
    pub fn unlisted(&self) -> Vec<(&str, &str)> {
        let unlisted = self.servers.iter().filter(|(_, server)| server.tools.is_none()).map(|(name, _)| name);
        unlisted.map(|name| (name.as_str(), self.alias(name))).collect()
    }

    /// Returns the alias of a server by its exact name, as scripts write it. A name that has none
    /// is its own.
    pub fn alias<'a>(&'a self, name: &'a str) -> &'a str {
        alias(&self.aliases, name)
    }

    /// Returns the aliases of a server and of one of its tools by their exact names.
    pub fn aliases<'a>(&'a self, server: &'a str, tool: &'a str) -> (&'a str, &'a str) {
        let tools = self.servers.get(server);
        (self.alias(server), tools.map_or(tool, |tools| tools.alias(tool)))
    }

    /// Returns the exact names of all servers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// Returns at most `limit` names of servers that are similar to `wrong`, the nearest first.
    pub fn nearest(&self, wrong: &str, limit: usize) -> Vec<&str> {
        nearest(wrong, self.names(), limit)
    }

    /// Returns a copy with the servers and tools for which `keep(server, tool)` is true. A server
    /// whose list is known and becomes empty is left out.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&str, &str) -> bool) -> Self {
        let mut copy = self.clone();
        copy.servers.retain(|server, tools| {
            tools.retain(|tool| keep(server, tool));
            tools.tools.as_ref().is_none_or(|left| !left.is_empty())
        });
        copy.aliases.retain(|_, name| copy.servers.contains_key(name));
        copy
    }
}

/// Returns the alias of `name`. It searches all aliases, which only messages need.
fn alias<'a>(aliases: &'a HashMap<String, String>, name: &'a str) -> &'a str {
    aliases.iter().find(|(_, exact)| *exact == name).map_or(name, |(alias, _)| alias)
}

/// Returns names in the order of their Jaro-Winkler similarity to `wrong`, those one edit away
/// first, without regard to case and separators. Names below 0.7, or well below the best, would
/// mislead a model: `creat_issues` and `get-user` have 0.6.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>, limit: usize) -> Vec<&'a str> {
    /// The length of the compared texts: the cost is quadratic in the length, and the name is the
    /// script's.
    const MAX_COMPARED_CHARS: usize = 128;
    let fold = |name: &str| -> String {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .take(MAX_COMPARED_CHARS)
            .collect()
    };
    let folded = fold(wrong);
    // Jaro-Winkler puts a short name with the same beginning before one that lacks a letter.
    let is_one_edit_away = |candidate: &str| {
        candidate.len().abs_diff(folded.len()) <= 4 && strsim::osa_distance(&folded, candidate) <= 1
    };
    let mut scored: Vec<(bool, f64, &str)> = names
        .map(|name| {
            let candidate = fold(name);
            let contains = !folded.is_empty() && (candidate.contains(&folded) || folded.contains(&candidate));
            let score = strsim::jaro_winkler(&folded, &candidate);
            let score = if contains { score.max(0.75) } else { score };
            (score >= 0.7 && is_one_edit_away(&candidate), score, name)
        })
        .filter(|(_, score, _)| *score >= 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let best = scored.iter().map(|(_, score, _)| *score).fold(0.0, f64::max);
    scored
        .into_iter()
        .filter(|(_, score, _)| *score >= best - 0.15)
        .take(limit)
        .map(|(_, _, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Catalogue {
        let mut catalogue = Catalogue::default();
        let tools = [("get-user", "get_user"), ("create_issue", "create_issue"), ("then", "then")];
        catalogue.insert("my-server", "my_server", ServerTools::new(tools));
        catalogue.insert("late", "late", ServerTools::unknown());
        catalogue
    }

    #[test]
    fn exact_names_and_aliases_resolve() {
        let catalogue = sample();
        let (name, tools) = catalogue.server("my_server").expect("alias of a server");
        assert_eq!(name, "my-server");
        assert_eq!(tools.resolve("get_user"), Some("get-user"));
        assert_eq!(tools.resolve("get-user"), Some("get-user"));
        assert_eq!(tools.resolve("getUser"), None);
        assert_eq!(catalogue.aliases("my-server", "get-user"), ("my_server", "get_user"));
        assert_eq!(catalogue.aliases("late", "get-user"), ("late", "get-user"));
    }

    #[test]
    fn a_wrong_name_finds_its_neighbours() {
        let catalogue = sample();
        let (_, tools) = catalogue.server("my-server").unwrap();
        assert_eq!(tools.nearest("creat_issues", 3), ["create_issue"]);
        assert_eq!(catalogue.nearest("myserver", 3), ["my-server"]);
        assert!(tools.nearest("zzzz", 3).is_empty());
    }

    #[test]
    fn a_name_one_letter_away_comes_first() {
        let names = ["read_file", "read_text_file", "read_media_file"];
        let tools = ServerTools::new(names.map(|name| (name, name)));
        assert_eq!(tools.nearest("read_txt_file", 3)[..2], ["read_text_file", "read_file"]);
    }

    #[test]
    fn tools_of_a_server_that_has_not_answered_are_let_through() {
        let catalogue = sample();
        let (_, tools) = catalogue.server("late").unwrap();
        assert_eq!(tools.resolve("anything"), Some("anything"));
        assert!(!tools.lists("anything"));
    }

    #[test]
    fn a_withheld_tool_is_in_no_list_but_resolves() {
        let tools = ServerTools::new([("list", "list")]).withholding([("delete-all", "delete_all")]);
        assert_eq!(tools.resolve("delete_all"), Some("delete-all"));
        assert_eq!(tools.resolve("delete-all"), Some("delete-all"));
        assert_eq!(tools.names().collect::<Vec<_>>(), ["list"]);
        assert!(tools.nearest("delete_al", 3).is_empty());
    }

    #[test]
    fn a_filter_hides_tools_and_their_aliases() {
        let catalogue = sample().filtered(|_, tool| tool != "get-user");
        let (_, tools) = catalogue.server("my-server").unwrap();
        assert_eq!(tools.resolve("get_user"), None);
        assert!(sample().filtered(|_, _| false).server("my-server").is_none());
    }
}
