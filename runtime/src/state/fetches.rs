//! The fetches of a Worker through its bindings, in its isolate.

use std::collections::{HashMap, VecDeque};

use super::RunState;
use crate::blob::Blob;
use crate::stop::ChargedMemory;
use crate::worker::bindings::MAX_FETCHES;
use crate::worker::fetch_host::{CACHES, GLOBAL_FETCH};
use crate::worker::protocol::{
    BodyStart, Entrypoint, FetchTarget, FromWorker, MAX_HEAD_BYTES, RequestHead, WINDOW_BYTES,
};
use crate::worker::requests::LiveSocket;

/// The fetches that have not ended.
#[derive(Default)]
pub(crate) struct Fetches {
    live: HashMap<u32, LiveFetch>,
    waiting: VecDeque<WaitingFetch>,
}

/// The fetches of one request from other servers at once that wait for the head of their answer, as
/// at Cloudflare. Further ones wait.
const MAX_OUTGOING: usize = 6;

struct LiveFetch {
    /// The request that it belongs to.
    request: u32,
    /// `true` for one from another server.
    is_outgoing: bool,
    /// The bytes of the answer that will come without further ado; before the answer, any number.
    room: usize,
    /// `true` once all of the answer has come.
    is_answered: bool,
    /// The bytes of its own body that were sent and not read, while more may be sent.
    unread: Option<usize>,
    /// The WebSocket that it was answered with.
    socket: FetchedSocket,
}

/// The WebSocket that a fetch was answered with.
enum FetchedSocket {
    /// There is none.
    None,
    /// The Worker has neither accepted it nor passed it on.
    Offered,
    /// The Worker has accepted it.
    Accepted(LiveSocket),
}

impl LiveFetch {
    fn is_complete(&self) -> bool {
        self.is_answered && self.unread.is_none()
    }
}

/// A fetch that waits for others to end.
struct WaitingFetch {
    call: u32,
    fetch: LiveFetch,
    /// The fetch, and what came of its body.
    messages: Vec<FromWorker>,
    /// The memory of the body.
    memory: Vec<ChargedMemory>,
}

impl Fetches {
    /// Returns `true` if an answer, a piece of one or a reader of a body will come.
    pub(super) fn expect(&self) -> bool {
        let expects = |fetch: &LiveFetch| {
            fetch.room > 0 && !fetch.is_answered
                || fetch.unread.is_some_and(|unread| unread >= WINDOW_BYTES)
                || matches!(&fetch.socket, FetchedSocket::Accepted(socket) if !socket.is_peer_closed)
        };
        self.live.values().any(expects)
    }

    /// Returns the WebSocket of a fetch, if the Worker has accepted it.
    pub(super) fn socket(&mut self, call: u32) -> Option<&mut LiveSocket> {
        match &mut self.live.get_mut(&call)?.socket {
            FetchedSocket::Accepted(socket) => Some(socket),
            FetchedSocket::None | FetchedSocket::Offered => None,
        }
    }

    /// Notes that the Worker accepts the WebSocket of a fetch. Returns `false` if it was not
    /// offered one.
    pub(super) fn accept_socket(&mut self, call: u32) -> bool {
        let offered = self.live.get_mut(&call).map(|fetch| &mut fetch.socket);
        match offered.filter(|socket| matches!(socket, FetchedSocket::Offered)) {
            Some(socket) => {
                *socket = FetchedSocket::Accepted(LiveSocket::default());
                true
            }
            None => false,
        }
    }

    /// Returns `true` if the Worker may pass on the WebSocket of a fetch.
    pub(super) fn offers_socket(&self, call: u32) -> bool {
        self.live.get(&call).is_some_and(|fetch| matches!(fetch.socket, FetchedSocket::Offered))
    }
}

impl Fetches {
    /// Returns `true` if another fetch of a request can be sent.
    fn have_room(&self, request: u32, is_outgoing: bool) -> bool {
        let waits = |fetch: &&LiveFetch| {
            fetch.request == request && fetch.is_outgoing && fetch.room == usize::MAX && !fetch.is_answered
        };
        self.live.len() < MAX_FETCHES
            && (!is_outgoing || self.live.values().filter(waits).count() < MAX_OUTGOING)
    }

    /// Returns the place of the first fetch that waits and can be sent.
    fn next_to_send(&self) -> Option<usize> {
        if self.live.len() >= MAX_FETCHES {
            return None;
        }
        self.waiting
            .iter()
            .position(|waiting| self.have_room(waiting.fetch.request, waiting.fetch.is_outgoing))
    }
}

impl RunState {
    /// Sends a fetch, or queues it behind the others. Returns its number.
    ///
    /// # Errors
    /// Returns the reason for which it cannot be made.
    pub(crate) fn fetch(
        &mut self,
        request: u32,
        target: FetchTarget,
        head: RequestHead,
        body: BodyStart,
    ) -> Result<u32, String> {
        if request == 0 || !self.requests.is_live(request) {
            let what = match target {
                FetchTarget::Binding(name) if name == GLOBAL_FETCH => "fetch()".to_owned(),
                FetchTarget::Binding(name) if name == CACHES => "caches".to_owned(),
                FetchTarget::Binding(name) => format!("env.{name}.fetch()"),
                FetchTarget::Export(Entrypoint { name, .. }) => format!("ctx.exports.{name}.fetch()"),
                FetchTarget::Loaded { .. } => "fetch() of a loaded Worker".to_owned(),
            };
            return Err(format!("{what} can be used only while a request is served."));
        }
        self.check_target(&target)?;
        let size = head.size();
        if size > MAX_HEAD_BYTES {
            return Err(format!(
                "The URL, the headers and `cf` of this fetch have {size} bytes with 32 for each header: at most {MAX_HEAD_BYTES} can be sent."
            ));
        }
        self.begin_call(request)?;
        let mut memory = Vec::new();
        let is_outgoing = matches!(&target, FetchTarget::Binding(name) if name == GLOBAL_FETCH);
        if let BodyStart::Whole(Blob(bytes)) = &body
            && !self.fetches.have_room(request, is_outgoing)
        {
            let charged = ChargedMemory::new(&self.control, bytes.len());
            memory.push(
                charged.ok_or("There is no memory for the body of this fetch, which waits for others.")?,
            );
        }
        self.next_id += 1;
        let call = self.next_id;
        let unread = matches!(body, BodyStart::Stream).then_some(0);
        let fetch = LiveFetch {
            request,
            is_outgoing,
            room: usize::MAX,
            is_answered: false,
            unread,
            socket: FetchedSocket::None,
        };
        let messages = vec![FromWorker::Fetch { id: request, call, target, head, body }];
        self.fetches.waiting.push_back(WaitingFetch { call, fetch, messages, memory });
        self.send_fetches();
        Ok(call)
    }

    /// Sends the fetches for which there is room.
    fn send_fetches(&mut self) {
        while let Some(next) = self.fetches.next_to_send()
            && let Some(WaitingFetch { call, fetch, messages, .. }) = self.fetches.waiting.remove(next)
        {
            self.fetches.live.insert(call, fetch);
            for message in messages {
                self.channel.worker(message);
            }
        }
    }

    /// Sends a message about the body of a fetch, or keeps it until the fetch is sent.
    fn send_of_body(&mut self, call: u32, message: FromWorker) {
        match self.fetches.waiting.iter_mut().find(|fetch| fetch.call == call) {
            Some(waiting) => waiting.messages.push(message),
            None => self.channel.worker(message),
        }
    }

    /// Returns a fetch that was sent, or one that waits.
    fn fetch_mut(&mut self, call: u32) -> Option<&mut LiveFetch> {
        let Fetches { live, waiting } = &mut self.fetches;
        let waiting = waiting.iter_mut().find(|fetch| fetch.call == call).map(|fetch| &mut fetch.fetch);
        live.get_mut(&call).or(waiting)
    }

    /// Sends a piece of a fetch's body. Returns `false` if it is not sent: the fetch has ended, or
    /// there is no memory.
    pub(crate) fn send_fetch_body(&mut self, call: u32, bytes: Vec<u8>) -> bool {
        if let Some(waiting) = self.fetches.waiting.iter_mut().find(|fetch| fetch.call == call) {
            match ChargedMemory::new(&self.control, bytes.len()) {
                Some(charged) => waiting.memory.push(charged),
                None => return false,
            }
        }
        let length = bytes.len();
        let Some(unread) = self.fetch_mut(call).and_then(|fetch| fetch.unread.as_mut()) else { return false };
        *unread += length;
        if length > 0 {
            self.send_of_body(call, FromWorker::FetchBody { call, bytes: Blob(bytes) });
        }
        true
    }

    /// Completes a fetch's body.
    pub(crate) fn end_fetch_body(&mut self, call: u32) {
        if self.fetch_mut(call).is_some_and(|fetch| fetch.unread.take().is_some()) {
            self.send_of_body(call, FromWorker::FetchBodyEnd { call });
            self.end_if_complete(call);
        }
    }

    /// Notes that bytes of a fetch's body were read.
    pub(crate) fn fetch_body_was_read(&mut self, call: u32, bytes: u32) {
        if let Some(unread) = self.fetch_mut(call).and_then(|fetch| fetch.unread.as_mut()) {
            *unread = unread.saturating_sub(bytes as usize);
        }
    }

    /// Notes that the rest of a fetch's body is not read.
    pub(crate) fn fetch_body_refused(&mut self, call: u32) {
        if let Some(fetch) = self.fetch_mut(call) {
            fetch.unread = None;
            self.end_if_complete(call);
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
        self.send_fetches();
    }

    /// Notes that the answer of a fetch is a WebSocket. The fetch goes on until that ends.
    pub(crate) fn fetch_has_socket(&mut self, call: u32) {
        if let Some(fetch) = self.fetches.live.get_mut(&call) {
            (fetch.room, fetch.socket) = (0, FetchedSocket::Offered);
        }
        self.send_fetches();
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

    /// Notes that all of an answer has come. The fetch ends when its own body was sent too.
    pub(crate) fn fetch_was_answered(&mut self, call: u32) {
        if let Some(fetch) = self.fetches.live.get_mut(&call) {
            fetch.is_answered = true;
            self.end_if_complete(call);
            self.send_fetches();
        }
    }

    fn end_if_complete(&mut self, call: u32) {
        if self.fetches.live.get(&call).is_some_and(LiveFetch::is_complete) {
            self.end_fetch(call);
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
        self.fetches.waiting.retain(|waiting| waiting.fetch.request != request);
        let live = self.fetches.live.iter().filter(|(_, fetch)| fetch.request == request);
        for call in live.map(|(call, _)| *call).collect::<Vec<_>>() {
            self.end_fetch(call);
        }
    }
}
