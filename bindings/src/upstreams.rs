//! All servers of a configuration, and calls to them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use indexmap::IndexMap;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, GetPromptRequest, GetPromptRequestParams,
    ReadResourceRequest, ReadResourceRequestParams,
};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::child::{GuardCommand, Patience};
use crate::config::{McpConfig, TransportConfig};
use crate::connection::{Connection, RequestError};
use crate::error::CallError;
use crate::handshake::Era;
use crate::http::Pools;
use crate::listing::{List, fetch};
use crate::media::bounded;
use crate::oauth::{Account, TokenFolder};
use crate::progress::ProgressSink;
use crate::questions::{Answers, ROUNDS, answers_to};
use crate::redact::Redactor;
use crate::result::{ToolResult, check_final};
use crate::server::{Server, Target};
use crate::status::{ServerStatus, State};
use crate::wire::RawText;

/// How servers are started and how long they may take.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// How to start the guard process (Linux). Without one, children are started directly and survive a SIGKILL of
    /// isolet.
    pub guard: Option<GuardCommand>,
    /// From starting a server to its answer to the handshake.
    pub connect_timeout: Duration,
    /// For a list of tools, resources or prompts, all pages together.
    pub list_timeout: Duration,
    /// How long a child may take to leave after its input has ended, before it gets SIGTERM.
    pub stop_patience: Duration,
    /// How long a child may take to leave after SIGTERM, before it gets SIGKILL.
    pub terminate_patience: Duration,
    /// How often a server without work is asked whether it is still there.
    pub ping_interval: Duration,
    /// How long it may take to say so.
    pub ping_timeout: Duration,
    /// The longest data, in Base64, of one image, sound or file in a result that a script gets.
    pub max_media_bytes: usize,
    /// Where logins are kept.
    pub token_folder: TokenFolder,
    /// What isolet calls itself.
    pub client_name: String,
    /// The version it reports.
    pub client_version: String,
}

/// Longer than any call may take; instants cannot hold every duration.
pub(crate) const A_DAY: Duration = Duration::from_secs(86_400);

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            guard: None,
            // `npx` and `uvx` download what they run.
            connect_timeout: Duration::from_secs(30),
            list_timeout: Duration::from_secs(30),
            // Well-behaved servers are gone after a few milliseconds; the others ignore the end of their input, and
            // every `isolet run` waits for them.
            stop_patience: Duration::from_millis(400),
            terminate_patience: Duration::from_secs(1),
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
            // A 12-megapixel photograph; a script's whole heap is 128 MiB by default.
            max_media_bytes: 8 * 1024 * 1024,
            token_folder: TokenFolder::of_user(),
            client_name: "isolet".to_owned(),
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl UpstreamOptions {
    pub(crate) fn patience(&self) -> Patience {
        Patience { after_end_of_input: self.stop_patience, after_terminate: self.terminate_patience }
    }
}

/// The servers of a configuration. Clones share them; when the last clone goes, so do the servers.
#[derive(Clone)]
pub struct Upstreams {
    shared: Arc<Shared>,
}

struct Shared {
    servers: IndexMap<String, Arc<Server>>,
    tools: watch::Receiver<ToolLists>,
    lives: Mutex<Vec<JoinHandle<()>>>,
}

/// The tools of all servers at one moment.
#[derive(Debug, Clone, Default)]
pub struct ToolLists {
    /// Grows with every change; equal generations have equal lists.
    pub generation: u64,
    /// Every server of the configuration, in its order.
    pub servers: Arc<Vec<ServerTools>>,
}

/// One server's tools and what it says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTools {
    /// The name in the configuration, which is the name in `env`.
    pub name: String,
    /// Grows with every change of this server's tools or words; caches of what is made of them compare it.
    pub generation: u64,
    /// A name for people.
    pub title: Option<String>,
    /// What the server is, in its words.
    pub description: Option<String>,
    /// How to use it, in its words.
    pub instructions: Option<String>,
    /// Its tool definitions as it sent them, in its order; `None` while they are not known.
    pub tools: Option<Arc<Vec<Value>>>,
}

impl Upstreams {
    /// Starts all servers in the background and returns at once. Must be called inside a tokio runtime.
    pub fn start(config: McpConfig, options: UpstreamOptions) -> Self {
        let options = Arc::new(options);
        let pools = Arc::new(Pools::default());
        let servers: IndexMap<_, _> = config
            .servers
            .into_iter()
            .map(|(name, config)| {
                let redactor = Arc::new(Redactor::new(&config));
                let account = match &config.transport {
                    TransportConfig::Http(http) => {
                        Account::new(&name, http, &options.token_folder, &redactor)
                    }
                    TransportConfig::Stdio(_) => None,
                };
                let target = Target {
                    redactor,
                    account,
                    name: name.clone(),
                    config,
                    options: options.clone(),
                    pools: pools.clone(),
                };
                (name, Arc::new(Server::new(target)))
            })
            .collect();
        let first = servers.values().map(|server| server.tools()).collect();
        let lists = watch::Sender::new(ToolLists { generation: 0, servers: Arc::new(first) });
        let tools = lists.subscribe();
        let weak = servers.iter().map(|(name, server)| (name.clone(), Arc::downgrade(server))).collect();
        let announcer = Arc::new(Announcer { servers: weak, lists });
        let lives =
            servers.values().map(|server| tokio::spawn(server.clone().live(announcer.clone()))).collect();
        Self { shared: Arc::new(Shared { servers, tools, lives: Mutex::new(lives) }) }
    }

    /// Waits until every server is ready or has failed, at most `within`.
    pub async fn settled(&self, within: Duration) {
        let all = async {
            for server in self.shared.servers.values() {
                server.settled().await;
            }
        };
        let _late = tokio::time::timeout(within, all).await;
    }

    /// Waits until the server called `name` is ready or has failed, at most `within`, and returns its state then; `None`
    /// if there is no such server. The tools of a server that is ready are in [`tool_lists`](Self::tool_lists).
    pub async fn settled_server(&self, name: &str, within: Duration) -> Option<State> {
        let server = self.shared.servers.get(name)?;
        let _late = tokio::time::timeout(within, server.settled()).await;
        Some(server.snapshot().state)
    }

    /// Starts the server called `name` if it waits for somebody to need it (`"start": "lazy"`).
    pub fn wake(&self, name: &str) {
        if let Some(server) = self.shared.servers.get(name) {
            server.wake();
        }
    }

    /// Every server as it is now, in the order of the configuration.
    pub fn statuses(&self) -> Vec<ServerStatus> {
        self.shared.servers.values().map(|server| server.status()).collect()
    }

    /// The names of all servers, in the order of the configuration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.servers.keys().map(String::as_str)
    }

    /// The generation of [`tool_lists`](Self::tool_lists): a new number means that tools have changed.
    pub fn generation(&self) -> u64 {
        self.shared.tools.borrow().generation
    }

    /// The tools of all servers.
    pub fn tool_lists(&self) -> Arc<Vec<ServerTools>> {
        self.shared.tools.borrow().servers.clone()
    }

    /// The tools of all servers, as they change.
    pub fn watch(&self) -> watch::Receiver<ToolLists> {
        self.shared.tools.clone()
    }

    /// Calls a tool. `arguments` is the text of a JSON object. The time counts from now, waiting for a server that is
    /// starting included. Dropping the future cancels the call upstream.
    ///
    /// # Errors
    /// Whatever is not an answer of the tool. A tool that says it failed is an `Ok` with
    /// [`is_error`](ToolResult::is_error).
    pub async fn call_tool(
        &self,
        server: &str,
        tool: &str,
        arguments: &str,
        timeout: Duration,
    ) -> Result<ToolResult, CallError> {
        self.call_tool_reporting(server, tool, arguments, timeout, None).await
    }

    /// As [`call_tool`](Self::call_tool); what the server reports meanwhile goes to `progress`. Reports do not give a call
    /// more time.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool).
    pub async fn call_tool_reporting(
        &self,
        server: &str,
        tool: &str,
        arguments: &str,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<ToolResult, CallError> {
        let upstream = self.server(server)?;
        let timeout = upstream.target.config.call_timeout.map_or(timeout, |own| own.min(timeout));
        let request = |answers: Answers| {
            let arguments = object(server, tool, arguments)?;
            let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
            (params.input_responses, params.request_state) = (answers.responses, answers.state);
            Ok(CallToolRequest::new(params).into())
        };
        let raw = upstream.request(tool, request, timeout, progress).await?;
        let max_media = upstream.target.options.max_media_bytes;
        let result = ToolResult::new(raw, max_media).map_err(|reason| upstream.malformed(tool, reason))?;
        Ok(if result.is_error() { result.redacted(&upstream.target.redactor) } else { result })
    }

    /// The resources of a server, all pages, as a JSON array.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool). A server without resources has an empty list.
    pub async fn list_resources(&self, server: &str, timeout: Duration) -> Result<Vec<u8>, CallError> {
        self.server(server)?.list(List::Resources, timeout).await
    }

    /// The resource templates of a server, all pages, as a JSON array.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool). A server without resources has an empty list.
    pub async fn list_resource_templates(
        &self,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        self.server(server)?.list(List::Templates, timeout).await
    }

    /// The content of a resource: the result of `resources/read`, as JSON.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool).
    pub async fn read_resource(
        &self,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let request = |answers: Answers| {
            let mut params = ReadResourceRequestParams::new(uri);
            (params.input_responses, params.request_state) = (answers.responses, answers.state);
            Ok(ReadResourceRequest::new(params).into())
        };
        let upstream = self.server(server)?;
        let raw = upstream.request("resources/read", request, timeout, None).await?;
        check_final(raw.get()).map_err(|reason| upstream.malformed("resources/read", reason))?;
        let bounded = bounded(raw.get(), "contents", upstream.target.options.max_media_bytes);
        Ok(bounded.map_or_else(|| into_bytes(raw), String::into_bytes))
    }

    /// The prompts of a server, all pages, as a JSON array.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool). A server without prompts has an empty list.
    pub async fn list_prompts(&self, server: &str, timeout: Duration) -> Result<Vec<u8>, CallError> {
        self.server(server)?.list(List::Prompts, timeout).await
    }

    /// A prompt with its arguments filled in: the result of `prompts/get`, as JSON. `arguments` is the text of a JSON
    /// object.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool).
    pub async fn get_prompt(
        &self,
        server: &str,
        name: &str,
        arguments: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let upstream = self.server(server)?;
        let request = |answers: Answers| {
            let mut params = GetPromptRequestParams::new(name);
            params.arguments = Some(object(server, "prompts/get", arguments)?);
            (params.input_responses, params.request_state) = (answers.responses, answers.state);
            Ok(GetPromptRequest::new(params).into())
        };
        let raw = upstream.request("prompts/get", request, timeout, None).await?;
        check_final(raw.get()).map_err(|reason| upstream.malformed("prompts/get", reason))?;
        Ok(into_bytes(raw))
    }

    /// Waits until a server is connected, and wakes it up if it has given up.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn connect(&self, server: &str, timeout: Duration) -> Result<(), CallError> {
        self.server(server)?.connection(Instant::now() + timeout.min(A_DAY)).await.map(drop)
    }

    /// Stops all servers: each is asked first and made to leave after a bounded time. Calls fail from now on.
    pub async fn shutdown(&self) {
        for server in self.shared.servers.values() {
            server.stop();
        }
        let lives = std::mem::take(&mut *self.shared.lives.lock().unwrap_or_else(PoisonError::into_inner));
        for life in lives {
            let _panicked = life.await;
        }
    }

    pub(crate) fn server(&self, name: &str) -> Result<&Arc<Server>, CallError> {
        self.shared.servers.get(name).ok_or_else(|| {
            let known = self.shared.servers.keys().cloned().collect();
            CallError::UnknownServer { server: name.to_owned(), known }
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for server in self.servers.values() {
            server.stop();
        }
    }
}

impl Server {
    fn tools(&self) -> ServerTools {
        let now = self.snapshot();
        let about = now.about;
        ServerTools {
            name: self.target.name.clone(),
            generation: 0,
            title: about.as_ref().and_then(|about| about.title.clone()),
            description: about.as_ref().and_then(|about| about.description.clone()),
            instructions: about.and_then(|about| about.instructions),
            tools: now.tools,
        }
    }

    /// Makes a request, and makes it again with answers where its result asks for some.
    async fn request(
        &self,
        operation: &str,
        request: impl Fn(Answers) -> Result<ClientRequest, CallError>,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<RawText, CallError> {
        let mut next = request(Answers::default())?;
        let deadline = Instant::now() + timeout.min(A_DAY);
        let connection = self.connection(deadline).await?;
        let mut rounds = if connection.era() == Era::Modern { ROUNDS } else { 0 };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let raw = match connection.request(next, left, progress.clone()).await {
                Ok(raw) => raw,
                Err(error) => return Err(self.call_error(&connection, operation, error, timeout).await),
            };
            match answers_to(raw.get(), self.target.config.elicitation).filter(|_| rounds > 0) {
                Some(answers) => next = request(answers)?,
                None => return Ok(raw),
            }
            rounds -= 1;
        }
    }

    async fn list(&self, list: List, timeout: Duration) -> Result<Vec<u8>, CallError> {
        let deadline = Instant::now() + timeout.min(A_DAY);
        let connection = self.connection(deadline).await?;
        let offered = match list {
            List::Tools => true,
            List::Resources | List::Templates => connection.info().capabilities.resources.is_some(),
            List::Prompts => connection.info().capabilities.prompts.is_some(),
        };
        if !offered {
            return Ok(b"[]".to_vec());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match fetch(&connection, list, left).await {
            Ok(fetched) => {
                let mut json = Vec::from(b"[");
                for (index, item) in fetched.items.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    json.extend_from_slice(item.get().as_bytes());
                }
                json.push(b']');
                Ok(json)
            }
            Err(error) => Err(self.call_error(&connection, list.method(), error, timeout).await),
        }
    }

    pub(crate) fn malformed(&self, operation: &str, reason: String) -> CallError {
        let (server, operation) = (self.target.name.clone(), operation.to_owned());
        CallError::Malformed { server, operation, reason: self.target.redactor.redact(reason) }
    }

    pub(crate) async fn call_error(
        &self,
        connection: &Connection,
        operation: &str,
        error: RequestError,
        after: Duration,
    ) -> CallError {
        let (server, operation) = (self.target.name.clone(), operation.to_owned());
        match error {
            RequestError::Ended => {
                let reason = self.target.redactor.redact(connection.obituary().await);
                CallError::Died { server, operation, reason }
            }
            RequestError::Timeout { printed } => {
                let printed = printed.map(|printed| self.target.redactor.redact(printed));
                CallError::Timeout { server, operation, after, printed }
            }
            RequestError::Upstream { code, message, data } => {
                let redactor = &self.target.redactor;
                let data =
                    data.filter(|data| redactor.redact_json(&data.to_string()).is_none()).map(Box::new);
                let message = redactor.redact(message);
                CallError::Upstream { server, operation, code, message, data }
            }
            RequestError::Transport(reason) => {
                CallError::Transport { server, operation, reason: self.target.redactor.redact(reason) }
            }
            RequestError::Malformed(reason) => {
                CallError::Malformed { server, operation, reason: self.target.redactor.redact(reason) }
            }
        }
    }
}

fn object(server: &str, operation: &str, text: &str) -> Result<Map<String, Value>, CallError> {
    serde_json::from_str(text).map_err(|error| {
        let (server, operation, reason) = (server.to_owned(), operation.to_owned(), error.to_string());
        // The parser tells this apart by its words only.
        match reason.starts_with("recursion limit exceeded") {
            true => CallError::TooDeep { server, operation },
            false => CallError::Arguments { server, operation, reason },
        }
    })
}

fn into_bytes(raw: RawText) -> Vec<u8> {
    raw.into_string().into_bytes()
}

/// Tells the world about tools. A server's life does so before it calls itself ready, so that whoever sees it ready
/// finds its tools.
pub(crate) struct Announcer {
    servers: IndexMap<String, Weak<Server>>,
    lists: watch::Sender<ToolLists>,
}

impl Announcer {
    /// Announces the tools of all servers if they differ from what was announced last.
    pub(crate) fn announce(&self) {
        self.lists.send_if_modified(|lists| {
            let mut now: Vec<ServerTools> =
                self.servers.values().filter_map(Weak::upgrade).map(|server| server.tools()).collect();
            // Servers are fixed; only while everything is dropped does one go missing.
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

/// Equality that does not look into lists which are one and the same.
fn same(old: &ServerTools, new: &ServerTools) -> bool {
    let words = |tools: &ServerTools| {
        (tools.name.clone(), tools.title.clone(), tools.description.clone(), tools.instructions.clone())
    };
    let same_tools = match (&old.tools, &new.tools) {
        (Some(old), Some(new)) => Arc::ptr_eq(old, new) || old == new,
        (old, new) => old.is_none() && new.is_none(),
    };
    same_tools && words(old) == words(new)
}
