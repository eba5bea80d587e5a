//! The subscription to one resource in one session, made in the way of the session's revision.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ClientRequest, SubscriptionFilter};
use rmcp::service::Subscription;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::connection::{Connection, RequestError, request_error};

/// The time that the server has to answer `resources/unsubscribe`.
const UNSUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The method of the request of the older revisions. Messages name it for every revision.
pub(super) const SUBSCRIBE: &str = "resources/subscribe";

/// The subscription to one resource in one session.
pub(super) enum SessionSubscription {
    Session(SubscribedResource),
    Stream(Box<Subscription>),
}

impl SessionSubscription {
    /// Waits for a change. Returns false when the subscription is over.
    pub(super) async fn changed(&mut self) -> bool {
        match self {
            Self::Session(resource) => tokio::select! {
                () = resource.changed.notified() => true,
                () = resource.connection.ended() => false,
            },
            Self::Stream(subscription) => matches!(subscription.next().await, Ok(Some(_))),
        }
    }
}

/// Subscribes in the way of the session's revision. Returns `None` if the server does not support
/// it.
pub(super) async fn subscribe(
    connection: &Arc<Connection>,
    uri: &str,
    deadline: Instant,
) -> Result<Option<SessionSubscription>, RequestError> {
    let resources = connection.info().capabilities.resources.as_ref();
    if resources.is_none_or(|resources| resources.subscribe != Some(true)) {
        return Ok(None);
    }
    if connection.revision().listens_by_request() {
        let filter = SubscriptionFilter::builder().resource_subscriptions([uri]).build();
        let opened = timeout_at(deadline, connection.peer().listen(filter)).await;
        let subscription =
            opened.map_err(|_| RequestError::Timeout { printed: None })?.map_err(request_error)?;
        let accepted = subscription.acknowledged().resource_subscriptions.as_ref();
        let accepted = accepted.is_some_and(|uris| uris.iter().any(|accepted| accepted == uri));
        return Ok(accepted.then(|| SessionSubscription::Stream(Box::new(subscription))));
    }
    let changed = Arc::new(Notify::new());
    {
        let mut watched = connection.updates().0.lock();
        watched.insert(uri.to_owned(), changed.clone());
    }
    // Dropping it unsubscribes, also if the server has not answered yet.
    let resource = SubscribedResource { connection: connection.clone(), uri: uri.to_owned(), changed };
    if let Some(request) = request(SUBSCRIBE, uri) {
        connection.request(request, deadline.saturating_duration_since(Instant::now()), None).await?;
    }
    Ok(Some(SessionSubscription::Session(resource)))
}

/// Builds the request from JSON, because rmcp marks its types as deprecated.
fn request(method: &str, uri: &str) -> Option<ClientRequest> {
    serde_json::from_value(json!({ "method": method, "params": { "uri": uri } })).ok()
}

/// A subscription made by `resources/subscribe`. Dropping it unsubscribes.
pub(super) struct SubscribedResource {
    connection: Arc<Connection>,
    uri: String,
    changed: Arc<Notify>,
}

impl Drop for SubscribedResource {
    fn drop(&mut self) {
        {
            let mut watched = self.connection.updates().0.lock();
            // Another subscription to the resource may exist by now.
            match watched.get(&self.uri) {
                Some(changed) if Arc::ptr_eq(changed, &self.changed) => drop(watched.remove(&self.uri)),
                _ => return,
            }
        }
        if self.connection.has_ended() {
            return;
        }
        let (connection, uri) = (self.connection.clone(), self.uri.clone());
        self.connection.runtime().spawn(async move {
            if let Some(request) = request("resources/unsubscribe", &uri) {
                let _refused = connection.request(request, UNSUBSCRIBE_TIMEOUT, None).await;
            }
        });
    }
}
