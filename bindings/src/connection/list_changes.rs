//! The subscription to changes of the tool list, in revisions that have `subscriptions/listen`.
//!
//! A server that refuses the request announces no changes. A subscription that breaks is made
//! again; the list is then fetched once, since it may have changed meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::model::SubscriptionFilter;
use rmcp::service::{Peer, RoleClient, ServiceError};
use tokio::sync::Notify;

use super::Connection;
use crate::backoff::Backoff;

/// Delays between attempts to subscribe.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(60);

impl Connection {
    /// Subscribes in the background, for as long as the session lasts.
    pub(super) fn follow_list_changes(&self, tools_changed: Arc<Notify>) {
        let tools = self.info.capabilities.tools.as_ref();
        if !self.revision.listens_by_request() || tools.is_none_or(|tools| tools.list_changed != Some(true)) {
            return;
        }
        let (peer, listening, ended) = (self.peer.clone(), self.listening.clone(), self.ended.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = follow(&peer, &listening, &tools_changed) => {}
                () = ended.cancelled() => {}
            }
        });
    }
}

/// Returns when the server refuses the subscription.
async fn follow(peer: &Peer<RoleClient>, listening: &AtomicBool, tools_changed: &Notify) {
    let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
    let mut is_first = true;
    loop {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        match peer.listen(filter).await {
            Ok(mut subscription) => {
                let began = tokio::time::Instant::now();
                listening.store(true, Ordering::Relaxed);
                if !std::mem::take(&mut is_first) {
                    tools_changed.notify_one();
                }
                while let Ok(Some(_)) = subscription.next().await {
                    tools_changed.notify_one();
                }
                listening.store(false, Ordering::Relaxed);
                if began.elapsed() > MAX_DELAY {
                    backoff.reset();
                }
            }
            Err(ServiceError::McpError(error)) => {
                tracing::debug!(code = error.code.0, "the server refuses the subscription");
                return;
            }
            Err(_) => {}
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}
