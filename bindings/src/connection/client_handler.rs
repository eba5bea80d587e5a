//! The requests and notifications that a server sends to its client.
//!
//! isolet offers pings and, where the operator allows it, elicitation with defaults. Everything
//! else is refused with a message that says so.

use std::sync::Arc;

use rmcp::ClientHandler;
use rmcp::model::{
    ClientConfig, CustomRequest, CustomResult, ElicitRequestParams, ElicitResult, ErrorCode, ErrorData,
    ProgressNotificationParam, ResourceUpdatedNotificationParam,
};
#[expect(deprecated, reason = "servers of earlier revisions send it")]
use rmcp::model::{CreateMessageRequestParams, CreateMessageResult};
use rmcp::service::{NotificationContext, RequestContext, RoleClient};
use tokio::sync::Notify;

use super::elicitation::elicited;
use super::progress::ProgressSinks;
use super::resource_updates::ResourceUpdates;
use crate::config::Elicitation;
use crate::text::shortened;

/// The client side of one session, as rmcp calls it.
#[derive(Clone)]
pub(crate) struct ClientMessages {
    pub(super) info: ClientConfig,
    pub(super) tools_changed: Arc<Notify>,
    pub(super) progress: ProgressSinks,
    pub(super) updates: ResourceUpdates,
    pub(super) elicitation: Elicitation,
}

impl ClientHandler for ClientMessages {
    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed.notify_one();
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        // rmcp would decline, which a server could not distinguish from a user who declines.
        elicited(self.elicitation, &request).ok_or_else(|| not_offered("elicitation/create"))
    }

    #[expect(deprecated, reason = "servers of earlier revisions send it")]
    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Err(not_offered("sampling/createMessage"))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleClient>,
    ) -> Result<CustomResult, ErrorData> {
        Err(not_offered(&shortened(&request.method, 100)))
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.progress.report(&params);
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.updates.report(&params.uri);
    }
}

/// Refuses a request of the server. The text comes back to the caller of the tool in the server's
/// error, so it names isolet and the method.
fn not_offered(method: &str) -> ErrorData {
    let text = format!(
        "isolet, the client of this server, does not offer {method}: no person or model answers there"
    );
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, text, None)
}
