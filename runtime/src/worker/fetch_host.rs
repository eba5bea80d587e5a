//! The interface of the answerer of a Worker's fetches.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::http::RequestBody;
use super::protocol::{RequestHead, ResponseHead};

/// The answerer of a Worker's fetches.
///
/// Dropping the future, or the stream of a body, cancels the fetch.
pub trait FetchHost: Send + Sync + 'static {
    /// Answers a fetch. The future is polled on the engine's tokio runtime. An error is a text for
    /// the Worker.
    fn fetch(&self, request: FetchRequest) -> FetchFuture;
}

/// A fetch of a Worker.
pub struct FetchRequest {
    /// The name of the binding.
    pub binding: String,
    /// The head.
    pub head: RequestHead,
    /// The body. If its stream is dropped before its end, the Worker's stream is cancelled; the
    /// fetch goes on.
    pub body: RequestBody,
}

/// The answer to a fetch.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<FetchedResponse, String>> + Send>>;

/// The answer of a binding.
pub struct FetchedResponse {
    /// The head.
    pub head: ResponseHead,
    /// The body. A whole one is at most as long as the window of a stream, 256 KiB.
    pub body: RequestBody,
}

/// The bindings through which a Worker fetches: their names in `env`, and who answers them.
#[derive(Clone, Default)]
pub struct FetchBindings(BTreeMap<String, Arc<dyn FetchHost>>);

impl FetchBindings {
    /// Adds a binding.
    pub fn add(&mut self, name: impl Into<String>, host: Arc<dyn FetchHost>) {
        self.0.insert(name.into(), host);
    }

    /// Returns the names of the bindings.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the answerer of a binding.
    pub(crate) fn host(&self, name: &str) -> Option<&Arc<dyn FetchHost>> {
        self.0.get(name)
    }
}
