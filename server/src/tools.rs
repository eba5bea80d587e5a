//! What scripts can reach, as it is now: upstream servers, the picture of their tools, the texts made of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderValue;
use isolet_bindings::config::McpConfig;
use isolet_bindings::gate::Picture;
use isolet_bindings::{
    Caller, Gate, GuardCommand, Rules, ServerStatus, ServerTools, State, ToolLists, UpstreamOptions,
    Upstreams,
};
use isolet_runtime::Environment;
use isolet_tsdefs::{Detail, ServerDefinition, ToolDefinition};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::filter::{BadPattern, ToolFilter};
use crate::host::{RunHost, View};
use crate::learned::Learned;
use crate::made::{Known, Made};
use crate::tokens::Meter;
use crate::toolset::{Missing, Toolset};

/// Texts that are kept until the tools change: 10,000 tools in full detail have 7 MB.
const TEXT_BYTES: u64 = 64 * 1024 * 1024;

/// Filters that are kept. A service has a handful; more than this is somebody trying things out.
const VIEWS: u64 = 256;

/// All that runs share about tools.
pub struct Tools {
    gate: Gate,
    lists: watch::Receiver<ToolLists>,
    /// Rebuilt when the upstreams say that a list changed, and, for declarations, when something was learned.
    current: RwLock<Current>,
    made: Arc<Made>,
    /// None where nobody would see what was learned, or the operator does not want it.
    learned: OnceLock<Arc<Learned>>,
    /// What runs with filters see: making it costs time in proportion to the number of tools.
    views: Cache<(u64, Vec<String>), Arc<View>>,
    texts: Cache<(Moment, Selection, Detail), Text>,
    /// Whether every server has had its chance to start. From then on nobody waits.
    has_started: AtomicBool,
}

/// What declarations depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Moment {
    /// Of the lists.
    generation: u64,
    /// Of what was learned.
    learned: u64,
}

#[derive(Clone)]
struct Current {
    toolset: Arc<Toolset>,
    moment: Moment,
    /// Of each server's list and of what was learned of it: while both are the same, it is taken over as it is.
    servers: Arc<HashMap<String, Moment>>,
    /// What runs without a filter see, made once.
    view: Arc<View>,
}

/// What has been done with the lists since the start.
pub struct Figures {
    /// Declarations made of one server at one level.
    pub sections: u64,
    /// Parts of the search index made of one server.
    pub entries: u64,
    /// Tools with a learned result type.
    pub learned: usize,
}

/// Which declarations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// Of all servers.
    All,
    /// Of these, by name or alias.
    Servers(Vec<String>),
    /// Of one tool.
    Tool {
        /// Name or alias of the server.
        server: String,
        /// Name or alias of the tool.
        tool: String,
    },
}

/// Declarations, ready to send.
#[derive(Clone)]
pub struct Text {
    /// TypeScript.
    pub bytes: Bytes,
    /// A strong validator: it changes with every byte.
    pub etag: HeaderValue,
}

impl Tools {
    /// Starts the servers of `config` behind `rules`. Returns at once; they connect in the background.
    pub fn start(config: McpConfig, rules: Rules) -> Arc<Self> {
        // Guards exist on Linux only; elsewhere children are started directly.
        let program = if cfg!(target_os = "linux") { std::env::current_exe().ok() } else { None };
        let guard = program.map(|program| GuardCommand { program, args: vec![crate::GUARD.into()] });
        let upstreams = Upstreams::start(config, UpstreamOptions { guard, ..UpstreamOptions::default() });
        let lists = upstreams.watch();
        let gate = Gate::new(upstreams, rules);
        let made = Arc::new(Made::default());
        let current = Current::of(&gate.picture(), None, &made, None);
        Arc::new(Self {
            gate,
            lists,
            current: RwLock::new(current),
            made,
            learned: OnceLock::new(),
            views: Cache::new(VIEWS),
            texts: Cache::builder()
                .max_capacity(TEXT_BYTES)
                .weigher(|_, text: &Text| u32::try_from(text.bytes.len()).unwrap_or(u32::MAX))
                .build(),
            has_started: AtomicBool::new(false),
        })
    }

    /// Learns result types from answers from now on.
    pub fn learn(self: &Arc<Self>) {
        self.learned.get_or_init(|| Learned::start(Arc::downgrade(self)));
    }

    /// Takes note of a successful answer, in case the tool promises nothing about its results.
    pub fn saw(&self, server: &str, tool: &str, json: &[u8]) {
        let Some(learned) = self.learned.get() else { return };
        let kept = self.current.read().unwrap_or_else(PoisonError::into_inner).toolset.clone();
        if kept.is_untyped(server, tool) {
            learned.saw(server, tool, json);
        }
    }

    /// What was made of lists so far, and how many tools have a learned result type.
    pub fn figures(&self) -> Figures {
        let (sections, entries) = self.made.counts();
        Figures { sections, entries, learned: self.learned.get().map_or(0, |learned| learned.count()) }
    }

    /// The servers, behind the rules.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What the run of `caller` finds in `env`; with patterns, only what they let through.
    pub fn environment(
        self: &Arc<Self>,
        patterns: Option<&[String]>,
        caller: Caller,
    ) -> Result<Environment, BadPattern> {
        let current = self.listed_now();
        let view = match patterns {
            None => current.view,
            Some(patterns) => {
                let key = (current.toolset.generation, patterns.to_vec());
                match self.views.get(&key) {
                    Some(view) => view,
                    None => {
                        let filter = ToolFilter::new(patterns)?;
                        let view = Arc::new(View::new(current.toolset, Some(filter)));
                        self.views.insert(key, view.clone());
                        view
                    }
                }
            }
        };
        Ok(self.environment_of(view, caller, None))
    }

    /// What the run of `caller` finds in `env`, with its calls noted in `meter` if there is one.
    pub fn metered(self: &Arc<Self>, caller: Caller, meter: Option<Arc<Meter>>) -> Environment {
        self.environment_of(self.listed_now().view, caller, meter)
    }

    fn environment_of(
        self: &Arc<Self>,
        view: Arc<View>,
        caller: Caller,
        meter: Option<Arc<Meter>>,
    ) -> Environment {
        let catalogue = view.catalogue.clone();
        let host = Arc::new(RunHost::new(self.clone(), view, caller, meter));
        Environment { vars: serde_json::Map::new(), catalogue, host }
    }

    /// The tools as they are now.
    pub fn toolset(&self) -> Arc<Toolset> {
        self.current().toolset
    }

    /// The tools as they are now, perhaps without what was learned last: names do not depend on it, and a run has no
    /// time to lose.
    fn listed_now(&self) -> Current {
        let kept = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if kept.moment.generation == self.lists.borrow().generation { kept } else { self.current() }
    }

    fn current(&self) -> Current {
        let kept = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let learned = self.learned.get();
        // Read before the shapes are: what is learned in between is seen next time.
        let version = learned.map_or(0, |learned| learned.version());
        let picture = self.gate.picture();
        if kept.moment == (Moment { generation: picture.generation, learned: version }) {
            return kept;
        }
        let mut fresh = Current::of(&picture, Some(&kept), &self.made, learned.map(|learned| &**learned));
        fresh.moment.learned = version;
        let mut slot = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster and have seen more.
        let is_older = |a: Moment, b: Moment| (a.generation, a.learned) < (b.generation, b.learned);
        if is_older(slot.moment, fresh.moment) {
            *slot = fresh;
        }
        slot.clone()
    }

    /// Declarations as text.
    pub fn declarations(&self, selection: Selection, detail: Detail) -> Result<Text, Missing> {
        let Current { toolset, moment, .. } = self.current();
        let key = (moment, selection, detail);
        if let Some(text) = self.texts.get(&key) {
            return Ok(text);
        }
        let declarations = match &key.1 {
            Selection::All => toolset.declarations(None, detail)?,
            Selection::Servers(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                toolset.declarations(Some(&names), detail)?
            }
            Selection::Tool { server, tool } => toolset.declaration(server, tool, detail)?,
        };
        let digest = Sha256::digest(&declarations.text);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::from_str(&format!("\"{hex}\"")).expect("a digest in quotes");
        let text = Text { bytes: Bytes::from(declarations.text), etag };
        self.texts.insert(key, text.clone());
        Ok(text)
    }

    /// All tools as a model without isolet would get them: JSON with names, descriptions and input schemas.
    pub fn definitions_json(&self) -> String {
        let toolset = self.toolset();
        let definitions = toolset.definitions();
        let tools: Vec<serde_json::Value> = definitions
            .iter()
            .flat_map(|server| &server.tools)
            .map(|tool| {
                serde_json::json!({
                    "name": tool.name, "description": tool.description, "input_schema": tool.input_schema
                })
            })
            .collect();
        serde_json::Value::from(tools).to_string()
    }

    /// The lists of tools, as they change.
    pub fn changes(&self) -> watch::Receiver<ToolLists> {
        self.lists.clone()
    }

    /// What `/v1/servers` answers.
    pub fn servers_json(&self) -> String {
        serde_json::json!({ "servers": self.gate.statuses() }).to_string()
    }

    /// Waits until `server` has listed its tools or nothing is under way that would make it do so.
    pub async fn listed(&self, server: &str, within: Duration) {
        /// States are not announced, lists are; in between this looks by itself.
        const LOOK: Duration = Duration::from_millis(10);
        /// A server that is connected has its list announced at once, if it has one.
        const ANNOUNCED: Duration = Duration::from_millis(200);
        let mut lists = self.lists.clone();
        let mut ready_since = None;
        self.gate.wake(server);
        let wait = async {
            loop {
                let known = |lists: &ToolLists| {
                    lists.servers.iter().any(|listed| listed.name == server && listed.tools.is_some())
                };
                if known(&lists.borrow_and_update()) {
                    return;
                }
                match self.gate.statuses().iter().find(|status| status.name == server) {
                    Some(status) if status.state == State::Ready => {
                        let since = *ready_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > ANNOUNCED {
                            return;
                        }
                    }
                    Some(status) if !status.state.is_settled() || status.state == State::Idle => {
                        ready_since = None;
                    }
                    _ => return,
                }
                let _ = timeout(LOOK, lists.changed()).await;
            }
        };
        let _ = timeout(within, wait).await;
    }

    /// Waits for the servers of a selection: for those that it names, which are started if they wait for their first use,
    /// or else as [`started`](Self::started) does.
    pub async fn ready_for(&self, selection: &Selection, within: Duration) {
        let names = match selection {
            Selection::All => return self.started(within).await,
            Selection::Servers(names) => names.as_slice(),
            Selection::Tool { server, .. } => std::slice::from_ref(server),
        };
        let toolset = self.toolset();
        let mut exact: Vec<String> =
            names.iter().filter_map(|name| Some(toolset.server(name)?.name.to_owned())).collect();
        exact.sort_unstable();
        exact.dedup();
        self.all_listed(&exact, within).await;
    }

    /// As [`listed`](Self::listed), of several servers.
    pub async fn all_listed(&self, servers: &[String], within: Duration) {
        join_all(servers.iter().map(|server| self.listed(server, within))).await;
    }

    /// Waits until no server is in its first start, but not longer than `within`. One that comes and goes later is not
    /// waited for: its last list is kept.
    pub async fn started(&self, within: Duration) {
        if self.has_started.load(Ordering::Relaxed) {
            return;
        }
        if !self.starting().is_empty() {
            self.settled(within).await;
        }
        if self.starting().is_empty() {
            self.has_started.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until every server is connected or has failed, but not longer than `within`.
    pub async fn settled(&self, within: Duration) {
        self.gate.settled(within).await;
    }

    /// The names of servers that have been neither connected nor found broken yet.
    pub fn starting(&self) -> Vec<String> {
        let statuses = self.gate.statuses().into_iter();
        statuses.filter(|status| status.state == State::Starting).map(|status| status.name).collect()
    }

    /// The names of servers that wait for their first use.
    pub fn idle(&self) -> Vec<String> {
        let statuses = self.gate.statuses().into_iter();
        statuses.filter(|status| status.state == State::Idle).map(|status| status.name).collect()
    }

    /// How many servers are connected, and how many there are.
    pub fn connected(&self) -> (usize, usize) {
        let statuses = self.gate.statuses();
        (statuses.iter().filter(|status| status.state == State::Ready).count(), statuses.len())
    }

    /// Why a server is of no use now; `None` if it is not broken.
    pub fn broken(&self, server: &str) -> Option<String> {
        let status = self.gate.statuses().into_iter().find(|status| status.name == server)?;
        broken(&status)
    }

    /// The servers of which no tools can be had now, and why.
    pub fn all_broken(&self) -> Vec<(String, String)> {
        let statuses = self.gate.statuses().into_iter();
        statuses
            .filter(|status| status.state != State::Disabled)
            .filter_map(|status| {
                let reason = match status.state {
                    State::Starting => Some("it has not answered in time".to_owned()),
                    // It answers calls, but nobody can know of which tools.
                    State::Ready if status.tools.is_none() => {
                        let why = status.last_error.clone();
                        Some(why.unwrap_or_else(|| "its tools cannot be listed".to_owned()))
                    }
                    _ => broken(&status),
                };
                Some((status.name, reason?))
            })
            .collect()
    }

    /// Ends all servers.
    pub async fn shutdown(&self) {
        self.gate.shutdown().await;
    }
}

/// Why a server is of no use now.
fn broken(status: &ServerStatus) -> Option<String> {
    match status.state {
        State::Ready | State::Starting | State::Idle => None,
        State::Disabled => Some("it is disabled in the configuration".to_owned()),
        state => Some(status.last_error.clone().unwrap_or_else(|| state.to_string())),
    }
}

impl Current {
    /// The picture of these lists. What has not changed since `before` is taken over.
    fn of(picture: &Picture, before: Option<&Self>, made: &Arc<Made>, learned: Option<&Learned>) -> Self {
        let mut moments = HashMap::with_capacity(picture.servers.len());
        let mut servers = Vec::with_capacity(picture.servers.len());
        for server in picture.servers.iter().map(|visible| &visible.server) {
            let version = learned.map_or(0, |learned| learned.version_of(&server.name));
            let moment = Moment { generation: server.generation, learned: version };
            let same = before.filter(|before| before.servers.get(&server.name) == Some(&moment));
            let known = match same.and_then(|before| before.toolset.known(&server.name)) {
                Some(known) => Some(known.clone()),
                None => definition(server).map(|mut definition| {
                    if let Some(learned) = learned {
                        learned.apply(&mut definition);
                    }
                    Arc::new(Known::new(definition))
                }),
            };
            moments.insert(server.name.clone(), moment);
            servers.push((server.name.clone(), known));
        }
        let withheld = picture.servers.iter().map(|visible| visible.withheld.as_slice());
        let toolset = Toolset::of(picture.generation, servers, made.clone()).withholding(withheld);
        let toolset = Arc::new(toolset);
        let view = match before.filter(|before| before.moment.generation == picture.generation) {
            Some(before) => before.view.clone(),
            None => Arc::new(View::new(toolset.clone(), None)),
        };
        let moment = Moment { generation: picture.generation, learned: 0 };
        Self { toolset, moment, servers: Arc::new(moments), view }
    }
}

/// What a server lists; `None` while it has not.
fn definition(server: &ServerTools) -> Option<ServerDefinition> {
    let tools = server.tools.as_ref()?.iter();
    // The bindings have checked each tool and reported those that are none.
    let tools = tools.filter_map(|tool| ToolDefinition::from_json(tool).ok()).collect();
    let about = server.description.as_ref().or(server.instructions.as_ref()).or(server.title.as_ref());
    Some(ServerDefinition { name: server.name.clone(), description: about.cloned(), tools })
}
