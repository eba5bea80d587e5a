//! The fetches that a Worker makes through its bindings, from their owner's side.
//!
//! The Worker names a binding, such as `ASSETS`, and isolet's own process answers: a jailed process
//! reads no files. Bodies come within a window, as those of requests do.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::fetch_host::{FetchBindings, FetchFuture, FetchedResponse};
use super::http::RequestBody;
use super::link::WorkerLink;
use super::protocol::{BodyStart, RequestHead, ToWorker, WINDOW_BYTES};
use crate::blob::Blob;
use crate::job::WorkerJob;
use crate::run_channel::AbortOnDrop;

/// The number of fetches of one isolate at once. Further ones wait in it.
pub(crate) const MAX_FETCHES: usize = 64;

/// The fetches of one isolate.
pub(crate) struct Fetches {
    bindings: FetchBindings,
    tokio: tokio::runtime::Handle,
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
    /// Returns the fetches of one isolate of a Worker, if it has such bindings.
    pub(crate) fn of(job: &WorkerJob, tokio: tokio::runtime::Handle) -> Option<Self> {
        job.fetchers.clone().map(|bindings| Self::new(bindings, tokio))
    }

    pub(super) fn new(bindings: FetchBindings, tokio: tokio::runtime::Handle) -> Self {
        Self { bindings, tokio, live: Mutex::default() }
    }

    /// Starts a fetch for a request that has not ended and may make it.
    ///
    /// # Errors
    /// Returns the rule that the fetch breaks.
    pub(super) fn begin(
        &self,
        link: &Arc<dyn WorkerLink>,
        (request, call): (u32, u32),
        binding: &str,
        head: RequestHead,
    ) -> Result<(), &'static str> {
        if !self.bindings.names.iter().any(|name| name == binding) {
            return Err("a fetch through a binding that it does not have");
        }
        let mut live = self.live.lock();
        if live.len() >= MAX_FETCHES {
            return Err("more fetches at once than the limit");
        }
        if live.contains_key(&call) {
            return Err("the number of a fetch twice");
        }
        let credit = Arc::new(Semaphore::new(WINDOW_BYTES));
        let answer = self.bindings.host.fetch(binding, head);
        let task = self.tokio.spawn(send(link.clone(), call, answer, credit.clone()));
        live.insert(call, Fetch { request, credit, _task: AbortOnDrop(task.abort_handle()) });
        Ok(())
    }

    /// Lets more of a body come.
    ///
    /// # Errors
    /// Returns the rule that the message breaks.
    pub(super) fn confirm(&self, call: u32, bytes: u32) -> Result<(), &'static str> {
        let live = self.live.lock();
        let fetch = live.get(&call).ok_or("credit for a fetch that it does not have")?;
        if bytes == 0 || fetch.credit.available_permits() + bytes as usize > WINDOW_BYTES {
            return Err("more credit than it was sent bytes");
        }
        fetch.credit.add_permits(bytes as usize);
        Ok(())
    }

    /// Forgets a fetch, and cancels what is left of it.
    ///
    /// # Errors
    /// There is no such fetch. The isolate alone ends fetches, so that it ends none twice.
    pub(super) fn end(&self, call: u32) -> Result<(), &'static str> {
        let ended = self.live.lock().remove(&call);
        ended.map(drop).ok_or("the end of a fetch that it does not have")
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
async fn send(link: Arc<dyn WorkerLink>, call: u32, answer: FetchFuture, credit: Arc<Semaphore>) {
    let (head, body) = match answer.await {
        Ok(FetchedResponse { head, body }) => (head, body),
        Err(error) => return link.send(ToWorker::Fetched { call, answer: Err(error) }),
    };
    let (start, stream) = match body {
        RequestBody::Empty => (BodyStart::Empty, None),
        RequestBody::Whole(bytes) => (BodyStart::Whole(Blob(bytes.into())), None),
        RequestBody::Stream(stream) => (BodyStart::Stream, Some(stream)),
    };
    link.send(ToWorker::Fetched { call, answer: Ok((head, start)) });
    let Some(mut stream) = stream else { return };
    while let Some(part) = stream.next().await {
        match part {
            Ok(mut bytes) => {
                while !bytes.is_empty() {
                    let part = bytes.split_to(bytes.len().min(WINDOW_BYTES / 4));
                    let Ok(permit) = credit.acquire_many(part.len() as u32).await else { return };
                    permit.forget();
                    link.has_room().await;
                    link.send(ToWorker::FetchChunk { call, bytes: Blob(part.into()) });
                }
            }
            Err(error) => return link.send(ToWorker::FetchEnd { call, error: Some(error) }),
        }
    }
    link.send(ToWorker::FetchEnd { call, error: None });
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::worker::fetch_host::FetchHost;

    struct Silent;

    impl FetchHost for Silent {
        fn fetch(&self, _: &str, _: RequestHead) -> FetchFuture {
            Box::pin(std::future::pending())
        }
    }

    struct NoLink;

    impl WorkerLink for NoLink {
        fn send(&self, _: ToWorker) {}

        fn request_ended(&self, _: usize) {}

        fn has_room(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_worker_that_breaks_the_rules_of_fetches_is_noticed() {
        let bindings = FetchBindings { names: vec!["A".into()], host: Arc::new(Silent) };
        let fetches = Fetches::new(bindings, tokio::runtime::Handle::current());
        let link: Arc<dyn WorkerLink> = Arc::new(NoLink);
        let fetch =
            |call, binding: &str| fetches.begin(&link, (1, call), binding, RequestHead::default()).is_ok();
        assert!(!fetch(1, "B"));
        assert!(fetch(1, "A") && !fetch(1, "A"), "a number twice");
        for (call, bytes) in [(1, 1), (1, 0), (2, 1)] {
            assert!(fetches.confirm(call, bytes).is_err(), "{call}: {bytes}");
        }
        for call in 2..=MAX_FETCHES as u32 {
            assert!(fetch(call, "A"));
        }
        assert!(!fetch(1000, "A"), "too many at once");
        assert!(fetches.end(1).is_ok() && fetches.end(1).is_err());
        assert!(fetch(1001, "A"));
        fetches.end_request(2);
        assert_eq!(fetches.live.lock().len(), MAX_FETCHES);
        fetches.end_request(1);
        assert!(fetches.live.lock().is_empty());
    }
}
