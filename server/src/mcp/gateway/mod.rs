//! The MCP server that clients talk to: the tools that they see, and calls of them. One gateway for
//! each session; clones share what does not belong to a session. [`requests`] has a method for each
//! request of the protocol.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject,
    ListToolsResult, PromptsCapability, ResourcesCapability, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};

use crate::mcp::client_traits::{ClientTraits, traits};
use crate::mcp::own_tools::{OwnTools, OwnToolsCache};
use crate::mcp::passthrough::{Passthrough, ToolExposure, UpstreamListings, unknown_tool};
use crate::mcp::request_context::{self, caller, revision};
use crate::mcp::session_state::SessionState;
use crate::mcp::tools::progress::ProgressReporter;
use crate::mcp::tools::{definitions, describe, run, search};
use crate::prompt::report::ResultStyle;
use crate::registry::{Audience, Registry};
use crate::service::Service;

/// The default time that `tools/list` waits for servers that are starting and have no remembered
/// list. Clients wait for this answer before they show anything, some no longer than a second, and
/// are notified of later changes anyway.
pub const DEFAULT_LIST_TIMEOUT: Duration = Duration::from_millis(700);

/// The options of the gateway.
#[derive(Debug)]
pub struct GatewayOptions {
    /// The time that `tools/list` waits for servers that are starting.
    pub list_timeout: Duration,
    /// Set to repeat whole results of `run` as text.
    pub full_text: bool,
    /// The upstream tools that are passed through.
    pub exposure: Option<ToolExposure>,
}

/// isolet as an MCP server.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<SharedState>,
    /// Dropped with the last clone, which ends the tasks of the session.
    session: Arc<SessionState>,
}

/// The state that all sessions share.
struct SharedState {
    service: Arc<Service>,
    list_timeout: Duration,
    full_text: bool,
    passthrough: Option<Passthrough>,
    own_tools: OwnToolsCache,
}

impl Gateway {
    /// Returns a gateway to the servers of `service`.
    pub fn new(service: Arc<Service>, options: GatewayOptions) -> Self {
        let GatewayOptions { list_timeout, full_text, exposure } = options;
        let passthrough = exposure.map(|exposure| Passthrough::new(service.clone(), exposure));
        let own_tools = OwnToolsCache::default();
        let shared = SharedState { service, list_timeout, full_text, passthrough, own_tools };
        Self { shared: Arc::new(shared), session: Arc::default() }
    }

    /// Returns the same gateway for another session.
    #[must_use]
    pub fn for_session(&self) -> Self {
        Self { shared: self.shared.clone(), session: Arc::default() }
    }

    /// Returns the service behind the gateway.
    pub fn service(&self) -> &Arc<Service> {
        &self.shared.service
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.shared.service.registry
    }

    fn passthrough(&self) -> Option<&Passthrough> {
        self.shared.passthrough.as_ref()
    }

    /// Returns `true` if prompts and resources are passed through.
    fn offers_listings(&self) -> bool {
        self.passthrough().is_some_and(Passthrough::offers_listings)
    }

    /// Returns the prompts and resources that the client of a request sees; `None` if none are
    /// exposed.
    fn listings(&self, context: &RequestContext<RoleServer>) -> Option<UpstreamListings<'_>> {
        self.passthrough()?.listings(caller(context))
    }

    /// Returns what is known of the client of a request.
    fn traits(context: &RequestContext<RoleServer>) -> ClientTraits {
        traits(context.client_info().map(|client| client.name).as_deref())
    }

    /// Returns isolet's own tools for a client with these traits.
    fn own_tools(&self, traits: ClientTraits) -> OwnTools {
        self.shared.own_tools.get(self.service(), traits)
    }

    /// Returns a page of the tools as they are now. isolet's own are on the first page, before
    /// those that are passed through.
    fn tools(&self, traits: ClientTraits, cursor: Option<&str>) -> Result<ListToolsResult, ErrorData> {
        let exposed = self.passthrough().map(Passthrough::tools).unwrap_or_default();
        let page =
            exposed.page(cursor).map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        let mut tools = if cursor.is_none() { self.own_tools(traits).0.clone() } else { Vec::new() };
        tools.extend(page.tools);
        let mut listed = ListToolsResult::with_all_items(tools);
        listed.next_cursor = page.next;
        Ok(listed)
    }

    /// Waits until the servers have tools to list, at most for the time that a list may take.
    async fn wait_for_lists(&self) {
        let (registry, timeout) = (self.registry(), self.shared.list_timeout);
        match self.passthrough() {
            None => registry.advertisable(timeout).await,
            // Clients cannot call a tool that is not listed, so exposed servers that start at their
            // first use are started now.
            Some(passthrough) => {
                let exposed = registry.without_remembered_list(passthrough.servers());
                tokio::join!(registry.advertisable(timeout), registry.all_listed(&exposed, timeout));
            }
        }
    }

    fn result_style(&self, context: &RequestContext<RoleServer>) -> ResultStyle {
        let revision = revision(context);
        Self::traits(context).result_style(revision, self.shared.full_text)
    }

    /// Returns the name and the capabilities of isolet, without instructions.
    fn config(&self) -> ServerConfig {
        let mut capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        if self.offers_listings() {
            capabilities.prompts = Some(PromptsCapability::default());
            let mut resources = ResourcesCapability::default();
            resources.subscribe = Some(true);
            capabilities.resources = Some(resources);
            capabilities.completions = Some(JsonObject::new());
        }
        if self.passthrough().is_some() {
            capabilities.logging = Some(JsonObject::new());
        }
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("isolet", env!("CARGO_PKG_VERSION")).with_title("isolet"))
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let registry = self.registry();
        let arguments = |request: CallToolRequestParams| request.arguments.unwrap_or_default();
        let answer = match &*request.name {
            definitions::SEARCH => search::answer(registry, arguments(request)).await,
            definitions::DESCRIBE => {
                let tenant = request_context::tenant(context);
                let audience = Audience::Tenant(tenant.as_ref().map(|tenant| &*tenant.0));
                describe::answer(registry, audience, arguments(request)).await
            }
            definitions::RUN => {
                let token = context.meta.get_progress_token();
                let progress = ProgressReporter::new(context.peer.clone(), token);
                let style = self.result_style(context);
                let client = request_context::client(context).cloned().unwrap_or_default();
                let result = run::answer(self.service(), arguments(request), progress, style, client);
                return Ok(result.await.into());
            }
            name => {
                return match self.passthrough() {
                    Some(passthrough) => {
                        passthrough.call_tool(request, context, self.session.log_level()).await
                    }
                    None => Err(unknown_tool(name)),
                };
            }
        };
        Ok(match answer {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        }
        .into())
    }
}
