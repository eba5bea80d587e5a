//! The registry itself: the servers behind their rules, and the caches of what they offer.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use isolet_bindings::audit::ReadFile;
use isolet_bindings::config::McpConfig;
use isolet_bindings::{
    Caller, Gate, GuardCommand, Rules, ToolLists, ToolSelections, UpstreamOptions, Upstreams,
};
use moka::sync::Cache;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::Instant;

use super::GUARD_ARGUMENT;
use super::current_tools::{AdvertisedCache, CurrentTools};
use super::declaration_cache::DeclarationCache;
use super::declarations::DeclarationTexts;
use super::inferred_types::InferredTypes;
use super::remembered_lists::RememberedLists;
use super::run_view::RunView;

/// The number of views that are kept, one for each list of patterns. A service has a handful.
const MAX_VIEWS: u64 = 256;

/// The MCP servers, and everything that runs and clients share about their tools.
pub struct Registry {
    pub(super) gate: Gate,
    pub(super) lists: watch::Receiver<ToolLists>,
    /// The tools as servers define them. Replaced at the first use after a list has changed.
    pub(super) current: RwLock<CurrentTools>,
    /// The tools with the result types inferred from the runs of one tenant, by tenant.
    pub(super) of_tenants: Mutex<HashMap<Option<Arc<str>>, CurrentTools>>,
    pub(super) cache: Arc<DeclarationCache>,
    /// `None` where nobody would see inferred types, or the operator has disabled them.
    pub(super) inferred: OnceLock<Arc<InferredTypes>>,
    /// Views of runs that name patterns. Making one takes time in proportion to the tools.
    pub(super) views: Cache<(u64, Vec<String>), Arc<RunView>>,
    pub(super) texts: DeclarationTexts,
    /// The lists of the last start; `None` where no client would be shown them.
    pub(super) remembered: OnceLock<Arc<RememberedLists>>,
    /// The tools that clients are shown while servers are starting.
    pub(super) advertised: Mutex<Option<AdvertisedCache>>,
    /// Set once no server is in its first start. From then on nobody waits for one.
    pub(super) all_started: AtomicBool,
}

impl Registry {
    /// Starts the servers of `config` behind `rules`. Returns at once; servers connect in the
    /// background.
    pub fn start(config: McpConfig, rules: Rules) -> Arc<Self> {
        let rules = Rules { tool_selections: ToolSelections::of(&config), ..rules };
        // Guards exist on Linux only; elsewhere children are started directly.
        let program = if cfg!(target_os = "linux") { std::env::current_exe().ok() } else { None };
        let guard = program.map(|program| GuardCommand { program, args: vec![GUARD_ARGUMENT.into()] });
        if let Some(audit) = &rules.audit {
            let files: Vec<ReadFile> = config.file.iter().chain(&rules.files).cloned().collect();
            let servers: Vec<&str> = config.servers.keys().map(String::as_str).collect();
            audit.loaded(&files, &servers);
        }
        let upstreams = Upstreams::start(config, UpstreamOptions { guard, ..UpstreamOptions::default() });
        let lists = upstreams.watch();
        let gate = Gate::new(upstreams, rules);
        let cache = Arc::new(DeclarationCache::default());
        let current = CurrentTools::build(&gate.visible_tools(), None, &cache, None);
        Arc::new(Self {
            gate,
            lists,
            current: RwLock::new(current),
            of_tenants: Mutex::default(),
            cache,
            inferred: OnceLock::new(),
            views: Cache::new(MAX_VIEWS),
            texts: DeclarationTexts::default(),
            remembered: OnceLock::new(),
            advertised: Mutex::default(),
            all_started: AtomicBool::new(false),
        })
    }

    /// Infers result types from results from now on, for each of these tenants separately.
    pub fn infer_types(self: &Arc<Self>, tenants: impl IntoIterator<Item = String>) {
        self.inferred.get_or_init(|| {
            let registry = Arc::downgrade(self);
            InferredTypes::start(move || Some(registry.upgrade()?.snapshot()), tenants)
        });
    }

    /// Shows clients these lists until the servers have listed their tools, and writes what the
    /// servers list from now on to the disk.
    pub fn remember(self: &Arc<Self>, remembered: RememberedLists) {
        /// The pause between two writes: a server may announce changes without end.
        const WRITE_PAUSE: Duration = Duration::from_secs(1);
        let remembered = Arc::new(remembered);
        if self.remembered.set(remembered.clone()).is_err() {
            return;
        }
        let mut lists = self.lists.clone();
        lists.mark_changed();
        tokio::spawn(async move {
            while lists.changed().await.is_ok() {
                let (remembered, now) = (remembered.clone(), lists.borrow_and_update().clone());
                let _panicked = tokio::task::spawn_blocking(move || remembered.write(&now)).await;
                tokio::time::sleep(WRITE_PAUSE).await;
            }
        });
    }

    /// Builds the search index of long lists as they arrive, so that the first search need not
    /// wait for it.
    pub fn index_ahead(self: &Arc<Self>) {
        /// Lists that arrive within this time are indexed together.
        const BATCH_TIME: Duration = Duration::from_secs(1);
        /// The pause after indexing, in units of the time that indexing took: a server may
        /// announce changes without end, and gets a tenth of one core at most.
        const PAUSE_FACTOR: u32 = 10;
        let registry = Arc::downgrade(self);
        let mut lists = self.lists.clone();
        lists.mark_changed();
        tokio::spawn(async move {
            while lists.changed().await.is_ok() {
                tokio::time::sleep(BATCH_TIME).await;
                lists.mark_unchanged();
                let Some(registry) = registry.upgrade() else { return };
                let begun = Instant::now();
                let index = move || registry.snapshot().index_if_long();
                let _panicked = tokio::task::spawn_blocking(index).await;
                tokio::time::sleep(begun.elapsed() * PAUSE_FACTOR).await;
            }
        });
    }

    /// Records the result of a successful call, if the tool declares no result type. Never waits.
    pub fn observe(&self, caller: &Caller, server: &str, tool: &str, arguments: &str, json: &[u8]) {
        let Some(inferred) = self.inferred.get() else { return };
        let current = self.current.read().snapshot.clone();
        if current.is_untyped(server, tool) {
            inferred.observe(caller, server, tool, arguments, json);
        }
    }

    /// Returns the servers behind the rules.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Returns a receiver of the lists of tools, which is notified of each change.
    pub fn changes(&self) -> watch::Receiver<ToolLists> {
        self.lists.clone()
    }

    /// Ends all servers.
    pub async fn shutdown(&self) {
        self.gate.shutdown().await;
    }
}
