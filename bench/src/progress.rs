//! The line on a terminal that says how far a measurement is.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::load::generator::PhaseCounters;

const INTERVAL: Duration = Duration::from_millis(500);

/// Prints a line on standard error.
pub fn say(text: &str) {
    // A measurement goes on if the reader has left.
    let _ = writeln!(std::io::stderr(), "isolet-bench: {text}");
}

/// The progress of one phase.
pub struct Progress {
    name: String,
    counters: Arc<PhaseCounters>,
}

impl Progress {
    pub fn new(name: &str, counters: &Arc<PhaseCounters>) -> Self {
        Self { name: name.to_owned(), counters: counters.clone() }
    }

    /// Shows the progress until `work` is done. Writes nothing where standard error is not a
    /// terminal.
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        if !std::io::stderr().is_terminal() {
            return work.await;
        }
        let started = Instant::now();
        let mut before = 0;
        loop {
            tokio::select! {
                done = &mut work => {
                    // Carriage return, erase the line.
                    eprint!("\r\x1b[K");
                    return done;
                }
                () = tokio::time::sleep(INTERVAL) => {
                    let answered = self.counters.answered.load(Ordering::Relaxed);
                    let now = (answered - before) as f64 / INTERVAL.as_secs_f64();
                    before = answered;
                    let seconds = started.elapsed().as_secs_f64();
                    let name = &self.name;
                    eprint!("\r\x1b[K{name}: {seconds:.0} s, {answered} requests, {now:.0}/s");
                    let _ = std::io::stderr().flush();
                }
            }
        }
    }
}
