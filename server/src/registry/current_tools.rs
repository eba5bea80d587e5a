//! The tools of all servers at one moment, built from their lists: for runs, and for clients.

use std::sync::Arc;

use isolet_bindings::{ServerTools, VisibleTools};
use isolet_tsdefs::{ServerDefinition, ToolDefinition};

use super::declaration_cache::{DeclarationCache, ListedServer};
use super::inferred_types::TenantTypes;
use super::run_view::RunView;
use super::snapshot::{ServerVersion, SnapshotServer, ToolSnapshot};

/// A snapshot, and the view of runs that name no patterns.
#[derive(Clone)]
pub(super) struct CurrentTools {
    pub(super) snapshot: Arc<ToolSnapshot>,
    pub(super) view: Arc<RunView>,
}

/// The tools that clients are shown, with remembered lists for servers that are still starting.
#[derive(Clone)]
pub struct AdvertisedTools {
    /// The tools as servers define them, without inferred types.
    pub snapshot: Arc<ToolSnapshot>,
    /// The definitions that the rules allow.
    pub picture: Arc<VisibleTools>,
}

/// The last [`AdvertisedTools`] that contained remembered lists.
pub(super) struct AdvertisedCache {
    /// The id of the snapshot that the remembered lists were added to.
    pub(super) snapshot_id: u64,
    /// The servers whose lists are remembered ones.
    pub(super) remembered: Vec<String>,
    pub(super) tools: AdvertisedTools,
}

impl CurrentTools {
    /// Builds the snapshot of these lists. A server that has not changed since `before` is taken
    /// over. `inferred` adds the types of one tenant, which were at this version.
    pub(super) fn build(
        picture: &VisibleTools,
        before: Option<&Self>,
        cache: &Arc<DeclarationCache>,
        inferred: Option<(&Arc<TenantTypes>, u64)>,
    ) -> Self {
        let mut servers = Vec::with_capacity(picture.servers.len());
        for visible in &picture.servers {
            let server = &visible.server;
            let types_version = inferred.map_or(0, |(types, _)| types.version_of(&server.name));
            let version = ServerVersion { generation: server.generation, inferred: types_version };
            let unchanged = before.and_then(|before| before.snapshot.unchanged(&server.name, version));
            let listed = unchanged.or_else(|| {
                let mut definition = definition(server)?;
                if let Some((types, _)) = inferred {
                    types.apply(&mut definition);
                }
                Some(Arc::new(ListedServer::new(definition)))
            });
            servers.push(SnapshotServer { name: server.name.clone(), version, listed });
        }
        let version = (picture.generation, inferred.map_or(0, |(_, version)| version));
        let withheld = picture.servers.iter().map(|visible| visible.withheld.as_slice());
        let snapshot = ToolSnapshot::of(version, servers, cache.clone()).withholding(withheld);
        let snapshot = Arc::new(snapshot);
        let same_names = before.filter(|before| before.snapshot.generation() == picture.generation);
        let view = match same_names {
            Some(before) => before.view.clone(),
            None => Arc::new(RunView::new(&snapshot, None)),
        };
        Self { snapshot, view }
    }
}

/// Returns the definitions of a server's tools; `None` while it has not listed them.
fn definition(server: &ServerTools) -> Option<ServerDefinition> {
    let tools = server.tools.as_ref()?.iter();
    // The bindings have checked each tool and reported the invalid ones.
    let tools = tools.filter_map(|tool| ToolDefinition::from_json(&tool.read()).ok()).collect();
    let about = server.description.as_ref().or(server.instructions.as_ref()).or(server.title.as_ref());
    let (name, offers) = (server.name.clone(), server.offers);
    Some(ServerDefinition { name, description: about.cloned(), offers, tools })
}
