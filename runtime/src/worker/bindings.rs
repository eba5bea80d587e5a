//! The fetches that a Worker makes through its bindings, from their owner's side.
//!
//! The Worker names a binding, such as `ASSETS`, and isolet's own process answers: a jailed process
//! reads no files. Bodies come within a window, as those of requests do.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::exchange::Exchanges;
use super::http::RequestBody;
use super::protocol::{BodyStart, RequestHead, ResponseHead, ToWorker, WINDOW_BYTES};
use crate::blob::Blob;
use crate::run_channel::AbortOnDrop;

/// The number of fetches of one isolate at once. Further ones wait in it.
pub(crate) const MAX_FETCHES: usize = 64;

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

/// The fetches of one isolate.
pub(crate) struct Fetches {
    bindings: FetchBindings,
    tokio: tokio::runtime::Handle,
    /// The fetches that each request may make.
    most: u32,
    begun: AtomicU64,
    live: Mutex<HashMap<u32, Fetch>>,
}

/// A fetch whose end the isolate has not confirmed.
struct Fetch {
    request: u32,
    /// The bytes of the body that may be sent.
    credit: Arc<Semaphore>,
    _task: AbortOnDrop,
}

impl Fetches {
    pub(crate) fn new(bindings: FetchBindings, most: u32, tokio: tokio::runtime::Handle) -> Self {
        Self { bindings, tokio, most, begun: AtomicU64::new(0), live: Mutex::default() }
    }

    /// Starts a fetch for a request that has not ended. `requests` is the number of requests so
    /// far.
    ///
    /// # Errors
    /// Returns the rule that the fetch breaks.
    pub(super) fn begin(
        &self,
        exchanges: &Arc<Exchanges>,
        (request, call): (u32, u32),
        binding: &str,
        head: RequestHead,
        requests: u64,
    ) -> Result<(), &'static str> {
        if !self.bindings.names.iter().any(|name| name == binding) {
            return Err("a fetch through a binding that it does not have");
        }
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        let mut live = self.live.lock();
        if live.len() >= MAX_FETCHES || begun >= requests.saturating_mul(self.most.into()) {
            return Err("more fetches than the limit");
        }
        if live.contains_key(&call) {
            return Err("the number of a fetch twice");
        }
        let credit = Arc::new(Semaphore::new(WINDOW_BYTES));
        let answer = self.bindings.host.fetch(binding, head);
        let task = self.tokio.spawn(send(exchanges.clone(), call, answer, credit.clone()));
        live.insert(call, Fetch { request, credit, _task: AbortOnDrop(task.abort_handle()) });
        Ok(())
    }

    /// Lets more of a body come.
    ///
    /// # Errors
    /// Returns the rule that the message breaks.
    pub(super) fn confirm(&self, call: u32, bytes: u32) -> Result<(), &'static str> {
        if let Some(fetch) = self.live.lock().get(&call) {
            if fetch.credit.available_permits() + bytes as usize > WINDOW_BYTES {
                return Err("more credit than it was sent bytes");
            }
            fetch.credit.add_permits(bytes as usize);
        }
        Ok(())
    }

    /// Forgets a fetch, and cancels what is left of it.
    pub(super) fn end(&self, call: u32) {
        let ended = self.live.lock().remove(&call);
        drop(ended);
    }

    /// Forgets the fetches of a request.
    pub(super) fn end_request(&self, request: u32) {
        self.live.lock().retain(|_, fetch| fetch.request != request);
    }

    /// Forgets all fetches.
    pub(super) fn close(&self) {
        self.live.lock().clear();
    }
}

/// Sends the answer of a fetch, its body as there is credit.
async fn send(exchanges: Arc<Exchanges>, call: u32, answer: FetchFuture, credit: Arc<Semaphore>) {
    let (head, body) = match answer.await {
        Ok(FetchedResponse { head, body }) => (head, body),
        Err(error) => return exchanges.tell(ToWorker::Fetched { call, answer: Err(error) }),
    };
    let (start, stream) = match body {
        RequestBody::Empty => (BodyStart::Empty, None),
        RequestBody::Whole(bytes) => (BodyStart::Whole(Blob(bytes.into())), None),
        RequestBody::Stream(stream) => (BodyStart::Stream, Some(stream)),
    };
    exchanges.tell(ToWorker::Fetched { call, answer: Ok((head, start)) });
    let Some(mut stream) = stream else { return };
    while let Some(part) = stream.next().await {
        match part {
            Ok(mut bytes) => {
                while !bytes.is_empty() {
                    let part = bytes.split_to(bytes.len().min(WINDOW_BYTES / 4));
                    let Ok(permit) = credit.acquire_many(part.len() as u32).await else { return };
                    permit.forget();
                    exchanges.tell(ToWorker::FetchChunk { call, bytes: Blob(part.into()) });
                }
            }
            Err(error) => return exchanges.tell(ToWorker::FetchEnd { call, error: Some(error) }),
        }
    }
    exchanges.tell(ToWorker::FetchEnd { call, error: None });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::protocol::FromWorker;

    struct Silent;

    impl FetchHost for Silent {
        fn fetch(&self, _: &str, _: RequestHead) -> FetchFuture {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_worker_that_breaks_the_rules_of_fetches_is_noticed() {
        let exchanges = |most| {
            let bindings = FetchBindings { names: vec!["A".into()], host: Arc::new(Silent) };
            let fetches = Fetches::new(bindings, most, tokio::runtime::Handle::current());
            let exchanges = Exchanges::new(Box::new(|_| ()), Arc::new(|_, _| ()), Some(fetches));
            let pending = exchanges.begin(1, RequestHead::default(), RequestBody::Empty, Arc::new(()));
            (exchanges, pending.ok())
        };
        let fetch = |id, call, binding: &str| FromWorker::Fetch {
            id,
            call,
            binding: binding.to_owned(),
            head: RequestHead::default(),
        };
        let (worker, _pending) = exchanges(1000);
        assert!(worker.receive(fetch(1, 1, "B")).is_err());
        // That of a request that has ended is dropped.
        worker.receive(fetch(9, 1, "A")).unwrap();
        worker.receive(fetch(1, 1, "A")).unwrap();
        assert!(worker.receive(fetch(1, 1, "A")).is_err());
        assert!(worker.receive(FromWorker::FetchCredit { call: 1, bytes: 1 }).is_err());
        for call in 2..=MAX_FETCHES as u32 {
            worker.receive(fetch(1, call, "A")).unwrap();
        }
        assert!(worker.receive(fetch(1, 1000, "A")).is_err());
        worker.receive(FromWorker::FetchEnded { call: 1 }).unwrap();
        worker.receive(fetch(1, 1001, "A")).unwrap();
        worker.receive(FromWorker::Ended { id: 1, queued_us: 0 }).unwrap();
        assert!(worker.fetches().live.lock().is_empty());

        let (worker, _pending) = exchanges(2);
        for call in 1..=2 {
            worker.receive(fetch(1, call, "A")).unwrap();
            worker.receive(FromWorker::FetchEnded { call }).unwrap();
        }
        assert!(worker.receive(fetch(1, 3, "A")).is_err());
        let none = Exchanges::new(Box::new(|_| ()), Arc::new(|_, _| ()), None);
        assert!(none.receive(fetch(1, 1, "A")).is_err());
    }
}
