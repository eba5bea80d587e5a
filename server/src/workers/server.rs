//! Serves the Workers of a site over HTTP, and stops in order.

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use crate::settings::duration;
use crate::web::http_server::HttpServer;
use crate::web::listener::Listener;

/// The number of headers of a request. Cloudflare bounds their size only.
const MAX_HEADERS: usize = 512;

/// Serves requests until `stop`, then lets those that are there end, for at most `drain`: new
/// connections are refused, connections end with their next response, and WebSockets are closed.
pub async fn serve(listener: Listener, site: Arc<Site>, stop: impl Future<Output = ()>, drain: Duration) {
    let server = HttpServer::new(Some(MAX_HEADERS));
    let served = site.clone();
    let accept = server.accept(&listener, move |client, peer, request| {
        let site = served.clone();
        async move { site.answer(client, peer, request).await }
    });
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    drop(listener);
    // A WebSocket has no end of its own: its client is told to go elsewhere.
    let sockets = tokio::time::timeout(drain, site.close_sockets());
    let (ended, _) = tokio::join!(server.shutdown(drain), sockets);
    if !ended {
        let time = duration::display(drain);
        tracing::warn!("requests of Workers were still in progress after {time}; they are cancelled");
    }
}
