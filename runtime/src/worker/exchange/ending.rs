//! The time within which a Worker must say that a request has ended.
//!
//! Without a bound, a process that never says so would stay when it is to be replaced, and each
//! request that its client cancels would stay in the table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::Limits;
use crate::worker::requests::WAIT_UNTIL_TIMEOUT;

/// The time that a Worker has for the turns of other requests before it gets to the end of one, in
/// addition to the limits.
const END_GRACE: Duration = Duration::from_secs(30);

/// Returns the time that a Worker has to end a request after its response, or after its client has
/// gone.
pub(super) fn end_timeout(limits: &Limits) -> Duration {
    WAIT_UNTIL_TIMEOUT + limits.wall.max(limits.cpu) + END_GRACE
}

/// The requests that must end, the one that must end first at the top.
#[derive(Default)]
pub(super) struct Endings(BinaryHeap<Reverse<(Instant, u32)>>);

impl Endings {
    /// Adds a request. Returns `true` if it is the one that must end first.
    pub(super) fn add(&mut self, id: u32, ends_by: Instant) -> bool {
        self.0.push(Reverse((ends_by, id)));
        self.0.peek() == Some(&Reverse((ends_by, id)))
    }

    /// Returns the time by which the next request must end. `is_live` returns `false` for those
    /// that have ended.
    pub(super) fn next(&mut self, is_live: impl Fn(u32, Instant) -> bool) -> Option<Instant> {
        while let Some(Reverse((ends_by, id))) = self.0.peek().copied() {
            if is_live(id, ends_by) {
                return Some(ends_by);
            }
            self.0.pop();
        }
        None
    }
}
