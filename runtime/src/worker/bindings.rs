//! The fetches that a Worker makes through its bindings, from their owner's side.
//!
//! The Worker names a binding, such as `ASSETS`, and isolet's own process answers: a jailed process
//! reads no files. Bodies flow in both directions within a window, as those of requests do.

mod socket;
mod upload;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use self::socket::FetchSocket;
use self::upload::Upload;
use super::call_chain::CallChain;
use super::fetch_host::{
    Destination, FetchBindings, FetchFuture, FetchHost, FetchRequest, FetchedBody, FetchedResponse,
};
use super::http::RequestBody;
use super::link::{self, WorkerLink};
use super::loaded::{CodeResult, LoadedWorkers};
use super::protocol::{
    BodyStart, Entrypoint, FetchTarget, MAX_ENTRYPOINT_BYTES, MAX_PROPS_BYTES, RequestHead, ToWorker,
    WINDOW_BYTES,
};
use crate::blob::Blob;
use crate::job::WorkerJob;
use crate::run_channel::AbortOnDrop;

/// The number of fetches of one isolate at once. Further ones wait in it.
pub(crate) const MAX_FETCHES: usize = 64;

/// The fetches of one isolate.
pub(crate) struct Fetches {
    bindings: FetchBindings,
    tokio: tokio::runtime::Handle,
    live: Arc<Mutex<HashMap<u32, Fetch>>>,
    /// The Workers that it has loaded, if it may load any.
    loaded: Option<LoadedWorkers>,
}

/// A fetch whose end the isolate has not confirmed.
struct Fetch {
    request: u32,
    /// The body that the Worker sends, if it comes in pieces.
    upload: Option<Upload>,
    /// The bytes of the answer's body that may be sent.
    credit: Arc<Semaphore>,
    /// The task that sends the answer, once it has begun.
    task: Option<AbortOnDrop>,
    /// The WebSocket that is the answer.
    socket: Option<FetchSocket>,
}

impl Fetches {
    /// Returns the fetches of one isolate of a Worker.
    pub(crate) fn of(job: &WorkerJob, tokio: tokio::runtime::Handle) -> Self {
        Self::new(job.fetchers.clone(), tokio)
    }

    pub(super) fn new(bindings: FetchBindings, tokio: tokio::runtime::Handle) -> Self {
        let loaded = bindings.loader().map(|(_, loader)| LoadedWorkers::new(loader.clone()));
        Self { bindings, tokio, live: Arc::default(), loaded }
    }

    /// Starts a task on the engine's runtime.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortOnDrop {
        AbortOnDrop(self.tokio.spawn(task).abort_handle())
    }

    /// Returns the Worker behind a target, or the reason for which no methods can be called.
    ///
    /// # Errors
    /// The Worker does not have the target.
    pub(super) fn destination(
        &self,
        target: FetchTarget,
    ) -> Result<Result<Destination, String>, &'static str> {
        check(&target)?;
        let host = self.host(&target).ok_or("a call through a binding that it does not have")?;
        Ok(host.destination())
    }

    /// Starts a fetch for a request that has not ended and may make it.
    ///
    /// # Errors
    /// Returns the rule that the fetch breaks.
    pub(super) fn begin(
        &self,
        link: &Arc<dyn WorkerLink>,
        (request, call): (u32, u32),
        target: FetchTarget,
        head: RequestHead,
        body: BodyStart,
        chain: CallChain,
    ) -> Result<(), &'static str> {
        check(&target)?;
        let host = self.host(&target).ok_or("a fetch through a binding that it does not have")?;
        if matches!(&body, BodyStart::Whole(Blob(bytes)) if bytes.len() > WINDOW_BYTES) {
            return Err("a whole body of a fetch longer than whole bodies are");
        }
        let credit = Arc::new(Semaphore::new(WINDOW_BYTES));
        let mut fetch = Fetch { request, upload: None, credit: credit.clone(), task: None, socket: None };
        let body = match body {
            BodyStart::Empty => RequestBody::Empty,
            BodyStart::Socket | BodyStart::PassedSocket { .. } => {
                return Err("a fetch with a WebSocket as its body");
            }
            BodyStart::Whole(Blob(bytes)) => RequestBody::Whole(bytes.into()),
            BodyStart::Stream => {
                let upload = fetch.upload.insert(Upload::default());
                RequestBody::Stream(upload.stream(call, Arc::downgrade(&self.live), link.clone()))
            }
        };
        {
            let mut live = self.live.lock();
            if live.len() >= MAX_FETCHES {
                return Err("more fetches at once than the limit");
            }
            if live.contains_key(&call) {
                return Err("the number of a fetch twice");
            }
            live.insert(call, fetch);
        }
        // Without the lock, which the body takes if the host drops it.
        let answer = host.fetch(FetchRequest { head, body, chain });
        let task = self.tokio.spawn(send(link.clone(), self.live.clone(), call, answer, credit));
        let task = AbortOnDrop(task.abort_handle());
        if let Some(fetch) = self.live.lock().get_mut(&call) {
            fetch.task = Some(task);
        }
        Ok(())
    }

    /// Appends a piece to the body of a fetch.
    ///
    /// # Errors
    /// Returns the rule that the piece breaks.
    pub(super) fn push(&self, call: u32, bytes: Vec<u8>) -> Result<(), &'static str> {
        self.upload(call, |upload| upload.push(bytes))
    }

    /// Completes the body of a fetch.
    ///
    /// # Errors
    /// Returns the rule that the end breaks.
    pub(super) fn end_body(&self, call: u32) -> Result<(), &'static str> {
        self.upload(call, Upload::end)
    }

    fn upload(
        &self,
        call: u32,
        change: impl FnOnce(&mut Upload) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let mut live = self.live.lock();
        let fetch = live.get_mut(&call).ok_or("a body for a fetch that it does not have")?;
        change(fetch.upload.as_mut().ok_or("pieces of a fetch's body that does not come in pieces")?)
    }

    /// Lets more of an answer's body come.
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

    /// Returns the answerer of a target, if the Worker has it.
    fn host(&self, target: &FetchTarget) -> Option<Arc<dyn FetchHost>> {
        match &self.loaded {
            Some(loaded) => loaded.host(target, &self.bindings),
            None => self.bindings.host(target),
        }
    }

    /// Returns the Workers that it has loaded.
    ///
    /// # Errors
    /// It has no binding for that.
    pub(super) fn loaded(&self) -> Result<&LoadedWorkers, &'static str> {
        self.loaded.as_ref().ok_or("a message about loaded Workers, for which it has no binding")
    }

    /// Gives a loaded Worker its code.
    ///
    /// # Errors
    /// Returns the rule that the code breaks.
    pub(super) fn give_code(&self, worker: u32, code: CodeResult) -> Result<(), &'static str> {
        self.loaded()?.give(worker, code, &self.bindings)
    }

    /// Forgets the fetches of a request, and the Workers that it has loaded. Returns what cancels
    /// the fetches when it is dropped, which may be a WebSocket of the Worker itself: not with the
    /// lock of its requests.
    pub(super) fn end_request(&self, request: u32) -> impl Sized + use<> {
        if let Some(loaded) = &self.loaded {
            loaded.end_request(request);
        }
        let ended: Vec<_> = self.live.lock().extract_if(|_, fetch| fetch.request == request).collect();
        ended
    }

    /// Forgets all fetches.
    pub(super) fn close(&self) {
        if let Some(loaded) = &self.loaded {
            loaded.close();
        }
        let all = std::mem::take(&mut *self.live.lock());
        drop(all);
    }
}

/// Checks the bounds of a target.
///
/// # Errors
/// Returns the rule that it breaks.
pub(crate) fn check(target: &FetchTarget) -> Result<(), &'static str> {
    match target {
        FetchTarget::Export(Entrypoint { name, props })
        | FetchTarget::Loaded { entrypoint: Entrypoint { name, props }, .. }
            if name.len() > MAX_ENTRYPOINT_BYTES || props.len() > MAX_PROPS_BYTES =>
        {
            Err("an entrypoint with a name of more than 1024 bytes or `props` of more than 1 MiB")
        }
        _ => Ok(()),
    }
}

/// Sends the answer of a fetch, its body as there is credit.
async fn send(
    link: Arc<dyn WorkerLink>,
    live: Arc<Mutex<HashMap<u32, Fetch>>>,
    call: u32,
    answer: FetchFuture,
    credit: Arc<Semaphore>,
) {
    let (head, body) = match answer.await {
        Ok(FetchedResponse { head, body }) => (head, body),
        Err(error) => return link.send(ToWorker::Fetched { call, answer: Err(error) }),
    };
    let (start, stream) = match body {
        FetchedBody::Empty => (BodyStart::Empty, None),
        FetchedBody::Whole(bytes) => (BodyStart::Whole(Blob(bytes.into())), None),
        FetchedBody::Stream(stream) => (BodyStart::Stream, Some(stream)),
        FetchedBody::Socket(server) => {
            // It is there before the Worker knows of it. None is dropped with the lock: a fetch
            // that has one is a later fetch of the same number.
            let mut offered = Some(FetchSocket::Offered(server));
            if let Some(fetch) = live.lock().get_mut(&call).filter(|fetch| fetch.socket.is_none()) {
                fetch.socket = offered.take();
            }
            if offered.is_some() {
                return;
            }
            (BodyStart::Socket, None)
        }
    };
    link.send(ToWorker::Fetched { call, answer: Ok((head, start)) });
    let Some(stream) = stream else { return };
    let piece = |bytes| ToWorker::FetchChunk { call, bytes };
    let end = |error| ToWorker::FetchEnd { call, error };
    link::send_body(&*link, stream, &credit, piece, end).await;
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::worker::body::MAX_UNREAD_BYTES;

    /// A host that never answers, and keeps the bodies.
    #[derive(Default)]
    struct Silent(Mutex<Vec<RequestBody>>);

    impl FetchHost for Silent {
        fn fetch(&self, request: FetchRequest) -> FetchFuture {
            self.0.lock().push(request.body);
            Box::pin(std::future::pending())
        }
    }

    /// A host that drops the bodies at once.
    struct Careless;

    impl FetchHost for Careless {
        fn fetch(&self, _: FetchRequest) -> FetchFuture {
            Box::pin(std::future::pending())
        }
    }

    /// A link that keeps the messages.
    #[derive(Default)]
    struct SentMessages(Mutex<Vec<String>>);

    impl WorkerLink for SentMessages {
        fn send(&self, message: ToWorker) {
            self.0.lock().push(format!("{message:?}"));
        }

        fn work_ended(&self, _: usize) {}

        fn has_room(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    struct Setup {
        fetches: Fetches,
        host: Arc<Silent>,
        sent: Arc<SentMessages>,
    }

    impl Setup {
        fn new() -> Self {
            let (host, sent) = (Arc::new(Silent::default()), Arc::new(SentMessages::default()));
            let mut bindings = FetchBindings::default();
            bindings.add("A", host.clone());
            bindings.add("CARELESS", Arc::new(Careless));
            let fetches = Fetches::new(bindings, tokio::runtime::Handle::current());
            Self { fetches, host, sent }
        }

        fn begin(&self, call: u32, binding: &str, body: BodyStart) -> Result<(), &'static str> {
            let link: Arc<dyn WorkerLink> = self.sent.clone();
            let target = FetchTarget::Binding(binding.to_owned());
            self.fetches.begin(&link, (1, call), target, RequestHead::default(), body, CallChain::default())
        }

        fn stream(&self) -> futures_util::stream::BoxStream<'static, Result<bytes::Bytes, String>> {
            match self.host.0.lock().pop() {
                Some(RequestBody::Stream(stream)) => stream,
                _ => panic!("a fetch with a stream"),
            }
        }
    }

    #[tokio::test]
    async fn a_worker_that_breaks_the_rules_of_fetches_is_noticed() {
        let setup = Setup::new();
        let fetches = &setup.fetches;
        let fetch = |call, binding: &str| setup.begin(call, binding, BodyStart::Empty).is_ok();
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

    #[tokio::test]
    async fn a_worker_that_breaks_the_rules_of_bodies_is_noticed() {
        let setup = Setup::new();
        let fetches = &setup.fetches;
        let whole = |bytes| BodyStart::Whole(Blob(vec![0; bytes]));
        assert!(setup.begin(1, "A", whole(WINDOW_BYTES)).is_ok());
        assert!(setup.begin(2, "A", whole(WINDOW_BYTES + 1)).is_err(), "a long whole body");
        assert!(fetches.push(1, vec![0]).is_err() && fetches.end_body(1).is_err(), "pieces of a whole body");
        assert!(fetches.push(9, vec![0]).is_err() && fetches.end_body(9).is_err(), "no such fetch");
        setup.begin(3, "A", BodyStart::Stream).unwrap();
        assert!(fetches.push(3, Vec::new()).is_err(), "an empty piece");
        assert!(fetches.push(3, vec![0; MAX_UNREAD_BYTES]).is_ok());
        assert!(fetches.push(3, vec![0]).is_err(), "more than the window");
        assert!(fetches.end_body(3).is_ok() && fetches.end_body(3).is_err(), "two ends");
        assert!(fetches.push(3, vec![0]).is_err(), "a piece after the end");
        // A Worker that was told late that the rest is not read goes on within the window only.
        setup.begin(4, "CARELESS", BodyStart::Stream).unwrap();
        assert!(fetches.push(4, vec![0; MAX_UNREAD_BYTES]).is_ok());
        assert!(fetches.push(4, vec![0]).is_err(), "more than the window of a refused body");
        assert_eq!(*setup.sent.0.lock(), ["FetchBodyRefused { call: 4 }"]);
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_or_breaks_off_with_its_fetch() {
        let setup = Setup::new();
        let fetches = &setup.fetches;
        setup.begin(1, "A", BodyStart::Stream).unwrap();
        let mut body = setup.stream();
        fetches.push(1, vec![1; WINDOW_BYTES / 4]).unwrap();
        assert_eq!(body.next().await.unwrap().unwrap().len(), WINDOW_BYTES / 4);
        assert_eq!(
            *setup.sent.0.lock(),
            [format!("FetchBodyCredit {{ call: 1, bytes: {} }}", WINDOW_BYTES / 4)]
        );
        fetches.end_body(1).unwrap();
        assert!(body.next().await.is_none());
        fetches.end(1).unwrap();

        setup.begin(2, "A", BodyStart::Stream).unwrap();
        let mut body = setup.stream();
        fetches.end(2).unwrap();
        assert!(body.next().await.unwrap().unwrap_err().contains("cancelled"));
        drop(body);

        setup.begin(3, "A", BodyStart::Stream).unwrap();
        drop(setup.stream());
        setup.begin(4, "A", BodyStart::Stream).unwrap();
        fetches.end_body(4).unwrap();
        drop(setup.stream());
        let refused: Vec<_> = setup.sent.0.lock().iter().skip(1).cloned().collect();
        assert_eq!(refused, ["FetchBodyRefused { call: 3 }"], "a complete body is not refused");
    }
}
