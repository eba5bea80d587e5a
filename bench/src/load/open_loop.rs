//! Open loop: requests start at a constant rate. A latency counts from the time at which the
//! request should have started, so that a server that stalls is charged for all that would have
//! come meanwhile, and for the wait for a free connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::arrivals::Arrivals;
use super::connection::Connection;
use super::generator::{Order, PhaseCounters, Thread};
use super::mix::{Mix, Turns};
use super::tally::{FailureKind, Tally};

/// The requests of one thread that may be due without an answer. Further ones are failures: the
/// generator would otherwise need memory without bound beside a server that hangs.
const MAX_WAITING: usize = 50_000;

/// The state that the requests of one phase share.
struct Shared {
    mix: Arc<Mix>,
    idle: Mutex<Vec<Connection>>,
    /// One permit for each idle connection. Who waits longest is first.
    permits: Semaphore,
    counters: Arc<PhaseCounters>,
    tallies: Arc<Mutex<Vec<Tally>>>,
}

/// Starts requests at this thread's part of the rate until the order ends. Returns the time of the
/// last answer.
pub(super) async fn send(
    thread: &mut Thread,
    order: &Order,
    rate: f64,
    counters: &Arc<PhaseCounters>,
    tallies: &Arc<Mutex<Vec<Tally>>>,
) -> io::Result<Instant> {
    let mut turns = Turns::new(&thread.mix);
    let connections = std::mem::take(&mut thread.connections);
    let reconnects_before = reconnects(&connections);
    let shared = Arc::new(Shared {
        mix: thread.mix.clone(),
        permits: Semaphore::new(connections.len()),
        idle: Mutex::new(connections),
        counters: counters.clone(),
        tallies: tallies.clone(),
    });
    // The threads take turns: thread 1 of 4 starts requests 1, 5, 9, …
    let interval = Duration::from_secs_f64(f64::from(thread.of) / rate);
    let first = Instant::now() + interval.mul_f64(f64::from(thread.index) / f64::from(thread.of));
    let mut arrivals = Arrivals::start(first, interval, order.deadline)?;
    let mut requests = JoinSet::new();
    while let Some(due) = arrivals.next().await {
        if !counters.claim(order) {
            break;
        }
        while requests.try_join_next().is_some() {}
        let part = turns.next_part();
        if requests.len() >= MAX_WAITING {
            tallies.lock()[part].wrong(FailureKind::Unsent);
            continue;
        }
        requests.spawn(request(shared.clone(), part, due, order.deadline));
    }
    let mut last = Instant::now();
    while let Some(answered) = requests.join_next().await {
        last = answered.unwrap_or(last).max(last);
    }
    thread.connections = std::mem::take(&mut *shared.idle.lock());
    tallies.lock()[0].reconnects += reconnects(&thread.connections) - reconnects_before;
    Ok(last)
}

/// Returns how often connections were opened again.
fn reconnects(connections: &[Connection]) -> u64 {
    connections.iter().map(|connection| connection.opened().saturating_sub(1)).sum()
}

/// Makes one request that should start at `due`. Returns the time of its answer.
async fn request(shared: Arc<Shared>, part: usize, due: Instant, deadline: Instant) -> Instant {
    let plan = &shared.mix.parts[part].plan;
    let Ok(Ok(permit)) = tokio::time::timeout_at((due + plan.timeout).into(), shared.permits.acquire()).await
    else {
        shared.tallies.lock()[part].wrong(FailureKind::Timeout);
        return Instant::now();
    };
    // There are as many permits as connections.
    let Some(mut connection) = shared.idle.lock().pop() else { return Instant::now() };
    let sent_after = due.elapsed();
    let exchange = connection.exchange(plan).await;
    let answered = Instant::now();
    {
        let mut tallies = shared.tallies.lock();
        tallies[part].count(&exchange, answered - due, answered <= deadline);
        tallies[part].delayed(sent_after);
    }
    shared.counters.answered.fetch_add(1, Ordering::Relaxed);
    shared.idle.lock().push(connection);
    drop(permit);
    answered
}
