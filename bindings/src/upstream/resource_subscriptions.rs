//! Subscriptions to resources: one at the server for each resource, however many clients want it.
//!
//! A subscription outlives the server's session. When the session ends, the subscription is made
//! again in the next one, and a change is reported, since there may have been one meanwhile.
//! Dropping the last [`ResourceWatch`] of a resource ends the subscription.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::Upstreams;
use super::options::MAX_TIMEOUT;
use super::resource_watch::{MAX_SUBSCRIPTIONS, ResourceWatch};
use super::server::Server;
use super::session_subscription::{SUBSCRIBE, SessionSubscription, subscribe};
use crate::backoff::Backoff;
use crate::error::CallError;

/// Delays between attempts to subscribe again.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(60);

/// The time that a subscription may take to be made again.
const RESUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

impl Upstreams {
    /// Subscribes to a resource.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool), and if the server does not support
    /// subscriptions.
    pub async fn watch_resource(
        &self,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<ResourceWatch, CallError> {
        let upstream = self.server(server)?;
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        let late = || CallError::Timeout {
            server: server.to_owned(),
            operation: SUBSCRIBE.to_owned(),
            after: timeout,
            printed: None,
        };
        let mut watched = timeout_at(deadline, upstream.watched.lock()).await.map_err(|_| late())?;
        if let Some(watch) = watched.join(uri) {
            return Ok(watch);
        }
        if watched.is_full() {
            return Err(refused(server, format!("{MAX_SUBSCRIPTIONS} of its resources are watched already")));
        }
        let connection = upstream.connection(deadline).await?;
        let subscribed = match subscribe(&connection, uri, deadline).await {
            Ok(Some(subscribed)) => subscribed,
            Ok(None) => return Err(refused(server, "it has no subscriptions to resources".to_owned())),
            Err(error) => return Err(upstream.call_error(&connection, SUBSCRIBE, error, timeout).await),
        };
        let (sender, changes) = watch::channel(0);
        let task = tokio::spawn(follow(Arc::downgrade(upstream), uri.to_owned(), subscribed, sender));
        Ok(watched.begin(uri, changes, AbortOnDropHandle::new(task)))
    }
}

fn refused(server: &str, message: String) -> CallError {
    let (server, operation) = (server.to_owned(), SUBSCRIBE.to_owned());
    CallError::Upstream { server, operation, code: -32601, message, data: None }
}

/// Reports changes for as long as there is a [`ResourceWatch`].
async fn follow(server: Weak<Server>, uri: String, first: SessionSubscription, changes: watch::Sender<u64>) {
    let mut subscribed = first;
    loop {
        while subscribed.changed().await {
            changes.send_modify(|count| *count += 1);
        }
        drop(subscribed);
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        subscribed = loop {
            tokio::time::sleep(backoff.next_delay()).await;
            let Some(server) = server.upgrade() else { return };
            // A server that is not connected is not started for this.
            let Some(connection) = server.snapshot().connection.filter(|now| !now.has_ended()) else {
                backoff.reset();
                continue;
            };
            if let Ok(Some(again)) = subscribe(&connection, &uri, Instant::now() + RESUBSCRIBE_TIMEOUT).await
            {
                break again;
            }
        };
        changes.send_modify(|count| *count += 1);
    }
}
