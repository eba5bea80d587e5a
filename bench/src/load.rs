//! Connections on threads, until a count or a time is reached.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::connection::Connection;
use crate::error::BenchError;
use crate::request::RequestPlan;
use crate::tally::{FailureKind, Tally};

/// The pause after a failed connect, so that a dead target does not cause a busy loop.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);

/// The end of sending. Requests in flight are always answered or time out first.
#[derive(Debug, Clone, Copy)]
pub struct StopCondition {
    /// After this many requests, if given.
    pub requests: Option<u64>,
    /// At this time in any case.
    pub deadline: Instant,
}

/// The results of one phase of load.
#[derive(Debug)]
pub struct Phase {
    pub tally: Tally,
    /// From the start to the deadline, or to the last answer if the count was reached first.
    pub window: Duration,
    /// From the start until the last request had ended.
    pub whole: Duration,
}

/// Threads and connections that are kept for several phases, so that a measurement begins on warm
/// connections.
pub struct Generator {
    threads: Vec<mpsc::Sender<PhaseOrder>>,
}

/// One phase for one thread.
struct PhaseOrder {
    stop: StopCondition,
    shared: Arc<PhaseCounters>,
    done: oneshot::Sender<(Tally, Instant)>,
}

/// The counters that all threads of a phase share.
#[derive(Debug, Default)]
pub struct PhaseCounters {
    claimed: AtomicU64,
    /// Answers so far, right or wrong, for the progress line.
    pub answered: AtomicU64,
}

impl Generator {
    /// Starts `threads` threads that share `connections` connections. Connections are opened when
    /// first used.
    pub fn new(plan: RequestPlan, connections: u32, threads: u32) -> Result<Self, BenchError> {
        let plan = Arc::new(plan);
        let threads = threads.clamp(1, connections.max(1));
        let start = |index: u32| {
            let share = connections / threads + u32::from(index < connections % threads);
            let connections = (0..share).map(|_| Connection::new(Arc::clone(&plan))).collect();
            let runtime = Builder::new_current_thread().enable_all().build().map_err(BenchError::Runtime)?;
            let (sender, orders) = mpsc::channel();
            thread::Builder::new()
                .name(format!("generator-{index}"))
                .spawn(move || serve(&runtime, connections, &orders))
                .map_err(BenchError::Runtime)?;
            Ok(sender)
        };
        Ok(Self { threads: (0..threads).map(start).collect::<Result<_, _>>()? })
    }

    /// Puts load on the target until `stop`.
    pub async fn run(&self, stop: StopCondition, shared: Arc<PhaseCounters>) -> Result<Phase, BenchError> {
        let started = Instant::now();
        let mut waiting = Vec::with_capacity(self.threads.len());
        for thread in &self.threads {
            let (done, result) = oneshot::channel();
            let order = PhaseOrder { stop, shared: Arc::clone(&shared), done };
            thread.send(order).map_err(|_| BenchError::GeneratorLost)?;
            waiting.push(result);
        }
        let mut tally = Tally::new();
        let mut last = started;
        for result in waiting {
            let (part, last_answer) = result.await.map_err(|_| BenchError::GeneratorLost)?;
            tally.merge(&part);
            last = last.max(last_answer);
        }
        let counted =
            stop.requests.is_some_and(|requests| shared.claimed.load(Ordering::Relaxed) >= requests);
        let end = if counted { last.min(stop.deadline) } else { stop.deadline };
        Ok(Phase { tally, window: end.saturating_duration_since(started), whole: started.elapsed() })
    }
}

/// Runs one generator thread until the generator is dropped.
fn serve(
    runtime: &tokio::runtime::Runtime,
    mut connections: Vec<Connection>,
    orders: &mpsc::Receiver<PhaseOrder>,
) {
    while let Ok(PhaseOrder { stop, shared, done }) = orders.recv() {
        // All tasks run on this thread: the lock is never contended and costs some 10 ns.
        let tally = Arc::new(Mutex::new(Tally::new()));
        let last = runtime.block_on(async {
            let tasks: Vec<_> = connections
                .drain(..)
                .map(|connection| {
                    tokio::spawn(exchanges(connection, stop, Arc::clone(&shared), Arc::clone(&tally)))
                })
                .collect();
            let mut last = Instant::now();
            for (index, task) in tasks.into_iter().enumerate() {
                let Ok((connection, last_answer)) = task.await else { continue };
                last = if index == 0 { last_answer } else { last.max(last_answer) };
                connections.push(connection);
            }
            last
        });
        let tally = tally.lock().clone();
        // If the program was interrupted, nobody waits any more.
        let _ = done.send((tally, last));
    }
}

async fn exchanges(
    mut connection: Connection,
    stop: StopCondition,
    shared: Arc<PhaseCounters>,
    tally: Arc<Mutex<Tally>>,
) -> (Connection, Instant) {
    let opened_before = connection.opened();
    let mut last = Instant::now();
    while last < stop.deadline {
        if stop.requests.is_some_and(|requests| shared.claimed.fetch_add(1, Ordering::Relaxed) >= requests) {
            break;
        }
        let exchange = connection.exchange().await;
        last = Instant::now();
        {
            let mut tally = tally.lock();
            tally.body_bytes += exchange.body_bytes;
            match exchange.outcome {
                Ok(()) => tally.right(exchange.latency, last <= stop.deadline),
                Err(failure) => tally.wrong(failure),
            }
        }
        shared.answered.fetch_add(1, Ordering::Relaxed);
        if exchange.outcome == Err(FailureKind::Connect) {
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }
    let opened = connection.opened() - opened_before;
    // The first connection does not count as a reconnection.
    let first = u64::from(opened_before == 0 && opened > 0);
    tally.lock().reconnects += opened - first;
    (connection, last)
}
