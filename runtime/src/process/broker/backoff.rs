//! Pauses that grow from one failed attempt to the next.

use std::time::Duration;

/// Pauses that double from [`Backoff::MIN_PAUSE`] to [`Backoff::MAX_PAUSE`].
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The pause after the first failure.
    const MIN_PAUSE: Duration = Duration::from_millis(200);
    /// The bound on a pause.
    const MAX_PAUSE: Duration = Duration::from_secs(10);

    /// Creates a backoff before the first failure.
    pub(super) fn new() -> Self {
        Self { next: Self::MIN_PAUSE }
    }

    /// Returns the pause after one more failure.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Self::MAX_PAUSE);
        pause
    }

    /// Starts from the first pause again, after a success.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_start_again_after_a_success() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> = (0..8).map(|_| backoff.next_pause().as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.next_pause(), Backoff::MIN_PAUSE);
    }
}
