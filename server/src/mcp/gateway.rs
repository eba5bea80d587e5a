//! The server that clients talk to: which request goes where. One for each session; clones share what matters.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio_util::sync::CancellationToken;

use super::catalogue::Catalogue;
use super::hang_up::given_up;
use super::progress::Progress;
use super::report::Reader;
use super::{changes, describe, run, search, tools};
use crate::http::server::Server;
use crate::tools::Selection;

/// How long the first list waits for servers that are starting. Clients wait for this answer before they show
/// anything, and hear of later changes anyway.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an operator chooses.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Put whole results into the text of `run` too.
    pub full_text: bool,
}

/// isolet as an MCP server.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
    /// Ends what was begun for this session, with its last clone.
    session: Arc<Session>,
}

/// The life of one session.
#[derive(Default)]
struct Session(CancellationToken);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct Shared {
    server: Arc<Server>,
    options: Options,
    /// Made anew when tools have changed, by their generation.
    catalogue: Mutex<Option<(u64, Arc<Catalogue>)>>,
}

impl Gateway {
    /// A gateway before `server`'s tools.
    pub fn new(server: Arc<Server>, options: Options) -> Self {
        let shared = Shared { server, options, catalogue: Mutex::default() };
        Self { shared: Arc::new(shared), session: Arc::default() }
    }

    /// The same for another session.
    #[must_use]
    pub fn for_session(&self) -> Self {
        Self { shared: self.shared.clone(), session: Arc::default() }
    }

    fn server(&self) -> &Arc<Server> {
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
        if let Some(missing) = self.missing() {
            catalogue.text.push_str(&missing);
        }
        tools::all(&catalogue, &self.server().limits)
    }

    /// The servers whose tools are not in the catalogue, in words.
    fn missing(&self) -> Option<String> {
        let toolset = self.server().tools.toolset();
        let unlisted: Vec<String> = toolset
            .servers()
            .filter(|(_, tools)| tools.is_none())
            .map(|(server, _)| format!("env.{}", server.alias))
            .take(20)
            .collect();
        let missing = || format!("\n\nNot available or still starting: {}.", unlisted.join(", "));
        (!unlisted.is_empty()).then(missing)
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
        let arguments = request.arguments.unwrap_or_default();
        let tools = &self.server().tools;
        let said = match &*request.name {
            tools::SEARCH => search::answer(tools, arguments).await,
            tools::DESCRIBE => describe::answer(tools, arguments).await,
            tools::RUN => {
                let progress = Progress::new(context.peer.clone(), context.meta.get_progress_token());
                let reader = self.reader(context.protocol_version());
                return Ok(run::answer(self.server(), arguments, progress, reader).await.into());
            }
            other => return Err(ErrorData::invalid_params(format!("Unknown tool: {other}"), None)),
        };
        Ok(match said {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        }
        .into())
    }
}

impl ServerHandler for Gateway {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("isolet", env!("CARGO_PKG_VERSION")).with_title("isolet"))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.server().tools.started(PATIENCE).await;
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        tokio::select! {
            biased;
            () = given_up(&context) => Err(ErrorData::internal_error("The request was cancelled.", None)),
            answer = self.call(request, &context) => answer,
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let (tools, over) = (self.server().tools.clone(), self.session.0.clone());
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
        tokio::select! {
            () = given_up(context.request_context()) => {}
            () = announce => {}
        }
        Ok(())
    }
}
