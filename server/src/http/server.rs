//! The HTTP server: accepts connections, routes their requests, and stops in order.
//!
//! It uses hyper directly and not a framework on top of it, because it needs the socket of each
//! request: see [`disconnect`](crate::web::disconnect).

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::time::timeout;

use super::router::{self, Api};
use crate::web::connections::Connections;
use crate::web::disconnect::Disconnected;
use crate::web::listener::Listener;
use crate::web::reply;
use crate::web::write_timeout::WriteTimeout;

/// The time for which a client may leave its response unread. The unread part is isolet's memory.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The time that runs have after the signal to stop; then they are cancelled.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The time that the last responses have to reach their clients.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop`, then lets runs end. Returns once no run is in progress, or
/// after [`DRAIN_TIMEOUT`].
pub async fn serve(api: Arc<Api>, listener: Listener, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Connections::default());
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    // Not `pipeline_flush`: with it hyper takes from an endless stream of events whether or not
    // the client reads. The timer makes hyper's default timeout for a request's head effective.
    http.timer(TokioTimer::new()).keep_alive(true);
    let accept = async {
        loop {
            let slot = connections.slot().await;
            let (socket, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                // Out of file descriptors, or the client is gone: neither ends the server.
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(permit) = connections.permit(slot, peer.map(|peer| peer.ip())) else { continue };
            let (api, client) = (api.clone(), socket.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let (api, client) = (api.clone(), client.clone());
                async move {
                    tokio::select! {
                        biased;
                        reply = router::answer(&api, peer, request) => {
                            Ok(reply::until_disconnected(reply, client.clone()))
                        }
                        // Dropping the answer cancels its run.
                        () = client.disconnected() => Err(Disconnected),
                    }
                }
            });
            let socket = WriteTimeout::new(socket, UNREAD_TIMEOUT);
            let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), answer));
            tokio::spawn(async move {
                let _permit = permit;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection");
                }
            });
        }
    };
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
    let _ = timeout(FLUSH_TIMEOUT, graceful.shutdown()).await;
    api.refused.end_period();
}
