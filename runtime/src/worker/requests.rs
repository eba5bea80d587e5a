//! The requests of a Worker that have not ended, as its isolate knows them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::compression::BodyEncoder;
use super::protocol::WINDOW_BYTES;
use crate::counts::Counts;
use crate::stop::ChargedMemory;

/// The time that promises given to `waitUntil` have after the response, as on Cloudflare.
pub(crate) const WAIT_UNTIL_TIMEOUT: Duration = Duration::from_secs(30);

/// The time that a request goes on after its response because others have stubs of its objects.
pub(crate) const HELD_TIMEOUT: Duration = Duration::from_secs(300);

/// A request that has not ended.
#[derive(Default)]
pub(crate) struct LiveRequest {
    /// The counts so far.
    pub(crate) counts: Counts,
    /// The time that it waited for its first turn, in microseconds.
    pub(crate) queued_us: u32,
    /// The CPU time of its turns so far.
    cpu: Duration,
    /// `true` once its response has begun, or its client has gone.
    pub(crate) is_answered: bool,
    /// `true` if a Worker reads the response.
    pub(crate) is_internal: bool,
    /// `true` while pieces of its response's body may be sent.
    pub(crate) is_streaming: bool,
    /// The bytes of its body that may still come before the Worker reads; `None` if none will come.
    body_room: Option<usize>,
    /// The encoder of its response's body, if it is compressed, and the memory of the encoder.
    pub(crate) encoder: Option<(BodyEncoder, ChargedMemory)>,
    /// The WebSocket that is its response.
    pub(crate) socket: Option<LiveSocket>,
    /// `true` while others have stubs of its objects, or may call them.
    is_held: bool,
    /// The end of the time for `waitUntil`, or for those who have stubs, once the response is
    /// complete.
    ends_by: Option<Instant>,
}

/// The WebSocket of a request, or of a fetch.
#[derive(Default)]
pub(crate) struct LiveSocket {
    /// The part of a message that has come.
    pub(crate) message: Vec<u8>,
    /// The costs of the last pieces of messages that the Worker has not taken.
    pub(crate) untaken: VecDeque<usize>,
    /// The cost of pieces that were taken and not confirmed.
    pub(crate) unconfirmed: usize,
    /// Set once the Worker has closed it.
    pub(crate) is_closed: bool,
    /// Set once the other end has closed it, or was lost.
    pub(crate) is_peer_closed: bool,
}

/// The requests of one isolate.
#[derive(Default)]
pub(crate) struct Requests {
    live: HashMap<u32, LiveRequest>,
}

impl Requests {
    pub(crate) fn begin(&mut self, id: u32, has_stream: bool) {
        let body_room = has_stream.then_some(WINDOW_BYTES);
        self.live.insert(id, LiveRequest { body_room, ..LiveRequest::default() });
    }

    /// Notes whether a Worker reads the response.
    pub(crate) fn set_internal(&mut self, id: u32, is_internal: bool) {
        if let Some(request) = self.live.get_mut(&id) {
            request.is_internal = is_internal;
        }
    }

    pub(crate) fn end(&mut self, id: u32) {
        self.live.remove(&id);
    }

    pub(crate) fn get(&mut self, id: u32) -> Option<&mut LiveRequest> {
        self.live.get_mut(&id)
    }

    pub(crate) fn is_live(&self, id: u32) -> bool {
        self.live.contains_key(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Adds the time of a turn to its request. Returns the request's time so far.
    pub(crate) fn charge(&mut self, id: u32, cpu: Duration) -> Duration {
        self.live.get_mut(&id).map_or(cpu, |request| {
            request.cpu += cpu;
            request.cpu
        })
    }

    /// Returns the CPU time that a request has used.
    pub(crate) fn cpu(&self, id: u32) -> Duration {
        self.live.get(&id).map_or(Duration::ZERO, |request| request.cpu)
    }

    /// Gives a request its CPU time again.
    pub(crate) fn renew_cpu(&mut self, id: u32) {
        if let Some(request) = self.live.get_mut(&id) {
            request.cpu = Duration::ZERO;
        }
    }

    /// Notes bytes of a request's body that came, or that were read.
    pub(crate) fn body_came(&mut self, id: u32, bytes: usize) {
        if let Some(room) = self.live.get_mut(&id).and_then(|request| request.body_room.as_mut()) {
            *room = room.saturating_sub(bytes);
        }
    }

    pub(crate) fn body_was_read(&mut self, id: u32, bytes: usize) {
        if let Some(room) = self.live.get_mut(&id).and_then(|request| request.body_room.as_mut()) {
            *room += bytes;
        }
    }

    /// Notes that no more of a request's body will come.
    pub(crate) fn body_ended(&mut self, id: u32) {
        if let Some(request) = self.live.get_mut(&id) {
            request.body_room = None;
        }
    }

    /// Returns `true` if a piece of a body will come without further ado, or a message of a
    /// WebSocket may.
    pub(crate) fn expect_body(&self) -> bool {
        self.live.values().any(|request| {
            request.body_room.is_some_and(|room| room > 0)
                || request.socket.as_ref().is_some_and(|socket| !socket.is_peer_closed)
        })
    }

    /// Starts the time for `waitUntil`, or for those who have stubs of its objects.
    pub(crate) fn responded_to(&mut self, id: u32, now: Instant) {
        if let Some(request) = self.live.get_mut(&id) {
            request.is_answered = true;
            let time = if request.is_held { HELD_TIMEOUT } else { WAIT_UNTIL_TIMEOUT };
            request.ends_by.get_or_insert(now + time);
        }
    }

    /// Notes that others have stubs of a request's objects, or that nobody has any more. Then the
    /// time for `waitUntil` starts, if it has responded.
    pub(crate) fn hold(&mut self, id: u32, is_held: bool, now: Instant) {
        let Some(request) = self.live.get_mut(&id) else { return };
        request.is_held = is_held;
        if let Some(ends_by) = &mut request.ends_by {
            *ends_by = now + if is_held { HELD_TIMEOUT } else { WAIT_UNTIL_TIMEOUT };
        }
    }

    /// Returns `true` if others may call an object of a request.
    pub(crate) fn are_held(&self) -> bool {
        self.live.values().any(|request| request.is_held)
    }

    /// Returns the earliest end of a time for `waitUntil`.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.live.values().filter_map(|request| request.ends_by).min()
    }

    /// Returns the requests whose time for `waitUntil` has passed.
    pub(crate) fn expired(&self, now: Instant) -> Vec<u32> {
        let expired = |request: &LiveRequest| request.ends_by.is_some_and(|end| end <= now);
        self.live.iter().filter(|(_, request)| expired(request)).map(|(id, _)| *id).collect()
    }

    /// Returns the requests that nothing can continue if nothing is pending in the isolate: those
    /// without a response, and those whose `waitUntil` is not over. If others may call an object,
    /// something is pending.
    pub(crate) fn stuck(&self) -> Vec<(u32, bool)> {
        let mut stuck: Vec<_> = self
            .live
            .iter()
            .filter(|(_, request)| !request.is_answered || request.ends_by.is_some())
            .map(|(id, request)| (*id, request.is_answered))
            .collect();
        stuck.sort_unstable();
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_response_is_stuck_and_one_that_streams_is_not() {
        let mut requests = Requests::default();
        let now = Instant::now();
        for id in 1..=3 {
            requests.begin(id, id == 3);
        }
        requests.get(1).unwrap().is_answered = true;
        requests.responded_to(2, now);
        assert_eq!(requests.stuck(), [(2, true), (3, false)]);
        assert_eq!(requests.expired(now + WAIT_UNTIL_TIMEOUT), [2]);
        requests.end(2);
        assert!(!requests.is_live(2) && requests.next_end().is_none());
    }

    #[test]
    fn a_body_is_expected_while_there_is_room_for_it() {
        let mut requests = Requests::default();
        requests.begin(1, true);
        assert!(requests.expect_body());
        requests.body_came(1, WINDOW_BYTES);
        assert!(!requests.expect_body());
        requests.body_was_read(1, 1);
        assert!(requests.expect_body());
        requests.body_ended(1);
        assert!(!requests.expect_body());
    }

    #[test]
    fn turns_are_summed_for_each_request() {
        let mut requests = Requests::default();
        requests.begin(1, false);
        requests.begin(2, false);
        let ms = Duration::from_millis;
        assert_eq!(requests.charge(1, ms(3)), ms(3));
        assert_eq!(requests.charge(2, ms(5)), ms(5));
        assert_eq!(requests.charge(1, ms(4)), ms(7));
        assert_eq!((requests.cpu(1), requests.charge(9, ms(1))), (ms(7), ms(1)));
    }
}
