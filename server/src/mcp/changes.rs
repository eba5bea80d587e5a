//! Telling clients that the list of tools has changed: `run` lists what scripts can call, so it changes with that.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::tools::Tools;

/// Changes come in bunches, as servers start; the first is told at once, and what follows within this time together.
pub const BUNCH: Duration = Duration::from_millis(250);

/// Calls `tell` after each change, until it says that there is nobody to be told.
pub async fn announce<F: Future<Output = bool>>(tools: Arc<Tools>, mut tell: impl FnMut() -> F) {
    let mut lists = tools.changes();
    lists.mark_unchanged();
    // The sender lives as long as the tools.
    while lists.changed().await.is_ok() {
        if !tell().await {
            return;
        }
        tokio::time::sleep(BUNCH).await;
    }
}
