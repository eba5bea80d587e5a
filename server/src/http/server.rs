//! What all requests share, and how the server stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use isolet_runtime::{Engine, Limits};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::access::Access;
use super::admission::Admission;
use super::impatient::Impatient;
use super::metrics::Metrics;
use super::socket::{HungUp, Socket};
use super::{reply, router};
use crate::mcp::Endpoint;
use crate::tools::Tools;

/// Connections at once. More than the runs and the queue together, so that health checks get through a full queue.
const CONNECTIONS: usize = 4096;

/// How long a client may leave what it asked for unread: what is buffered for it is isolet's memory.
const UNREAD: Duration = Duration::from_secs(30);

/// How long runs may go on after the signal to stop; then they are cancelled.
const DRAIN: Duration = Duration::from_secs(20);

/// How long the last answers may take to reach their clients.
const FLUSH: Duration = Duration::from_secs(2);

/// What all requests share.
pub struct Server {
    /// Runs scripts.
    pub engine: Engine,
    /// What scripts can reach.
    pub tools: Arc<Tools>,
    /// Who may ask.
    pub access: Access,
    /// How many at once.
    pub admission: Admission,
    /// What came of it.
    pub metrics: Metrics,
    /// The most that a run may use.
    pub limits: Limits,
    draining: AtomicBool,
}

impl Server {
    /// A server that takes runs.
    pub fn new(
        engine: Engine,
        tools: Arc<Tools>,
        access: Access,
        admission: Admission,
        limits: Limits,
    ) -> Arc<Self> {
        let metrics = Metrics::default();
        Arc::new(Self { engine, tools, access, admission, metrics, limits, draining: AtomicBool::new(false) })
    }

    /// Whether it is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The longest body that can be a request: JSON may write a byte of a script as two (`\n`, `\"`) and still be what
    /// people and libraries send. Texts escaped further (`\u0061`) hit the limit earlier, which is no loss.
    pub fn largest_body(&self, bare_script: bool) -> usize {
        const FIELDS: usize = 64 * 1024;
        if bare_script {
            self.limits.code_bytes
        } else {
            2 * self.limits.code_bytes + self.limits.input_bytes + FIELDS
        }
    }

    /// Answers connections until `stop`, then lets runs end. Returns when no run is left or their time is up.
    pub async fn serve(
        self: &Arc<Self>,
        mcp: Arc<Endpoint>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) {
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut http = hyper::server::conn::http1::Builder::new();
        // Not `pipeline_flush`: with it hyper takes from a stream of events without end, whether or not the client reads.
        // The timer makes hyper's own 30 seconds for a request's head count.
        http.timer(TokioTimer::new()).keep_alive(true);
        let accept = async {
            loop {
                let permit = connections.clone().acquire_owned().await;
                let socket = match listener.accept().await {
                    Ok((socket, _)) => socket,
                    // Out of descriptors, or the client has gone: wait for better times instead of spinning or ending.
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                let _ = socket.set_nodelay(true);
                let socket = Socket::new(socket);
                let (server, endpoint, client) = (self.clone(), mcp.clone(), socket.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (server, mcp, client) = (server.clone(), endpoint.clone(), client.clone());
                    async move {
                        tokio::select! {
                            biased;
                            reply = router::answer(&server, &mcp, request) => Ok(reply::until(reply, client.clone())),
                            // An answer that is dropped is a run that is cancelled.
                            () = client.hung_up() => Err(HungUp),
                        }
                    }
                });
                let connection = graceful
                    .watch(http.serve_connection(TokioIo::new(Impatient::new(socket, UNREAD)), answer));
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
            self.draining.store(true, Ordering::Relaxed);
            if timeout(DRAIN, self.admission.idle()).await.is_err() {
                tracing::warn!("runs were still going on after {} s; they are cancelled", DRAIN.as_secs());
            }
        };
        // Connections are answered while runs end: with 503, or with their result.
        tokio::select! {
            () = accept => {}
            () = stopped => {}
        }
        drop(listener);
        mcp.stop();
        let _ = timeout(FLUSH, graceful.shutdown()).await;
    }
}
