//! The MCP servers of a configuration: started, watched, called, stopped.
//!
//! | module | one idea |
//! |---|---|
//! | `options` | how servers are started, and how long they may take |
//! | `context` | what belongs to one server from its configuration on |
//! | `server` | the state of one server, as its callers see it |
//! | `lifecycle` | the task of one server: connect, wait for the end, connect again |
//! | `connecting` | one attempt to connect |
//! | `attempt_memory` | the handshake and the timeout of the next attempt |
//! | `list_refresh` | the tool list while a session lasts |
//! | `listing` | lists page by page, tools one by one |
//! | `listed_tool` | one tool definition, kept as text |
//! | `tool_lists` | the tools of all servers, as they change |
//! | `requests` | requests of scripts |
//! | `forward` | requests of clients, passed through unchanged |
//! | `resource_subscriptions` | subscriptions to resources, from session to session |
//! | `session_subscription` | the subscription to one resource in one session |
//! | `resource_watch` | the resources of one server that clients watch |
//! | `status` | what `/v1/servers` shows |

mod attempt_memory;
mod connecting;
pub(crate) mod context;
pub(crate) mod forward;
mod lifecycle;
mod list_refresh;
pub(crate) mod listed_tool;
pub(crate) mod listing;
pub(crate) mod options;
mod requests;
mod resource_subscriptions;
pub(crate) mod resource_watch;
pub(crate) mod server;
mod session_subscription;
pub(crate) mod status;
pub(crate) mod tool_lists;

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::context::ServerContext;
use self::options::{MAX_TIMEOUT, UpstreamOptions};
use self::server::Server;
use self::status::ServerStatus;
use self::tool_lists::{Announcer, ServerTools, ToolLists};
use crate::config::{McpConfig, TransportConfig};
use crate::error::CallError;
use crate::oauth::Account;
use crate::redact::Redactor;
use crate::transport::http::pools::Pools;

/// The servers of a configuration. Clones share them; dropping the last clone stops the servers.
#[derive(Clone)]
pub struct Upstreams {
    shared: Arc<UpstreamsInner>,
}

struct UpstreamsInner {
    servers: IndexMap<String, Arc<Server>>,
    tools: watch::Receiver<ToolLists>,
    /// The task of each server.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Upstreams {
    /// Starts all servers in the background and returns at once. Must be called in a tokio runtime.
    pub fn start(config: McpConfig, options: UpstreamOptions) -> Self {
        let options = Arc::new(options);
        let pools = Arc::new(Pools::default());
        let login = config.login_options();
        let servers: IndexMap<_, _> = config
            .servers
            .into_iter()
            .map(|(name, config)| {
                let redactor = Arc::new(Redactor::new(&config));
                let account = match &config.transport {
                    TransportConfig::Http(http) => {
                        Account::new(&name, http, &options.token_folder, options.clock, &redactor, &login)
                    }
                    TransportConfig::Stdio(_) | TransportConfig::Unusable(_) => None,
                };
                let context = ServerContext {
                    redactor,
                    account,
                    name: name.clone(),
                    config,
                    options: options.clone(),
                    pools: pools.clone(),
                };
                (name, Arc::new(Server::new(context)))
            })
            .collect();
        let (announcer, tools) = Announcer::new(&servers);
        let announcer = Arc::new(announcer);
        let tasks =
            servers.values().map(|server| tokio::spawn(server.clone().run(announcer.clone()))).collect();
        Self { shared: Arc::new(UpstreamsInner { servers, tools, tasks: Mutex::new(tasks) }) }
    }

    /// Waits until every server is ready or has failed, at most for `within`.
    pub async fn settled(&self, within: Duration) {
        let all = async {
            for server in self.shared.servers.values() {
                server.settled().await;
            }
        };
        let _late = tokio::time::timeout(within, all).await;
    }

    /// Starts the server `name` if it waits for its first use (`"start": "lazy"`).
    pub fn wake(&self, name: &str) {
        if let Some(server) = self.shared.servers.get(name) {
            server.wake();
        }
    }

    /// The current status of every server, in the order of the configuration.
    pub fn statuses(&self) -> Vec<ServerStatus> {
        self.shared.servers.values().map(|server| server.status()).collect()
    }

    /// The generation of [`tool_lists`](Self::tool_lists). A new number means that tools have
    /// changed.
    pub fn generation(&self) -> u64 {
        self.shared.tools.borrow().generation
    }

    /// The current tools of all servers.
    pub fn tool_lists(&self) -> Arc<Vec<ServerTools>> {
        self.shared.tools.borrow().servers.clone()
    }

    /// A receiver of the tools of all servers, notified of every change.
    pub fn watch(&self) -> watch::Receiver<ToolLists> {
        self.shared.tools.clone()
    }

    /// Waits until a server is connected. If the server has failed, starts another attempt.
    ///
    /// # Errors
    /// The reason why the server is not connected.
    pub async fn connect(&self, server: &str, timeout: Duration) -> Result<(), CallError> {
        self.server(server)?.connection(Instant::now() + timeout.min(MAX_TIMEOUT)).await.map(drop)
    }

    /// Stops all servers, and kills those that do not leave in time. Later calls fail.
    pub async fn shutdown(&self) {
        for server in self.shared.servers.values() {
            server.stop();
        }
        let tasks = std::mem::take(&mut *self.shared.tasks.lock());
        for task in tasks {
            let _panicked = task.await;
        }
    }

    pub(crate) fn server(&self, name: &str) -> Result<&Arc<Server>, CallError> {
        self.shared.servers.get(name).ok_or_else(|| {
            let known = self.shared.servers.keys().cloned().collect();
            CallError::UnknownServer { server: name.to_owned(), known }
        })
    }
}

impl Drop for UpstreamsInner {
    fn drop(&mut self) {
        for server in self.servers.values() {
            server.stop();
        }
    }
}
