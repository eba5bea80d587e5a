//! Subscriptions to single resources: of a session in the older revisions, of a request in the
//! newer one.

use std::collections::HashMap;
use std::future::Future;

use isolet_bindings::ResourceWatch;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::Peer;
use tokio_util::task::AbortOnDropHandle;

use super::list_changed::NOTIFY_INTERVAL;

/// The number of subscriptions of one session, or of one request that listens.
pub const MAX_SUBSCRIPTIONS: usize = 100;

/// The subscriptions of one session, by URI. They end with it.
#[derive(Default)]
pub struct ResourceSubscriptions(Mutex<HashMap<String, AbortOnDropHandle<()>>>);

impl ResourceSubscriptions {
    /// Returns `true` if there is a subscription to this URI.
    pub fn contains(&self, uri: &str) -> bool {
        self.0.lock().contains_key(uri)
    }

    /// Returns `true` if the session may have no more subscriptions.
    pub fn is_full(&self) -> bool {
        self.0.lock().len() >= MAX_SUBSCRIPTIONS
    }

    /// Notifies the client of changes from now on.
    pub fn add(&self, uri: String, watch: ResourceWatch, peer: Peer<RoleServer>) {
        let address = uri.clone();
        let task = tokio::spawn(async move {
            notify_of_changes(watch, || async {
                let updated = ResourceUpdatedNotificationParam::new(&address);
                peer.notify_resource_updated(updated).await.is_ok()
            })
            .await;
        });
        self.0.lock().insert(uri, AbortOnDropHandle::new(task));
    }

    /// Ends the subscription to this URI.
    pub fn remove(&self, uri: &str) {
        self.0.lock().remove(uri);
    }
}

/// Calls `notify` after each change, until it returns `false` because the client is gone.
pub async fn notify_of_changes<F: Future<Output = bool>>(
    mut watch: ResourceWatch,
    mut notify: impl FnMut() -> F,
) {
    while watch.changed().await && notify().await {
        tokio::time::sleep(NOTIFY_INTERVAL).await;
    }
}
