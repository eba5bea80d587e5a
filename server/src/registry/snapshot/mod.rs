//! All servers and tools at one moment.
//!
//! | module | content |
//! |---|---|
//! | [`declarations`] | declarations and token counts of a snapshot |
//! | [`error`] | names that the snapshot does not have |

mod declarations;
mod error;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use isolet_runtime::{Catalogue, ServerTools};
use isolet_tsdefs::{Hit, SearchIndex, ServerDefinition, ToolDefinition, aliases, parallel_map};

pub use self::declarations::PromptCosts;
pub use self::error::{LookupError, server_advice};
use super::declaration_cache::{DeclarationCache, ListedServer, off_worker};
use super::tool_filter::{AliasedName, ToolFilter, ToolPattern};

/// With this many tools, building the search index takes long enough to be noticed.
const INDEX_AHEAD_TOOLS: usize = 1000;

/// All servers and tools at one moment. Immutable: a changed list makes another snapshot, and runs
/// keep the one that they started with.
pub struct ToolSnapshot {
    id: u64,
    /// The generation of the lists, and the version of the inferred types.
    version: (u64, u64),
    servers: Vec<ServerEntry>,
    cache: Arc<DeclarationCache>,
    /// Assembled at the first search, or before it where that takes long.
    index: OnceLock<SearchIndex>,
}

/// The version of what is known of one server. While it is the same, the next snapshot takes the
/// server over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ServerVersion {
    /// The generation of its list.
    pub(super) generation: u64,
    /// The version of the result types inferred for its tools.
    pub(super) inferred: u64,
}

/// A server as a snapshot is made from.
pub(super) struct SnapshotServer {
    /// The exact name.
    pub(super) name: String,
    pub(super) version: ServerVersion,
    /// `None` while the server has not listed its tools.
    pub(super) listed: Option<Arc<ListedServer>>,
}

/// One server of a snapshot.
struct ServerEntry {
    name: String,
    alias: String,
    version: ServerVersion,
    /// `None` while the server has not listed its tools.
    listed: Option<Arc<ListedServer>>,
    /// The names and aliases of tools that the rules withhold.
    withheld: Vec<(String, String)>,
}

impl ServerEntry {
    fn names(&self) -> AliasedName<'_> {
        AliasedName { name: &self.name, alias: &self.alias }
    }

    fn withheld(&self) -> impl Iterator<Item = AliasedName<'_>> {
        self.withheld.iter().map(|(name, alias)| AliasedName { name, alias })
    }
}

/// The extent to which a pattern matches servers and tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternMatch<'a> {
    /// It matches a server or a tool, or a server without a list that may have such a tool.
    Some,
    /// It matches the server of this name, which has no such tool.
    NoTool(&'a str),
    /// It matches no server.
    NoServer,
}

impl ToolSnapshot {
    /// Makes a snapshot of these servers, in the order of the configuration.
    pub(super) fn of(
        version: (u64, u64),
        servers: Vec<SnapshotServer>,
        cache: Arc<DeclarationCache>,
    ) -> Self {
        let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
        let aliases = aliases(&names);
        let entries = servers.into_iter().zip(aliases).map(|(server, alias)| {
            let SnapshotServer { name, version, listed } = server;
            ServerEntry { name, alias, version, listed, withheld: Vec::new() }
        });
        Self { id: next_id(), version, servers: entries.collect(), cache, index: OnceLock::new() }
    }

    /// Makes a snapshot of servers that are not part of a registry, such as saved lists.
    pub fn of_definitions(servers: Vec<(String, Option<Arc<ServerDefinition>>)>) -> Self {
        let listed = |definition| Arc::new(ListedServer::new(Arc::unwrap_or_clone(definition)));
        let servers = servers.into_iter().map(|(name, definition)| SnapshotServer {
            name,
            version: ServerVersion::default(),
            listed: definition.map(listed),
        });
        Self::of((0, 0), servers.collect(), Arc::default())
    }

    /// Adds the tools of each server that the rules withhold, in the order of the servers. They are
    /// shown nowhere, but a call of one fails with the reason.
    #[must_use]
    pub(super) fn withholding<'a>(mut self, tools: impl IntoIterator<Item = &'a [String]>) -> Self {
        for (server, tools) in self.servers.iter_mut().zip(tools) {
            let names: Vec<&str> = tools.iter().map(String::as_str).collect();
            server.withheld = tools.iter().cloned().zip(aliases(&names)).collect();
        }
        self
    }

    /// Returns a snapshot of the tools that `filter` allows. Aliases stay what they are in `env`;
    /// withheld tools are left out.
    pub fn narrowed(&self, filter: &ToolFilter) -> Self {
        let allowed = self.servers.iter().filter(|server| filter.allows_server(server.names()));
        let servers = allowed.filter_map(|server| {
            let listed = match &server.listed {
                None => None,
                Some(listed) => {
                    let left = listed.narrowed(|tool| filter.allows_tool(server.names(), tool));
                    (!left.aliases.is_empty()).then(|| Some(Arc::new(left)))?
                }
            };
            let (name, alias, version) = (server.name.clone(), server.alias.clone(), server.version);
            Some(ServerEntry { name, alias, version, listed, withheld: Vec::new() })
        });
        let (servers, cache) = (servers.collect(), self.cache.clone());
        Self { id: next_id(), version: self.version, servers, cache, index: OnceLock::new() }
    }

    /// Returns the id, which no other snapshot of this process has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the generation of the lists, which grows with each change.
    pub fn generation(&self) -> u64 {
        self.version.0
    }

    /// Returns the generation of the lists and the version of the inferred types.
    pub(super) fn version(&self) -> (u64, u64) {
        self.version
    }

    /// Returns the server's tools, if they are known and of this version.
    pub(super) fn unchanged(&self, server: &str, version: ServerVersion) -> Option<Arc<ListedServer>> {
        let entry = self.servers.iter().find(|entry| entry.name == server)?;
        entry.listed.clone().filter(|_| entry.version == version)
    }

    /// Returns the names that a run with `filter` sees.
    pub fn catalogue(&self, filter: Option<&ToolFilter>) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for server in &self.servers {
            let names = server.names();
            let is_allowed =
                |tool: AliasedName<'_>| filter.is_none_or(|filter| filter.allows_tool(names, tool));
            if !filter.is_none_or(|filter| filter.allows_server(names)) {
                continue;
            }
            let tools = match &server.listed {
                None => ServerTools::unknown(),
                Some(listed) => {
                    let tools = listed.tools().filter(|tool| is_allowed(*tool));
                    let withheld = server.withheld();
                    ServerTools::new(tools.map(|tool| (tool.name, tool.alias)))
                        .withholding(
                            withheld.filter(|tool| is_allowed(*tool)).map(|tool| (tool.name, tool.alias)),
                        )
                        .narrowed(!listed.tools().all(is_allowed))
                }
            };
            catalogue.insert(&server.name, &server.alias, tools);
        }
        catalogue
    }

    /// Returns all servers, with their definitions and their tools' aliases where they have listed
    /// their tools.
    pub fn servers(&self) -> impl Iterator<Item = (AliasedName<'_>, Option<(&ServerDefinition, &[String])>)> {
        self.servers.iter().map(|server| {
            let listed = server.listed.as_ref();
            (server.names(), listed.map(|listed| (&listed.definition, listed.aliases.as_slice())))
        })
    }

    /// Returns the definitions of the servers that have listed their tools.
    pub fn definitions(&self) -> Vec<&ServerDefinition> {
        self.servers.iter().filter_map(|server| Some(&server.listed.as_ref()?.definition)).collect()
    }

    /// Returns the number of tools that `filter` allows.
    pub fn count(&self, filter: &ToolFilter) -> usize {
        self.chosen(filter).count()
    }

    /// Returns the exact names of the servers and tools that `filter` allows.
    pub fn chosen<'a>(&'a self, filter: &'a ToolFilter) -> impl Iterator<Item = (&'a str, &'a str)> {
        let listed = self.servers.iter().filter_map(|server| Some((server.names(), server.listed.as_ref()?)));
        listed.flat_map(move |(server, listed)| {
            let tools = listed.tools().filter(move |tool| filter.allows_tool(server, *tool));
            tools.map(move |tool| (server.name, tool.name))
        })
    }

    /// Returns the filter of these patterns.
    ///
    /// # Errors
    /// A pattern is invalid, or no tool matches any of them.
    pub fn filter(&self, patterns: &[String]) -> Result<ToolFilter, LookupError> {
        let filter = ToolFilter::new(patterns).map_err(|bad| LookupError::NoMatch(bad.to_string()))?;
        if self.count(&filter) > 0 {
            return Ok(filter);
        }
        let known = self.servers.iter().map(|server| server.alias.as_str()).take(20);
        let (patterns, known) = (patterns.join(", "), known.collect::<Vec<_>>().join(", "));
        Err(LookupError::NoMatch(format!(
            "no tool matches `{patterns}`: patterns are `server`, `server/tool` or `server/get_*`, and the servers are {known}"
        )))
    }

    /// Tells which servers and tools a pattern matches. A withheld tool counts: a call of it fails
    /// with the reason.
    pub(super) fn match_pattern(&self, pattern: &ToolPattern) -> PatternMatch<'_> {
        let mut result = PatternMatch::NoServer;
        for server in &self.servers {
            let names = server.names();
            if !pattern.concerns(names) {
                continue;
            }
            let Some(listed) = &server.listed else { return PatternMatch::Some };
            if pattern.matches_whole_server(names)
                || listed.tools().chain(server.withheld()).any(|tool| pattern.matches_tool(names, tool))
            {
                return PatternMatch::Some;
            }
            if result == PatternMatch::NoServer {
                result = PatternMatch::NoTool(names.name);
            }
        }
        result
    }

    /// Returns a tool by its exact name.
    pub fn tool(&self, server: &str, tool: &str) -> Option<&ToolDefinition> {
        let listed = self.servers.iter().find(|entry| entry.name == server)?.listed.as_ref()?;
        listed.definition.tools.iter().find(|known| known.name == tool)
    }

    /// Returns `true` if the tool, by its exact name, declares no result type.
    pub(super) fn is_untyped(&self, server: &str, tool: &str) -> bool {
        let entry = self.servers.iter().find(|entry| entry.name == server);
        entry.and_then(|entry| entry.listed.as_ref()).is_some_and(|listed| listed.is_untyped(tool))
    }

    /// Returns a server's name and alias, by either.
    pub fn server<'a>(&'a self, name: &str) -> Option<AliasedName<'a>> {
        self.entry(name).map(ServerEntry::names)
    }

    /// Returns `true` if the server, by name or alias, has listed its tools.
    pub fn is_listed(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|server| server.listed.is_some())
    }

    /// Returns the tools that match `query`, best first.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let build = || off_worker(|| self.index.get_or_init(|| self.build_index()));
        self.index.get().unwrap_or_else(build).search(query, limit)
    }

    /// Builds the search index if that takes long enough to be noticed by the first search.
    pub(super) fn index_if_long(&self) {
        let listed = self.servers.iter().filter_map(|server| server.listed.as_deref());
        if listed.map(|listed| listed.definition.tools.len()).sum::<usize>() >= INDEX_AHEAD_TOOLS {
            self.index.get_or_init(|| self.build_index());
        }
    }

    fn build_index(&self) -> SearchIndex {
        let listed = self.servers.iter().filter_map(|server| server.listed.as_deref());
        let listed: Vec<&ListedServer> = listed.collect();
        let weight = |listed: &&ListedServer| listed.definition.tools.len();
        let entries = parallel_map(&listed, weight, |listed| self.cache.entries(listed));
        SearchIndex::assemble(entries.iter().map(|entries| &**entries))
    }

    /// Finds a tool by names or aliases, with its server.
    fn find_tool(&self, server: &str, tool: &str) -> Result<(&ListedServer, &ToolDefinition), LookupError> {
        let entry = self.find_server(server)?;
        let listed = entry.listed.as_deref().ok_or_else(|| LookupError::Unlisted(entry.name.clone()))?;
        let position = listed
            .tools()
            .position(|names| names.name == tool)
            .or_else(|| listed.tools().position(|names| names.alias == tool));
        match position {
            Some(at) => Ok((listed, &listed.definition.tools[at])),
            None => {
                let catalogue = self.catalogue(None);
                let nearest = catalogue.server(&entry.name).map(|(_, tools)| owned(tools.nearest(tool, 3)));
                Err(LookupError::UnknownTool {
                    server: entry.name.clone(),
                    name: tool.to_owned(),
                    nearest: nearest.unwrap_or_default(),
                })
            }
        }
    }

    /// Finds a server by name or alias. The error has similar names of servers and tools.
    fn find_server(&self, name: &str) -> Result<&ServerEntry, LookupError> {
        self.entry(name).ok_or_else(|| LookupError::UnknownServer {
            name: name.to_owned(),
            nearest: owned(self.catalogue(None).nearest(name, 3)),
            known: self.servers.iter().map(|server| server.name.clone()).collect(),
        })
    }

    fn entry(&self, name: &str) -> Option<&ServerEntry> {
        let by = |wanted: fn(&ServerEntry) -> &str| self.servers.iter().find(|server| wanted(server) == name);
        by(|server| &server.name).or_else(|| by(|server| &server.alias))
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
