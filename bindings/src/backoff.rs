//! Delays between attempts.

use std::time::Duration;

/// Delays that double with each attempt, up to a bound.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    /// Makes delays from `first` to `max`.
    pub(crate) const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, attempts: 0 }
    }

    /// Returns the delay before the next attempt, and counts that attempt.
    pub(crate) fn next_delay(&mut self) -> Duration {
        let delay = doubled(self.first, self.attempts).min(self.max);
        self.attempts = self.attempts.saturating_add(1);
        delay
    }

    /// The attempts since the last reset.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Begins with the first delay again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// Doubles `time` as often as `times` says, at most ten times.
pub(crate) fn doubled(time: Duration, times: u32) -> Duration {
    time.saturating_mul(1 << times.min(10))
}

/// Spreads a delay by a quarter in both directions, so that servers that failed together do not
/// come back together.
pub(crate) fn jittered(delay: Duration) -> Duration {
    let mut random = [0u8; 1];
    // Without randomness the delay is merely regular.
    let _ = getrandom::fill(&mut random);
    delay.mul_f64(0.75 + f64::from(random[0]) / 255.0 * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60));
        let seconds: Vec<f64> = (0..9).map(|_| backoff.next_delay().as_secs_f64()).collect();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert_eq!(backoff.attempts(), 9);
        backoff.attempts = u32::MAX;
        assert_eq!(backoff.next_delay(), Duration::from_secs(60));
        backoff.reset();
        assert_eq!(backoff.next_delay(), Duration::from_millis(500));
    }

    #[test]
    fn jitter_is_a_quarter_at_most() {
        for _ in 0..100 {
            let delay = jittered(Duration::from_secs(4)).as_secs_f64();
            assert!((2.99..=5.01).contains(&delay), "{delay}");
        }
    }
}
