//! The server that clients talk to: which request goes where. One for each session; clones share what matters.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use isolet_bindings::LogLevel;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ContentBlock, CustomRequest, CustomResult, GetPromptRequestParams, GetPromptResponse, Implementation,
    JsonObject, ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, PromptsCapability, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ResourcesCapability, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
#[expect(deprecated, reason = "the older revisions have it")]
use rmcp::model::{
    SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::Deserialize as _;
use tokio_util::sync::CancellationToken;

use super::catalogue::Catalogue;
use super::exposure::Exposure;
use super::hang_up::given_up;
use super::pass;
use super::progress::Progress;
use super::report::Reader;
use super::subscriptions::{MOST as MOST_SUBSCRIPTIONS, Subscriptions};
use super::{changes, describe, run, search, tools, unfit};
use crate::http::server::Server;
use crate::tools::Selection;

/// How long the first list waits for servers that are starting. Clients wait for this answer before they show
/// anything, and hear of later changes anyway.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an operator chooses.
#[derive(Debug, Default)]
pub struct Options {
    /// Put whole results into the text of `run` too.
    pub full_text: bool,
    /// Upstream tools that are passed through.
    pub exposure: Option<Exposure>,
}

/// isolet as an MCP server.
#[derive(Clone)]
pub struct Gateway {
    pub(super) shared: Arc<Shared>,
    /// Ends what was begun for it, with its last clone.
    pub(super) session: Arc<Session>,
}

/// What is of one session alone.
#[derive(Default)]
pub(super) struct Session {
    /// Cancelled with it.
    over: CancellationToken,
    /// What its client wants to hear of what servers log; nothing until it says so.
    log_level: Mutex<Option<LogLevel>>,
    /// Which resources its client watches.
    subscriptions: Subscriptions,
}

impl Session {
    pub(super) fn log_level(&self) -> Option<LogLevel> {
        *self.log_level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

pub(super) struct Shared {
    server: Arc<Server>,
    pub(super) options: Options,
    /// Some servers are passed through as a whole. Fixed at the start, like the servers: capabilities do not change.
    pub(super) shelves: bool,
    /// Made anew when tools have changed, by their generation.
    catalogue: Mutex<Option<(u64, Arc<Catalogue>)>>,
}

impl Gateway {
    /// A gateway before `server`'s tools.
    pub fn new(server: Arc<Server>, options: Options) -> Self {
        let toolset = server.tools.toolset();
        let whole = |exposure: &Exposure| !exposure.whole_servers(&toolset).is_empty();
        let shelves = options.exposure.as_ref().is_some_and(whole);
        for pattern in options.exposure.iter().flat_map(|exposure| exposure.idle_patterns(&toolset)) {
            tracing::warn!("--expose-tools {pattern}: there is no such server");
        }
        let shared = Shared { server, options, shelves, catalogue: Mutex::default() };
        Self { shared: Arc::new(shared), session: Arc::default() }
    }

    /// The same for another session.
    #[must_use]
    pub fn for_session(&self) -> Self {
        Self { shared: self.shared.clone(), session: Arc::default() }
    }

    pub(super) fn server(&self) -> &Arc<Server> {
        &self.shared.server
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        let tools = &self.server().tools;
        let toolset = tools.toolset();
        let mut kept = self.shared.catalogue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, catalogue)) =
            kept.as_ref().filter(|(generation, _)| *generation == toolset.generation)
        {
            return catalogue.clone();
        }
        let brief = || {
            let text = tools.declarations(Selection::All, isolet_tsdefs::Detail::Brief).ok()?;
            String::from_utf8(text.bytes.to_vec()).ok()
        };
        let catalogue = Arc::new(Catalogue::new(&toolset, brief));
        *kept = Some((toolset.generation, catalogue.clone()));
        catalogue
    }

    /// The tools as they are now.
    fn tools(&self) -> Vec<Tool> {
        let mut catalogue = Catalogue::clone(&self.catalogue());
        catalogue.text.push_str(&self.missing());
        let mut all = tools::all(&catalogue, &self.server().limits);
        if let Some(exposure) = &self.shared.options.exposure {
            all.extend(exposure.tools(&self.server().tools).tools.iter().cloned());
        }
        all
    }

    /// The servers whose tools are not in the catalogue, in words.
    fn missing(&self) -> String {
        const MOST: usize = 20;
        let tools = &self.server().tools;
        let toolset = tools.toolset();
        let idle = tools.idle();
        let (idle, others): (Vec<_>, Vec<_>) = toolset
            .servers()
            .filter(|(_, tools)| tools.is_none())
            .partition(|(server, _)| idle.iter().any(|name| name == server.name));
        let mut text = String::new();
        for (what, servers) in
            [("Started when first used, or by `describe`", idle), ("Not available or still starting", others)]
        {
            let names = servers.iter().map(|(server, _)| format!("env.{}", server.alias));
            let names: Vec<String> = names.take(MOST).collect();
            if !names.is_empty() {
                text.push_str(&format!("\n\n{what}: {}.", names.join(", ")));
            }
        }
        text
    }

    fn reader(&self, version: Option<ProtocolVersion>) -> Reader {
        match version {
            Some(version) if version < ProtocolVersion::V_2025_06_18 => Reader::Text,
            _ if self.shared.options.full_text => Reader::Both,
            _ => Reader::Structured,
        }
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if ![tools::SEARCH, tools::DESCRIBE, tools::RUN].contains(&&*request.name) {
            return self.pass(request, context).await;
        }
        let arguments = request.arguments.unwrap_or_default();
        let tools = &self.server().tools;
        let said = match &*request.name {
            tools::SEARCH => search::answer(tools, arguments).await,
            tools::DESCRIBE => describe::answer(tools, arguments).await,
            _ => {
                let progress = Progress::new(context.peer.clone(), context.meta.get_progress_token());
                let reader = self.reader(context.protocol_version());
                return Ok(run::answer(self.server(), arguments, progress, reader, pass::tenant(context))
                    .await
                    .into());
            }
        };
        Ok(match said {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        }
        .into())
    }
}

/// Works on an answer for as long as somebody waits for it.
async fn unless_given_up<T>(
    context: &RequestContext<RoleServer>,
    answer: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        biased;
        () = given_up(context) => Err(ErrorData::internal_error("The request was cancelled.", None)),
        answer = answer => answer,
    }
}

/// Whether the request is of the revision without sessions, which has no requests about their state.
pub fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

impl ServerHandler for Gateway {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        if self.shared.shelves {
            capabilities.prompts = Some(PromptsCapability::default());
            let mut resources = ResourcesCapability::default();
            resources.subscribe = Some(true);
            capabilities.resources = Some(resources);
            capabilities.completions = Some(JsonObject::new());
        }
        if self.shared.options.exposure.is_some() {
            capabilities.logging = Some(JsonObject::new());
        }
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("isolet", env!("CARGO_PKG_VERSION")).with_title("isolet"))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = &self.server().tools;
        match &self.shared.options.exposure {
            None => tools.started(PATIENCE).await,
            // Nobody can call a tool that is not in the list, so what is exposed does not wait for its first use.
            Some(exposure) => {
                let exposed = exposure.servers(&tools.toolset());
                tokio::join!(tools.started(PATIENCE), tools.all_listed(&exposed, PATIENCE));
            }
        }
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        unless_given_up(&context, self.call(request, &context)).await
    }

    /// For the headers that repeat arguments (`Mcp-Param-…`).
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let exposed = self.shared.options.exposure.as_ref()?.tools(&self.server().tools);
        exposed.tools.iter().find(|tool| tool.name == name).cloned()
    }

    #[expect(deprecated, reason = "the older revisions have it")]
    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.shared.options.exposure.is_none() || is_modern(&context) {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        let level = serde_json::to_value(request.level).and_then(LogLevel::deserialize);
        let level = level.map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        *self.session.log_level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let shelves = self.shelves().ok_or_else(ErrorData::method_not_found::<ListPromptsRequestMethod>)?;
        let all = shelves.prompts().await;
        Ok(ListPromptsResult::with_all_items(all.into_iter().map(|(prompt, _)| prompt).collect()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        unless_given_up(&context, self.prompt(request, &context)).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let shelves = self.shelves().ok_or_else(ErrorData::method_not_found::<ListResourcesRequestMethod>)?;
        Ok(ListResourcesResult::with_all_items(shelves.resources().await))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let shelves =
            self.shelves().ok_or_else(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>)?;
        Ok(ListResourceTemplatesResult::with_all_items(shelves.templates().await))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        unless_given_up(&context, self.read(request, &context)).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let subscriptions = &self.session.subscriptions;
        if subscriptions.has(&request.uri) {
            return Ok(());
        }
        if subscriptions.is_full() {
            let words = format!("{MOST_SUBSCRIPTIONS} resources are watched in this session already.");
            return Err(ErrorData::invalid_request(words, None));
        }
        let watch = unless_given_up(&context, self.watch(&request.uri, &context)).await?;
        subscriptions.add(request.uri, watch, context.peer);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.session.subscriptions.remove(&request.uri);
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        unless_given_up(&context, self.completion(request, &context)).await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(unfit::refusal(&request, &self.get_info().capabilities, is_modern(&context)))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let (tools, over) = (self.server().tools.clone(), self.session.over.clone());
        tokio::spawn(async move {
            let peer = context.peer;
            tokio::select! {
                () = over.cancelled() => {}
                () = changes::announce(tools, || async { peer.notify_tool_list_changed().await.is_ok() }) => {}
            }
        });
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::default();
        accepted.tools_list_changed = requested.tools_list_changed;
        let resources = requested.resource_subscriptions.as_ref().filter(|_| self.shared.shelves);
        accepted.resource_subscriptions =
            resources.map(|uris| uris.iter().take(MOST_SUBSCRIPTIONS).cloned().collect());
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let changed = context.accepted().tools_list_changed == Some(true);
        let announce = async {
            if !changed {
                return std::future::pending().await;
            }
            let sink = context.sink();
            changes::announce(self.server().tools.clone(), || async {
                sink.notify_tool_list_changed().await.is_ok()
            })
            .await;
        };
        let resources = self.listen_to_resources(&context);
        tokio::select! {
            () = given_up(context.request_context()) => Ok(()),
            () = announce => Ok(()),
            refused = resources => Err(refused),
        }
    }
}
