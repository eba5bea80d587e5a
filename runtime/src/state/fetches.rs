//! The fetches of a Worker through its bindings, in its isolate.

use std::collections::{HashMap, VecDeque};

use super::RunState;
use crate::worker::bindings::MAX_FETCHES;
use crate::worker::protocol::{FromWorker, MAX_HEAD_BYTES, RequestHead, WINDOW_BYTES};

/// The fetches that have not ended.
#[derive(Default)]
pub(crate) struct Fetches {
    live: HashMap<u32, LiveFetch>,
    waiting: VecDeque<WaitingFetch>,
}

struct LiveFetch {
    /// The request that it belongs to.
    request: u32,
    /// The bytes that will come without further ado; before the answer, any number.
    room: usize,
}

struct WaitingFetch {
    call: u32,
    request: u32,
    binding: String,
    head: RequestHead,
}

impl Fetches {
    /// Returns `true` if an answer or a piece of a body will come.
    pub(super) fn expect(&self) -> bool {
        self.live.values().any(|fetch| fetch.room > 0)
    }
}

impl RunState {
    /// Sends a fetch, or queues it behind the others. Returns its number.
    ///
    /// # Errors
    /// Returns the reason for which it cannot be made.
    pub(crate) fn fetch(&mut self, request: u32, binding: String, head: RequestHead) -> Result<u32, String> {
        if request == 0 || !self.requests.is_live(request) {
            return Err(format!("env.{binding}.fetch() can be called only while a request is served."));
        }
        let size = head.size();
        if size > MAX_HEAD_BYTES {
            return Err(format!(
                "The URL and the headers of this fetch have {size} bytes with 32 for each header: at most {MAX_HEAD_BYTES} can be sent."
            ));
        }
        let most = self.limits.calls;
        let counts = self.counts(request);
        counts.calls += 1;
        if counts.calls > most {
            return Err(format!("The request started more than {most} calls and fetches."));
        }
        self.next_id += 1;
        let call = self.next_id;
        self.fetches.waiting.push_back(WaitingFetch { call, request, binding, head });
        self.send_fetches();
        Ok(call)
    }

    /// Sends the fetches for which there is room.
    fn send_fetches(&mut self) {
        while self.fetches.live.len() < MAX_FETCHES
            && let Some(WaitingFetch { call, request, binding, head }) = self.fetches.waiting.pop_front()
        {
            self.fetches.live.insert(call, LiveFetch { request, room: usize::MAX });
            self.channel.worker(FromWorker::Fetch { id: request, call, binding, head });
        }
    }

    /// Returns the request of a fetch that has not ended.
    pub(crate) fn request_of_fetch(&self, call: u32) -> Option<u32> {
        self.fetches.live.get(&call).map(|fetch| fetch.request)
    }

    /// Notes that the answer of a fetch has a body that comes in pieces.
    pub(crate) fn fetch_has_stream(&mut self, call: u32) {
        if let Some(fetch) = self.fetches.live.get_mut(&call) {
            fetch.room = WINDOW_BYTES;
        }
    }

    /// Notes bytes of a body that came.
    pub(crate) fn fetch_came(&mut self, call: u32, bytes: usize) {
        if let Some(fetch) = self.fetches.live.get_mut(&call) {
            fetch.room = fetch.room.saturating_sub(bytes);
        }
    }

    /// Confirms bytes of a body that were read.
    pub(crate) fn fetch_was_read(&mut self, call: u32, bytes: u32) {
        if let Some(fetch) = self.fetches.live.get_mut(&call) {
            fetch.room += bytes as usize;
            self.channel.worker(FromWorker::FetchCredit { call, bytes });
        }
    }

    /// Ends a fetch: it is complete, or nobody waits for it any more.
    pub(crate) fn end_fetch(&mut self, call: u32) {
        if self.fetches.live.remove(&call).is_some() {
            self.channel.worker(FromWorker::FetchEnded { call });
        }
        self.fetches.waiting.retain(|fetch| fetch.call != call);
        self.send_fetches();
    }

    /// Ends the fetches of a request.
    pub(super) fn end_fetches(&mut self, request: u32) {
        self.fetches.waiting.retain(|fetch| fetch.request != request);
        let live = self.fetches.live.iter().filter(|(_, fetch)| fetch.request == request);
        for call in live.map(|(call, _)| *call).collect::<Vec<_>>() {
            self.end_fetch(call);
        }
    }
}
