//! The memory of a server's attempts to connect: the handshake to try next, and its timeout.

use std::time::Duration;

use crate::backoff::doubled;
use crate::handshake::HandshakePlan;
use crate::protocol::Handshake;

/// A server that was alive and did not answer in the time that a start has gets twice as long in
/// the next attempt, up to this.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(600);

/// The memory of a server's attempts, from one connection to the next.
#[derive(Default)]
pub(super) struct AttemptMemory {
    /// The handshake of the last session.
    known: Option<Handshake>,
    /// Failed attempts while nothing was known.
    guesses: u32,
    /// The number of attempts in a row that took all of their time.
    timed_out: u32,
}

impl AttemptMemory {
    /// The handshake to try next.
    pub(super) fn plan(&self) -> HandshakePlan {
        match self.known {
            Some(known) => HandshakePlan::Known(known),
            None => HandshakePlan::Guess(Handshake::of_attempt(self.guesses)),
        }
    }

    /// The timeout of the next attempt, if the first one had `first`. A server that took all of its
    /// time gets longer: it may have been downloading (`npx`, `uvx`), and would never be ready if
    /// each attempt ended where the last one did.
    pub(super) fn timeout(&self, first: Duration) -> Duration {
        doubled(first, self.timed_out).min(MAX_CONNECT_TIMEOUT).max(first)
    }

    /// Notes that the first handshake of an attempt failed. Returns whether it was the first guess.
    pub(super) fn failed(&mut self, plan: HandshakePlan, timed_out: bool) -> bool {
        self.timed_out = if timed_out { self.timed_out.saturating_add(1) } else { 0 };
        let is_first = plan.is_guess() && self.guesses == 0;
        self.guesses = self.guesses.saturating_add(u32::from(plan.is_guess()));
        is_first
    }

    /// Notes the handshake of a session.
    pub(super) fn succeeded(&mut self, handshake: Handshake) {
        self.known = Some(handshake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_start_gets_more_time_each_time() {
        let minute = Duration::from_secs(60);
        let timeout_after =
            |first, timed_out| AttemptMemory { timed_out, ..AttemptMemory::default() }.timeout(first);
        assert_eq!(timeout_after(minute, 0), minute);
        assert_eq!(timeout_after(minute, 2), 4 * minute);
        assert_eq!(timeout_after(minute, u32::MAX), MAX_CONNECT_TIMEOUT);
        assert_eq!(timeout_after(2 * MAX_CONNECT_TIMEOUT, 3), 2 * MAX_CONNECT_TIMEOUT);
    }

    #[test]
    fn attempts_in_time_start_from_the_first_timeout_again() {
        let minute = Duration::from_secs(60);
        let mut memory = AttemptMemory::default();
        assert!(memory.failed(memory.plan(), true));
        assert!(!memory.failed(memory.plan(), true));
        assert_eq!(memory.timeout(minute), 4 * minute);
        memory.failed(memory.plan(), false);
        assert_eq!(memory.timeout(minute), minute);
        memory.succeeded(Handshake::Initialize);
        assert_eq!(memory.plan(), HandshakePlan::Known(Handshake::Initialize));
    }
}
