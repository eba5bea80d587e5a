//! Admission control: the number of runs at once, the length of the queue, and the memory for the
//! bodies of admitted requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry as MetricsRegistry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{RequestError, RequestErrorKind};
use crate::metrics::observed_gauge;
use crate::output::pretty::thousands;

const KIB: usize = 1024;

/// The memory for the bodies of all admitted requests together, in KiB. A body may have some 20 MB,
/// and 1,280 of them would be 25 GB; real scripts have some KB, so this limits only abuse.
const MAX_BODIES_KIB: usize = 512 * KIB;

/// The admission control of one service.
pub struct Admission {
    runs: Arc<Semaphore>,
    max_running: usize,
    max_waiting: usize,
    waiting: AtomicUsize,
    bodies: Arc<Semaphore>,
}

/// The permit of a run. Dropping it admits the next run.
pub struct RunPermit {
    _permit: OwnedSemaphorePermit,
    /// The time that the run spent in the queue.
    pub waited: Duration,
}

/// The memory that is reserved for a request's body.
pub struct BodyPermit {
    reserved: OwnedSemaphorePermit,
}

impl BodyPermit {
    /// Reduces the reservation to the length that the body turned out to have.
    pub fn shrink(&mut self, bytes: usize) {
        let spare = self.reserved.num_permits().saturating_sub(bytes.div_ceil(KIB).max(1));
        drop(self.reserved.split(spare));
    }
}

impl Admission {
    /// Admits `max_running` runs at once, with `max_waiting` more in the queue.
    pub fn new(max_running: usize, max_waiting: usize) -> Self {
        Self {
            runs: Arc::new(Semaphore::new(max_running)),
            max_running,
            max_waiting,
            waiting: AtomicUsize::new(0),
            bodies: Arc::new(Semaphore::new(MAX_BODIES_KIB)),
        }
    }

    /// Reserves memory for a body of up to `bytes`.
    pub fn reserve_body(&self, bytes: usize) -> Result<BodyPermit, RequestError> {
        let kib = u32::try_from(bytes.div_ceil(KIB).clamp(1, MAX_BODIES_KIB)).expect("at most 2^19");
        match self.bodies.clone().try_acquire_many_owned(kib) {
            Ok(reserved) => Ok(BodyPermit { reserved }),
            Err(_) => Err(busy("Request body memory limit reached; try again.")),
        }
    }

    /// Waits for the permit of a run.
    ///
    /// # Errors
    /// The queue is full.
    pub async fn admit(&self) -> Result<RunPermit, RequestError> {
        if let Ok(permit) = self.runs.clone().try_acquire_owned() {
            return Ok(RunPermit { _permit: permit, waited: Duration::ZERO });
        }
        let arrived = Instant::now();
        let _position = QueuePosition::take(&self.waiting, self.max_waiting).ok_or_else(|| {
            busy(format!(
                "The queue is full: {} runs are in progress and {} more are waiting.",
                thousands(self.max_running),
                thousands(self.max_waiting)
            ))
        })?;
        let permit = self.runs.clone().acquire_owned().await.map_err(|_| RequestError::draining())?;
        Ok(RunPermit { _permit: permit, waited: arrived.elapsed() })
    }

    /// Registers the metrics of the runs in progress and of the queue.
    pub fn register_metrics(self: &Arc<Self>, metrics: &mut MetricsRegistry) {
        let admission = self.clone();
        let running = observed_gauge(move || admission.running());
        metrics.register("isolet_runs_in_flight", "Runs in progress", running);
        let admission = self.clone();
        let waiting = observed_gauge(move || admission.waiting());
        metrics.register("isolet_queue_length", "Runs that wait for a permit", waiting);
    }

    /// Returns the number of runs in progress.
    pub fn running(&self) -> usize {
        self.max_running - self.runs.available_permits()
    }

    /// Returns the number of runs in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until no run is in progress.
    pub async fn wait_until_idle(&self) {
        let all = u32::try_from(self.max_running).unwrap_or(u32::MAX);
        let _ = self.runs.acquire_many(all).await;
    }
}

fn busy(detail: impl Into<String>) -> RequestError {
    RequestError::new(RequestErrorKind::Busy, detail)
}

/// A position in the queue. Dropping it, also when the client disconnects, leaves the queue.
struct QueuePosition<'a>(&'a AtomicUsize);

impl<'a> QueuePosition<'a> {
    fn take(count: &'a AtomicUsize, max: usize) -> Option<Self> {
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < max).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Self(count))
    }
}

impl Drop for QueuePosition<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_and_advances() {
        let gate = Arc::new(Admission::new(1, 1));
        let first = gate.admit().await.unwrap();
        let queued = tokio::spawn({
            let gate = gate.clone();
            async move { gate.admit().await.map(|permit| permit.waited) }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.admit().await.err().expect("the queue is full").kind, RequestErrorKind::Busy);
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(first);
        assert!(queued.await.unwrap().unwrap() >= Duration::from_millis(5));
        assert_eq!((gate.running(), gate.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn a_cancelled_request_leaves_the_queue() {
        let gate = Admission::new(1, 1);
        let _first = gate.admit().await.unwrap();
        let cancelled = tokio::time::timeout(Duration::from_millis(5), gate.admit()).await;
        assert!(cancelled.is_err());
        assert_eq!(gate.waiting(), 0);
    }

    #[test]
    fn the_memory_for_bodies_is_bounded() {
        let gate = Admission::new(1, 1);
        let large = gate.reserve_body(MAX_BODIES_KIB * KIB - 10 * KIB).unwrap();
        let _small = gate.reserve_body(1).unwrap();
        assert_eq!(
            gate.reserve_body(10 * KIB).err().expect("no memory is left").kind,
            RequestErrorKind::Busy
        );
        drop(large);
        assert!(gate.reserve_body(10 * KIB).is_ok());
        let mut unknown = gate.reserve_body(MAX_BODIES_KIB * KIB - 2 * KIB).unwrap();
        assert!(gate.reserve_body(10 * KIB).is_err());
        unknown.shrink(1);
        assert!(gate.reserve_body(MAX_BODIES_KIB * KIB - 2 * KIB).is_ok());
        assert!(
            gate.reserve_body(MAX_BODIES_KIB * KIB - KIB).is_err(),
            "the permit keeps the memory that the body needs"
        );
    }
}
