//! The upstream tools that the operator exposes, in pages.
//!
//! Definitions stay text until a client asks for them, and clients get them in pages: ten thousand
//! tools are tens of megabytes, and several times that as trees of values.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use isolet_bindings::ListedTool;
use parking_lot::Mutex;
use rmcp::model::Tool;

use super::tool_names::UpstreamItem;
use super::{tool_definition, tool_names};
use crate::registry::{
    AdvertisedTools, InvalidPattern, Registry, ToolFilter, ToolSnapshot, unmatched_messages,
};

/// The length of the definitions on one page. Many clients read only the first page, so pages are
/// as large as possible.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The number of tools on one page.
const MAX_PAGE_TOOLS: usize = 1_000;

/// The tools that the operator exposes (`--expose-tools`, `--plain-names`).
#[derive(Debug)]
pub struct ToolExposure {
    filter: ToolFilter,
    has_plain_names: bool,
    /// The tools of the last snapshot, with its id.
    cached: Mutex<Option<(u64, Arc<ExposedTools>)>>,
}

/// The tools that are exposed at one moment.
#[derive(Debug, Default)]
pub struct ExposedTools {
    /// The tools, in the order in which clients get them.
    tools: Vec<ExposedTool>,
    /// The index of each name in `tools`.
    positions: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct ExposedTool {
    /// The name for clients.
    name: Arc<str>,
    item: UpstreamItem,
    definition: ListedTool,
}

/// One page of tools.
#[derive(Debug)]
pub struct ToolPage {
    /// The tools, as clients see them.
    pub tools: Vec<Tool>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// A cursor that is invalid, or that names a tool that no longer exists.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid cursor, perhaps because the tools have changed. List the tools again from the start, without a cursor."
)]
pub struct InvalidCursor;

impl ExposedTools {
    /// Returns the upstream tool of this name.
    pub fn item(&self, name: &str) -> Option<&UpstreamItem> {
        self.find(name).map(|tool| &tool.item)
    }

    /// Returns the definition of the tool of this name, as clients see it.
    pub fn tool(&self, name: &str) -> Option<Tool> {
        self.find(name)?.definition()
    }

    /// Returns the page at `cursor`, or the first. A cursor names the last tool of the page before:
    /// if tools are added or removed meanwhile, as while servers start, the list goes on behind
    /// that tool, and clients need not start again.
    pub fn page(&self, cursor: Option<&str>) -> Result<ToolPage, InvalidCursor> {
        let start = cursor.map_or(Ok(0), |cursor| self.position_after(cursor).ok_or(InvalidCursor))?;
        let rest = &self.tools[start..];
        let mut bytes = 0;
        let fits = |tool: &&ExposedTool| {
            bytes += tool.definition.json().len();
            bytes <= MAX_PAGE_BYTES
        };
        // A tool that is longer than a page has a page of its own.
        let count = rest.iter().take(MAX_PAGE_TOOLS).take_while(fits).count().max(1).min(rest.len());
        let (now, later) = rest.split_at(count);
        let last = now.last().filter(|_| !later.is_empty());
        Ok(ToolPage {
            tools: now.iter().filter_map(ExposedTool::definition).collect(),
            next: last.map(|last| URL_SAFE_NO_PAD.encode(&*last.name)),
        })
    }

    fn find(&self, name: &str) -> Option<&ExposedTool> {
        self.tools.get(*self.positions.get(name)?)
    }

    fn position_after(&self, cursor: &str) -> Option<usize> {
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        Some(self.positions.get(&*name)? + 1)
    }

    fn push(&mut self, name: Arc<str>, item: UpstreamItem, definition: ListedTool) {
        self.positions.insert(name.clone(), self.tools.len());
        self.tools.push(ExposedTool { name, item, definition });
    }
}

impl ExposedTool {
    fn definition(&self) -> Option<Tool> {
        tool_definition::adapt(self.definition.read(), &self.name)
    }
}

impl ToolExposure {
    /// Exposes the tools that match `patterns`; returns `None` without patterns.
    pub fn new(patterns: &[String], has_plain_names: bool) -> Result<Option<Self>, InvalidPattern> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let filter = ToolFilter::new(patterns)?;
        Ok(Some(Self { filter, has_plain_names, cached: Mutex::default() }))
    }

    /// Returns `true` if tools and prompts have the names that their servers gave them.
    pub fn has_plain_names(&self) -> bool {
        self.has_plain_names
    }

    /// Returns the exposed tools as they are now.
    pub fn tools(&self, registry: &Registry) -> Arc<ExposedTools> {
        let advertised = registry.advertised();
        let id = advertised.snapshot.id();
        let mut cached = self.cached.lock();
        if let Some((_, exposed)) = cached.as_ref().filter(|(known, _)| *known == id) {
            return exposed.clone();
        }
        let exposed = Arc::new(self.expose(&advertised));
        *cached = Some((id, exposed.clone()));
        exposed
    }

    fn expose(&self, AdvertisedTools { snapshot, picture }: &AdvertisedTools) -> ExposedTools {
        // Looked up once for each chosen tool: a server may list tens of thousands.
        let listed = picture.servers.iter().map(|visible| &visible.server);
        let mut definitions: HashMap<(&str, &str), &ListedTool> = HashMap::new();
        for server in listed {
            for definition in server.tools.iter().flat_map(|tools| tools.iter()) {
                definitions.entry((&server.name, definition.name())).or_insert(definition);
            }
        }
        let mut chosen: Vec<(UpstreamItem, ListedTool)> = Vec::new();
        for (server, name) in snapshot.chosen(&self.filter) {
            if let Some(definition) = definitions.get(&(server, name)) {
                let item = UpstreamItem { server: server.to_owned(), name: name.to_owned() };
                chosen.push((item, (*definition).clone()));
            }
        }
        let names = tool_names::unique(chosen.iter().map(|(item, _)| item), self.has_plain_names);
        let mut exposed = ExposedTools::default();
        for ((item, definition), name) in chosen.into_iter().zip(names) {
            exposed.push(name.into(), item, definition);
        }
        exposed
    }

    /// Returns the servers of which something is exposed, in the order of the configuration.
    pub fn servers(&self, snapshot: &ToolSnapshot) -> Vec<String> {
        let servers = snapshot.servers().filter(|(server, _)| self.filter.allows_server(*server));
        servers.map(|(server, _)| server.name.to_owned()).collect()
    }

    /// Returns the servers that have not listed their tools and may own the tool of this name.
    pub fn possible_owners(&self, snapshot: &ToolSnapshot, name: &str) -> Vec<String> {
        let unlisted = snapshot
            .servers()
            .filter(|(server, tools)| tools.is_none() && self.filter.allows_server(*server));
        let owners = unlisted
            .filter(|(server, _)| self.has_plain_names || tool_names::may_belong_to(name, server.name));
        owners.map(|(server, _)| server.name.to_owned()).collect()
    }

    /// Returns a message for each pattern that matches nothing, as far as lists are known now.
    pub fn unmatched(&self, snapshot: &ToolSnapshot) -> Vec<String> {
        unmatched_messages(snapshot, &self.filter)
    }

    /// Returns the servers that are exposed as a whole, with prompts and resources, in the order of
    /// the configuration.
    pub fn whole_servers(&self, snapshot: &ToolSnapshot) -> Vec<String> {
        let servers = snapshot.servers().filter(|(server, _)| self.filter.allows_whole_server(*server));
        servers.map(|(server, _)| server.name.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exposed(definitions: &[(&str, usize)]) -> ExposedTools {
        let mut exposed = ExposedTools::default();
        for (name, length) in definitions {
            let definition = json!({ "name": name, "description": "x".repeat(*length) });
            let definition = ListedTool::new(&definition).unwrap();
            let item = UpstreamItem { server: "s".to_owned(), name: (*name).to_owned() };
            exposed.push(Arc::from(*name), item, definition);
        }
        exposed
    }

    fn on(page: &ToolPage) -> Vec<&str> {
        page.tools.iter().map(|tool| &*tool.name).collect()
    }

    #[test]
    fn pages_are_bounded_and_a_long_tool_has_its_own_page() {
        let half = MAX_PAGE_BYTES / 2 - 100;
        let listed = exposed(&[("a", half), ("b", half), ("c", 3 * MAX_PAGE_BYTES), ("d", 1), ("e", 1)]);
        let first = listed.page(None).unwrap();
        assert_eq!(on(&first), ["a", "b"]);
        let second = listed.page(first.next.as_deref()).unwrap();
        assert_eq!(on(&second), ["c"]);
        let third = listed.page(second.next.as_deref()).unwrap();
        assert_eq!((on(&third), third.next.as_deref()), (vec!["d", "e"], None));
        let names: Vec<String> = (0..MAX_PAGE_TOOLS + 1).map(|at| format!("t{at}")).collect();
        let many: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let many = exposed(&many);
        let first = many.page(None).unwrap();
        assert_eq!(first.tools.len(), MAX_PAGE_TOOLS);
        assert_eq!(many.page(first.next.as_deref()).unwrap().tools.len(), 1);
        assert_eq!(ExposedTools::default().page(None).unwrap().next, None);
    }

    #[test]
    fn a_changed_list_continues_behind_the_last_tool_of_a_page() {
        let long = MAX_PAGE_BYTES - 100;
        let before = exposed(&[("a", long), ("b", long)]).page(None).unwrap().next;
        let more = exposed(&[("new", long), ("a", long), ("b", 1), ("c", 1)]);
        assert_eq!(on(&more.page(before.as_deref()).unwrap()), ["b", "c"]);
        let last = exposed(&[("b", 1), ("a", 1)]).page(before.as_deref()).unwrap();
        assert_eq!((last.tools.len(), last.next.as_deref()), (0, None));
        let gone = exposed(&[("b", 1)]);
        for cursor in [before.as_deref().unwrap(), "b", "%", "\u{e9}", "_w", &"A".repeat(1 << 20)] {
            assert_eq!(gone.page(Some(cursor)).unwrap_err(), InvalidCursor, "{cursor:.80}");
        }
    }
}
