//! The requests and notifications of MCP clients, one method each: which part of the gateway
//! answers.

use isolet_bindings::{LogLevel, Revision};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams,
    CompleteResult, ContentBlock, CustomRequest, CustomResult, GetPromptRequestMethod,
    GetPromptRequestParams, GetPromptResponse, ListPromptsRequestMethod, ListPromptsResult,
    ListResourceTemplatesRequestMethod, ListResourceTemplatesResult, ListResourcesRequestMethod,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestMethod,
    ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SubscriptionFilter, Tool,
};
#[expect(deprecated, reason = "the older revisions have it")]
use rmcp::model::{
    SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::Deserialize as _;

use super::Gateway;
use crate::mcp::client_traits::traits;
use crate::mcp::disconnect::{abandoned, unless_abandoned};
use crate::mcp::request_context::revision;
use crate::mcp::resource_subscriptions::MAX_SUBSCRIPTIONS;
use crate::mcp::tools::{arguments, definitions};
use crate::mcp::{invalid_params, list_changed};

impl ServerHandler for Gateway {
    fn get_info(&self) -> ServerConfig {
        let instructions = definitions::instructions(&self.own_tools(traits(None)).1);
        self.config().with_instructions(instructions)
    }

    async fn list_tools(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        // Some clients ask for the first page with an empty cursor.
        let cursor = params.and_then(|params| params.cursor).filter(|cursor| !cursor.is_empty());
        self.wait_for_lists().await;
        self.tools(Self::traits(&context), cursor.as_deref())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        unless_abandoned(&context, self.call(request, &context)).await
    }

    /// Returns a tool for the check of the headers that repeat arguments (`Mcp-Param-…`).
    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.passthrough()?.tools().tool(name)
    }

    #[expect(deprecated, reason = "the older revisions have it")]
    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let is_per_request = revision(&context).is_some_and(Revision::has_request_context);
        if self.passthrough().is_none() || is_per_request {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        let level = serde_json::to_value(request.level).and_then(LogLevel::deserialize);
        let level = level.map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        self.session.set_log_level(level);
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let listings =
            self.listings(&context).ok_or_else(ErrorData::method_not_found::<ListPromptsRequestMethod>)?;
        let all = listings.prompts().await;
        Ok(ListPromptsResult::with_all_items(all.into_iter().map(|(prompt, _)| prompt).collect()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let listings =
            self.listings(&context).ok_or_else(ErrorData::method_not_found::<GetPromptRequestMethod>)?;
        let prompt = listings.get_prompt(request, &context, self.session.log_level());
        unless_abandoned(&context, prompt).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let listings =
            self.listings(&context).ok_or_else(ErrorData::method_not_found::<ListResourcesRequestMethod>)?;
        Ok(ListResourcesResult::with_all_items(listings.resources().await))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let listings = self
            .listings(&context)
            .ok_or_else(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>)?;
        Ok(ListResourceTemplatesResult::with_all_items(listings.templates().await))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let listings =
            self.listings(&context).ok_or_else(ErrorData::method_not_found::<ReadResourceRequestMethod>)?;
        let resource = listings.read_resource(request, &context, self.session.log_level());
        unless_abandoned(&context, resource).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let subscriptions = &self.session.subscriptions;
        if subscriptions.contains(&request.uri) {
            return Ok(());
        }
        if subscriptions.is_full() {
            let message = format!("This session has {MAX_SUBSCRIPTIONS} subscriptions already.");
            return Err(ErrorData::invalid_request(message, None));
        }
        let listings =
            self.listings(&context).ok_or_else(ErrorData::method_not_found::<ReadResourceRequestMethod>)?;
        let watch = unless_abandoned(&context, listings.watch_resource(&request.uri)).await?;
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
        let listings =
            self.listings(&context).ok_or_else(ErrorData::method_not_found::<CompleteRequestMethod>)?;
        let completion = listings.complete(request, &context, self.session.log_level());
        unless_abandoned(&context, completion).await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tools/call"
            && let Some(call) = request.params.as_ref().and_then(arguments::parse_text_arguments)
        {
            let answer = match call {
                Ok(call) => unless_abandoned(&context, self.call(call, &context)).await?,
                Err(message) => CallToolResult::error(vec![ContentBlock::text(message)]).into(),
            };
            let answer = match answer {
                CallToolResponse::Complete(result) => serde_json::to_value(result),
                CallToolResponse::InputRequired(question) => serde_json::to_value(question),
                _ => Ok(serde_json::Value::Null),
            };
            let mut answer = answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            // rmcp removes this for clients of the older revisions where it knows the request.
            let has_types = revision(&context).is_some_and(Revision::has_result_types);
            if let Some(result) = answer.as_object_mut().filter(|_| !has_types) {
                result.remove("resultType");
            }
            return Ok(CustomResult(answer));
        }
        Err(invalid_params::error(&request, &self.config().capabilities, revision(&context)))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let (registry, ended) = (self.registry().clone(), self.session.ended());
        tokio::spawn(async move {
            let peer = context.peer;
            let notify = || async { peer.notify_tool_list_changed().await.is_ok() };
            tokio::select! {
                () = ended.cancelled() => {}
                () = list_changed::announce(registry, notify) => {}
            }
        });
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::default();
        accepted.tools_list_changed = requested.tools_list_changed;
        let resources = requested.resource_subscriptions.as_ref().filter(|_| self.offers_listings());
        accepted.resource_subscriptions =
            resources.map(|uris| uris.iter().take(MAX_SUBSCRIPTIONS).cloned().collect());
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let wants_list_changes = context.accepted().tools_list_changed == Some(true);
        let announce = async {
            if !wants_list_changes {
                return std::future::pending().await;
            }
            let sink = context.sink();
            let notify = || async { sink.notify_tool_list_changed().await.is_ok() };
            list_changed::announce(self.registry().clone(), notify).await;
        };
        let resources = async {
            match self.listings(context.request_context()) {
                Some(listings) => listings.listen_to_resources(&context).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = abandoned(context.request_context()) => Ok(()),
            () = announce => Ok(()),
            error = resources => Err(error),
        }
    }
}
