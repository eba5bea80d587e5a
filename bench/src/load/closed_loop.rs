//! Closed loop: every connection has one request in flight and sends the next one when the answer
//! is complete. A server that stalls is sent less, so the latencies are those of answers, not
//! what a fixed stream of arrivals would have waited.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::Connection;
use super::generator::{Order, PhaseCounters, Thread};
use super::mix::Turns;
use super::tally::{FailureKind, Tally};

/// The pause after a failed connect, so that a dead target does not cause a busy loop.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);

/// Sends requests until the order ends. Returns the time of the last answer.
pub(super) async fn send(
    thread: &mut Thread,
    order: &Order,
    counters: &Arc<PhaseCounters>,
    tallies: &Arc<Mutex<Vec<Tally>>>,
) -> Instant {
    // All tasks run on this thread: the locks are never contended and cost some 10 ns.
    let turns = Arc::new(Mutex::new(Turns::new(&thread.mix)));
    let tasks: Vec<_> = thread
        .connections
        .drain(..)
        .map(|connection| {
            let (counters, tallies, turns) = (counters.clone(), tallies.clone(), turns.clone());
            tokio::spawn(exchanges(connection, thread.mix.clone(), *order, counters, tallies, turns))
        })
        .collect();
    let mut last = Instant::now();
    for (index, task) in tasks.into_iter().enumerate() {
        let Ok((connection, last_answer)) = task.await else { continue };
        last = if index == 0 { last_answer } else { last.max(last_answer) };
        thread.connections.push(connection);
    }
    last
}

async fn exchanges(
    mut connection: Connection,
    mix: Arc<super::mix::Mix>,
    order: Order,
    counters: Arc<PhaseCounters>,
    tallies: Arc<Mutex<Vec<Tally>>>,
    turns: Arc<Mutex<Turns>>,
) -> (Connection, Instant) {
    let opened_before = connection.opened();
    let mut last = Instant::now();
    while last < order.deadline && counters.claim(&order) {
        let part = turns.lock().next_part();
        let exchange = connection.exchange(&mix.parts[part].plan).await;
        last = Instant::now();
        let latency = exchange.latency + if order.churn { exchange.connecting } else { Duration::ZERO };
        tallies.lock()[part].count(&exchange, latency, last <= order.deadline);
        counters.answered.fetch_add(1, Ordering::Relaxed);
        if exchange.outcome == Err(FailureKind::Connect) {
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
        if order.churn {
            connection.close();
        }
    }
    let opened = connection.opened() - opened_before;
    // The first connection does not count as a reconnection.
    let first = u64::from(opened_before == 0 && opened > 0);
    if !order.churn {
        tallies.lock()[0].reconnects += opened - first;
    }
    (connection, last)
}
