//! Serves the API over HTTP, and stops in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::router::{self, Api};
use crate::web::http_server::HttpServer;
use crate::web::listener::Listener;
use crate::web::reply;

/// The time that runs have after the signal to stop; then they are cancelled.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The time that the last responses have to reach their clients.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves connections until `stop`, then lets runs end. Returns once no run is in progress, or
/// after [`DRAIN_TIMEOUT`].
pub async fn serve(api: Arc<Api>, listener: Listener, stop: impl Future<Output = ()>) {
    let server = HttpServer::new(None);
    let answering = api.clone();
    let accept = server.accept(&listener, move |client, peer, request| {
        let api = answering.clone();
        async move { reply::until_disconnected(router::answer(&api, peer, request).await, client) }
    });
    let stopped = async {
        stop.await;
        api.service.drain();
        if timeout(DRAIN_TIMEOUT, api.service.admission.wait_until_idle()).await.is_err() {
            let seconds = DRAIN_TIMEOUT.as_secs();
            tracing::warn!("runs were still in progress after {seconds} s; they are cancelled");
        }
    };
    // Connections are answered while runs end: with 503, or with the result of their run.
    tokio::select! {
        () = accept => {}
        () = stopped => {}
    }
    drop(listener);
    api.mount.stop();
    server.shutdown(FLUSH_TIMEOUT).await;
    api.refused.end_period();
}
