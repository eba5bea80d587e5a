//! Workers: long-lived isolates that answer requests.
//!
//! A [`Worker`] gives each request to an instance: an isolate that has evaluated the project's
//! modules. An instance that ends, for instance because a request passed a limit, is replaced by
//! the next request.
//!
//! | module | side | contents |
//! |---|---|---|
//! | `http` | owner | requests and responses, with their bodies |
//! | `body` | owner | the body of a response, as it comes |
//! | `call_chain` | owner | the bound on Workers that call each other |
//! | `exports` | owner | fetches of a Worker from its own entrypoints |
//! | `socket`, `socket_queue` | owner | the WebSocket of a request or a fetch: its end for the owner, the messages of the Worker |
//! | `socket_relay` | owner | WebSockets both ends of which are in this process |
//! | `exchange` | owner | the requests of one instance, and the rules for its messages |
//! | `fetch_host`, `bindings` | owner | fetches of the Worker that this process answers |
//! | `link` | owner | the interface of the connection to an instance, and bodies on it |
//! | `instance` | owner | the interface of instances |
//! | `instance_list` | owner | the instances that take requests, and those that finish theirs |
//! | `instances` | owner | the instances of a Worker: their number follows the load |
//! | `thread` | owner | an instance on a thread of this process |
//! | `worker_process` of the broker | owner | an instance in a jailed process |
//! | `protocol` | both | the messages between the two sides |
//! | `rpc` | both | the values and names of calls between Workers |
//! | `turns` | isolate | turns, requests that can never answer, the CPU time of each request |
//! | `requests` | isolate | the requests that have not ended |
//! | `compression` | isolate | bodies that a Worker declares as gzip |
//! | `load` | isolate | the evaluation of the project's modules |
//! | `loaded` | owner | Workers that a Worker loads |

pub(crate) mod bindings;
mod body;
pub(crate) mod call_chain;
pub(crate) mod compression;
pub(crate) mod exchange;
mod exports;
pub(crate) mod fetch_host;
pub(crate) mod http;
pub(crate) mod instance;
mod instance_list;
mod instances;
pub(crate) mod link;
pub(crate) mod load;
pub(crate) mod loaded;
pub(crate) mod protocol;
pub(crate) mod requests;
pub(crate) mod rpc;
mod socket;
mod socket_queue;
mod socket_relay;
mod thread;
pub(crate) mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

pub use self::body::{BrokenBody, WorkerStream};
pub use self::call_chain::{CDN_LOOP, CallChain};
pub use self::fetch_host::{
    CACHES, Destination, FetchBindings, FetchFuture, FetchHost, FetchRequest, FetchedBody, FetchedResponse,
    GLOBAL_FETCH, SocketServer,
};
use self::http::Event;
pub use self::http::{HttpRequest, HttpResponse, RequestBody, RequestOrigin, ResponseBody};
use self::instance::Instance;
use self::instances::Instances;
pub(crate) use self::instances::WorkerBackend;
pub use self::loaded::{LoadedCode, MAX_LOADED_WORKERS, WorkerLoader};
pub use self::protocol::{
    CLOSE_CODE_LOST, Entrypoint, FetchError, MAX_CLOSE_REASON_BYTES, RequestHead, ResponseHead, SocketPiece,
};
pub use self::socket::{RefusedPiece, SocketOutput, WorkerSocket};
pub use self::socket_relay::relay_sockets;
use crate::job::WorkerJob;
use crate::stop::StopReason;
use crate::{ErrorCode, RunError, error};

/// A Worker. When its last clone is dropped, its instances end with their last requests.
#[derive(Clone)]
pub struct Worker(Source);

/// The instances of a Worker, or those that a start will give.
#[derive(Clone)]
enum Source {
    Started(Arc<Instances>),
    Starting(Shared<Start>),
}

/// The start of a Worker.
type Start = BoxFuture<'static, Result<Worker, RunError>>;

/// A Worker of [`Worker::later`] that ends when its last clone is dropped.
struct WeakWorker(WeakShared<Start>);

impl WeakWorker {
    fn upgrade(&self) -> Option<Worker> {
        self.0.upgrade().map(|start| Worker(Source::Starting(start)))
    }
}

impl Worker {
    pub(crate) async fn start(backend: WorkerBackend, job: WorkerJob) -> Result<Self, RunError> {
        let instances = Instances::new(backend, job);
        instances.load().await?;
        Ok(Self::of(instances))
    }

    fn of(instances: Arc<Instances>) -> Self {
        Self(Source::Started(instances))
    }

    /// Returns a Worker that starts with its first request. If it does not start, all requests fail
    /// with the error of the start.
    pub(crate) fn later(start: Start) -> Self {
        Self(Source::Starting(start.shared()))
    }

    /// Returns a reference that does not keep the Worker, if this is one of [`Self::later`].
    fn downgrade(&self) -> Option<WeakWorker> {
        match &self.0 {
            Source::Started(_) => None,
            Source::Starting(start) => start.downgrade().map(WeakWorker),
        }
    }

    /// Returns the instances, when it has started.
    async fn started(&self) -> Result<Arc<Instances>, RunError> {
        let mut worker = self.clone();
        loop {
            match worker.0 {
                Source::Started(instances) => return Ok(instances),
                Source::Starting(start) => worker = start.await?,
            }
        }
    }

    /// Returns a number for a request. No two requests of this process have the same one within
    /// two thousand million.
    pub fn next_id() -> u32 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        // Small integers of V8 are cheaper, and 0 stands for no request.
        (LAST.fetch_add(1, Ordering::Relaxed) % (i32::MAX as u64)) as u32 + 1
    }

    /// Returns the number of processes, or threads, that take requests.
    pub fn instances(&self) -> usize {
        match &self.0 {
            Source::Started(instances) => instances.count(),
            Source::Starting(_) => 0,
        }
    }

    /// Returns the number of requests that have not ended, of which some may have been answered and
    /// go on in `ctx.waitUntil`.
    pub async fn requests(&self) -> usize {
        match &self.0 {
            Source::Started(instances) => instances.requests().await,
            Source::Starting(_) => 0,
        }
    }

    /// Sends one request through the Worker's `fetch`. Dropping the future cancels the request: the
    /// Worker's `request.signal` aborts.
    ///
    /// # Errors
    /// Returns what the Worker threw, or the limit that it passed. [`ErrorCode::Crashed`] means
    /// that the Worker ended for another reason than this request, which may be sent again.
    pub async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, RunError> {
        let HttpRequest { id, head, body, origin } = request;
        let is_repeatable =
            matches!(body, RequestBody::Empty) && matches!(head.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let head = Arc::new(head);
        let again = is_repeatable.then(|| (head.clone(), origin.clone()));
        match self.fetch_once(id, head, body, origin).await {
            Err(error) if error.code == ErrorCode::Crashed => match again {
                Some((head, origin)) => self.fetch_once(id, head, RequestBody::Empty, origin).await,
                None => Err(error),
            },
            answer => answer,
        }
    }

    /// Sends one scheduled event through the Worker's `scheduled`, and waits for it and for the
    /// promises that it gives to `waitUntil`. `time_ms` is in milliseconds since 1970.
    ///
    /// # Errors
    /// Returns what the Worker threw, or the limit that it passed.
    pub async fn scheduled(&self, id: u32, cron: String, time_ms: f64) -> Result<(), RunError> {
        self.ask(id, Event::Scheduled { cron, time_ms }).await.map(|_| ())
    }

    async fn fetch_once(
        &self,
        id: u32,
        head: Arc<RequestHead>,
        body: RequestBody,
        origin: RequestOrigin,
    ) -> Result<HttpResponse, RunError> {
        self.ask(id, Event::Fetch { head, body, origin }).await
    }

    /// Returns an instance for a call.
    pub(crate) async fn place(&self) -> Result<Arc<dyn Instance>, RunError> {
        self.started().await?.place().await
    }

    async fn ask(&self, id: u32, mut event: Event) -> Result<HttpResponse, RunError> {
        let instances = self.started().await?;
        let mut pending = loop {
            let instance = instances.place().await?;
            let exchanges = instance.exchanges().clone();
            match exchanges.begin(id, event, instance) {
                Ok(pending) => break pending,
                Err(back) => event = back,
            }
        };
        let limits = instances.limits();
        match tokio::time::timeout(limits.wall, pending.answer()).await {
            Ok(answer) => answer,
            // The request is cancelled when `pending` is dropped.
            Err(_) => Err(error::stopped_worker(StopReason::Wall, limits)),
        }
    }
}
