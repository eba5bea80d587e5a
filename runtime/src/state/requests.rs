//! The requests of a Worker: what its code says of each, to their owner.

use super::RunState;
use crate::RunError;
use crate::blob::Blob;
use crate::counts::Counts;
use crate::natives::codecs;
use crate::stop::ChargedMemory;
use crate::worker::compression::BodyEncoder;
use crate::worker::protocol::{BodyStart, FromWorker, ResponseHead};
use crate::worker::requests::LiveSocket;

impl RunState {
    /// Starts a request to a Worker.
    pub(crate) fn begin_request(&mut self, id: u32, has_stream: bool) {
        self.requests.begin(id, has_stream);
        // What runs outside of requests may log and call again.
        self.counts = Counts::default();
    }

    /// Notes that nobody waits for the response any more.
    pub(crate) fn cancel_request(&mut self, id: u32) {
        self.requests.body_ended(id);
        if let Some(request) = self.requests.get(id) {
            (request.is_answered, request.is_streaming) = (true, false);
        }
    }

    /// Begins the response to a request that has none.
    pub(crate) fn respond(&mut self, id: u32, mut head: ResponseHead, body: BodyStart) {
        let passed = match body {
            BodyStart::PassedSocket { call } => Some(call),
            _ => None,
        };
        if passed.is_some_and(|call| !self.fetches.offers_socket(call)) {
            return;
        }
        let Some(request) = self.requests.get(id).filter(|request| !request.is_answered) else { return };
        request.is_answered = true;
        request.is_streaming = matches!(body, BodyStart::Stream);
        request.socket = matches!(body, BodyStart::Socket).then(LiveSocket::default);
        let encoder = if request.is_internal { None } else { BodyEncoder::of(&head) };
        let body = match (body, encoder) {
            (BodyStart::Whole(Blob(plain)), Some(encoder)) => match encoder.encode_whole(&plain) {
                Ok(encoded) => BodyStart::Whole(Blob(encoded)),
                Err(_) => BodyStart::Whole(Blob(plain)),
            },
            (body, encoder) => {
                if encoder.is_some() {
                    // It is the one of the plain body.
                    head.headers.retain(|(name, _)| name != "content-length");
                }
                let memory = encoder.as_ref().map(|_| ChargedMemory::new(&self.control, codecs::STATE_BYTES));
                if matches!(memory, Some(None)) {
                    // There is no room for the encoder: the body stays plain.
                    head.headers.retain(|(name, _)| name != "content-encoding");
                }
                request.encoder = encoder.zip(memory.flatten());
                body
            }
        };
        self.channel.worker(FromWorker::Response { id, head, body });
        if let Some(call) = passed {
            self.end_fetch(call);
        }
    }

    /// Sends a piece of a response's body. Returns the number of bytes that were sent.
    pub(crate) fn send_body(&mut self, id: u32, bytes: Vec<u8>) -> usize {
        let Some(request) = self.requests.get(id).filter(|request| request.is_streaming) else { return 0 };
        let bytes = match request.encoder.as_mut().map(|(encoder, _)| encoder.encode(&bytes)) {
            Some(Ok(encoded)) => encoded,
            _ => bytes,
        };
        let sent = bytes.len();
        if sent > 0 {
            self.channel.worker(FromWorker::Chunk { id, bytes: Blob(bytes) });
        }
        sent
    }

    /// Ends a response's body, with a text if it broke off.
    pub(crate) fn end_body(&mut self, id: u32, error: Option<String>) {
        let Some(request) = self.requests.get(id).filter(|request| request.is_streaming) else { return };
        request.is_streaming = false;
        let end = request.encoder.take().map(|(encoder, _)| encoder.finish());
        if error.is_none()
            && let Some(Ok(end)) = end
            && !end.is_empty()
        {
            self.channel.worker(FromWorker::Chunk { id, bytes: Blob(end) });
        }
        self.channel.worker(FromWorker::BodyEnd { id, error });
    }

    /// Answers a request that has no response with an error.
    pub(crate) fn fail_request(&mut self, id: u32, error: RunError) {
        if let Some(request) = self.requests.get(id).filter(|request| !request.is_answered) {
            request.is_answered = true;
            self.channel.worker(FromWorker::Failed { id, error });
        }
    }

    /// Confirms bytes of a request's body that were read.
    pub(crate) fn confirm_body(&mut self, id: u32, bytes: u32) {
        if self.requests.is_live(id) && bytes > 0 {
            self.requests.body_was_read(id, bytes as usize);
            self.channel.worker(FromWorker::Credit { id, bytes });
        }
    }

    /// Refuses the rest of a request's body.
    pub(crate) fn refuse_body(&mut self, id: u32) {
        if self.requests.is_live(id) {
            self.requests.body_ended(id);
            self.channel.worker(FromWorker::BodyRefused { id });
        }
    }

    /// Ends a request and cancels its calls and fetches. Returns the numbers of the calls.
    pub(crate) fn end_request(&mut self, id: u32) -> Vec<u32> {
        let Some(queued_us) = self.requests.get(id).map(|request| request.queued_us) else {
            return Vec::new();
        };
        self.requests.end(id);
        let cancelled = self.cancel_calls_of(id);
        self.end_fetches(id);
        self.end_calls(id);
        self.end_loaded(id);
        // Its owner cancels the calls too, before it counts those that have waited for them.
        self.channel.worker(FromWorker::Ended { id, queued_us });
        self.send_waiting();
        cancelled
    }
}
