//! The times at which requests of an open loop start.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// The arrivals that may be due before the generator has taken them.
const CAPACITY: usize = 65_536;

/// Arrivals at a constant rate, each given when it is due. A thread waits for them: its sleep is
/// exact to some tens of microseconds, where a timer of tokio may be a millisecond late, which is
/// more than many answers take.
pub(super) struct Arrivals {
    due: mpsc::Receiver<Instant>,
}

impl Arrivals {
    /// Starts with the arrival at `first`; the last one is before `end`.
    pub(super) fn start(first: Instant, interval: Duration, end: Instant) -> io::Result<Self> {
        let (sender, due) = mpsc::channel(CAPACITY);
        thread::Builder::new().name("arrivals".to_owned()).spawn(move || {
            for number in 0_u32.. {
                let at = first + interval.mul_f64(f64::from(number));
                if at >= end {
                    return;
                }
                thread::sleep(at.saturating_duration_since(Instant::now()));
                if sender.blocking_send(at).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { due })
    }

    /// Waits for the next arrival; `None` after the last one.
    pub(super) async fn next(&mut self) -> Option<Instant> {
        self.due.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn arrivals_are_not_early_and_all_come() {
        let started = Instant::now();
        let (interval, end) = (Duration::from_micros(700), started + Duration::from_micros(7000));
        let mut arrivals = Arrivals::start(started, interval, end).unwrap();
        let mut count = 0;
        while let Some(due) = arrivals.next().await {
            assert!(Instant::now() >= due && due == started + interval * count);
            count += 1;
        }
        assert_eq!(count, 10);
    }
}
