//! The messages of a Worker, and the rules that they may break.
//!
//! Each message is bounded in length and in number: one answer for each request, pieces of bodies
//! and their confirmations by credit, log lines and calls by the limits of their request, or, for
//! those outside of requests, by as many limits as there were requests.

use std::sync::Arc;

use super::request::{LiveRequest, Phase, Reply};
use super::{Exchanges, Table, ended};
use crate::blob::Blob;
use crate::counts::LOG_LINE_OVERHEAD_BYTES;
use crate::worker::bindings::Fetches;
use crate::worker::body::{BodyQueue, BrokenBody, MAX_UNREAD_BYTES, WorkerStream};
use crate::worker::http::{HttpResponse, ResponseBody};
use crate::worker::protocol::{BodyStart, FromWorker, MAX_HEAD_BYTES, ResponseHead, SocketKey, WINDOW_BYTES};
use crate::worker::socket::WorkerSocket;
use crate::worker::socket_queue::SocketQueue;
use crate::{ErrorCode, Limits, LogLine, RunError};

/// The bound on the reason for which a body broke off, in bytes: a name and a message of 16 Ki
/// characters each.
const MAX_ERROR_TEXT_BYTES: usize = 128 << 10;

/// The bytes of isolet's own lines in the log of a request: that lines were dropped, and that its
/// time for `waitUntil` is over.
const OWN_LINES_BYTES: u64 = 1024;

/// The use of the limits of a Worker, for a request or outside of requests.
#[derive(Debug, Default)]
pub(super) struct Used {
    calls: u64,
    log_bytes: u64,
}

/// The limits on what a Worker may use.
pub(super) struct Allowance {
    /// For each request.
    request: Used,
    /// Outside of requests before the first one: as much as the start may use, or a request if that
    /// is more. Each request adds as much as it may use itself.
    outside: Used,
}

impl Allowance {
    pub(super) fn new(start: &Limits, limits: &Limits) -> Self {
        let of =
            |calls: u32, logs: usize| Used { calls: calls.into(), log_bytes: logs as u64 + OWN_LINES_BYTES };
        let outside = of(start.calls.max(limits.calls), start.logs.max(limits.logs));
        Self { request: of(limits.calls, limits.logs), outside }
    }
}

/// A rule of the protocol that a message breaks.
pub(super) type Broken = &'static str;

impl Exchanges {
    /// Handles a message of the Worker.
    ///
    /// # Errors
    /// Returns the rule that the message breaks.
    pub(crate) fn receive(self: &Arc<Self>, message: FromWorker) -> Result<(), Broken> {
        match message {
            FromWorker::Log { request, line } => self.log_line(request, line),
            FromWorker::Response { id, head, body } => self.response(id, head, body),
            FromWorker::Failed { id, error } => self.failed(id, error),
            FromWorker::Chunk { id, bytes: Blob(bytes) } => {
                if bytes.is_empty() {
                    return Err("an empty piece of a body");
                }
                match &self.table().known(id)?.phase {
                    Phase::Streaming(queue) if queue.push(bytes) => Ok(()),
                    Phase::Streaming(_) => Err("a body faster than it is read"),
                    _ => Err("a piece of a body that it has not begun"),
                }
            }
            FromWorker::BodyEnd { id, error } => self.body_end(id, error),
            FromWorker::Credit { id, bytes } => self.credit(id, bytes as usize),
            FromWorker::BodyRefused { id } => {
                let mut table = self.table();
                match &mut table.known(id)?.upload {
                    Some(upload) if !upload.is_refused => {
                        (upload.is_refused, upload.task) = (true, None);
                        Ok(())
                    }
                    _ => Err("that it refuses a body that it does not get"),
                }
            }
            FromWorker::SocketAccepted { call } => self.fetches()?.accept(call, self.clone()),
            FromWorker::SocketPiece { socket, piece } => self.socket(socket)?.push(piece),
            FromWorker::SocketCredit { socket, bytes } => self.socket_credit(socket, bytes as usize),
            FromWorker::SocketClose { socket, code, reason } => self.socket_close(socket, code, reason),
            FromWorker::Fetch { id, call, target, head, body } => {
                let chain = self.table().known(id)?.chain.clone();
                self.count_call(id)?;
                if head.size() > MAX_HEAD_BYTES {
                    return Err("a fetch with a head longer than heads are");
                }
                self.fetches()?.begin(&self.link, (id, call), target, head, body, chain)
            }
            FromWorker::FetchBody { call, bytes: Blob(bytes) } => self.fetches()?.push(call, bytes),
            FromWorker::FetchBodyEnd { call } => self.fetches()?.end_body(call),
            FromWorker::FetchCredit { call, bytes } => self.fetches()?.confirm(call, bytes),
            FromWorker::Loading { id, worker, ends_with_request } => {
                self.table().known(id)?;
                self.count_call(id)?;
                self.fetches()?.loaded()?.begin(if ends_with_request { id } else { 0 }, worker)
            }
            FromWorker::Code { worker, code } => self.fetches()?.give_code(worker, code),
            FromWorker::Unloaded { worker } => self.fetches()?.loaded()?.end(worker),
            FromWorker::FetchEnded { call } => self.fetches()?.end(call),
            FromWorker::Call { id, call, callee, path, arguments } => {
                self.begin_call((id, call), callee, path, arguments)
            }
            FromWorker::CallReleased { call } => self.release_call(call),
            FromWorker::Returned { id, threw, value } => self.returned(id, threw, value),
            FromWorker::StubReleased { stub } => self.release_stub(stub),
            FromWorker::Ended { id, queued_us } => self.ended(id, queued_us),
        }
    }

    /// Counts a call. `request` is the request that it is made for, as the Worker says.
    ///
    /// # Errors
    /// The Worker made more calls than its limit.
    pub(crate) fn count_call(&self, request: u32) -> Result<(), Broken> {
        let within = self.count(request, |used| used.calls += 1, |used, limit| used.calls <= limit.calls);
        if within { Ok(()) } else { Err("more calls than the limit") }
    }

    pub(super) fn fetches(&self) -> Result<&Fetches, Broken> {
        self.fetches.as_ref().ok_or("a message about fetches, for which it has no binding")
    }

    fn log_line(&self, request: u32, line: LogLine) -> Result<(), Broken> {
        let bytes = (line.text.len() + LOG_LINE_OVERHEAD_BYTES) as u64;
        let add = |used: &mut Used| used.log_bytes = used.log_bytes.saturating_add(bytes);
        if !self.count(request, add, |used, limit| used.log_bytes <= limit.log_bytes) {
            return Err("more logs than the limit");
        }
        (self.log)(request, line);
        Ok(())
    }

    /// Adds to what a request has used, or to what was used outside of requests. Returns `true` if
    /// it is within the limits.
    fn count(&self, request: u32, add: impl Fn(&mut Used), within: impl Fn(&Used, &Used) -> bool) -> bool {
        let Allowance { request: each, outside } = &self.allowance;
        let mut table = self.table();
        if let Ok(request) = table.known(request) {
            add(&mut request.used);
            let times = request.messages.saturating_add(1);
            let allowed = Used {
                calls: each.calls.saturating_mul(times),
                log_bytes: each.log_bytes.saturating_mul(times),
            };
            return within(&request.used, &allowed);
        }
        // Requests that this side has begun and the Worker has not add early.
        let begun = self.begun();
        let allowed = Used {
            calls: outside.calls.saturating_add(each.calls.saturating_mul(begun)),
            log_bytes: outside.log_bytes.saturating_add(each.log_bytes.saturating_mul(begun)),
        };
        add(&mut table.outside);
        within(&table.outside, &allowed)
    }

    fn response(self: &Arc<Self>, id: u32, head: ResponseHead, body: BodyStart) -> Result<(), Broken> {
        let is_known = match body {
            BodyStart::Socket | BodyStart::PassedSocket { .. } => head.status == 101,
            _ => (200..=599).contains(&head.status),
        };
        if !is_known {
            return Err("a response with a status that responses do not have");
        }
        if head.size() > MAX_HEAD_BYTES {
            return Err("a response with a head longer than heads are");
        }
        if matches!(&body, BodyStart::Whole(Blob(bytes)) if bytes.len() > MAX_UNREAD_BYTES) {
            return Err("a whole body longer than whole bodies are");
        }
        let mut table = self.table();
        let request = table.unanswered(id)?;
        if request.is_call {
            return Err("a response to a call");
        }
        let body = match body {
            BodyStart::Empty => ResponseBody::Empty,
            BodyStart::Whole(Blob(bytes)) => ResponseBody::Whole(bytes.into()),
            BodyStart::Stream => {
                let queue = Arc::new(BodyQueue::default());
                request.phase = Phase::Streaming(queue.clone());
                ResponseBody::Stream(WorkerStream::new(id, queue, self.clone()))
            }
            BodyStart::Socket => {
                let queue = Arc::new(SocketQueue::new());
                request.phase = Phase::Socket(queue.clone());
                ResponseBody::Socket(WorkerSocket::new(SocketKey::Request(id), queue, self.clone()))
            }
            BodyStart::PassedSocket { call } => ResponseBody::Socket(self.fetches()?.pass_on(call)?),
        };
        // After what may break a rule, which is the answer then.
        let reply = request.reply.take();
        if matches!(request.phase, Phase::Unanswered) {
            request.phase = Phase::Complete;
            self.note_ending(&mut table, id);
        }
        drop(table);
        // If the caller has gone meanwhile, the stream is dropped here, and cancelled.
        if let Some(Reply::Response(reply)) = reply {
            let _ = reply.send(Ok(HttpResponse { head, body }));
        }
        Ok(())
    }

    fn failed(&self, id: u32, error: RunError) -> Result<(), Broken> {
        // The others are this side's word: they say that another process may try again, or that a
        // limit was passed.
        if !matches!(error.code, ErrorCode::Exception | ErrorCode::ToolError | ErrorCode::OutputLimit) {
            return Err("an error that is not its own to report");
        }
        let mut table = self.table();
        let request = table.unanswered(id)?;
        request.phase = Phase::Complete;
        let reply = request.reply.take();
        self.note_ending(&mut table, id);
        drop(table);
        if let Some(reply) = reply {
            reply.fail(error);
        }
        Ok(())
    }

    fn body_end(&self, id: u32, error: Option<String>) -> Result<(), Broken> {
        if error.as_ref().is_some_and(|reason| reason.len() > MAX_ERROR_TEXT_BYTES) {
            return Err("an error longer than errors are");
        }
        let mut table = self.table();
        let request = table.known(id)?;
        let Phase::Streaming(queue) = &request.phase else {
            return Err("the end of a body that it has not begun");
        };
        let queue = queue.clone();
        request.phase = Phase::Complete;
        self.note_ending(&mut table, id);
        drop(table);
        queue.end(error.map_or(Ok(()), |reason| Err(BrokenBody(reason))));
        Ok(())
    }

    fn credit(&self, id: u32, bytes: usize) -> Result<(), Broken> {
        let mut table = self.table();
        let upload = table.known(id)?.upload.as_ref();
        let Some(credit) = upload.map(|upload| &upload.credit) else {
            return Err("credit for a body that it does not get");
        };
        if bytes == 0 || credit.available_permits().saturating_add(bytes) > WINDOW_BYTES {
            return Err("more credit than it was sent bytes");
        }
        credit.add_permits(bytes);
        Ok(())
    }

    fn ended(&self, id: u32, queued_us: u32) -> Result<(), Broken> {
        let mut table = self.table();
        table.known(id)?;
        let fetches = self.fetches.as_ref().map(|fetches| fetches.end_request(id));
        let (calls, stubs) = self.calls.of_request(id);
        let (request, idle) = table.remove(id);
        table.has_ended_work = true;
        table.next_ending();
        drop(table);
        self.note_queued(queued_us);
        // Without the lock: this may be the end of the instance, and tells those of the callees.
        calls.into_iter().for_each(|call| self.drop_call(call));
        drop((fetches, stubs, idle));
        let Some(LiveRequest { reply, phase, .. }) = request else { return Ok(()) };
        match phase {
            Phase::Streaming(body) => {
                body.end(Err(BrokenBody("The request ended before its response did.".into())));
            }
            Phase::Socket(socket) => socket.end(),
            Phase::Unanswered | Phase::Complete => {}
        }
        if let Some(reply) = reply {
            reply.fail(ended());
        }
        Ok(())
    }
}

impl Table {
    /// Returns a request that has not ended. The Worker alone ends requests, so that no message of
    /// it comes too late.
    pub(super) fn known(&mut self, id: u32) -> Result<&mut LiveRequest, Broken> {
        let request = self.live.get_mut(&id).ok_or("a message about a request that it does not have")?;
        // First turns are in the order of the requests: those before it have had theirs too.
        while self.waiting.front().is_some_and(|(place, _)| *place <= request.place) {
            self.waiting.pop_front();
        }
        Ok(request)
    }

    pub(super) fn unanswered(&mut self, id: u32) -> Result<&mut LiveRequest, Broken> {
        let request = self.known(id)?;
        match request.phase {
            Phase::Unanswered => Ok(request),
            Phase::Streaming(_) | Phase::Socket(_) | Phase::Complete => Err("a second answer to a request"),
        }
    }
}
