//! How many runs go on at once, how many wait, and how much memory the waiting may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::pretty::thousands;

const KIB: usize = 1024;

/// Bodies of all admitted requests together. A body may have some 20 MB, and 1,280 of them would be 25 GB; real scripts
/// have some KB, so this limit is for abuse.
const BODY_KIB: usize = 512 * KIB;

/// The server's gate.
pub struct Admission {
    runs: Arc<Semaphore>,
    most_running: usize,
    most_waiting: usize,
    waiting: AtomicUsize,
    bodies: Arc<Semaphore>,
}

/// A run's place; giving it back lets the next one in.
pub struct Place {
    _run: OwnedSemaphorePermit,
    /// How long the run stood in the queue.
    pub waited: Duration,
}

/// A body's share of the memory for bodies.
pub struct BodyShare {
    share: OwnedSemaphorePermit,
}

impl BodyShare {
    /// Gives back what a body does not need that turned out to have only so many `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        let spare = self.share.num_permits().saturating_sub(bytes.div_ceil(KIB).max(1));
        drop(self.share.split(spare));
    }
}

impl Admission {
    /// A gate for `running` runs at once, with `waiting` more in the queue.
    pub fn new(running: usize, waiting: usize) -> Self {
        Self {
            runs: Arc::new(Semaphore::new(running)),
            most_running: running,
            most_waiting: waiting,
            waiting: AtomicUsize::new(0),
            bodies: Arc::new(Semaphore::new(BODY_KIB)),
        }
    }

    /// Memory for a body of up to `bytes`.
    pub fn body(&self, bytes: usize) -> Result<BodyShare, Problem> {
        let kib = u32::try_from(bytes.div_ceil(KIB).clamp(1, BODY_KIB)).expect("at most 2^19");
        match self.bodies.clone().try_acquire_many_owned(kib) {
            Ok(share) => Ok(BodyShare { share }),
            Err(_) => Err(Problem::busy("Other requests' bodies take up the memory for bodies.")),
        }
    }

    /// A place for a run, now or when one is free.
    pub async fn enter(&self) -> Result<Place, Problem> {
        if let Ok(permit) = self.runs.clone().try_acquire_owned() {
            return Ok(Place { _run: permit, waited: Duration::ZERO });
        }
        let arrived = Instant::now();
        let _waiting = Waiting::join(&self.waiting, self.most_waiting).ok_or_else(|| {
            Problem::busy(format!(
                "{} runs are going on and {} more are waiting.",
                thousands(self.most_running),
                thousands(self.most_waiting)
            ))
        })?;
        let permit = self.runs.clone().acquire_owned().await.map_err(|_| Problem::draining())?;
        Ok(Place { _run: permit, waited: arrived.elapsed() })
    }

    /// Runs going on.
    pub fn running(&self) -> usize {
        self.most_running - self.runs.available_permits()
    }

    /// Runs in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until nothing runs.
    pub async fn idle(&self) {
        let all = u32::try_from(self.most_running).unwrap_or(u32::MAX);
        let _ = self.runs.acquire_many(all).await;
    }
}

/// One place in the queue, left when the client hangs up as well.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < most).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_and_moves_on() {
        let gate = Arc::new(Admission::new(1, 1));
        let first = gate.enter().await.unwrap();
        let queued = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.map(|place| place.waited) }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.enter().await.err().expect("the queue is full").status(), 429);
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(first);
        assert!(queued.await.unwrap().unwrap() >= Duration::from_millis(5));
        assert_eq!((gate.running(), gate.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn one_who_gives_up_leaves_the_queue() {
        let gate = Admission::new(1, 1);
        let _first = gate.enter().await.unwrap();
        let gave_up = tokio::time::timeout(Duration::from_millis(5), gate.enter()).await;
        assert!(gave_up.is_err());
        assert_eq!(gate.waiting(), 0);
    }

    #[test]
    fn bodies_share_a_bounded_memory() {
        let gate = Admission::new(1, 1);
        let large = gate.body(BODY_KIB * KIB - 10 * KIB).unwrap();
        let _small = gate.body(1).unwrap();
        assert_eq!(gate.body(10 * KIB).err().expect("no room").status(), 429);
        drop(large);
        assert!(gate.body(10 * KIB).is_ok());
        let mut unknown = gate.body(BODY_KIB * KIB - 2 * KIB).unwrap();
        assert!(gate.body(10 * KIB).is_err());
        unknown.shrink(1);
        assert!(gate.body(BODY_KIB * KIB - 2 * KIB).is_ok());
        assert!(gate.body(BODY_KIB * KIB - KIB).is_err(), "it keeps what it needs");
    }
}
