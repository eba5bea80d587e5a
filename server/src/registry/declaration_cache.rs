//! A cache of the texts made from a server's definitions: declarations, search entries, token
//! counts.
//!
//! The key is a digest of the server's list, so nothing is invalidated when a list changes: a
//! server whose list is the same finds its texts, and entries that are no longer used are the first
//! to be evicted.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use isolet_tsdefs::tokens::{Costs, costs};
use isolet_tsdefs::{Detail, Schema, SearchEntries, Section, ServerDefinition, ToolDefinition, aliases};
use moka::sync::Cache;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::tool_filter::AliasedName;

/// The memory for declarations: those of 10,000 tools in full detail have 7 MB.
const MAX_SECTION_BYTES: u64 = 64 * 1024 * 1024;

/// The number of tools whose search entries are kept; one takes about 2 KiB.
const MAX_ENTRIES: u64 = 100_000;

/// The number of token counts that are kept, of servers and of selections.
const MAX_COSTS: u64 = 10_000;

/// The list of one server, with everything that is derived from it alone.
pub struct ListedServer {
    /// The definitions, with inferred result types.
    pub definition: ServerDefinition,
    /// The aliases of the tools, in the same order.
    pub aliases: Vec<String>,
    /// The names of tools that declare no result type.
    untyped: HashSet<String>,
    digest: Digest,
}

type Digest = [u8; 32];

impl ListedServer {
    /// Derives aliases and the digest of a list.
    pub fn new(definition: ServerDefinition) -> Self {
        let names: Vec<&str> = definition.tools.iter().map(|tool| tool.name.as_str()).collect();
        let aliases = aliases(&names);
        let untyped = definition
            .tools
            .iter()
            .filter(|tool| tool.output_schema.is_none() || tool.output_inferred)
            .map(|tool| tool.name.clone())
            .collect();
        let digest = digest(&definition);
        Self { definition, aliases, untyped, digest }
    }

    /// Returns the tools for which `keep` is true, with the aliases that they have among all.
    pub fn narrowed(&self, keep: impl Fn(AliasedName<'_>) -> bool) -> Self {
        let kept: Vec<bool> = self.tools().map(keep).collect();
        let mut definition = self.definition.clone();
        let mut flags = kept.iter();
        definition.tools.retain(|_| flags.next() == Some(&true));
        let aliases =
            self.aliases.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(alias, _)| alias.clone());
        let digest = digest(&definition);
        Self { aliases: aliases.collect(), untyped: self.untyped.clone(), digest, definition }
    }

    /// Returns the names and aliases of the tools.
    pub fn tools(&self) -> impl Iterator<Item = AliasedName<'_>> {
        let names = self.definition.tools.iter().zip(&self.aliases);
        names.map(|(tool, alias)| AliasedName { name: &tool.name, alias })
    }

    /// Returns `true` if the tool, by its exact name, declares no result type.
    pub fn is_untyped(&self, tool: &str) -> bool {
        self.untyped.contains(tool)
    }
}

/// Returns the digest of everything that a declaration, a search entry or a count depends on. Each
/// field is followed by its length, so that two different lists never give the same input.
fn digest(server: &ServerDefinition) -> Digest {
    let mut hash = Sha256::new();
    let mut add = |text: Option<&str>| {
        let text = text.unwrap_or("\0");
        hash.update(text);
        hash.update(text.len().to_le_bytes());
    };
    add(Some(&server.name));
    add(server.description.as_deref());
    let offers = server.offers;
    add(Some(match (offers.resources, offers.prompts) {
        (false, false) => "",
        (true, false) => "resources",
        (false, true) => "prompts",
        (true, true) => "both",
    }));
    for tool in &server.tools {
        add(Some(&tool.name));
        add(tool.title.as_deref());
        add(tool.description.as_deref());
        add(Some(&tool.input_schema.text()));
        add(tool.output_schema.as_ref().map(Schema::text).as_deref());
        add(Some(if tool.output_inferred { "observed" } else { "" }));
    }
    hash.finalize().into()
}

/// The cache. All snapshots of a process share one.
pub struct DeclarationCache {
    sections: Cache<(Digest, Detail), Arc<Section>>,
    entries: Cache<Digest, Arc<SearchEntries>>,
    costs: Cache<Digest, Costs>,
    sections_made: AtomicU64,
    entries_made: AtomicU64,
}

impl Default for DeclarationCache {
    fn default() -> Self {
        Self {
            sections: Cache::builder()
                .max_capacity(MAX_SECTION_BYTES)
                .weigher(|_, section: &Arc<Section>| u32::try_from(section.size()).unwrap_or(u32::MAX))
                .build(),
            entries: Cache::builder()
                .max_capacity(MAX_ENTRIES)
                .weigher(|_, entries: &Arc<SearchEntries>| u32::try_from(entries.len()).unwrap_or(u32::MAX))
                .build(),
            costs: Cache::new(MAX_COSTS),
            sections_made: AtomicU64::new(0),
            entries_made: AtomicU64::new(0),
        }
    }
}

/// Does work that may take long, or waits for such work of another thread, without blocking the
/// other tasks of a runtime thread: a hostile list takes a second, and the runtime may have two
/// threads.
pub fn off_worker<R>(work: impl FnOnce() -> R) -> R {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) { block_in_place(work) } else { work() }
}

/// Makes something from a server's list. If a definition makes this panic, which would be a bug in
/// isolet, that server alone loses its types and descriptions.
fn contained<T>(server: &ServerDefinition, make: impl Fn(&ServerDefinition) -> T) -> T {
    // `make` only reads, so a panic leaves nothing inconsistent.
    catch_unwind(AssertUnwindSafe(|| make(server))).unwrap_or_else(|_| {
        tracing::error!(
            server = server.name,
            "the tools of this server have no types, because isolet failed to write their declarations; please report the server's answer to tools/list"
        );
        make(&names_alone(server))
    })
}

fn names_alone(server: &ServerDefinition) -> ServerDefinition {
    let bare = |tool: &ToolDefinition| ToolDefinition::new(&tool.name, json!({ "type": "object" }));
    ServerDefinition::new(&server.name, server.tools.iter().map(bare).collect())
}

impl DeclarationCache {
    /// Returns a server's declarations. Concurrent callers wait for the one that writes them.
    pub fn section(&self, server: &ListedServer, detail: Detail) -> Arc<Section> {
        let key = (server.digest, detail);
        self.sections.get(&key).unwrap_or_else(|| {
            off_worker(|| {
                self.sections.get_with(key, || {
                    self.sections_made.fetch_add(1, Ordering::Relaxed);
                    Arc::new(contained(&server.definition, |definition| Section::new(definition, detail)))
                })
            })
        })
    }

    /// Returns `true` if a server's declarations are in the cache.
    pub fn has_section(&self, server: &ListedServer, detail: Detail) -> bool {
        self.sections.contains_key(&(server.digest, detail))
    }

    /// Returns a server's part of the search index.
    pub fn entries(&self, server: &ListedServer) -> Arc<SearchEntries> {
        self.entries.get(&server.digest).unwrap_or_else(|| {
            off_worker(|| {
                self.entries.get_with(server.digest, || {
                    self.entries_made.fetch_add(1, Ordering::Relaxed);
                    Arc::new(contained(&server.definition, SearchEntries::new))
                })
            })
        })
    }

    /// Returns what the declarations of these servers together cost in a prompt.
    pub fn costs(&self, servers: &[&ListedServer]) -> Costs {
        let mut hash = Sha256::new();
        servers.iter().for_each(|server| hash.update(server.digest));
        self.costs.get_with(hash.finalize().into(), || {
            let definitions: Vec<&ServerDefinition> =
                servers.iter().map(|server| &server.definition).collect();
            costs(&definitions)
        })
    }

    /// Returns the numbers of declarations and of parts of the search index made since the start.
    pub fn counts(&self) -> (u64, u64) {
        (self.sections_made.load(Ordering::Relaxed), self.entries_made.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use isolet_tsdefs::ToolDefinition;
    use serde_json::json;

    use super::*;

    fn listed(server: &str, description: &str) -> ListedServer {
        let mut tool = ToolDefinition::new("get", json!({ "type": "object" }));
        tool.description = Some(description.to_owned());
        ListedServer::new(ServerDefinition::new(server, vec![tool]))
    }

    #[test]
    fn declarations_of_an_unchanged_list_are_written_once() {
        let cache = DeclarationCache::default();
        let first = cache.section(&listed("a", "x"), Detail::Full);
        assert!(Arc::ptr_eq(&first, &cache.section(&listed("a", "x"), Detail::Full)));
        cache.section(&listed("a", "y"), Detail::Full);
        cache.section(&listed("b", "x"), Detail::Full);
        cache.section(&listed("a", "x"), Detail::Brief);
        cache.entries(&listed("a", "x"));
        cache.entries(&listed("a", "x"));
        assert_eq!(cache.counts(), (4, 1));
    }

    #[test]
    fn a_definition_that_makes_isolet_panic_loses_its_types() {
        let server = listed("a", "breaks").definition;
        let section = contained(&server, |server| {
            assert!(server.tools[0].description.is_none(), "this panic is part of the test");
            Section::new(server, Detail::Full)
        });
        let text = isolet_tsdefs::assemble([&section], &["a"]).text;
        assert!(text.contains("get("), "{text}");
    }

    /// With one thread, a task that waits for another is stuck unless it gives the thread up.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn long_work_does_not_block_other_tasks() {
        let (done, waiting) = std::sync::mpsc::channel();
        let other = tokio::spawn(async move {
            tokio::task::yield_now().await;
            let _ = done.send(());
        });
        let waited = tokio::spawn(async move {
            off_worker(|| waiting.recv_timeout(std::time::Duration::from_secs(60)).is_ok())
        });
        assert!(waited.await.unwrap());
        other.await.unwrap();
    }

    #[test]
    fn without_a_runtime_the_work_is_done_in_place() {
        assert_eq!(off_worker(|| 1), 1);
    }

    #[test]
    fn an_inferred_type_changes_the_digest() {
        let mut inferred = listed("a", "x").definition;
        inferred.tools[0].output_schema = Some(json!({ "type": "string" }).into());
        let declared = ListedServer::new(inferred.clone());
        inferred.tools[0].output_inferred = true;
        let inferred = ListedServer::new(inferred);
        assert_ne!(declared.digest, inferred.digest);
        assert!(inferred.is_untyped("get") && !declared.is_untyped("get"));
    }
}
