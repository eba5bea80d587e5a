//! The snapshots of this moment: for runs, for the tenants whose calls have revealed result types,
//! and for clients that ask before all servers have started.

use std::sync::Arc;

use isolet_bindings::{ServerState, ServerTools, ToolLists};
use isolet_tsdefs::Detail;

use super::current_tools::{AdvertisedCache, AdvertisedTools, CurrentTools};
use super::declarations::DeclarationText;
use super::inferred_types::Audience;
use super::live::Registry;
use super::selection::Selection;
use super::snapshot::{LookupError, ToolSnapshot};

impl Registry {
    /// Returns the tools as they are now, without inferred types.
    pub fn snapshot(&self) -> Arc<ToolSnapshot> {
        self.current_tools().snapshot
    }

    /// Returns the tools as they are now, as this audience sees them.
    pub fn snapshot_for(&self, audience: Audience<'_>) -> Arc<ToolSnapshot> {
        let tenant = match audience {
            Audience::Public => return self.snapshot(),
            Audience::Tenant(tenant) => tenant,
        };
        let types = self.inferred.get().and_then(|inferred| inferred.of(tenant));
        // Read before the types are: a type that is inferred in between is seen next time.
        let Some((types, version)) =
            types.map(|types| (types, types.version())).filter(|(_, version)| *version > 0)
        else {
            return self.snapshot();
        };
        let tenant: Option<Arc<str>> = tenant.map(Arc::from);
        let of_tenants = || self.of_tenants.lock();
        let known = of_tenants().get(&tenant).cloned();
        let picture = self.gate.visible_tools();
        let now = (picture.generation, version);
        if let Some(known) = known.as_ref().filter(|known| known.snapshot.version() == now) {
            return known.snapshot.clone();
        }
        let before = known.unwrap_or_else(|| self.current_tools());
        let fresh = CurrentTools::build(&picture, Some(&before), &self.cache, Some((types, version)));
        let mut slots = of_tenants();
        let slot = slots.entry(tenant).or_insert_with(|| fresh.clone());
        if slot.snapshot.version() < fresh.snapshot.version() {
            *slot = fresh;
        }
        slot.snapshot.clone()
    }

    /// Returns the declarations of a selection, as this audience sees them.
    pub fn declarations(
        &self,
        audience: Audience<'_>,
        selection: Selection,
        detail: Detail,
    ) -> Result<DeclarationText, LookupError> {
        self.texts.of(&self.snapshot_for(audience), selection, detail)
    }

    /// Returns the current tools, rebuilt if a list has changed. Runs use these: names do not
    /// depend on inferred types.
    pub(super) fn current_tools(&self) -> CurrentTools {
        let known = self.current.read().clone();
        if known.snapshot.generation() == self.lists.borrow().generation {
            return known;
        }
        let fresh = CurrentTools::build(&self.gate.visible_tools(), Some(&known), &self.cache, None);
        let mut slot = self.current.write();
        // Another thread may have been faster and have seen a later generation.
        if slot.snapshot.generation() < fresh.snapshot.generation() {
            *slot = fresh;
        }
        slot.clone()
    }

    /// Returns the tools that clients are shown: where a server has not listed its tools yet, those
    /// that it listed last time.
    pub fn advertised(&self) -> AdvertisedTools {
        let current = self.current_tools();
        let lists = self.lists.borrow().clone();
        let remembered: Vec<&ServerTools> = self.remembered_for(&lists).collect();
        if remembered.is_empty() {
            return AdvertisedTools { snapshot: current.snapshot, picture: self.gate.visible_tools() };
        }
        let names: Vec<String> = remembered.iter().map(|server| server.name.clone()).collect();
        let mut cached = self.advertised.lock();
        let is_same = |cached: &&AdvertisedCache| {
            cached.snapshot_id == current.snapshot.id() && cached.remembered == names
        };
        if let Some(cached) = cached.as_ref().filter(is_same) {
            return cached.tools.clone();
        }
        let mut servers = lists.servers.to_vec();
        for server in &mut servers {
            if let Some(past) = remembered.iter().find(|past| past.name == server.name) {
                *server = ServerTools { generation: server.generation, ..(*past).clone() };
            }
        }
        let lists = ToolLists { generation: lists.generation, servers: Arc::new(servers) };
        let picture = Arc::new(self.gate.visible_tools_of(&lists));
        let built = CurrentTools::build(&picture, Some(&current), &self.cache, None);
        let tools = AdvertisedTools { snapshot: built.snapshot, picture };
        let snapshot_id = current.snapshot.id();
        *cached = Some(AdvertisedCache { snapshot_id, remembered: names, tools: tools.clone() });
        tools
    }

    /// Returns the remembered lists of servers that have not listed their tools yet.
    fn remembered_for<'a>(&'a self, lists: &ToolLists) -> impl Iterator<Item = &'a ServerTools> {
        let unlisted = lists.servers.iter().filter(|server| server.tools.is_none());
        let unlisted: Vec<&str> = unlisted.map(|server| server.name.as_str()).collect();
        let statuses = if unlisted.is_empty() || self.remembered.get().is_none() {
            Vec::new()
        } else {
            self.gate.statuses()
        };
        let is_to_come = |state: ServerState| matches!(state, ServerState::Starting | ServerState::Idle);
        let names: Vec<String> = statuses
            .into_iter()
            .filter(|status| is_to_come(status.state) && unlisted.contains(&status.name.as_str()))
            .map(|status| status.name)
            .collect();
        let remembered = self.remembered.get();
        names.into_iter().filter_map(move |name| remembered?.list(&name))
    }
}
