//! Subscriptions to single resources: those of a session in the older revisions, those of a request in the newer one.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use isolet_bindings::ResourceWatch;
use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::Peer;
use tokio_util::task::AbortOnDropHandle;

use super::changes::BUNCH;

/// Subscriptions of one session, or of one request that listens.
pub const MOST: usize = 100;

/// The subscriptions of one session, by address; they end with it.
#[derive(Default)]
pub struct Subscriptions(Mutex<HashMap<String, AbortOnDropHandle<()>>>);

impl Subscriptions {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, AbortOnDropHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is one for this address.
    pub fn has(&self, uri: &str) -> bool {
        self.kept().contains_key(uri)
    }

    /// Whether there are as many as there may be.
    pub fn is_full(&self) -> bool {
        self.kept().len() >= MOST
    }

    /// Tells the client of changes from now on.
    pub fn add(&self, uri: String, watch: ResourceWatch, peer: Peer<RoleServer>) {
        let address = uri.clone();
        let task = tokio::spawn(async move {
            follow(watch, || async {
                let updated = ResourceUpdatedNotificationParam::new(&address);
                peer.notify_resource_updated(updated).await.is_ok()
            })
            .await;
        });
        self.kept().insert(uri, AbortOnDropHandle::new(task));
    }

    /// Ends one.
    pub fn remove(&self, uri: &str) {
        self.kept().remove(uri);
    }
}

/// Calls `tell` after each change, until it says that there is nobody to be told.
pub async fn follow<F: Future<Output = bool>>(mut watch: ResourceWatch, mut tell: impl FnMut() -> F) {
    while watch.changed().await && tell().await {
        tokio::time::sleep(BUNCH).await;
    }
}
