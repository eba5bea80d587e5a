//! The part of the gateway that passes through: whose something is, and the way there.

use futures_util::future::try_join_all;
use isolet_bindings::{Caller, ResourceWatch};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams, CompleteResult,
    GetPromptRequestMethod, GetPromptRequestParams, GetPromptResponse, ReadResourceRequestMethod,
    ReadResourceRequestParams, ReadResourceResponse, Reference,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use super::gateway::Gateway;
use super::pass::{self, Answer};
use super::shelves::Shelves;
use super::subscriptions;

impl Gateway {
    /// Prompts and resources, if any are passed through.
    pub(super) fn shelves(&self) -> Option<Shelves<'_>> {
        let exposure = self.shared.options.exposure.as_ref().filter(|_| self.shared.shelves)?;
        Some(Shelves::new(self.server(), exposure))
    }

    /// Calls a tool that is passed through.
    pub(super) async fn pass(
        &self,
        mut request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let exposure = self.shared.options.exposure.as_ref();
        let exposed = exposure.map(|exposure| exposure.tools(&self.server().tools));
        let Some(origin) = exposed.as_ref().and_then(|exposed| exposed.origin(&request.name)) else {
            return Err(ErrorData::invalid_params(format!("Unknown tool: {}", request.name), None));
        };
        request.name = origin.name.clone().into();
        match pass::on(
            self.server(),
            &origin.server,
            "tools/call",
            request,
            context,
            self.session.log_level(),
        )
        .await
        {
            Ok(Answer::Complete(result)) => Ok(CallToolResponse::Complete(result)),
            Ok(Answer::Question(question)) => Ok(CallToolResponse::InputRequired(question)),
            Err(refusal) => refusal.of_tool().map(CallToolResponse::Complete),
        }
    }

    pub(super) async fn read(
        &self,
        request: ReadResourceRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let shelves = self.shelves().ok_or_else(ErrorData::method_not_found::<ReadResourceRequestMethod>)?;
        let mut refused = no_resource(&request.uri);
        for upstream in shelves.holders(&request.uri).await {
            match pass::on(
                self.server(),
                &upstream,
                "resources/read",
                request.clone(),
                context,
                self.session.log_level(),
            )
            .await
            {
                Ok(Answer::Complete(result)) => return Ok(ReadResourceResponse::Complete(result)),
                Ok(Answer::Question(question)) => return Ok(ReadResourceResponse::InputRequired(question)),
                Err(refusal) => refused = refusal.error(),
            }
        }
        Err(refused)
    }

    pub(super) async fn prompt(
        &self,
        mut request: GetPromptRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let shelves = self.shelves().ok_or_else(ErrorData::method_not_found::<GetPromptRequestMethod>)?;
        let Some(origin) = shelves.prompt(&request.name).await else {
            return Err(ErrorData::invalid_params(format!("Unknown prompt: {}", request.name), None));
        };
        request.name = origin.name;
        match pass::on(
            self.server(),
            &origin.server,
            "prompts/get",
            request,
            context,
            self.session.log_level(),
        )
        .await
        {
            Ok(Answer::Complete(result)) => Ok(GetPromptResponse::Complete(result)),
            Ok(Answer::Question(question)) => Ok(GetPromptResponse::InputRequired(question)),
            Err(refusal) => Err(refusal.error()),
        }
    }

    pub(super) async fn completion(
        &self,
        mut request: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let shelves = self.shelves().ok_or_else(ErrorData::method_not_found::<CompleteRequestMethod>)?;
        let upstream = match &mut request.r#ref {
            Reference::Prompt(prompt) => {
                let origin = shelves.prompt(&prompt.name).await;
                origin.map(|origin| {
                    prompt.name = origin.name;
                    origin.server
                })
            }
            Reference::Resource(template) => shelves.template(&template.uri).await,
            _ => None,
        };
        let Some(upstream) = upstream else {
            return Err(ErrorData::invalid_params("There is no such prompt or resource template.", None));
        };
        match pass::on(
            self.server(),
            &upstream,
            "completion/complete",
            request,
            context,
            self.session.log_level(),
        )
        .await
        {
            Ok(Answer::Complete(result)) => Ok(result),
            Ok(Answer::Question(_)) => Ok(CompleteResult::default()),
            Err(refusal) => Err(refusal.error()),
        }
    }

    /// Watches a resource of a server that is passed through.
    pub(super) async fn watch(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ResourceWatch, ErrorData> {
        let shelves = self.shelves().ok_or_else(ErrorData::method_not_found::<ReadResourceRequestMethod>)?;
        let caller = Caller::client(pass::tenant(context).as_ref().map(|tenant| &*tenant.0));
        let mut refused = no_resource(uri);
        for upstream in shelves.holders(uri).await {
            let gate = self.server().tools.gate();
            match gate.watch_resource(&caller, &upstream, uri, self.server().limits.call).await {
                Ok(watch) => return Ok(watch),
                Err(error) => refused = pass::refusal(error).error(),
            }
        }
        Err(refused)
    }

    /// Tells of changes of the resources that the request names, for as long as it listens. The first that cannot be
    /// watched ends it: the client was told that all are.
    pub(super) async fn listen_to_resources(&self, context: &SubscriptionContext) -> ErrorData {
        let uris = context.accepted().resource_subscriptions.iter().flatten();
        let each = uris.map(|uri| async move {
            let watch = self.watch(uri, context.request_context()).await?;
            let sink = context.sink();
            subscriptions::follow(watch, || async { sink.notify_resource_updated(uri).await.is_ok() }).await;
            Ok(())
        });
        match try_join_all(each).await {
            Err(refused) => refused,
            Ok(_) => std::future::pending().await,
        }
    }
}

fn no_resource(uri: &str) -> ErrorData {
    ErrorData::resource_not_found(format!("No resource {uri}"), Some(json!({ "uri": uri })))
}
