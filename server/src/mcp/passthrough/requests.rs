//! The requests that are passed through: finds the upstream that owns the tool, prompt or resource,
//! and forwards the request to it.

use futures_util::future::try_join_all;
use isolet_bindings::{LogLevel, ResourceWatch};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    GetPromptRequestParams, GetPromptResponse, ReadResourceRequestParams, ReadResourceResponse, Reference,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use super::Passthrough;
use super::forward::{self, ForwardResult, forward};
use super::listings::UpstreamListings;
use super::tool_names::UpstreamItem;
use crate::mcp::resource_subscriptions::notify_of_changes;

/// The context of a client's request.
type Context = RequestContext<RoleServer>;

impl Passthrough {
    /// Answers `tools/call`. `log_level` is the level that a client of the older revisions has set.
    pub async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: &Context,
        log_level: Option<LogLevel>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(item) = self.find_tool(&request.name).await else {
            return Err(unknown_tool(&request.name));
        };
        request.name = item.name.clone().into();
        let forwarded =
            forward::<CallToolResult>(&self.service, &item.server, "tools/call", request, context, log_level);
        match forwarded.await {
            Ok(ForwardResult::Complete(mut result)) => {
                // Some servers write absent fields as null, which rmcp would repeat as text.
                if result.structured_content.as_ref().is_some_and(serde_json::Value::is_null) {
                    result.structured_content = None;
                }
                Ok(CallToolResponse::Complete(result))
            }
            Ok(ForwardResult::InputRequired(question)) => Ok(CallToolResponse::InputRequired(question)),
            Err(error) => error.into_tool_result().map(CallToolResponse::Complete),
        }
    }

    /// Finds the tool of this name. Some clients start isolet for each call and know the names from
    /// before, so an unknown name waits for the first list of the servers that may have the tool.
    async fn find_tool(&self, name: &str) -> Option<UpstreamItem> {
        let find = || -> Option<UpstreamItem> { self.tools().item(name).cloned() };
        if let Some(item) = find() {
            return Some(item);
        }
        let registry = &self.service.registry;
        let owners = self.exposure.possible_owners(&registry.snapshot(), name);
        registry.all_listed(&owners, self.service.limits.call_timeout).await;
        find()
    }
}

impl UpstreamListings<'_> {
    /// Answers `resources/read`.
    pub async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: &Context,
        log_level: Option<LogLevel>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some(upstream) = self.owner_of_resource(&request.uri).await else {
            return Err(unknown_resource(&request.uri));
        };
        match forward(self.service, &upstream, "resources/read", request, context, log_level).await {
            Ok(ForwardResult::Complete(result)) => Ok(ReadResourceResponse::Complete(result)),
            Ok(ForwardResult::InputRequired(question)) => Ok(ReadResourceResponse::InputRequired(question)),
            Err(error) => Err(error.into_error()),
        }
    }

    /// Answers `prompts/get`.
    pub async fn get_prompt(
        &self,
        mut request: GetPromptRequestParams,
        context: &Context,
        log_level: Option<LogLevel>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let Some(item) = self.prompt(&request.name).await else {
            return Err(ErrorData::invalid_params(format!("Unknown prompt: {}", request.name), None));
        };
        request.name = item.name;
        match forward(self.service, &item.server, "prompts/get", request, context, log_level).await {
            Ok(ForwardResult::Complete(result)) => Ok(GetPromptResponse::Complete(result)),
            Ok(ForwardResult::InputRequired(question)) => Ok(GetPromptResponse::InputRequired(question)),
            Err(error) => Err(error.into_error()),
        }
    }

    /// Answers `completion/complete`.
    pub async fn complete(
        &self,
        mut request: CompleteRequestParams,
        context: &Context,
        log_level: Option<LogLevel>,
    ) -> Result<CompleteResult, ErrorData> {
        let upstream = match &mut request.r#ref {
            Reference::Prompt(prompt) => {
                let item = self.prompt(&prompt.name).await;
                item.map(|item| {
                    prompt.name = item.name;
                    item.server
                })
            }
            Reference::Resource(template) => self.owner_of_template(&template.uri).await,
            _ => None,
        };
        let Some(upstream) = upstream else {
            return Err(ErrorData::invalid_params("Unknown prompt or resource template.", None));
        };
        match forward(self.service, &upstream, "completion/complete", request, context, log_level).await {
            Ok(ForwardResult::Complete(result)) => Ok(result),
            Ok(ForwardResult::InputRequired(_)) => Ok(CompleteResult::default()),
            Err(error) => Err(error.into_error()),
        }
    }

    /// Watches a resource of an exposed server.
    pub async fn watch_resource(&self, uri: &str) -> Result<ResourceWatch, ErrorData> {
        let Some(upstream) = self.owner_of_resource(uri).await else {
            return Err(unknown_resource(uri));
        };
        let gate = self.service.registry.gate();
        let watch = gate.watch_resource(&self.caller, &upstream, uri, self.service.limits.call_timeout).await;
        watch.map_err(|error| forward::error_of(error).into_error())
    }

    /// Notifies the client of changes of the resources that `subscriptions/listen` names, for as
    /// long as the request lasts. The first resource that cannot be watched ends the request,
    /// because the client was told that all of them are watched.
    pub async fn listen_to_resources(&self, context: &SubscriptionContext) -> ErrorData {
        let uris = context.accepted().resource_subscriptions.iter().flatten();
        let each = uris.map(|uri| async move {
            let watch = self.watch_resource(uri).await?;
            let sink = context.sink();
            notify_of_changes(watch, || async { sink.notify_resource_updated(uri).await.is_ok() }).await;
            Ok(())
        });
        match try_join_all(each).await {
            Err(error) => error,
            Ok(_) => std::future::pending().await,
        }
    }
}

/// Returns the error of a call of a tool that does not exist.
pub fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown tool: {name}"), None)
}

fn unknown_resource(uri: &str) -> ErrorData {
    ErrorData::resource_not_found(format!("No resource {uri}"), Some(json!({ "uri": uri })))
}
