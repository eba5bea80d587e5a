//! Workers: long-lived isolates that answer requests.
//!
//! A [`Worker`] gives each request to an instance: an isolate that has evaluated the project's
//! modules. An instance that ends, for instance because a request passed a limit, is replaced by
//! the next request.
//!
//! | module | side | contents |
//! |---|---|---|
//! | `http` | owner | requests and responses, with their bodies |
//! | `exchange` | owner | the requests of one instance, credit for bodies |
//! | `bindings` | owner | fetches of the Worker that this process answers |
//! | `instances` | owner | the instances of a Worker: their number follows the load |
//! | `thread` | owner | an instance on a thread of this process |
//! | `worker_process` of the broker | owner | an instance in a jailed process |
//! | `protocol` | both | the messages between the two sides |
//! | `turns` | isolate | turns, requests that can never answer, the CPU time of each request |
//! | `requests` | isolate | the requests that have not ended |
//! | `compression` | isolate | bodies that a Worker declares as gzip |
//! | `load` | isolate | the evaluation of the project's modules |

pub(crate) mod bindings;
pub(crate) mod compression;
pub(crate) mod exchange;
pub(crate) mod http;
mod instances;
pub(crate) mod protocol;
pub(crate) mod requests;
mod thread;
pub(crate) mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use v8::{Local, PinScope};

pub use self::bindings::{FetchBindings, FetchFuture, FetchHost, FetchedResponse};
pub use self::http::{BrokenBody, HttpRequest, HttpResponse, RequestBody, ResponseBody, ResponseStream};
use self::instances::Instances;
pub(crate) use self::instances::{Instance, WorkerBackend};
pub use self::protocol::{RequestHead, ResponseHead};
use crate::job::WorkerJob;
use crate::js_interface::EntryFunctions;
use crate::modules::{self, ModuleMap};
use crate::state::RunState;
use crate::stop::StopReason;
use crate::{ErrorCode, LogLine, Module, RunError, error, event_loop};

/// The receiver of a Worker's log lines, each when it is logged, with the number of its request or
/// 0.
pub type LogSink = Arc<dyn Fn(u32, LogLine) + Send + Sync>;

/// A Worker. When it is dropped, its instances end with their last requests.
pub struct Worker {
    instances: Arc<Instances>,
}

impl Worker {
    pub(crate) async fn start(backend: WorkerBackend, job: WorkerJob) -> Result<Self, RunError> {
        let instances = Instances::new(backend, job);
        instances.place().await?;
        Ok(Self { instances })
    }

    /// Returns a number for a request. No two requests of this process have the same one within
    /// four thousand million.
    pub fn next_id() -> u32 {
        static LAST: AtomicU32 = AtomicU32::new(0);
        // Small integers of V8 are cheaper, and 0 stands for no request.
        LAST.fetch_add(1, Ordering::Relaxed) % (i32::MAX as u32) + 1
    }

    /// Returns the number of processes, or threads, that take requests.
    pub fn instances(&self) -> usize {
        self.instances.count()
    }

    /// Returns the number of requests that have not ended, of which some may have been answered and
    /// go on in `ctx.waitUntil`.
    pub async fn requests(&self) -> usize {
        self.instances.requests().await
    }

    /// Sends one request through the Worker's `fetch`. Dropping the future cancels the request: the
    /// Worker's `request.signal` aborts.
    ///
    /// # Errors
    /// Returns what the Worker threw, or the limit that it passed. [`ErrorCode::Crashed`] means
    /// that the Worker ended for another reason than this request, which may be sent again.
    pub async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, RunError> {
        let HttpRequest { id, head, body } = request;
        let is_repeatable =
            matches!(body, RequestBody::Empty) && matches!(head.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let again = is_repeatable.then(|| head.clone());
        match self.fetch_once(id, head, body).await {
            Err(error) if error.code == ErrorCode::Crashed => match again {
                Some(head) => self.fetch_once(id, head, RequestBody::Empty).await,
                None => Err(error),
            },
            answer => answer,
        }
    }

    async fn fetch_once(
        &self,
        id: u32,
        mut head: RequestHead,
        mut body: RequestBody,
    ) -> Result<HttpResponse, RunError> {
        let mut pending = loop {
            let instance = self.instances.place().await?;
            let exchanges = instance.exchanges().clone();
            match exchanges.begin(id, head, body, instance) {
                Ok(pending) => break pending,
                Err(back) => (head, body) = back,
            }
        };
        let limits = self.instances.limits();
        match tokio::time::timeout(limits.wall, pending.answer()).await {
            Ok(answer) => answer,
            // The request is cancelled when `pending` is dropped.
            Err(_) => Err(error::stopped(StopReason::Wall, limits)),
        }
    }
}

/// Compiles the project and evaluates its main module. `bindings` are the names in `env` that
/// fetch.
pub(crate) fn load(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    main_name: &str,
    project: &Arc<[Module]>,
    bindings: &[String],
) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let names = serde_json::to_string(bindings).unwrap_or_default();
    let names = v8::String::new(scope, &names).unwrap_or_else(|| v8::String::empty(scope));
    event_loop::enter(scope, entries, &entries.open, &[names.into()]);
    scope.set_slot(ModuleMap::of(project));
    let module = modules::load_of_project(scope, main_name)?;
    let evaluation = {
        v8::tc_scope!(let scope, scope);
        let evaluation = module.evaluate(scope);
        event_loop::microtasks(scope);
        evaluation
    };
    let stopped = scope.get_slot::<RunState>().and_then(|state| state.control.stopped());
    if let Some(reason) = stopped {
        return Err(event_loop::stopped(scope, reason));
    }
    let promise = evaluation.and_then(|value| Local::<v8::Promise>::try_from(value).ok());
    let thrown = match promise.map(|promise| (promise.state(), promise)) {
        Some((v8::PromiseState::Fulfilled, _)) => {
            let namespace = module.get_module_namespace();
            event_loop::enter(scope, entries, &entries.worker, &[namespace]);
            let outcome = scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome);
            return match outcome {
                Some(Err(error)) => Err(error),
                _ => Ok(()),
            };
        }
        Some((v8::PromiseState::Rejected, promise)) => promise.result(scope),
        _ => {
            return Err(RunError::new(
                ErrorCode::Exception,
                "StartUpError",
                format!("{}: top-level await of something that is not ready at start-up.", main_name),
            )
            .with_hint(
                "Move the await into fetch(): a Worker cannot wait for tools or timers while it starts.",
            ));
        }
    };
    event_loop::enter(scope, entries, &entries.uncaught, &[thrown]);
    let outcome = scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome);
    match outcome {
        Some(Err(error)) => Err(error),
        _ => Err(RunError::new(ErrorCode::Exception, "StartUpError", "The main module failed.")),
    }
}
