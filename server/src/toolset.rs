//! All servers and tools at one moment, and what a run with a filter sees of them.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use isolet_runtime::{Catalogue, ServerTools};
use isolet_tsdefs::parallel::in_parallel;
use isolet_tsdefs::tokens::Costs;
use isolet_tsdefs::{
    Declarations, Detail, Hit, SearchIndex, ServerDefinition, ToolDefinition, aliases, assemble,
    declare_tool, declare_where,
};

use crate::filter::{Named, ToolFilter};
use crate::made::{Known, Made, off_worker};

/// All servers at one moment. Immutable: a changed list makes a new one, and runs keep the one they started with.
pub struct Toolset {
    /// Which moment; grows with each change.
    pub generation: u64,
    servers: Vec<Listed>,
    made: Arc<Made>,
    /// Put together at the first search.
    index: OnceLock<SearchIndex>,
}

/// One server.
struct Listed {
    name: String,
    alias: String,
    /// None while the server has not listed its tools.
    tools: Option<Arc<Known>>,
    /// Names and aliases of tools that rules keep back.
    withheld: Vec<(String, String)>,
}

impl Listed {
    fn named(&self) -> Named<'_> {
        Named { name: &self.name, alias: &self.alias }
    }
}

/// What servers cost in a prompt.
pub struct Counted {
    /// Each by name, on its own.
    pub servers: Vec<(String, Costs)>,
    /// All in one text.
    pub together: Costs,
}

/// Why there is nothing to show.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No such server.
    #[error("there is no server `{name}`{}", did_you_mean(.nearest))]
    Server {
        /// As asked.
        name: String,
        /// Like it.
        nearest: Vec<String>,
    },
    /// No such tool.
    #[error("the server `{server}` has no tool `{name}`{}", did_you_mean(.nearest))]
    Tool {
        /// Of which server.
        server: String,
        /// As asked.
        name: String,
        /// Like it.
        nearest: Vec<String>,
    },
    /// There is such a server, but its tools are not known.
    #[error("the server `{0}` has not listed its tools")]
    Unlisted(String),
}

/// `: did you mean a, b?`, or nothing.
fn did_you_mean(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": did you mean {}?", names.join(", ")) }
}

impl Toolset {
    /// The servers, in the order of the configuration, with their lists where they are known.
    pub fn of(generation: u64, servers: Vec<(String, Option<Arc<Known>>)>, made: Arc<Made>) -> Self {
        let names: Vec<&str> = servers.iter().map(|(name, _)| name.as_str()).collect();
        let server_aliases = aliases(&names);
        let servers = servers.into_iter().zip(server_aliases);
        let servers =
            servers.map(|((name, tools), alias)| Listed { name, alias, tools, withheld: Vec::new() });
        Self { generation, servers: servers.collect(), made, index: OnceLock::new() }
    }

    /// As [`of`](Self::of), with caches of its own.
    pub fn new(generation: u64, servers: Vec<(String, Option<Arc<ServerDefinition>>)>) -> Self {
        let known = |definition| Arc::new(Known::new(Arc::unwrap_or_clone(definition)));
        let servers = servers.into_iter().map(|(name, definition)| (name, definition.map(known)));
        Self::of(generation, servers.collect(), Arc::default())
    }

    /// The same servers with tools that rules keep back: shown nowhere, but a call of one is told why. In the order of the
    /// servers.
    #[must_use]
    pub fn withholding<'a>(mut self, tools: impl IntoIterator<Item = &'a [String]>) -> Self {
        for (server, tools) in self.servers.iter_mut().zip(tools) {
            let names: Vec<&str> = tools.iter().map(String::as_str).collect();
            server.withheld = tools.iter().cloned().zip(aliases(&names)).collect();
        }
        self
    }

    /// The names that a run with `filter` sees.
    pub fn catalogue(&self, filter: Option<&ToolFilter>) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for server in &self.servers {
            let named = server.named();
            if !filter.is_none_or(|filter| filter.server(named)) {
                continue;
            }
            let tools = match &server.tools {
                None => ServerTools::unknown(),
                Some(tools) => ServerTools::new(
                    tools
                        .named()
                        .filter(|tool| filter.is_none_or(|filter| filter.tool(named, *tool)))
                        .map(|tool| (tool.name, tool.alias)),
                )
                .withholding(
                    server.withheld.iter().map(|(name, alias)| (name.as_str(), alias.as_str())).filter(
                        |(name, alias)| {
                            let tool = Named { name, alias };
                            filter.is_none_or(|filter| filter.tool(named, tool))
                        },
                    ),
                ),
            };
            catalogue.insert(&server.name, &server.alias, tools);
        }
        catalogue
    }

    /// Declarations of the servers called so, or of all.
    pub fn declarations(&self, servers: Option<&[&str]>, detail: Detail) -> Result<Declarations, Missing> {
        let known = self.chosen_servers(servers)?;
        let tools = |known: &&Known| known.definition.tools.len();
        let make = || in_parallel(&known, tools, |known| self.made.section(known, detail));
        let ready = known.iter().all(|known| self.made.has_section(known, detail));
        let sections = if ready { make() } else { off_worker(make) };
        let names: Vec<&str> = self.servers.iter().map(|server| server.name.as_str()).collect();
        Ok(assemble(sections.iter().map(|section| &**section), &names))
    }

    /// What each of the servers called so, or of all, costs in a prompt, and all of them together.
    pub fn costs(&self, servers: Option<&[&str]>) -> Result<Counted, Missing> {
        let known = self.chosen_servers(servers)?;
        let each = known.iter().map(|known| (known.definition.name.clone(), self.made.costs(&[known])));
        Ok(Counted { servers: each.collect(), together: self.made.costs(&known) })
    }

    /// What one tool costs in a prompt.
    pub fn costs_of_tool(&self, server: &str, tool: &str) -> Result<Costs, Missing> {
        let (known, found) = self.known_tool(server, tool)?;
        let ServerDefinition { name, description, .. } = &known.definition;
        let alone = ServerDefinition {
            name: name.clone(),
            description: description.clone(),
            tools: vec![found.clone()],
        };
        Ok(self.made.costs(&[&Known::new(alone)]))
    }

    /// The servers called so that have listed their tools, or all that have, in the order of the configuration.
    fn chosen_servers(&self, names: Option<&[&str]>) -> Result<Vec<&Known>, Missing> {
        let chosen: Option<HashSet<&str>> = match names {
            None => None,
            Some(names) => Some(
                names
                    .iter()
                    .map(|name| Ok(self.find(name)?.name.as_str()))
                    .collect::<Result<_, Missing>>()?,
            ),
        };
        let servers = self.servers.iter();
        let servers =
            servers.filter(|server| chosen.as_ref().is_none_or(|names| names.contains(&*server.name)));
        Ok(servers.filter_map(|server| server.tools.as_deref()).collect())
    }

    /// All servers, with their definitions and their tools' aliases where they have listed tools.
    pub fn servers(&self) -> impl Iterator<Item = (Named<'_>, Option<(&ServerDefinition, &[String])>)> {
        self.servers.iter().map(|server| {
            let tools = server.tools.as_ref().map(|tools| (&tools.definition, tools.aliases.as_slice()));
            (server.named(), tools)
        })
    }

    /// How many tools `filter` lets through.
    pub fn count(&self, filter: &ToolFilter) -> usize {
        self.chosen(filter).count()
    }

    /// Declarations of the tools that `filter` lets through.
    pub fn declarations_where(&self, filter: &ToolFilter, detail: Detail) -> Declarations {
        let chosen: HashSet<(&str, &str)> = self.chosen(filter).collect();
        off_worker(|| {
            declare_where(&self.definitions(), detail, |server, tool| {
                chosen.contains(&(server.name.as_str(), tool.name.as_str()))
            })
        })
    }

    /// Names of the servers and tools that `filter` lets through.
    pub fn chosen<'a>(&'a self, filter: &'a ToolFilter) -> impl Iterator<Item = (&'a str, &'a str)> {
        let listed = self.servers.iter().filter_map(|server| Some((server.named(), server.tools.as_ref()?)));
        listed.flat_map(move |(server, tools)| {
            let tools = tools.named().filter(move |tool| filter.tool(server, *tool));
            tools.map(move |tool| (server.name, tool.name))
        })
    }

    /// The declaration of one tool.
    pub fn declaration(&self, server: &str, tool: &str, detail: Detail) -> Result<Declarations, Missing> {
        let (known, found) = self.known_tool(server, tool)?;
        let declared = off_worker(|| declare_tool(&known.definition, &found.name, detail));
        Ok(declared.expect("a tool that was found"))
    }

    /// A tool by its exact name.
    pub fn tool(&self, server: &str, tool: &str) -> Option<&ToolDefinition> {
        let known = self.servers.iter().find(|listed| listed.name == server)?.tools.as_ref()?;
        known.definition.tools.iter().find(|known| known.name == tool)
    }

    /// Whether the tool, by its exact name, promises nothing about its results.
    pub fn is_untyped(&self, server: &str, tool: &str) -> bool {
        let listed = self.servers.iter().find(|listed| listed.name == server);
        listed.and_then(|listed| listed.tools.as_ref()).is_some_and(|tools| tools.is_untyped(tool))
    }

    /// A tool by names or aliases, with its server.
    fn known_tool(&self, server: &str, tool: &str) -> Result<(&Known, &ToolDefinition), Missing> {
        let listed = self.find(server)?;
        let known = listed.tools.as_deref().ok_or_else(|| Missing::Unlisted(listed.name.clone()))?;
        let position = known
            .named()
            .position(|named| named.name == tool)
            .or_else(|| known.named().position(|named| named.alias == tool));
        match position {
            Some(at) => Ok((known, &known.definition.tools[at])),
            None => {
                let catalogue = self.catalogue(None);
                let nearest = catalogue.server(&listed.name).map(|(_, tools)| owned(tools.nearest(tool, 3)));
                Err(Missing::Tool {
                    server: listed.name.clone(),
                    name: tool.to_owned(),
                    nearest: nearest.unwrap_or_default(),
                })
            }
        }
    }

    /// Servers whose tools are known, with their definitions.
    pub fn definitions(&self) -> Vec<&ServerDefinition> {
        self.servers.iter().filter_map(|server| Some(&server.tools.as_ref()?.definition)).collect()
    }

    /// What a server lists, to be taken over where it is still the same.
    pub fn known(&self, server: &str) -> Option<&Arc<Known>> {
        self.servers.iter().find(|listed| listed.name == server)?.tools.as_ref()
    }

    /// The tools that answer `question`, best first.
    pub fn search(&self, question: &str, limit: usize) -> Vec<Hit> {
        let index =
            self.index.get().unwrap_or_else(|| off_worker(|| self.index.get_or_init(|| self.indexed())));
        index.search(question, limit)
    }

    fn indexed(&self) -> SearchIndex {
        let known = self.servers.iter().filter_map(|server| server.tools.as_deref());
        let known: Vec<&Known> = known.collect();
        let tools = |known: &&Known| known.definition.tools.len();
        let entries = in_parallel(&known, tools, |known| self.made.entries(known));
        SearchIndex::assemble(entries.iter().map(|entries| &**entries))
    }

    /// A server's name and alias, by either.
    pub fn server<'a>(&'a self, name: &str) -> Option<Named<'a>> {
        self.listed(name).map(Listed::named)
    }

    /// Whether the server's tools are known.
    pub fn is_listed(&self, name: &str) -> bool {
        self.listed(name).is_some_and(|server| server.tools.is_some())
    }

    fn listed(&self, name: &str) -> Option<&Listed> {
        let by = |wanted: fn(&Listed) -> &str| self.servers.iter().find(|server| wanted(server) == name);
        by(|server| &server.name).or_else(|| by(|server| &server.alias))
    }

    /// The server, or which names are near: those of all servers and tools are gathered for that.
    fn find(&self, name: &str) -> Result<&Listed, Missing> {
        self.listed(name).ok_or_else(|| Missing::Server {
            name: name.to_owned(),
            nearest: owned(self.catalogue(None).nearest(name, 3)),
        })
    }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use isolet_tsdefs::ToolDefinition;
    use serde_json::json;

    use super::*;

    fn toolset() -> Toolset {
        let tool = |name: &str| ToolDefinition::new(name, json!({ "type": "object" }));
        let tools = vec![tool("get-user"), tool("create_issue")];
        let hub = Arc::new(ServerDefinition::new("my-hub", tools));
        Toolset::new(1, vec![("my-hub".to_owned(), Some(hub)), ("late".to_owned(), None)])
    }

    fn filter(pattern: &str) -> ToolFilter {
        ToolFilter::new(&[pattern.to_owned()]).unwrap()
    }

    #[test]
    fn a_catalogue_has_aliases_and_unknown_lists() {
        let catalogue = toolset().catalogue(None);
        let (name, tools) = catalogue.server("my_hub").unwrap();
        assert_eq!(name, "my-hub");
        assert_eq!(tools.resolve("get_user"), Some("get-user"));
        assert_eq!(catalogue.server("late").unwrap().1.resolve("whatever"), Some("whatever"));
    }

    #[test]
    fn a_filter_hides_servers_and_tools() {
        let catalogue = toolset().catalogue(Some(&filter("my-hub/get*")));
        assert!(catalogue.server("late").is_none());
        let (_, tools) = catalogue.server("my-hub").unwrap();
        assert_eq!(tools.names().collect::<Vec<_>>(), ["get-user"]);
    }

    #[test]
    fn a_search_finds_exact_names() {
        let hits = toolset().search("create an issue", 3);
        assert_eq!((hits[0].server.as_str(), hits[0].tool.as_str()), ("my-hub", "create_issue"));
    }

    #[test]
    fn declarations_are_chosen_by_name_or_alias() {
        let toolset = toolset();
        let text = toolset.declarations(Some(&["my_hub"]), Detail::Full).unwrap().text;
        assert!(text.contains("get-user"), "{text}");
        assert!(toolset.declaration("my-hub", "get_user", Detail::Full).is_ok());
        let wrong = toolset.declarations(Some(&["myhub"]), Detail::Full).unwrap_err();
        assert_eq!(wrong.to_string(), "there is no server `myhub`: did you mean my-hub?");
        let wrong = toolset.declaration("my-hub", "create_issues", Detail::Full).unwrap_err();
        assert!(
            wrong.to_string().ends_with("no tool `create_issues`: did you mean create_issue?"),
            "{wrong}"
        );
        assert_eq!(
            toolset.declaration("late", "x", Detail::Full).unwrap_err(),
            Missing::Unlisted("late".to_owned())
        );
    }
}
