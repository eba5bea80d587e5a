//! Serves HTTP for a Worker: connections, the names and pages that may reach it, the request log.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::exchange::{self, WorkerBody};
use super::project::BuiltProject;
use super::responses;
use crate::web::server_names::ServerNames;

/// The number of connections at once.
const MAX_CONNECTIONS: usize = 1024;

/// The number of headers of a request. Cloudflare bounds their size only.
const MAX_HEADERS: usize = 512;

/// Serves requests for one of `names` with the current Worker, until the future is dropped.
pub async fn serve(listener: TcpListener, names: ServerNames, current: watch::Receiver<BuiltProject>) {
    let names = Arc::new(names);
    let permits = Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).max_headers(MAX_HEADERS);
    loop {
        let permit = permits.clone().acquire_owned().await;
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = socket.set_nodelay(true);
        let (names, current) = (names.clone(), current.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let (names, current) = (names.clone(), current.clone());
            async move { Ok::<_, Infallible>(answer(&names, &current, peer, request).await) }
        });
        let connection = http.serve_connection(TokioIo::new(socket), answer);
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection");
            }
        });
    }
}

async fn answer(
    names: &ServerNames,
    current: &watch::Receiver<BuiltProject>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> http::Response<WorkerBody> {
    if let Err(problem) = names.check_host(&request).and_then(|()| names.check_page(&request)) {
        return responses::problem(&problem);
    }
    let site = current.borrow().site.clone();
    exchange::answer(&site, peer.ip(), request).await
}
