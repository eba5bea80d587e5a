//! The interface of the answerer of a Worker's fetches.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::Worker;
use super::call_chain::CallChain;
use super::exports::ExportBinding;
use super::http::RequestBody;
use super::loaded::WorkerLoader;
use super::protocol::{Entrypoint, FetchError, FetchTarget, RequestHead, ResponseHead};
use super::socket::WorkerSocket;

/// The name of the binding that is the global function `fetch`. No binding in `env` has it.
pub const GLOBAL_FETCH: &str = "";

/// The name of the binding through which `caches` are used. No binding in `env` has it.
pub const CACHES: &str = ":caches";

/// The answerer of a Worker's fetches.
///
/// Dropping the future, or the stream of a body, cancels the fetch.
pub trait FetchHost: Send + Sync + 'static {
    /// Answers a fetch. The future is polled on the engine's tokio runtime.
    fn fetch(&self, request: FetchRequest) -> FetchFuture;

    /// Returns the Worker that answers, if its methods can be called.
    ///
    /// # Errors
    /// Returns the reason for which there is none to call, as text for the caller.
    fn destination(&self) -> Result<Destination, String> {
        Err("This binding answers fetch() only: it has no methods to call.".to_owned())
    }
}

/// A Worker whose methods can be called, and the entrypoint that has them.
pub struct Destination {
    /// The Worker.
    pub worker: Worker,
    /// The entrypoint.
    pub entrypoint: Entrypoint,
}

/// A fetch of a Worker.
pub struct FetchRequest {
    /// The head.
    pub head: RequestHead,
    /// The body. If its stream is dropped before its end, the Worker's stream is cancelled; the
    /// fetch goes on.
    pub body: RequestBody,
    /// The Workers that have been called so far.
    pub chain: CallChain,
}

/// The answer to a fetch.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<FetchedResponse, FetchError>> + Send>>;

/// The answer of a binding.
pub struct FetchedResponse {
    /// The head.
    pub head: ResponseHead,
    /// The body.
    pub body: FetchedBody,
}

/// The body of the answer to a fetch.
pub enum FetchedBody {
    /// There is none.
    Empty,
    /// The whole body, which is at most as long as the window of a stream, 256 KiB.
    Whole(Bytes),
    /// The body as it comes. It is read no faster than the Worker reads it. An error is the text of
    /// the reason for which the body broke off.
    Stream(BoxStream<'static, Result<Bytes, String>>),
    /// The other end of a WebSocket. The status is 101.
    Socket(SocketServer),
}

/// The other end of a WebSocket that a fetch was answered with. It is called once the Worker has
/// accepted its own end, and serves that until it has closed both directions or the Worker is gone.
/// Dropping it loses the connection.
pub type SocketServer = Box<dyn FnOnce(WorkerSocket) -> BoxFuture<'static, ()> + Send>;

/// The answerer of what a Worker fetches from its own entrypoints.
pub(crate) trait ExportHost: Send + Sync + 'static {
    /// Answers a fetch from an entrypoint.
    fn fetch(&self, entrypoint: Entrypoint, request: FetchRequest) -> FetchFuture;

    /// Returns the Worker, unless it ends.
    fn worker(&self) -> Option<Worker>;
}

/// The bindings through which a Worker fetches: their names in `env`, and who answers them.
#[derive(Clone, Default)]
pub struct FetchBindings {
    bindings: BTreeMap<String, Arc<dyn FetchHost>>,
    /// The Worker itself.
    exports: Option<Arc<dyn ExportHost>>,
    /// The names of loaders, and the starter of what they load.
    loader: Option<(Vec<String>, Arc<dyn WorkerLoader>)>,
    /// Set for a Worker that was loaded with `globalOutbound: null`, and those that it loads with
    /// its own.
    is_closed: bool,
}

impl FetchBindings {
    /// Adds a binding.
    pub fn add(&mut self, name: impl Into<String>, host: Arc<dyn FetchHost>) {
        self.bindings.insert(name.into(), host);
    }

    /// Sets the answerer of fetches from the Worker's own entrypoints.
    pub(crate) fn set_exports(&mut self, exports: Arc<dyn ExportHost>) {
        self.exports = Some(exports);
    }

    /// Notes that the Worker was loaded without a network.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Returns `true` if the Worker was loaded without a network.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Returns the names of the bindings.
    pub(crate) fn names(&self) -> Vec<String> {
        self.bindings.keys().cloned().collect()
    }

    /// Sets the starter of Workers that the Worker loads through bindings of these names.
    pub fn set_loader(&mut self, names: Vec<String>, loader: Arc<dyn WorkerLoader>) {
        self.loader = Some((names, loader));
    }

    /// Returns the names of the bindings through which it loads Workers, and their starter.
    pub(crate) fn loader(&self) -> Option<(&[String], &Arc<dyn WorkerLoader>)> {
        self.loader.as_ref().map(|(names, loader)| (names.as_slice(), loader))
    }

    /// Returns the answerer of a binding.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn FetchHost>> {
        self.bindings.get(name).cloned()
    }

    /// Returns the answerer of what is fetched from a target, or `None` if the Worker does not have
    /// it. Workers that an instance has loaded are known to the instance only.
    pub(crate) fn host(&self, target: &FetchTarget) -> Option<Arc<dyn FetchHost>> {
        match target {
            FetchTarget::Binding(name) => self.get(name),
            FetchTarget::Export(entrypoint) => {
                let (exports, entrypoint) = (self.exports.clone()?, entrypoint.clone());
                Some(Arc::new(ExportBinding { exports, entrypoint }))
            }
            FetchTarget::Loaded { .. } => None,
        }
    }
}
