//! The requests that a Worker has, from their owner's side.
//!
//! The owner is isolet's own process. It does not trust the Worker's: a message for a request that
//! the Worker does not have is dropped if it can be late, and a body that is ahead of its reader by
//! more than the window is a violation.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};

use super::LogSink;
use super::bindings::Fetches;
use super::http::{BrokenBody, HttpResponse, RequestBody, ResponseBody, ResponseStream};
use super::protocol::{BodyStart, FromWorker, RequestHead, ToWorker, WINDOW_BYTES, monotonic_us};
use crate::blob::Blob;
use crate::run_channel::AbortOnDrop;
use crate::{ErrorCode, RunError};

/// The bytes by which a body within the window may grow when it is compressed.
const MAX_ENCODING_BYTES: usize = 16 << 10;

/// The sender of messages to the Worker.
type Outgoing = Box<dyn Fn(ToWorker) + Send + Sync>;

/// The answer to a request.
pub(crate) type Answer = Result<HttpResponse, RunError>;

/// The requests of one instance of a Worker.
pub(crate) struct Exchanges {
    table: Mutex<Table>,
    outgoing: Outgoing,
    log: LogSink,
    fetches: Option<Fetches>,
    /// The number of requests so far.
    begun: AtomicU64,
    /// A moving average of the time that requests wait for their first turn, in microseconds.
    queued_us: AtomicU32,
}

#[derive(Default)]
struct Table {
    live: HashMap<u32, Exchange>,
    /// The reason for which the instance takes no more requests.
    closed: Option<RunError>,
    /// Keeps the instance alive while there are requests.
    keep: Option<Arc<dyn Any + Send + Sync>>,
}

impl Table {
    /// Removes a request. With the last one, what keeps the instance alive is returned too.
    fn remove(&mut self, id: u32) -> (Option<Exchange>, Option<Arc<dyn Any + Send + Sync>>) {
        let removed = self.live.remove(&id);
        let keep = if self.live.is_empty() { self.keep.take() } else { None };
        (removed, keep)
    }
}

/// A request that has not ended in the Worker.
struct Exchange {
    /// `None` once it was answered, or nobody waits for it.
    reply: Option<oneshot::Sender<Answer>>,
    /// The pieces of the response's body.
    chunks: Option<UnboundedSender<Result<Bytes, BrokenBody>>>,
    /// The bytes of the response that were not confirmed.
    under_way: Arc<AtomicUsize>,
    /// The bytes of the request's body that may be sent, and the task that sends them.
    body: Option<(Arc<Semaphore>, AbortOnDrop)>,
}

/// A request for whose answer its caller waits. Dropping it cancels the request.
pub(crate) struct PendingAnswer {
    id: u32,
    exchanges: Arc<Exchanges>,
    receiver: oneshot::Receiver<Answer>,
    is_answered: bool,
}

impl PendingAnswer {
    /// Waits for the answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        let answer = (&mut self.receiver).await;
        self.is_answered = true;
        answer.unwrap_or_else(|_| Err(ended()))
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        if !self.is_answered {
            self.exchanges.cancel(self.id);
        }
    }
}

impl Exchanges {
    pub(crate) fn new(outgoing: Outgoing, log: LogSink, fetches: Option<Fetches>) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            outgoing,
            log,
            fetches,
            begun: AtomicU64::new(0),
            queued_us: AtomicU32::new(0),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    #[cfg(test)]
    pub(super) fn fetches(&self) -> &Fetches {
        self.fetches.as_ref().expect("it has bindings")
    }

    /// Sends a message to the Worker.
    pub(super) fn tell(&self, message: ToWorker) {
        (self.outgoing)(message);
    }

    /// Gives a request to the Worker. `instance` is kept alive until the request has ended.
    ///
    /// # Errors
    /// Returns the request if the instance takes no more.
    pub(crate) fn begin(
        self: &Arc<Self>,
        id: u32,
        head: RequestHead,
        body: RequestBody,
        instance: Arc<dyn Any + Send + Sync>,
    ) -> Result<PendingAnswer, (RequestHead, RequestBody)> {
        let (reply, receiver) = oneshot::channel();
        let mut table = self.table();
        if table.closed.is_some() {
            return Err((head, body));
        }
        let (start, stream) = match body {
            RequestBody::Empty => (BodyStart::Empty, None),
            RequestBody::Whole(bytes) => (BodyStart::Whole(Blob(bytes.into())), None),
            RequestBody::Stream(stream) => (BodyStart::Stream, Some(stream)),
        };
        let exchange = Exchange { reply: Some(reply), chunks: None, under_way: Arc::default(), body: None };
        table.live.insert(id, exchange);
        table.keep = Some(instance);
        drop(table);
        self.begun.fetch_add(1, Ordering::Relaxed);
        (self.outgoing)(ToWorker::Request { id, head, body: start, sent_us: monotonic_us() });
        if let Some(stream) = stream {
            let credit = Arc::new(Semaphore::new(WINDOW_BYTES));
            let task = tokio::spawn(self.clone().send_body(id, stream, credit.clone()));
            if let Some(exchange) = self.table().live.get_mut(&id) {
                exchange.body = Some((credit, AbortOnDrop(task.abort_handle())));
            }
        }
        Ok(PendingAnswer { id, exchanges: self.clone(), receiver, is_answered: false })
    }

    /// Sends a request's body as it arrives and as there is credit.
    async fn send_body(
        self: Arc<Self>,
        id: u32,
        mut stream: BoxStream<'static, Result<Bytes, String>>,
        credit: Arc<Semaphore>,
    ) {
        while let Some(part) = stream.next().await {
            match part {
                Ok(mut bytes) => {
                    while !bytes.is_empty() {
                        let part = bytes.split_to(bytes.len().min(WINDOW_BYTES / 4));
                        let Ok(permit) = credit.acquire_many(part.len() as u32).await else { return };
                        permit.forget();
                        (self.outgoing)(ToWorker::Chunk { id, bytes: Blob(part.into()) });
                    }
                }
                Err(error) => return (self.outgoing)(ToWorker::BodyEnd { id, error: Some(error) }),
            }
        }
        (self.outgoing)(ToWorker::BodyEnd { id, error: None });
    }

    /// Confirms bytes of a response that were read.
    pub(super) fn confirm(&self, id: u32, bytes: usize) {
        let known = self.table().live.get(&id).map(|exchange| exchange.under_way.clone());
        if let Some(under_way) = known {
            under_way.fetch_sub(bytes, Ordering::Relaxed);
            (self.outgoing)(ToWorker::Credit { id, bytes: bytes as u32 });
        }
    }

    /// Tells the Worker that nobody waits for a response any more.
    pub(super) fn cancel(&self, id: u32) {
        let known = self.table().live.get_mut(&id).is_some_and(|exchange| {
            (exchange.reply, exchange.chunks, exchange.body) = (None, None, None);
            true
        });
        if known {
            (self.outgoing)(ToWorker::Cancel { id });
        }
    }

    /// Handles a message of the Worker.
    ///
    /// # Errors
    /// Returns the rule that the message breaks.
    pub(crate) fn receive(self: &Arc<Self>, message: FromWorker) -> Result<(), &'static str> {
        match message {
            FromWorker::Log { request, line } => (self.log)(request, line),
            FromWorker::Response { id, head, body } => {
                if !(200..=599).contains(&head.status) {
                    return Err("a response with a status that responses do not have");
                }
                let mut table = self.table();
                let Some(exchange) = table.live.get_mut(&id) else { return Ok(()) };
                let Some(reply) = exchange.reply.take() else { return Ok(()) };
                let body = match body {
                    BodyStart::Empty => ResponseBody::Empty,
                    BodyStart::Whole(Blob(bytes)) => ResponseBody::Whole(bytes.into()),
                    BodyStart::Stream => {
                        let (sender, chunks) = unbounded_channel();
                        exchange.chunks = Some(sender);
                        ResponseBody::Stream(ResponseStream::new(id, chunks, self.clone()))
                    }
                };
                drop(table);
                // If the caller has gone meanwhile, the stream is dropped here, and cancelled.
                let _ = reply.send(Ok(HttpResponse { head, body }));
            }
            FromWorker::Chunk { id, bytes: Blob(bytes) } => {
                let mut table = self.table();
                let Some(exchange) = table.live.get_mut(&id) else { return Ok(()) };
                let Some(chunks) = &exchange.chunks else { return Ok(()) };
                let before = exchange.under_way.fetch_add(bytes.len(), Ordering::Relaxed);
                if before + bytes.len() > WINDOW_BYTES + MAX_ENCODING_BYTES {
                    return Err("a body faster than it is read");
                }
                let _ = chunks.send(Ok(bytes.into()));
            }
            FromWorker::BodyEnd { id, error } => {
                let mut table = self.table();
                let chunks = table.live.get_mut(&id).and_then(|exchange| exchange.chunks.take());
                if let (Some(chunks), Some(error)) = (chunks, error) {
                    let _ = chunks.send(Err(BrokenBody(error)));
                }
            }
            FromWorker::Failed { id, error } => {
                let reply = self.table().live.get_mut(&id).and_then(|exchange| exchange.reply.take());
                let _ = reply.map(|reply| reply.send(Err(error)));
            }
            FromWorker::Credit { id, bytes } => {
                let table = self.table();
                if let Some((credit, _)) = table.live.get(&id).and_then(|exchange| exchange.body.as_ref()) {
                    if credit.available_permits() + bytes as usize > WINDOW_BYTES {
                        return Err("more credit than it was sent bytes");
                    }
                    credit.add_permits(bytes as usize);
                }
            }
            FromWorker::BodyRefused { id } => {
                if let Some(exchange) = self.table().live.get_mut(&id) {
                    exchange.body = None;
                }
            }
            FromWorker::Fetch { id, call, binding, head } => {
                let Some(fetches) = &self.fetches else { return Err("a fetch without a binding") };
                if self.table().live.contains_key(&id) {
                    fetches.begin(self, (id, call), &binding, head, self.begun())?;
                }
            }
            FromWorker::FetchCredit { call, bytes } => {
                self.fetches.as_ref().map_or(Ok(()), |fetches| fetches.confirm(call, bytes))?;
            }
            FromWorker::FetchEnded { call } => {
                if let Some(fetches) = &self.fetches {
                    fetches.end(call);
                }
            }
            FromWorker::Ended { id, queued_us } => {
                if let Some(fetches) = &self.fetches {
                    fetches.end_request(id);
                }
                let (ended, idle) = self.table().remove(id);
                self.note_queued(queued_us);
                // Without the lock: this may be the end of the instance.
                drop(idle);
                if let Some(Exchange { reply: Some(reply), .. }) = ended {
                    let _ = reply.send(Err(self::ended()));
                }
            }
        }
        Ok(())
    }

    /// Returns the number of requests that have not ended.
    pub(crate) fn live(&self) -> usize {
        self.table().live.len()
    }

    /// Returns the number of requests so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Returns the only request that has not ended, or 0 if there are several or none.
    pub(crate) fn only_request(&self) -> u32 {
        let table = self.table();
        table.live.keys().next().copied().filter(|_| table.live.len() == 1).unwrap_or(0)
    }

    /// Returns a moving average of the time that requests wait for their first turn.
    pub(crate) fn queued(&self) -> Duration {
        Duration::from_micros(self.queued_us.load(Ordering::Relaxed).into())
    }

    fn note_queued(&self, us: u32) {
        let before = self.queued_us.load(Ordering::Relaxed);
        self.queued_us.store(before - before / 8 + us.min(10_000_000) / 8, Ordering::Relaxed);
    }

    /// Takes no more requests, and fails those that there are: `culprit`, if it is one of them,
    /// with `error`, the others because it ended the instance.
    pub(crate) fn close(&self, culprit: u32, error: &RunError) {
        let (live, keep) = {
            let mut table = self.table();
            table.closed.get_or_insert_with(|| error.clone());
            (std::mem::take(&mut table.live), table.keep.take())
        };
        drop(keep);
        if let Some(fetches) = &self.fetches {
            fetches.close();
        }
        for (id, Exchange { reply, chunks, .. }) in live {
            let reason = if id == culprit { error.clone() } else { ended() };
            if let Some(chunks) = chunks {
                let _ = chunks.send(Err(BrokenBody(reason.message.clone())));
            }
            if let Some(reply) = reply {
                let _ = reply.send(Err(reason));
            }
        }
    }
}

/// Returns the error of a request whose Worker ended for another reason than the request.
pub(crate) fn ended() -> RunError {
    RunError::new(ErrorCode::Crashed, "WorkerEndedError", "The Worker ended before it answered this request.")
        .with_hint("The request is most likely not the cause; send it again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchanges() -> (Arc<Exchanges>, Arc<Mutex<Vec<String>>>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let to = sent.clone();
        let outgoing = move |message: ToWorker| to.lock().push(format!("{message:?}"));
        (Exchanges::new(Box::new(outgoing), Arc::new(|_, _| ()), None), sent)
    }

    fn head() -> super::super::ResponseHead {
        super::super::ResponseHead {
            status: 200,
            status_text: String::new(),
            headers: Vec::new(),
            encoded: false,
        }
    }

    #[tokio::test]
    async fn a_body_faster_than_its_reader_breaks_the_rules() {
        let (exchanges, _) = exchanges();
        let mut pending =
            exchanges.begin(1, RequestHead::default(), RequestBody::Empty, Arc::new(())).ok().unwrap();
        exchanges.receive(FromWorker::Response { id: 1, head: head(), body: BodyStart::Stream }).unwrap();
        let ResponseBody::Stream(mut body) = pending.answer().await.unwrap().body else { panic!() };
        let chunk = |bytes| exchanges.receive(FromWorker::Chunk { id: 1, bytes: Blob(vec![0; bytes]) });
        chunk(WINDOW_BYTES).unwrap();
        assert!(chunk(MAX_ENCODING_BYTES + 1).is_err());
        assert_eq!(body.next().await.unwrap().unwrap().len(), WINDOW_BYTES);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_cancelled_once() {
        let (exchanges, sent) = exchanges();
        drop(exchanges.begin(1, RequestHead::default(), RequestBody::Empty, Arc::new(())));
        let cancels =
            |sent: &Mutex<Vec<String>>| sent.lock().iter().filter(|text| text.starts_with("Cancel")).count();
        assert_eq!(cancels(&sent), 1);
        // A late answer reaches nobody; the end of the request does.
        exchanges.receive(FromWorker::Response { id: 1, head: head(), body: BodyStart::Stream }).unwrap();
        assert_eq!(exchanges.live(), 1);
        exchanges.receive(FromWorker::Ended { id: 1, queued_us: 0 }).unwrap();
        assert_eq!((exchanges.live(), cancels(&sent)), (0, 1));
    }

    #[tokio::test]
    async fn the_request_at_fault_gets_the_error_and_others_may_be_repeated() {
        let (exchanges, _) = exchanges();
        let begin =
            |id| exchanges.begin(id, RequestHead::default(), RequestBody::Empty, Arc::new(())).ok().unwrap();
        let (mut first, mut second) = (begin(1), begin(2));
        exchanges.close(2, &RunError::new(ErrorCode::CpuLimit, "CpuLimitError", "over"));
        assert_eq!(first.answer().await.unwrap_err().code, ErrorCode::Crashed);
        assert_eq!(second.answer().await.unwrap_err().code, ErrorCode::CpuLimit);
        assert!(exchanges.begin(3, RequestHead::default(), RequestBody::Empty, Arc::new(())).is_err());
    }
}
