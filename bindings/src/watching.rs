//! Resources that somebody watches: one subscription for each at its server, however many watch it.
//!
//! A watch outlives the server's session: when that is over, the subscription is made again in the next one, and who
//! watches is told of a change, since there may have been some meanwhile. The last to go ends the subscription.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rmcp::model::{ClientRequest, SubscriptionFilter};
use rmcp::service::Subscription;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::connection::{Connection, RequestError, request_error};
use crate::error::CallError;
use crate::handshake::Era;
use crate::server::Server;
use crate::upstreams::{A_DAY, Upstreams};

/// Resources of one server that can be watched at once.
const MOST: usize = 1_000;

/// The pauses between attempts to subscribe again double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long a subscription may take to be made again.
const AGAIN: Duration = Duration::from_secs(30);

/// How long the server may take to hear that nobody watches any more.
const FAREWELL: Duration = Duration::from_secs(10);

/// In messages, whatever the era calls it.
const OPERATION: &str = "resources/subscribe";

/// A resource that is watched until this is dropped.
pub struct ResourceWatch {
    changes: watch::Receiver<u64>,
    _shared: Arc<Shared>,
}

impl ResourceWatch {
    /// Waits for a change since the last that was waited for. False if there will be none any more.
    pub async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }
}

/// What all who watch one resource share.
struct Shared {
    changes: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

/// The resources of one server that are watched.
#[derive(Default)]
pub(crate) struct Watches(tokio::sync::Mutex<HashMap<String, Weak<Shared>>>);

/// Who hears of changes in one session of the older era.
#[derive(Clone, Default)]
pub(crate) struct Updates(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl Updates {
    /// The server says that a resource has changed; it may be a part of one that is watched.
    pub(crate) fn report(&self, uri: &str) {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, changed) in watched.iter().filter(|(watched, _)| is_part(uri, watched)) {
            changed.notify_one();
        }
    }
}

/// Whether `uri` is `whole` or below it.
fn is_part(uri: &str, whole: &str) -> bool {
    uri.strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || whole.ends_with('/') || rest.starts_with(['/', '#', '?']))
}

impl Upstreams {
    /// Watches a resource.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool), and if the server has no subscriptions.
    pub async fn watch_resource(
        &self,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<ResourceWatch, CallError> {
        let upstream = self.server(server)?;
        let deadline = Instant::now() + timeout.min(A_DAY);
        let late = || CallError::Timeout {
            server: server.to_owned(),
            operation: OPERATION.to_owned(),
            after: timeout,
            printed: None,
        };
        let mut watches = timeout_at(deadline, upstream.watches.0.lock()).await.map_err(|_| late())?;
        if let Some(shared) = watches.get(uri).and_then(Weak::upgrade) {
            let mut changes = shared.changes.clone();
            changes.mark_unchanged();
            return Ok(ResourceWatch { changes, _shared: shared });
        }
        watches.retain(|_, shared| shared.strong_count() > 0);
        if watches.len() >= MOST {
            return Err(refused(server, format!("{MOST} of its resources are watched already")));
        }
        let connection = upstream.connection(deadline).await?;
        let subscribed = match subscribe(&connection, uri, deadline).await {
            Ok(Some(subscribed)) => subscribed,
            Ok(None) => return Err(refused(server, "it has no subscriptions to resources".to_owned())),
            Err(error) => return Err(upstream.call_error(&connection, OPERATION, error, timeout).await),
        };
        let (sender, changes) = watch::channel(0);
        let task = tokio::spawn(follow(Arc::downgrade(upstream), uri.to_owned(), subscribed, sender));
        let task = AbortOnDropHandle::new(task);
        let shared = Arc::new(Shared { changes: changes.clone(), _task: task });
        watches.insert(uri.to_owned(), Arc::downgrade(&shared));
        Ok(ResourceWatch { changes, _shared: shared })
    }
}

fn refused(server: &str, message: String) -> CallError {
    let (server, operation) = (server.to_owned(), OPERATION.to_owned());
    CallError::Upstream { server, operation, code: -32601, message, data: None }
}

/// Tells of changes for as long as somebody watches.
async fn follow(server: Weak<Server>, uri: String, first: Subscribed, changes: watch::Sender<u64>) {
    let mut subscribed = first;
    loop {
        while subscribed.changed().await {
            changes.send_modify(|count| *count += 1);
        }
        drop(subscribed);
        let mut pause = FIRST_PAUSE;
        subscribed = loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let Some(server) = server.upgrade() else { return };
            // A server that is away is not started for this.
            let Some(connection) = server.snapshot().connection.filter(|now| !now.has_ended()) else {
                pause = FIRST_PAUSE;
                continue;
            };
            if let Ok(Some(again)) = subscribe(&connection, &uri, Instant::now() + AGAIN).await {
                break again;
            }
        };
        changes.send_modify(|count| *count += 1);
    }
}

/// A subscription in one session.
enum Subscribed {
    Legacy(Legacy),
    Modern(Box<Subscription>),
}

impl Subscribed {
    /// Waits for a change; false when the subscription is over.
    async fn changed(&mut self) -> bool {
        match self {
            Self::Legacy(legacy) => tokio::select! {
                () = legacy.changed.notified() => true,
                () = legacy.connection.ended() => false,
            },
            Self::Modern(subscription) => matches!(subscription.next().await, Ok(Some(_))),
        }
    }
}

/// Subscribes in the way of the session's era; `None` if the server does not offer that.
async fn subscribe(
    connection: &Arc<Connection>,
    uri: &str,
    deadline: Instant,
) -> Result<Option<Subscribed>, RequestError> {
    let resources = connection.info().capabilities.resources.as_ref();
    if resources.is_none_or(|resources| resources.subscribe != Some(true)) {
        return Ok(None);
    }
    if connection.era() == Era::Modern {
        let filter = SubscriptionFilter::builder().resource_subscriptions([uri]).build();
        let opened = timeout_at(deadline, connection.peer().listen(filter)).await;
        let subscription =
            opened.map_err(|_| RequestError::Timeout { printed: None })?.map_err(request_error)?;
        let accepted = subscription.acknowledged().resource_subscriptions.as_ref();
        let accepted = accepted.is_some_and(|uris| uris.iter().any(|accepted| accepted == uri));
        return Ok(accepted.then(|| Subscribed::Modern(Box::new(subscription))));
    }
    let changed = Arc::new(Notify::new());
    {
        let mut watched = connection.updates().0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.insert(uri.to_owned(), changed.clone());
    }
    // From here on dropping it ends the subscription, which is harmless where there is none yet.
    let legacy = Legacy { connection: connection.clone(), uri: uri.to_owned(), changed };
    if let Some(request) = request(OPERATION, uri) {
        connection.request(request, deadline.saturating_duration_since(Instant::now()), None).await?;
    }
    Ok(Some(Subscribed::Legacy(legacy)))
}

/// rmcp marks the types of these requests as deprecated, as the later era has no such requests.
fn request(method: &str, uri: &str) -> Option<ClientRequest> {
    serde_json::from_value(json!({ "method": method, "params": { "uri": uri } })).ok()
}

/// A subscription of the older era; dropping it ends it.
struct Legacy {
    connection: Arc<Connection>,
    uri: String,
    changed: Arc<Notify>,
}

impl Drop for Legacy {
    fn drop(&mut self) {
        {
            let mut watched = self.connection.updates().0.lock().unwrap_or_else(PoisonError::into_inner);
            // Somebody may have subscribed anew.
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
                let _refused = connection.request(request, FAREWELL, None).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_resource_is_below_it() {
        for (uri, whole, is) in [
            ("file:///a", "file:///a", true),
            ("file:///a/b", "file:///a", true),
            ("file:///ab", "file:///a", false),
            ("file:///a/b", "file:///a/", true),
            ("doc:1#x", "doc:1", true),
            ("file:///", "file:///a", false),
        ] {
            assert_eq!(is_part(uri, whole), is, "{uri} of {whole}");
        }
    }
}
