//! A server of HTTP/1.1: accepts connections within limits, answers their requests, and ends them
//! in order.
//!
//! It uses hyper directly and not a framework on top of it, because it needs the socket of each
//! request: see [`disconnect`](super::disconnect).

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::time::timeout;

use super::connections::Connections;
use super::disconnect::{ClientSocket, Disconnected};
use super::listener::Listener;
use super::write_timeout::WriteTimeout;

/// The time for which a client may leave its response unread. The unread part is isolet's memory.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections of one server.
pub struct HttpServer {
    connections: Arc<Connections>,
    graceful: GracefulShutdown,
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
        Self { connections: Arc::default(), graceful: GracefulShutdown::new(), http }
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
            let (answer, client) = (answer.clone(), socket.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let (answer, client) = (answer.clone(), client.clone());
                async move {
                    tokio::select! {
                        biased;
                        response = answer(client.clone(), peer, request) => Ok(response),
                        () = client.disconnected() => Err(Disconnected),
                    }
                }
            });
            let socket = WriteTimeout::new(socket, UNREAD_TIMEOUT);
            let connection = self.graceful.watch(self.http.serve_connection(TokioIo::new(socket), answer));
            tokio::spawn(async move {
                let _permit = permit;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection");
                }
            });
        }
    }

    /// Ends idle connections at once, and the others with their next response. Returns `false` if
    /// some are left after `within`.
    pub async fn shutdown(self, within: Duration) -> bool {
        timeout(within, self.graceful.shutdown()).await.is_ok()
    }
}
