//! The resources of one server that clients watch, and the subscription that they share.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The most resources of one server with a subscription.
pub(super) const MAX_SUBSCRIPTIONS: usize = 1_000;

/// A subscription to a resource, until it is dropped.
pub struct ResourceWatch {
    changes: watch::Receiver<u64>,
    _shared: Arc<SharedSubscription>,
}

impl ResourceWatch {
    /// Waits for a change. Returns false if there will be none any more.
    pub async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }
}

/// The part that all [`ResourceWatch`]es of one resource share.
struct SharedSubscription {
    changes: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

/// The resources of one server with a subscription.
#[derive(Default)]
pub(super) struct WatchedResources(HashMap<String, Weak<SharedSubscription>>);

impl WatchedResources {
    /// Watches a resource that has a subscription.
    pub(super) fn join(&self, uri: &str) -> Option<ResourceWatch> {
        let shared = self.0.get(uri).and_then(Weak::upgrade)?;
        let mut changes = shared.changes.clone();
        changes.mark_unchanged();
        Some(ResourceWatch { changes, _shared: shared })
    }

    /// Returns whether there are as many subscriptions as there may be. Forgets those that nobody
    /// watches any more.
    pub(super) fn is_full(&mut self) -> bool {
        self.0.retain(|_, shared| shared.strong_count() > 0);
        self.0.len() >= MAX_SUBSCRIPTIONS
    }

    /// Watches a resource whose changes `task` reports. The task is aborted with the last watch.
    pub(super) fn begin(
        &mut self,
        uri: &str,
        changes: watch::Receiver<u64>,
        task: AbortOnDropHandle<()>,
    ) -> ResourceWatch {
        let shared = Arc::new(SharedSubscription { changes: changes.clone(), _task: task });
        self.0.insert(uri.to_owned(), Arc::downgrade(&shared));
        ResourceWatch { changes, _shared: shared }
    }
}
