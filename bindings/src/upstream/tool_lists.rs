//! The tools of all servers, as they change.

use std::sync::{Arc, Weak};

use indexmap::IndexMap;
use isolet_tsdefs::Offers;
use tokio::sync::watch;

use super::listed_tool::ListedTool;
use super::server::Server;

/// The tools of all servers at one moment.
#[derive(Debug, Clone, Default)]
pub struct ToolLists {
    /// Grows with every change. Equal generations have equal lists.
    pub generation: u64,
    /// Every server of the configuration, in the order of the file.
    pub servers: Arc<Vec<ServerTools>>,
}

/// The tools of one server, and its description of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTools {
    /// The name in the configuration, which is also the name in `env`.
    pub name: String,
    /// Grows with every change of this server's tools or texts. Caches compare it.
    pub generation: u64,
    /// The display name.
    pub title: Option<String>,
    /// The server's description of itself.
    pub description: Option<String>,
    /// The server's instructions for its use.
    pub instructions: Option<String>,
    /// The resources and prompts that it offers, as far as they are known.
    pub offers: Offers,
    /// Its tool definitions, in the server's order; `None` while they are not known.
    pub tools: Option<Arc<Vec<ListedTool>>>,
}

/// Announces the tools of all servers. A server does this before its state becomes ready, so that
/// every caller who sees it ready finds its tools.
pub(crate) struct Announcer {
    servers: IndexMap<String, Weak<Server>>,
    lists: watch::Sender<ToolLists>,
}

impl Announcer {
    /// Announces the current tools of `servers`, and returns the receiver of later changes.
    pub(super) fn new(servers: &IndexMap<String, Arc<Server>>) -> (Self, watch::Receiver<ToolLists>) {
        let first = servers.values().map(|server| server.tools()).collect();
        let lists = watch::Sender::new(ToolLists { generation: 0, servers: Arc::new(first) });
        let receiver = lists.subscribe();
        let servers = servers.iter().map(|(name, server)| (name.clone(), Arc::downgrade(server))).collect();
        (Self { servers, lists }, receiver)
    }

    /// Announces the tools of all servers if they differ from what was announced last.
    pub(crate) fn announce(&self) {
        self.lists.send_if_modified(|lists| {
            let mut now: Vec<ServerTools> =
                self.servers.values().filter_map(Weak::upgrade).map(|server| server.tools()).collect();
            // A server is missing only while everything is being dropped.
            let mut differs = false;
            for (old, new) in lists.servers.iter().zip(&mut now) {
                let changed = !same(old, new);
                new.generation = old.generation + u64::from(changed);
                differs |= changed;
            }
            if differs {
                *lists = ToolLists { generation: lists.generation + 1, servers: Arc::new(now) };
            }
            differs
        });
    }
}

/// Compares two servers. Lists that are the same object are not compared item by item.
fn same(old: &ServerTools, new: &ServerTools) -> bool {
    let texts = |tools: &ServerTools| {
        (tools.name.clone(), tools.title.clone(), tools.description.clone(), tools.instructions.clone())
    };
    let same_tools = match (&old.tools, &new.tools) {
        (Some(old), Some(new)) => Arc::ptr_eq(old, new) || old == new,
        (old, new) => old.is_none() && new.is_none(),
    };
    same_tools && texts(old) == texts(new)
}

impl Server {
    fn tools(&self) -> ServerTools {
        let now = self.snapshot();
        let about = now.about;
        ServerTools {
            name: self.context.name.clone(),
            generation: 0,
            title: about.as_ref().and_then(|about| about.title.clone()),
            description: about.as_ref().and_then(|about| about.description.clone()),
            offers: about.as_ref().map(|about| about.offers).unwrap_or_default(),
            instructions: about.and_then(|about| about.instructions),
            tools: now.tools,
        }
    }
}
