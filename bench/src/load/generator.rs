//! Threads that put load on a server until a count or a time is reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::connection::Connection;
use super::mix::Mix;
use super::tally::Tally;
use super::{closed_loop, open_loop};
use crate::error::BenchError;

/// The time at which the next request starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pattern {
    /// When the answer to the connection's last one is complete.
    Closed,
    /// At a constant rate of so many requests a second, over all connections.
    Open(f64),
}

/// One phase of load.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub pattern: Pattern,
    /// The number of requests after which it ends, if given.
    pub requests: Option<u64>,
    /// The time at which it ends in any case. Requests in flight are answered or time out first.
    pub deadline: Instant,
    /// `true` if every request has a connection of its own, whose opening counts.
    pub churn: bool,
}

/// The results of one phase of load.
#[derive(Debug)]
pub struct Phase {
    /// One for each part of the mix.
    pub tallies: Vec<Tally>,
    /// From the start to the deadline, or to the last answer if the count was reached first.
    pub window: Duration,
    /// From the start until the last request had ended.
    pub whole: Duration,
}

/// Threads and connections that are kept for several phases, so that a measurement begins on warm
/// connections.
pub struct Generator {
    threads: Vec<mpsc::UnboundedSender<PhaseOrder>>,
}

/// One phase for one thread.
struct PhaseOrder {
    order: Order,
    counters: Arc<PhaseCounters>,
    done: oneshot::Sender<(Vec<Tally>, Instant)>,
}

/// The counters that all threads of a phase share.
#[derive(Debug, Default)]
pub struct PhaseCounters {
    claimed: AtomicU64,
    /// Answers so far, right or wrong, for the progress line.
    pub answered: AtomicU64,
}

impl PhaseCounters {
    /// Takes one of the requests that are left. Returns `false` if none is.
    pub(super) fn claim(&self, order: &Order) -> bool {
        order.requests.is_none_or(|requests| self.claimed.fetch_add(1, Ordering::Relaxed) < requests)
    }
}

/// The state of one generator thread.
pub(super) struct Thread {
    pub(super) mix: Arc<Mix>,
    pub(super) connections: Vec<Connection>,
    /// The number of this thread, from 0, and of all.
    pub(super) index: u32,
    pub(super) of: u32,
}

impl Generator {
    /// Starts `threads` threads that share `connections` connections. Connections are opened when
    /// first used.
    pub fn new(mix: Mix, connections: u32, threads: u32) -> Result<Self, BenchError> {
        let mix = Arc::new(mix);
        let threads = threads.clamp(1, connections.max(1));
        let start = |index: u32| {
            let share = connections / threads + u32::from(index < connections % threads);
            let connections = (0..share).map(|_| Connection::default()).collect();
            let thread = Thread { mix: mix.clone(), connections, index, of: threads };
            let runtime = Builder::new_current_thread().enable_all().build().map_err(BenchError::Runtime)?;
            let (sender, orders) = mpsc::unbounded_channel();
            thread::Builder::new()
                .name(format!("generator-{index}"))
                .spawn(move || runtime.block_on(serve(thread, orders)))
                .map_err(BenchError::Runtime)?;
            Ok(sender)
        };
        Ok(Self { threads: (0..threads).map(start).collect::<Result<_, _>>()? })
    }

    /// Puts load on the target until the order ends.
    pub async fn run(&self, order: Order, counters: Arc<PhaseCounters>) -> Result<Phase, BenchError> {
        let started = Instant::now();
        let mut waiting = Vec::with_capacity(self.threads.len());
        for thread in &self.threads {
            let (done, result) = oneshot::channel();
            let order = PhaseOrder { order, counters: Arc::clone(&counters), done };
            thread.send(order).map_err(|_| BenchError::GeneratorLost)?;
            waiting.push(result);
        }
        let mut tallies: Vec<Tally> = Vec::new();
        let mut last = started;
        for result in waiting {
            let (parts, last_answer) = result.await.map_err(|_| BenchError::GeneratorLost)?;
            tallies.resize_with(parts.len(), Tally::new);
            tallies.iter_mut().zip(&parts).for_each(|(tally, part)| tally.merge(part));
            last = last.max(last_answer);
        }
        let counted =
            order.requests.is_some_and(|requests| counters.claimed.load(Ordering::Relaxed) >= requests);
        let end = if counted { last.min(order.deadline) } else { order.deadline };
        Ok(Phase { tallies, window: end.saturating_duration_since(started), whole: started.elapsed() })
    }
}

/// Runs one generator thread until the generator is dropped. Between phases the runtime goes on: it
/// has to notice connections that the server closes meanwhile.
async fn serve(mut thread: Thread, mut orders: mpsc::UnboundedReceiver<PhaseOrder>) {
    while let Some(PhaseOrder { order, counters, done }) = orders.recv().await {
        let tallies = thread.mix.parts.iter().map(|_| Tally::new()).collect();
        let tallies = Arc::new(Mutex::new(tallies));
        let last = match order.pattern {
            Pattern::Closed => Ok(closed_loop::send(&mut thread, &order, &counters, &tallies).await),
            Pattern::Open(rate) => open_loop::send(&mut thread, &order, rate, &counters, &tallies).await,
        };
        // Without arrivals there is no load: dropping `done` says so.
        let Ok(last) = last else { return };
        let tallies = std::mem::take(&mut *tallies.lock());
        // If the program was interrupted, nobody waits any more.
        let _ = done.send((tallies, last));
    }
}
