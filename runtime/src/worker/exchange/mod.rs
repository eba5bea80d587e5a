//! The requests that a Worker has, from their owner's side.
//!
//! The owner is isolet's own process. It does not trust the Worker's, in which code may have broken
//! out of V8: a message that no isolate sends breaks a rule (`rules`), and ends that process.
//!
//! ```text
//!  begin ──► unanswered ── Response ──► streaming ── BodyEnd ──► complete ── Ended ──► removed
//!                │  │         without a stream ───────────────────►  ▲          ▲
//!                │  │         a WebSocket ──► open ── closed by both ends ──►  ▲          │
//!                │  └─ Failed ───────────────────────────────────────┘          │ late: the process
//!                └─ nobody waits: Cancel ───────────────────────────────────────┘ does not respond
//! ```
//!
//! | module | contents |
//! |---|---|
//! | `request` | a request that has not ended: its state, its body, its counts |
//! | `rules` | the handling of each message of the Worker, and the rule that it breaks |
//! | `calls` | calls between Workers |
//! | `sockets` | the WebSockets of requests |
//! | `ending` | the time within which a Worker must say that a request has ended |

mod calls;
mod ending;
mod request;
mod rules;
mod sockets;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, oneshot};

use self::calls::Calls;
use self::ending::Endings;
use self::request::{LiveRequest, Phase, Reply, Upload};
use self::rules::{Allowance, Used};
use self::sockets::MessageRoom;
use super::bindings::Fetches;
use super::body::{BodyOwner, BrokenBody};
use super::call_chain::CallChain;
use super::http::{Event, HttpResponse, RequestOrigin};
use super::link::{self, WorkerLink};
use super::protocol::{ToWorker, WINDOW_BYTES, monotonic_us};
use crate::job::LogSink;
use crate::run_channel::AbortOnDrop;
use crate::worker::requests::HELD_TIMEOUT;
use crate::{ErrorCode, Limits, RunError};

/// The answer to a request.
pub(crate) type Answer = Result<HttpResponse, RunError>;

/// The requests of one instance of a Worker.
pub(crate) struct Exchanges {
    table: Mutex<Table>,
    /// The time that the Worker has to end a request.
    end_timeout: Duration,
    /// Notified when there is a request that must end, and there was none.
    must_end: Notify,
    link: Arc<dyn WorkerLink>,
    log: LogSink,
    fetches: Option<Fetches>,
    calls: Calls,
    allowance: Allowance,
    message_room: MessageRoom,
    /// The number of requests so far.
    begun: AtomicU64,
    /// A moving average of the time that requests wait for their first turn, in microseconds.
    queued_us: AtomicU32,
}

#[derive(Default)]
struct Table {
    live: HashMap<u32, LiveRequest>,
    /// The requests that may wait for their first turn, the oldest one first: their places, and the
    /// times at which they were sent. The Worker has said nothing of them, nor of later ones.
    waiting: VecDeque<(u64, Instant)>,
    endings: Endings,
    /// The use of the limits outside of requests.
    outside: Used,
    /// `true` once work has ended that the link was not told of.
    has_ended_work: bool,
    /// The reason for which the instance takes no more requests.
    closed: Option<RunError>,
    /// Keeps the instance alive while there are requests.
    keep: Option<Arc<dyn Any + Send + Sync>>,
}

impl Table {
    /// Returns the time by which the next request must end.
    fn next_ending(&mut self) -> Option<Instant> {
        let Self { live, endings, .. } = self;
        endings.next(|id, ends_by| live.get(&id).is_some_and(|request| request.ends_by == Some(ends_by)))
    }

    /// Removes a request. With the last one, what keeps the instance alive is returned too.
    fn remove(&mut self, id: u32) -> (Option<LiveRequest>, Option<Arc<dyn Any + Send + Sync>>) {
        let removed = self.live.remove(&id);
        let keep = if self.live.is_empty() { self.keep.take() } else { None };
        (removed, keep)
    }
}

/// A request for whose answer its caller waits. Dropping it cancels the request.
pub(crate) struct PendingAnswer<T = HttpResponse> {
    id: u32,
    exchanges: Arc<Exchanges>,
    receiver: oneshot::Receiver<Result<T, RunError>>,
    is_answered: bool,
}

impl<T> PendingAnswer<T> {
    fn new(id: u32, exchanges: Arc<Exchanges>, receiver: oneshot::Receiver<Result<T, RunError>>) -> Self {
        Self { id, exchanges, receiver, is_answered: false }
    }

    /// Waits for the answer.
    pub(crate) async fn answer(&mut self) -> Result<T, RunError> {
        let answer = (&mut self.receiver).await;
        self.is_answered = true;
        answer.unwrap_or_else(|_| Err(ended()))
    }
}

impl<T> Drop for PendingAnswer<T> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.exchanges.cancel(self.id);
        }
    }
}

impl Exchanges {
    /// Returns the requests of an instance that has none yet. `start` are the limits until it is
    /// ready, `limits` those of each request.
    pub(crate) fn new(
        link: Arc<dyn WorkerLink>,
        log: LogSink,
        start: &Limits,
        limits: &Limits,
        fetches: Option<Fetches>,
    ) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            end_timeout: ending::end_timeout(limits),
            must_end: Notify::new(),
            link,
            log,
            fetches,
            calls: Calls::new(limits.wall),
            allowance: Allowance::new(start, limits),
            message_room: MessageRoom::new(limits),
            begun: AtomicU64::new(0),
            queued_us: AtomicU32::new(0),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    /// Gives an event to the Worker. `instance` is kept alive until it has ended.
    ///
    /// # Errors
    /// Returns the event if the instance takes no more.
    pub(crate) fn begin(
        self: &Arc<Self>,
        id: u32,
        event: Event,
        instance: Arc<dyn Any + Send + Sync>,
    ) -> Result<PendingAnswer, Event> {
        let (reply, receiver) = oneshot::channel();
        let mut table = self.table();
        if table.closed.is_some() {
            return Err(event);
        }
        let sent_us = monotonic_us();
        let (message, stream, chain) = match event {
            Event::Scheduled { cron, time_ms } => {
                (ToWorker::Scheduled { id, cron, time_ms, sent_us }, None, None)
            }
            Event::Fetch { head, body, origin: RequestOrigin { entrypoint, chain } } => {
                let (body, stream) = body.into_start();
                let is_internal = chain.is_some();
                let chain = chain.or_else(|| CallChain::of_request(&head.headers));
                (ToWorker::Request { id, entrypoint, head, body, is_internal, sent_us }, stream, chain)
            }
        };
        let place = self.begun.fetch_add(1, Ordering::Relaxed);
        // The table stays locked until the body's task is in it: an answer to the message could
        // otherwise end the request first, and nothing would end the task.
        self.link.send(message);
        let upload = stream.map(|stream| {
            let credit = Arc::new(Semaphore::new(WINDOW_BYTES));
            let task = tokio::spawn(self.clone().send_body(id, stream, credit.clone()));
            Upload { credit, task: Some(AbortOnDrop(task.abort_handle())), is_refused: false }
        });
        let reply = Reply::Response(reply);
        table.live.insert(id, LiveRequest::new(id, place, reply, upload, chain.unwrap_or_default()));
        table.waiting.push_back((place, Instant::now()));
        table.keep = Some(instance);
        drop(table);
        Ok(PendingAnswer::new(id, self.clone(), receiver))
    }

    /// Sends a request's body as it arrives.
    async fn send_body(
        self: Arc<Self>,
        id: u32,
        stream: BoxStream<'static, Result<Bytes, String>>,
        credit: Arc<Semaphore>,
    ) {
        let piece = |bytes| ToWorker::Chunk { id, bytes };
        let end = |error| ToWorker::BodyEnd { id, error };
        link::send_body(&*self.link, stream, &credit, piece, end).await;
    }

    /// Returns `true` if the Worker has this request.
    pub(crate) fn is_live(&self, id: u32) -> bool {
        self.table().live.contains_key(&id)
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

    /// Returns the time for which the oldest request that may wait for its first turn has waited.
    pub(crate) fn waiting(&self) -> Duration {
        self.table().waiting.front().map_or(Duration::ZERO, |(_, sent_at)| sent_at.elapsed())
    }

    fn note_queued(&self, us: u32) {
        let before = self.queued_us.load(Ordering::Relaxed);
        self.queued_us.store(before - before / 8 + us.min(10_000_000) / 8, Ordering::Relaxed);
    }

    /// Tells the link that work has ended, if some has. The link reads a clock of the process for
    /// it, so that it is told once for the messages that have come together.
    pub(crate) fn settle(&self) {
        let mut table = self.table();
        if std::mem::take(&mut table.has_ended_work) {
            // With the lock, so that no request begins in between.
            self.link.work_ended(table.live.len());
        }
    }

    /// Notes that the Worker has nothing more to do for a request but to end it.
    fn note_ending(&self, table: &mut Table, id: u32) {
        let Some(request) = table.live.get_mut(&id).filter(|request| request.ends_by.is_none()) else {
            return;
        };
        // Objects of a call, or of a request that made calls, may be called after its answer.
        let held = if request.may_be_held { HELD_TIMEOUT } else { Duration::ZERO };
        let ends_by = Instant::now() + self.end_timeout + held;
        request.ends_by = Some(ends_by);
        if table.endings.add(id, ends_by) {
            self.must_end.notify_one();
        }
    }

    /// Waits until the Worker has not said in time that a request has ended.
    pub(crate) async fn overdue(&self) {
        loop {
            let next = self.table().next_ending();
            match next {
                None => self.must_end.notified().await,
                Some(ends_by) if ends_by <= Instant::now() => return,
                Some(ends_by) => tokio::time::sleep_until(ends_by.into()).await,
            }
        }
    }

    /// Takes no more requests, and fails those that there are: `culprit`, if it is one of them,
    /// with `error`, the others because it ended the instance.
    pub(crate) fn close(&self, culprit: u32, error: &RunError) {
        let (live, keep) = {
            let mut table = self.table();
            table.closed.get_or_insert_with(|| error.clone());
            table.waiting.clear();
            (std::mem::take(&mut table.live), table.keep.take())
        };
        drop(keep);
        if let Some(fetches) = &self.fetches {
            fetches.close();
        }
        self.calls.close();
        for (id, LiveRequest { reply, phase, .. }) in live {
            let reason = if id == culprit { error.clone() } else { ended() };
            match phase {
                Phase::Streaming(body) => body.end(Err(BrokenBody(reason.message.clone()))),
                Phase::Socket(socket) => socket.end(),
                Phase::Unanswered | Phase::Complete => {}
            }
            if let Some(reply) = reply {
                reply.fail(reason);
            }
        }
    }
}

impl BodyOwner for Exchanges {
    fn confirm(&self, id: u32, bytes: usize) {
        if self.is_live(id) {
            self.link.send(ToWorker::Credit { id, bytes: bytes as u32 });
        }
    }

    fn cancel(&self, id: u32) {
        let mut table = self.table();
        let Some(request) = table.live.get_mut(&id).filter(|request| !request.is_cancelled) else { return };
        request.is_cancelled = true;
        request.reply = None;
        request.stop_upload();
        self.note_ending(&mut table, id);
        drop(table);
        self.link.send(ToWorker::Cancel { id });
    }
}

/// Returns the error of a request whose Worker ended for another reason than the request.
pub(crate) fn ended() -> RunError {
    RunError::new(ErrorCode::Crashed, "WorkerEndedError", "The Worker ended before it answered this request.")
        .with_hint("The request is most likely not the cause; send it again.")
}
