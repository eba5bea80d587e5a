//! The definitions of isolet's own tools as each kind of client gets them, cached until the tools
//! of the servers change.

use std::sync::Arc;

use isolet_tsdefs::{Detail, Frame};
use parking_lot::Mutex;
use rmcp::model::Tool;

use super::client_traits::ClientTraits;
use super::tools::definitions;
use crate::prompt::overview::{OverviewSource, ToolOverview};
use crate::prompt::unavailable;
use crate::registry::AdvertisedTools;
use crate::service::Service;

/// The number of cached definitions: of the last snapshots, and of each kind of client.
const MAX_CACHED_DEFINITIONS: usize = 8;

/// isolet's own tools, and the overview in the description of `run`.
pub type OwnTools = Arc<(Vec<Tool>, ToolOverview)>;

/// A cache of the last definitions.
#[derive(Default)]
pub struct OwnToolsCache(Mutex<Vec<(CacheKey, OwnTools)>>);

/// The inputs of the definitions.
#[derive(PartialEq, Eq)]
struct CacheKey {
    snapshot_id: u64,
    /// The text about servers whose tools are missing.
    unavailable: String,
    traits: ClientTraits,
}

impl OwnToolsCache {
    /// Returns the tools for a client with these traits, as they are now.
    pub fn get(&self, service: &Service, traits: ClientTraits) -> OwnTools {
        let AdvertisedTools { snapshot, picture } = service.registry.advertised();
        let unavailable = unavailable::text(&service.registry, &snapshot);
        let key = CacheKey { snapshot_id: snapshot.id(), unavailable, traits };
        let mut cached = self.0.lock();
        if let Some((_, tools)) = cached.iter().find(|(known, _)| *known == key) {
            return tools.clone();
        }
        // Without inferred types: the model of every client reads this text.
        let brief = || Some(snapshot.declarations_in(Frame::Line, None, Detail::Brief).ok()?.text);
        let reads_only = |server: &str, tool: &str| picture.reads_only(server, tool);
        let source = OverviewSource {
            snapshot: &snapshot,
            reads_only: &reads_only,
            brief: &brief,
            is_only_tool: false,
            libraries: service.engine.libraries(),
        };
        let tools = Arc::new(definitions::all(&source, &key.unavailable, &service.limits, traits));
        if cached.len() == MAX_CACHED_DEFINITIONS {
            cached.remove(0);
        }
        cached.push((key, tools.clone()));
        tools
    }
}
