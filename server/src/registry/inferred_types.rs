//! Result types inferred from results, for tools that declare none.
//!
//! A run queues a copy of a result and goes on; one task reads its shape. If results arrive faster
//! than they can be read, some are dropped. Shapes hold kinds and names of properties, never values
//! (see `isolet_tsdefs::inference`). The types of each tenant are separate and shown to that tenant
//! alone. Only runs with the tenant's own token count, not those that name the tenant in their
//! request. A property is shown once several runs have met it, each with different arguments.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use isolet_bindings::Caller;
use isolet_tsdefs::inference::{self, Shape, Sighting};
use isolet_tsdefs::{Schema, ServerDefinition, ToolDefinition};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::snapshot::ToolSnapshot;

/// The largest result that is read: reading it takes about a millisecond.
const MAX_RESULT_BYTES: usize = 256 * 1024;

/// The number of results that may wait to be read.
const MAX_QUEUED_RESULTS: usize = 64;

/// The number of tools with a shape, of all tenants together; one takes 1 KiB, at worst 60 KiB.
const MAX_TOOLS: usize = 2000;

/// The number of tools with a shape that each tenant has at least.
const MIN_TOOLS_OF_TENANT: usize = 20;

/// The number of runs with different arguments that must have met a property before it is shown.
const MIN_RUNS: usize = 3;

/// The reader of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// All clients: they see what servers declare, and no inferred types.
    Public,
    /// The callers of this tenant, or those without a tenant: they see the types inferred from
    /// their own runs too.
    Tenant(Option<&'a str>),
}

/// The result of one call.
struct ObservedResult {
    types: Arc<TenantTypes>,
    server: String,
    tool: String,
    sighting: Sighting,
    json: Vec<u8>,
}

/// The inferred types, by tenant. The tenants are fixed at the start: those of the tokens.
pub struct InferredTypes {
    tenants: HashMap<Option<Arc<str>>, Arc<TenantTypes>>,
    results: mpsc::Sender<ObservedResult>,
}

/// The types inferred from the runs of one tenant.
pub struct TenantTypes {
    shapes: Mutex<Shapes>,
    /// Grows with each type that changes.
    version: AtomicU64,
    max_tools: usize,
}

#[derive(Default)]
struct Shapes {
    servers: HashMap<String, ServerShapes>,
    tools: usize,
}

#[derive(Default)]
struct ServerShapes {
    version: u64,
    tools: HashMap<String, ToolShape>,
}

struct ToolShape {
    /// The hash of the tool's definition. A tool whose definition changes may return other results.
    definition: u64,
    shape: Shape,
    /// The hash of the type that is shown.
    shown: u64,
}

impl InferredTypes {
    /// Starts to infer types, from the runs of these tenants and from those without a tenant.
    /// `snapshot` gives the current tools; the task ends once it gives none. Must be called inside
    /// a tokio runtime.
    pub fn start(
        snapshot: impl Fn() -> Option<Arc<ToolSnapshot>> + Send + 'static,
        tenants: impl IntoIterator<Item = String>,
    ) -> Arc<Self> {
        let (results, mut queued) = mpsc::channel::<ObservedResult>(MAX_QUEUED_RESULTS);
        tokio::spawn(async move {
            while let Some(result) = queued.recv().await {
                let Some(snapshot) = snapshot() else { return };
                if let Some(tool) = snapshot.tool(&result.server, &result.tool) {
                    result.types.infer(&result.server, tool, result.sighting, &result.json);
                }
            }
        });
        let mut tenants: Vec<Option<Arc<str>>> =
            tenants.into_iter().map(|tenant| Some(tenant.into())).collect();
        tenants.push(None);
        tenants.sort();
        tenants.dedup();
        let max_tools = (MAX_TOOLS / tenants.len()).max(MIN_TOOLS_OF_TENANT);
        let tenants = tenants.into_iter().map(|tenant| (tenant, Arc::new(TenantTypes::new(max_tools))));
        Arc::new(Self { tenants: tenants.collect(), results })
    }

    /// Returns the types of a tenant; `None` for a tenant without a token, as whom nobody can read.
    pub fn of(&self, tenant: Option<&str>) -> Option<&Arc<TenantTypes>> {
        self.tenants.get(&tenant.map(Arc::from))
    }

    /// Queues the result of a call of `caller`, if the queue has room. Never waits.
    pub fn observe(&self, caller: &Caller, server: &str, tool: &str, arguments: &str, json: &[u8]) {
        // A caller that acts for several tenants could otherwise write into the declarations that
        // another tenant's model reads.
        if caller.names_a_tenant() {
            return;
        }
        let types = self.of(caller.tenant()).filter(|_| json.len() <= MAX_RESULT_BYTES);
        let Some(types) = types else { return };
        let Ok(slot) = self.results.try_reserve() else { return };
        slot.send(ObservedResult {
            types: types.clone(),
            server: server.to_owned(),
            tool: tool.to_owned(),
            sighting: Sighting { run: short(caller.number().unwrap_or_default()), input: short(arguments) },
            json: json.to_owned(),
        });
    }

    /// Returns the number of tools with a shape. A tool counts once for each tenant.
    pub fn count(&self) -> usize {
        self.tenants.values().map(|types| types.shapes.lock().tools).sum()
    }
}

impl TenantTypes {
    fn new(max_tools: usize) -> Self {
        Self { shapes: Mutex::default(), version: AtomicU64::new(0), max_tools }
    }

    /// Returns the version, which grows with each type that changes.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns the version of the types of one server.
    pub fn version_of(&self, server: &str) -> u64 {
        self.shapes.lock().servers.get(server).map_or(0, |server| server.version)
    }

    /// Adds the inferred types to the tools that declare none. A type that several tools of the
    /// server return becomes one definition.
    pub fn apply(&self, definition: &mut ServerDefinition) {
        let shapes = self.shapes.lock();
        let Some(server) = shapes.servers.get(&definition.name) else { return };
        let known = |tool: &ToolDefinition| {
            let inferred = server.tools.get(&tool.name).filter(|_| tool.output_schema.is_none())?;
            (inferred.definition == fingerprint(tool) && !inferred.shape.is_unknown())
                .then_some(&inferred.shape)
        };
        let (places, known): (Vec<usize>, Vec<(&str, &Shape)>) = definition
            .tools
            .iter()
            .enumerate()
            .filter_map(|(at, tool)| Some((at, (tool.name.as_str(), known(tool)?))))
            .unzip();
        let schemas = inference::schemas(&known, MIN_RUNS);
        for (at, schema) in places.into_iter().zip(schemas) {
            let tool = &mut definition.tools[at];
            tool.output_inferred = schema.is_some();
            tool.output_schema = schema.as_ref().map(Schema::to_text);
        }
    }

    fn infer(&self, server: &str, tool: &ToolDefinition, sighting: Sighting, json: &[u8]) {
        // Scripts only ever get JSON; anything else is ignored.
        let Ok(seen) = Shape::of_json(json) else { return };
        let definition = fingerprint(tool);
        let mut shapes = self.shapes.lock();
        let is_new = shapes.servers.get(server).is_none_or(|server| !server.tools.contains_key(&tool.name));
        if is_new && shapes.tools >= self.max_tools {
            return;
        }
        shapes.tools += usize::from(is_new);
        let fresh = || ToolShape { definition, shape: Shape::default(), shown: 0 };
        let server = shapes.servers.entry(server.to_owned()).or_default();
        let known = server.tools.entry(tool.name.clone()).or_insert_with(fresh);
        if known.definition != definition {
            *known = fresh();
        }
        if !known.shape.merge(&seen.with_sighting(sighting)) {
            return;
        }
        // Most changes of a shape are one more run that met it, which do not change the type shown.
        let shown = hash(&known.shape.to_confirmed_schema(MIN_RUNS).to_string());
        if std::mem::replace(&mut known.shown, shown) != shown {
            server.version += 1;
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

/// Returns a hash of a tool's definition as its server gives it.
fn fingerprint(tool: &ToolDefinition) -> u64 {
    let mut hasher = DefaultHasher::new();
    tool.description.hash(&mut hasher);
    tool.input_schema.text().hash(&mut hasher);
    hasher.finish()
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Returns a short hash. Two texts with the same hash count as one, which only delays a property.
fn short(text: &str) -> u32 {
    (hash(text) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(description: &str) -> ServerDefinition {
        let mut tool = ToolDefinition::new("get", json!({ "type": "object" }));
        tool.description = Some(description.to_owned());
        ServerDefinition::new("s", vec![tool])
    }

    fn sighting(number: u32) -> Sighting {
        Sighting { run: number, input: number }
    }

    #[test]
    fn the_version_grows_only_with_the_type_shown() {
        let types = TenantTypes::new(10);
        let mut server = definition("x");
        for (run, json, version) in [
            (1, &br#"{"a":1}"#[..], 1),
            (2, br#"{"a":2}"#, 1),
            (2, br#"{"a":2,"b":2}"#, 1),
            // The property `a` is shown from here on.
            (3, br#"{"a":3}"#, 2),
            (4, br#"{"a":4}"#, 2),
            (5, br#"{"a":null}"#, 3),
            (6, b"no", 3),
        ] {
            types.infer("s", &server.tools[0], sighting(run), json);
            assert_eq!((types.version(), types.version_of("s")), (version, version), "{run}");
        }
        assert_eq!(types.version_of("t"), 0);
        types.apply(&mut server);
        assert!(server.tools[0].output_inferred);
        let text = server.tools[0].output_schema.as_ref().unwrap().text().into_owned();
        assert!(text.contains(r#""a""#) && !text.contains(r#""b""#), "{text}");
    }

    #[test]
    fn a_changed_definition_discards_the_shape() {
        let types = TenantTypes::new(10);
        types.infer("s", &definition("x").tools[0], sighting(1), b"1");
        let mut changed = definition("y");
        types.apply(&mut changed);
        assert_eq!(changed.tools[0].output_schema, None);
        types.infer("s", &changed.tools[0], sighting(1), br#""text""#);
        types.apply(&mut changed);
        assert_eq!(changed.tools[0].output_schema, Some(json!({ "type": ["string"] }).into()));
    }

    #[test]
    fn the_number_of_tools_is_bounded() {
        let types = TenantTypes::new(1);
        types.infer("s", &definition("x").tools[0], sighting(1), b"1");
        types.infer("t", &definition("x").tools[0], sighting(1), b"1");
        assert_eq!((types.version_of("s"), types.version_of("t")), (1, 0));
    }

    #[tokio::test]
    async fn tenants_without_a_token_have_no_types() {
        let inferred = InferredTypes::start(|| None, ["acme".to_owned(), "acme".to_owned()]);
        assert!(inferred.of(Some("acme")).is_some() && inferred.of(None).is_some());
        assert!(inferred.of(Some("bolt")).is_none());
        assert_eq!(inferred.count(), 0);
    }
}
