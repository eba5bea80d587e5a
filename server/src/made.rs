//! What is made of a server's definitions, kept by their content: declarations, search entries, token counts.
//!
//! The key is a digest of what the server lists, so nothing has to be thrown away when a list changes: a server whose
//! list is the same finds what was made of it before, whoever else has changed, and what nobody asks for any more is
//! the first to go when the room is needed.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use isolet_tsdefs::tokens::{Costs, costs};
use isolet_tsdefs::{Detail, SearchEntries, Section, ServerDefinition, ToolDefinition, aliases};
use moka::sync::Cache;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use crate::filter::Named;

/// Room for sections: 10,000 tools in full detail have 7 MB.
const SECTION_BYTES: u64 = 64 * 1024 * 1024;

/// Tools whose search entries are kept; one takes about 2 KiB.
const ENTRIES: u64 = 100_000;

/// Token counts that are kept, of servers and of selections.
const COSTS: u64 = 10_000;

/// What a server lists, with what follows from it alone.
pub struct Known {
    /// The definitions, learned result types included.
    pub definition: ServerDefinition,
    /// Of the tools, in their order.
    pub aliases: Vec<String>,
    /// Names of tools that promise nothing about their results.
    untyped: HashSet<String>,
    digest: Digest,
}

type Digest = [u8; 32];

impl Known {
    /// Takes a list in.
    pub fn new(definition: ServerDefinition) -> Self {
        let names: Vec<&str> = definition.tools.iter().map(|tool| tool.name.as_str()).collect();
        let aliases = aliases(&names);
        let untyped = definition
            .tools
            .iter()
            .filter(|tool| tool.output_schema.is_none() || tool.output_observed)
            .map(|tool| tool.name.clone())
            .collect();
        let digest = digest(&definition);
        Self { definition, aliases, untyped, digest }
    }

    /// The tools' names and aliases.
    pub fn named(&self) -> impl Iterator<Item = Named<'_>> {
        let names = self.definition.tools.iter().zip(&self.aliases);
        names.map(|(tool, alias)| Named { name: &tool.name, alias })
    }

    /// Whether the tool promises nothing about its results.
    pub fn is_untyped(&self, tool: &str) -> bool {
        self.untyped.contains(tool)
    }
}

/// Of everything that a declaration, a search entry or a count depends on. Each field is followed by its length, so that
/// no two lists give one text.
fn digest(server: &ServerDefinition) -> Digest {
    let mut hash = Sha256::new();
    let mut add = |text: Option<&str>| {
        let text = text.unwrap_or("\0");
        hash.update(text);
        hash.update(text.len().to_le_bytes());
    };
    add(Some(&server.name));
    add(server.description.as_deref());
    for tool in &server.tools {
        add(Some(&tool.name));
        add(tool.title.as_deref());
        add(tool.description.as_deref());
        add(Some(&tool.input_schema.to_string()));
        add(tool.output_schema.as_ref().map(ToString::to_string).as_deref());
        add(Some(if tool.output_observed { "observed" } else { "" }));
    }
    hash.finalize().into()
}

/// The caches. One for all moments of a process.
pub struct Made {
    sections: Cache<(Digest, Detail), Arc<Section>>,
    entries: Cache<Digest, Arc<SearchEntries>>,
    costs: Cache<Digest, Costs>,
    sections_made: AtomicU64,
    entries_made: AtomicU64,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            sections: Cache::builder()
                .max_capacity(SECTION_BYTES)
                .weigher(|_, section: &Arc<Section>| u32::try_from(section.text().len()).unwrap_or(u32::MAX))
                .build(),
            entries: Cache::builder()
                .max_capacity(ENTRIES)
                .weigher(|_, entries: &Arc<SearchEntries>| u32::try_from(entries.len()).unwrap_or(u32::MAX))
                .build(),
            costs: Cache::new(COSTS),
            sections_made: AtomicU64::new(0),
            entries_made: AtomicU64::new(0),
        }
    }
}

/// Does work that may take long, or wait for somebody else's, without keeping a worker of the runtime from its other
/// tasks: a list that is out to do harm takes a second, and the server has two workers.
pub fn off_worker<R>(work: impl FnOnce() -> R) -> R {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) { block_in_place(work) } else { work() }
}

/// Makes something of what a server lists. A definition that ends this by a panic is a fault of ours, of which none is
/// known; it costs its own server the types and descriptions, and not everybody the declarations and the search.
fn contained<T>(server: &ServerDefinition, make: impl Fn(&ServerDefinition) -> T) -> T {
    // What `make` works on is read only, so nothing is left half done.
    catch_unwind(AssertUnwindSafe(|| make(server))).unwrap_or_else(|_| {
        tracing::error!(
            server = server.name,
            "its tools have no types, as isolet failed to declare them; please report its answer to tools/list"
        );
        make(&names_alone(server))
    })
}

fn names_alone(server: &ServerDefinition) -> ServerDefinition {
    let bare = |tool: &ToolDefinition| ToolDefinition::new(&tool.name, json!({ "type": "object" }));
    ServerDefinition::new(&server.name, server.tools.iter().map(bare).collect())
}

impl Made {
    /// A server's declarations. Several that ask at once wait for one that makes them.
    pub fn section(&self, server: &Known, detail: Detail) -> Arc<Section> {
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

    /// Whether a server's declarations are there already.
    pub fn has_section(&self, server: &Known, detail: Detail) -> bool {
        self.sections.contains_key(&(server.digest, detail))
    }

    /// A server's part of the search index.
    pub fn entries(&self, server: &Known) -> Arc<SearchEntries> {
        self.entries.get(&server.digest).unwrap_or_else(|| {
            off_worker(|| {
                self.entries.get_with(server.digest, || {
                    self.entries_made.fetch_add(1, Ordering::Relaxed);
                    Arc::new(contained(&server.definition, SearchEntries::new))
                })
            })
        })
    }

    /// What servers cost in a prompt, together.
    pub fn costs(&self, servers: &[&Known]) -> Costs {
        let mut hash = Sha256::new();
        servers.iter().for_each(|server| hash.update(server.digest));
        self.costs.get_with(hash.finalize().into(), || {
            let definitions: Vec<&ServerDefinition> =
                servers.iter().map(|server| &server.definition).collect();
            costs(&definitions)
        })
    }

    /// How many sections and parts of the search index were made since the start.
    pub fn counts(&self) -> (u64, u64) {
        (self.sections_made.load(Ordering::Relaxed), self.entries_made.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use isolet_tsdefs::ToolDefinition;
    use serde_json::json;

    use super::*;

    fn known(server: &str, description: &str) -> Known {
        let mut tool = ToolDefinition::new("get", json!({ "type": "object" }));
        tool.description = Some(description.to_owned());
        Known::new(ServerDefinition::new(server, vec![tool]))
    }

    #[test]
    fn the_same_list_is_made_once() {
        let made = Made::default();
        let first = made.section(&known("a", "x"), Detail::Full);
        assert!(Arc::ptr_eq(&first, &made.section(&known("a", "x"), Detail::Full)));
        made.section(&known("a", "y"), Detail::Full);
        made.section(&known("b", "x"), Detail::Full);
        made.section(&known("a", "x"), Detail::Brief);
        made.entries(&known("a", "x"));
        made.entries(&known("a", "x"));
        assert_eq!(made.counts(), (4, 1));
    }

    #[test]
    fn a_definition_that_cannot_be_declared_costs_its_own_types() {
        let server = known("a", "breaks").definition;
        let section = contained(&server, |server| {
            assert!(server.tools[0].description.is_none(), "this panic is part of the test");
            Section::new(server, Detail::Full)
        });
        assert!(section.text().contains("get("), "{}", section.text());
    }

    /// With one worker, a task that waits for another is stuck unless the waiting gives the worker free.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn long_work_keeps_no_worker() {
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
    fn without_a_runtime_work_is_done_in_place() {
        assert_eq!(off_worker(|| 1), 1);
    }

    #[test]
    fn a_learned_type_is_another_content() {
        let mut learned = known("a", "x").definition;
        learned.tools[0].output_schema = Some(json!({ "type": "string" }));
        let promised = Known::new(learned.clone());
        learned.tools[0].output_observed = true;
        let learned = Known::new(learned);
        assert_ne!(promised.digest, learned.digest);
        assert!(learned.is_untyped("get") && !promised.is_untyped("get"));
    }
}
