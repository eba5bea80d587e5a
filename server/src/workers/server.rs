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
/// connections are refused, and connections end with their next response.
pub async fn serve(listener: Listener, site: Arc<Site>, stop: impl Future<Output = ()>, drain: Duration) {
    let server = HttpServer::new(Some(MAX_HEADERS));
    let accept = server.accept(&listener, move |client, peer, request| {
        let site = site.clone();
        async move { site.answer(client, peer, request).await }
    });
    tokio::select! {
        () = accept => {}
        () = stop => {}
    }
    drop(listener);
    if !server.shutdown(drain).await {
        let time = duration::display(drain);
        tracing::warn!("requests of Workers were still in progress after {time}; they are cancelled");
    }
}
