//! A server of HTTP/1.1: accepts connections within limits, answers their requests, and ends them
//! in order.
//!
//! It uses hyper directly and not a framework on top of it, because it needs the socket of each
//! request: see [`disconnect`](super::disconnect).

use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, header};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{ConnectionPermit, Connections};
use super::disconnect::{ClientSocket, Disconnected};
use super::listener::Listener;
use super::write_timeout::WriteTimeout;

/// The time for which a client may leave its response unread. The unread part is isolet's memory.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The permit of a connection, in the extensions of requests to upgrade it. A request that takes
/// the connection over keeps it.
#[derive(Clone)]
pub struct ConnectionHold(#[allow(dead_code, reason = "it is held, not read")] Arc<ConnectionPermit>);

/// The connections of one server.
pub struct HttpServer {
    connections: Arc<Connections>,
    /// The connections, and the token that ends them. `GracefulShutdown` of hyper-util does not
    /// take connections that can become WebSockets.
    tasks: TaskTracker,
    stop: CancellationToken,
    http: http1::Builder,
}

impl HttpServer {
    /// Makes a server without connections. `max_headers` is the number of headers of a request,
    /// where hyper's own bound is too low.
    pub fn new(max_headers: Option<usize>) -> Self {
        let mut http = http1::Builder::new();
        // Not `pipeline_flush`: with it hyper takes from an endless stream of events whether or not
        // the client reads. The timer makes hyper's default timeout for a request's head effective.
        http.timer(TokioTimer::new()).keep_alive(true);
        if let Some(max_headers) = max_headers {
            http.max_headers(max_headers);
        }
        Self { connections: Arc::default(), tasks: TaskTracker::new(), stop: CancellationToken::new(), http }
    }

    /// Accepts connections until the future is dropped, and has `answer` answer their requests. It
    /// gets the socket and the address of the other end; if the client disconnects, the answer is
    /// dropped.
    pub async fn accept<A, F, B>(&self, listener: &Listener, answer: A)
    where
        A: Fn(ClientSocket, Option<SocketAddr>, Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        loop {
            let slot = self.connections.slot().await;
            let (socket, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                // Out of file descriptors, or the client is gone: neither ends the server.
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(permit) = self.connections.permit(slot, peer.map(|peer| peer.ip())) else { continue };
            let (answer, client, hold) = (answer.clone(), socket.clone(), ConnectionHold(Arc::new(permit)));
            let answer = service_fn(move |mut request: Request<Incoming>| {
                let (answer, client) = (answer.clone(), client.clone());
                if request.headers().contains_key(header::UPGRADE) {
                    request.extensions_mut().insert(hold.clone());
                }
                async move {
                    tokio::select! {
                        biased;
                        response = answer(client.clone(), peer, request) => Ok(response),
                        () = client.disconnected() => Err(Disconnected),
                    }
                }
            });
            let socket = WriteTimeout::new(socket, UNREAD_TIMEOUT);
            // The permit goes with the service, or with the connection that a request takes over.
            let connection = self.http.serve_connection(TokioIo::new(socket), answer).with_upgrades();
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                let mut connection = pin!(connection);
                let ended = tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = stop.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection");
                }
            });
        }
    }

    /// Ends idle connections at once, and the others with their next response. Returns `false` if
    /// some are left after `within`.
    pub async fn shutdown(self, within: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        timeout(within, self.tasks.wait()).await.is_ok()
    }
}
