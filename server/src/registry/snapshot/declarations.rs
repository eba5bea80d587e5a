//! Declarations of a snapshot's tools, and what they cost in a prompt.

use std::collections::HashSet;

use isolet_tsdefs::tokens::Costs;
use isolet_tsdefs::{
    Declarations, Detail, Frame, ServerDefinition, ToolDefinition, assemble_in, declare_in, declare_tool,
    parallel_map,
};

use super::{LookupError, ToolSnapshot};
use crate::registry::declaration_cache::{ListedServer, off_worker};
use crate::registry::selection::Selection;
use crate::registry::tool_filter::ToolFilter;

/// The tokens that the declarations of servers take in a prompt.
pub struct PromptCosts {
    /// The costs of each server by itself, by name.
    pub servers: Vec<(String, Costs)>,
    /// The costs of all of them in one text.
    pub together: Costs,
}

impl ToolSnapshot {
    /// Returns the declarations of a selection.
    pub fn declarations_of(
        &self,
        selection: &Selection,
        detail: Detail,
    ) -> Result<Declarations, LookupError> {
        match selection {
            Selection::All => self.declarations(None, detail),
            Selection::Servers(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.declarations(Some(&names), detail)
            }
            Selection::Tools(patterns) => Ok(self.declarations_where(&self.filter(patterns)?, detail)),
            Selection::Tool { server, tool } => self.declaration(server, tool, detail),
        }
    }

    /// Returns the declarations of these servers, by name or alias, or of all servers.
    pub fn declarations(
        &self,
        servers: Option<&[&str]>,
        detail: Detail,
    ) -> Result<Declarations, LookupError> {
        self.declarations_in(Frame::Whole, servers, detail)
    }

    /// Returns the same as [`declarations`](Self::declarations), in a frame.
    pub fn declarations_in(
        &self,
        frame: Frame,
        servers: Option<&[&str]>,
        detail: Detail,
    ) -> Result<Declarations, LookupError> {
        let listed = self.chosen_servers(servers)?;
        let weight = |listed: &&ListedServer| listed.definition.tools.len();
        let make = || parallel_map(&listed, weight, |listed| self.cache.section(listed, detail));
        let is_cached = listed.iter().all(|listed| self.cache.has_section(listed, detail));
        let sections = if is_cached { make() } else { off_worker(make) };
        let names: Vec<&str> = self.servers.iter().map(|server| server.name.as_str()).collect();
        Ok(assemble_in(frame, sections.iter().map(|section| &**section), &names))
    }

    /// Returns the declarations of the tools that `filter` allows.
    pub fn declarations_where(&self, filter: &ToolFilter, detail: Detail) -> Declarations {
        self.declarations_where_in(Frame::Whole, filter, detail)
    }

    /// Returns the same as [`declarations_where`](Self::declarations_where), in a frame.
    pub fn declarations_where_in(&self, frame: Frame, filter: &ToolFilter, detail: Detail) -> Declarations {
        let chosen: HashSet<(&str, &str)> = self.chosen(filter).collect();
        off_worker(|| {
            declare_in(frame, &self.definitions(), detail, |server, tool| {
                chosen.contains(&(server.name.as_str(), tool.name.as_str()))
            })
        })
    }

    /// Returns the declaration of one tool, by names or aliases.
    pub fn declaration(&self, server: &str, tool: &str, detail: Detail) -> Result<Declarations, LookupError> {
        let (listed, found) = self.find_tool(server, tool)?;
        let declared = off_worker(|| declare_tool(&listed.definition, &found.name, detail));
        Ok(declared.expect("a tool that was found"))
    }

    /// Returns all tools as a model without isolet would get them: JSON with names, descriptions
    /// and input schemas.
    pub fn definitions_json(&self) -> String {
        let tools: Vec<serde_json::Value> = self
            .definitions()
            .iter()
            .flat_map(|server| &server.tools)
            .map(|tool| {
                serde_json::json!({
                    "name": tool.name, "description": tool.description,
                    "input_schema": tool.input_schema.read()
                })
            })
            .collect();
        serde_json::Value::from(tools).to_string()
    }

    /// Returns what the declarations of a selection cost in a prompt.
    pub fn costs_of(&self, selection: &Selection) -> Result<PromptCosts, LookupError> {
        match selection {
            Selection::All => self.costs(None),
            Selection::Servers(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.costs(Some(&names))
            }
            Selection::Tools(patterns) => self.costs_where(patterns),
            Selection::Tool { server, tool } => {
                let costs = self.costs_of_tool(server, tool)?;
                Ok(PromptCosts { servers: vec![(server.clone(), costs)], together: costs })
            }
        }
    }

    fn costs(&self, servers: Option<&[&str]>) -> Result<PromptCosts, LookupError> {
        Ok(self.sum_costs(&self.chosen_servers(servers)?))
    }

    fn costs_of_tool(&self, server: &str, tool: &str) -> Result<Costs, LookupError> {
        let (listed, found) = self.find_tool(server, tool)?;
        let alone = with_tools(&listed.definition, vec![found.clone()]);
        Ok(self.cache.costs(&[&ListedServer::new(alone)]))
    }

    fn costs_where(&self, patterns: &[String]) -> Result<PromptCosts, LookupError> {
        let filter = self.filter(patterns)?;
        let chosen: HashSet<(&str, &str)> = self.chosen(&filter).collect();
        let narrowed = |definition: &ServerDefinition| {
            let is_chosen =
                |tool: &&ToolDefinition| chosen.contains(&(definition.name.as_str(), tool.name.as_str()));
            let tools: Vec<ToolDefinition> = definition.tools.iter().filter(is_chosen).cloned().collect();
            (!tools.is_empty()).then(|| ListedServer::new(with_tools(definition, tools)))
        };
        let listed: Vec<ListedServer> = self.definitions().into_iter().filter_map(narrowed).collect();
        Ok(self.sum_costs(&listed.iter().collect::<Vec<_>>()))
    }

    fn sum_costs(&self, listed: &[&ListedServer]) -> PromptCosts {
        let each = listed.iter().map(|listed| (listed.definition.name.clone(), self.cache.costs(&[listed])));
        PromptCosts { servers: each.collect(), together: self.cache.costs(listed) }
    }

    /// Returns the servers of these names or aliases that have listed their tools, or all that
    /// have, in the order of the configuration.
    fn chosen_servers(&self, names: Option<&[&str]>) -> Result<Vec<&ListedServer>, LookupError> {
        let exact = |name: &&str| self.find_server(name).map(|server| server.name.as_str());
        let chosen: Option<HashSet<&str>> =
            names.map(|names| names.iter().map(exact).collect::<Result<_, _>>()).transpose()?;
        let servers = self.servers.iter();
        let servers =
            servers.filter(|server| chosen.as_ref().is_none_or(|names| names.contains(&*server.name)));
        Ok(servers.filter_map(|server| server.listed.as_deref()).collect())
    }
}

/// Returns the server's definition with these tools alone.
fn with_tools(server: &ServerDefinition, tools: Vec<ToolDefinition>) -> ServerDefinition {
    let ServerDefinition { name, description, offers, .. } = server;
    ServerDefinition { name: name.clone(), description: description.clone(), offers: *offers, tools }
}
