//! The Workers behind one listener: which of them answers a request, and who may send it.
//!
//! A host that a route names is public: the operator, or the project's own configuration, says so,
//! and web pages of any origin may use it, as far as the Worker lets them. A name of this machine
//! was named by nobody: there the rules of [`ServerNames`] apply, because every page in the
//! operator's browser reaches it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, header};
use hyper::body::Incoming;
use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exchange::{self, Client, WorkerBody};
use super::request_log::{OpenRequest, RequestEnd, RequestLog};
use super::routes::Routes;
use super::sockets::open_sockets::OpenSockets;
use super::version::WorkerVersion;
use super::{heads, responses};
use crate::settings::address::HostAndPort;
use crate::web::disconnect::ClientSocket;
use crate::web::problem::Problem;
use crate::web::server_names::{self, ServerNames};

/// The number of requests of one Worker at once. A slow Worker must not use up the connections of
/// the others; beyond it a request is told to try again.
const MAX_REQUESTS: usize = 1024;

/// The hint for a request that may not use a Worker of `isolet serve`.
const ROUTES_HINT: &str =
    "Names of this machine are for its own pages. A host that a route names (--worker-route) is for all.";

/// A Worker as it is served. A newer version takes the place of the one before, which ends with its
/// last request.
pub struct ServedWorker {
    current: RwLock<Arc<WorkerVersion>>,
    log: Arc<dyn RequestLog>,
    requests: Arc<Semaphore>,
    sockets: Arc<OpenSockets>,
}

impl ServedWorker {
    /// Returns a Worker that is ready for requests.
    pub fn new(version: WorkerVersion, log: Arc<dyn RequestLog>) -> Arc<Self> {
        let requests = Arc::new(Semaphore::new(MAX_REQUESTS));
        let sockets = Arc::default();
        Arc::new(Self { current: RwLock::new(Arc::new(version)), log, requests, sockets })
    }

    /// Gives new requests to this version.
    pub fn replace(&self, version: WorkerVersion) {
        let before = std::mem::replace(&mut *self.current.write(), Arc::new(version));
        before.retired.cancel();
    }

    /// Returns the version that gets new requests.
    pub fn current(&self) -> Arc<WorkerVersion> {
        self.current.read().clone()
    }

    /// Returns its WebSockets.
    pub fn sockets(&self) -> &OpenSockets {
        &self.sockets
    }

    /// Returns the receiver of the notes on its requests.
    pub fn log(&self) -> Arc<dyn RequestLog> {
        self.log.clone()
    }

    /// Returns the permit of one more request, if it may have one.
    pub fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.requests.clone().try_acquire_owned().ok()
    }

    async fn answer(
        &self,
        peer: Option<SocketAddr>,
        client: ClientSocket,
        request: Request<Incoming>,
    ) -> Response<WorkerBody> {
        let Some(permit) = self.permit() else {
            let mut open = OpenRequest::new(&request.into_parts().0, self.log.clone());
            open.end(503, RequestEnd::Refused);
            return responses::try_again("The Worker has as many requests as it may have.\n".to_owned());
        };
        let version = self.current();
        let client = Client { address: peer.map(|peer| peer.ip()), socket: client };
        let answered = exchange::answer(&version, client, request, self.log.clone(), &self.sockets);
        answered.await.map(|body| body.holding(permit))
    }
}

/// The Workers behind one listener.
pub struct Site {
    names: Option<ServerNames>,
    workers: Vec<Arc<ServedWorker>>,
    routes: Routes,
    local: LocalWorkers,
    /// The hint for a request that may not use a Worker, in place of those of [`ServerNames`].
    hint: Option<&'static str>,
    /// The notes on requests that may not use a Worker.
    refusals: Option<Arc<dyn RequestLog>>,
}

/// The Workers that answer to names of this machine.
pub enum LocalWorkers {
    /// None: all have routes.
    None,
    /// The only one answers to all names.
    Only,
    /// Those without a route, by the name that each has of its own: `NAME.localhost`.
    Named(Vec<(String, usize)>),
}

impl LocalWorkers {
    /// Returns the names that each have a Worker of their own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named: &[(String, usize)] = if let Self::Named(names) = self { names } else { &[] };
        named.iter().map(|(name, _)| name.as_str())
    }
}

impl Site {
    /// Returns the site of these Workers; `routes` and `local` have their numbers. `names` is
    /// `None` on a UNIX socket, which no web page reaches.
    pub fn new(
        names: Option<ServerNames>,
        workers: Vec<Arc<ServedWorker>>,
        routes: Routes,
        local: LocalWorkers,
    ) -> Arc<Self> {
        let hint = Some(ROUTES_HINT);
        Arc::new(Self { names, workers, routes, local, hint, refusals: None })
    }

    /// Returns the site of one Worker for all requests to a name of this machine.
    pub fn of_one(names: ServerNames, worker: Arc<ServedWorker>) -> Arc<Self> {
        let refusals = Some(worker.log.clone());
        let (workers, routes, local) = (vec![worker], Routes::default(), LocalWorkers::Only);
        Arc::new(Self { names: Some(names), workers, routes, local, hint: None, refusals })
    }

    /// Answers one request of `client`, the other end of whose connection has the address `peer`.
    pub async fn answer(
        &self,
        client: ClientSocket,
        peer: Option<SocketAddr>,
        request: Request<Incoming>,
    ) -> Response<WorkerBody> {
        match self.worker_for(&request) {
            Ok(worker) => worker.answer(peer, client, request).await,
            Err(problem) => {
                match &self.refusals {
                    Some(log) => OpenRequest::new(&request.into_parts().0, log.clone()).refused(&problem),
                    None => {
                        tracing::debug!(
                            target: super::LOG_TARGET, status = problem.status().as_u16(), "refused"
                        );
                    }
                }
                responses::problem(&problem)
            }
        }
    }

    /// Closes the WebSockets of all Workers, and waits until they have ended.
    pub async fn close_sockets(&self) {
        self.workers.iter().for_each(|worker| worker.sockets.close());
        for worker in &self.workers {
            worker.sockets.closed().await;
        }
    }

    fn worker_for<B>(&self, request: &Request<B>) -> Result<&Arc<ServedWorker>, Problem> {
        let host = requested_host(request).unwrap_or_default();
        let path = heads::path_and_query(request.uri());
        if let Some(worker) = self.routes.find(&host, &path) {
            server_names::check_target(request)?;
            return Ok(&self.workers[worker]);
        }
        let checked = match &self.names {
            Some(names) => match names.check_host(request) {
                // Not a local name, but one of a route: the path is what is wrong.
                Err(_) if self.routes.has_host(&host) => {
                    server_names::check_target(request)?;
                    return Err(no_route(&host));
                }
                checked => checked.and_then(|()| names.check_page(request)),
            },
            None => server_names::check_target(request),
        };
        checked.map_err(|problem| match self.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        })?;
        let local = match &self.local {
            LocalWorkers::Only => Some(0),
            LocalWorkers::Named(names) => {
                names.iter().find(|(name, _)| *name == host).map(|(_, worker)| *worker)
            }
            LocalWorkers::None => None,
        };
        local.map(|worker| &self.workers[worker]).ok_or_else(|| {
            let names: Vec<&str> = self.local.names().collect();
            match names.is_empty() {
                true => no_route(&host),
                false => no_route(&host).with_hint(format!("Hosts of Workers: {}.", names.join(", "))),
            }
        })
    }
}

/// Refuses a request for whose path there is no Worker.
fn no_route(host: &str) -> Problem {
    Problem::not_found(format!("No Worker has a route for this path of `{host}`."))
}

/// Returns the host that a request names, in lower case. A target with a host stands above `Host`.
fn requested_host<B>(request: &Request<B>) -> Option<String> {
    let named = match request.uri().authority() {
        Some(authority) => HostAndPort::parse(authority.as_str()),
        None => HostAndPort::parse(request.headers().get(header::HOST)?.to_str().ok()?),
    };
    Some(named?.host)
}
