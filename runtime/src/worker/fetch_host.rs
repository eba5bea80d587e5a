//! The interface of the answerer of a Worker's fetches.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::http::RequestBody;
use super::protocol::{RequestHead, ResponseHead};

/// The answerer of a Worker's fetches.
///
/// Dropping the future, or the stream of a body, cancels the fetch.
pub trait FetchHost: Send + Sync + 'static {
    /// Answers a fetch through the binding of a name. The future is polled on the engine's tokio
    /// runtime. An error is a text for the Worker.
    fn fetch(&self, binding: &str, request: RequestHead) -> FetchFuture;
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

/// The names of a Worker's bindings that fetch, and who answers them.
#[derive(Clone)]
pub struct FetchBindings {
    /// The names in the Worker's `env`.
    pub names: Vec<String>,
    /// The answerer.
    pub host: Arc<dyn FetchHost>,
}
