//! `notifications/tools/list_changed`: the description of `run` lists what scripts can call, so it
//! changes with every upstream list.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::registry::Registry;

/// The time between two notifications. Changes come in groups, as servers start: the first is
/// announced at once, those that follow within this time together.
pub const NOTIFY_INTERVAL: Duration = Duration::from_millis(250);

/// Calls `notify` after each change, until it returns `false` because the client is gone.
pub async fn announce<F: Future<Output = bool>>(registry: Arc<Registry>, mut notify: impl FnMut() -> F) {
    let mut lists = registry.changes();
    lists.mark_unchanged();
    // The sender lives as long as the registry.
    while lists.changed().await.is_ok() {
        if !notify().await {
            return;
        }
        tokio::time::sleep(NOTIFY_INTERVAL).await;
    }
}
