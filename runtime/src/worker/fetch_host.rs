//! The interface of the answerer of a Worker's fetches.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Worker;
use super::call_chain::CallChain;
use super::http::RequestBody;
use super::protocol::{Entrypoint, FetchError, FetchTarget, RequestHead, ResponseHead};

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
    fn destination(&self) -> Option<Destination> {
        None
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
    /// The body. A whole one is at most as long as the window of a stream, 256 KiB.
    pub body: RequestBody,
}

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

    /// Returns the names of the bindings.
    pub(crate) fn names(&self) -> Vec<String> {
        self.bindings.keys().cloned().collect()
    }

    /// Returns the Worker behind a target: `None` if the Worker does not have the target, and
    /// `Some(None)` if nobody's methods can be called there.
    pub(crate) fn destination(&self, target: FetchTarget) -> Option<Option<Destination>> {
        match target {
            FetchTarget::Binding(name) => Some(self.bindings.get(&name)?.destination()),
            FetchTarget::Export(entrypoint) => {
                let worker = self.exports.as_ref()?.worker();
                Some(worker.map(|worker| Destination { worker, entrypoint }))
            }
        }
    }

    /// Returns the answerer of what is fetched from a target, or `None` if the Worker does not have
    /// it.
    pub(crate) fn answerer(
        &self,
        target: FetchTarget,
    ) -> Option<Box<dyn FnOnce(FetchRequest) -> FetchFuture + Send>> {
        match target {
            FetchTarget::Binding(name) => {
                let host = self.bindings.get(&name)?.clone();
                Some(Box::new(move |request| host.fetch(request)))
            }
            FetchTarget::Export(entrypoint) => {
                let exports = self.exports.clone()?;
                Some(Box::new(move |request| exports.fetch(entrypoint, request)))
            }
        }
    }
}
