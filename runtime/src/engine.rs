//! What the rest of isolet sees: an engine that takes jobs and gives runs.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::control::{Control, StopReason};
use crate::job::WorkerJob;
use crate::outlet::LocalOutlet;
use crate::pool::{Pool, Queued, Text};
use crate::report::Outcome;
use crate::state::Names;
use crate::worker::Worker;
use crate::{Entry, Environment, ErrorCode, Job, Report, RunError, RunEvent, Stats, v8_process};

/// How many isolates to keep ready and to let live, and how large they may grow.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Isolates ready before a request comes.
    pub warm: usize,
    /// Isolates alive at once, warm and running; a job past it waits.
    pub live: usize,
    /// Heap and array buffers of each, in bytes: it is fixed when an isolate is made, before its job is known.
    pub heap_bytes: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { warm: 8, live: 256, heap_bytes: crate::Limits::default().heap_bytes }
    }
}

/// Runs jobs in fresh isolates on threads of this process. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    handle: Arc<Handle>,
}

/// The last clone of an engine takes its threads along. They hold the pool too, so its own count never comes to nothing.
struct Handle {
    pool: Arc<Pool>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.pool.close();
    }
}

impl Engine {
    /// Starts V8 (once in a process) and fills the pool. Tool calls are driven on `tokio`.
    pub fn new(options: EngineOptions, tokio: tokio::runtime::Handle) -> Self {
        v8_process::start();
        Self { handle: Arc::new(Handle { pool: Pool::start(options, tokio) }) }
    }

    /// Hands `job` to a warm isolate, or queues it until there is one.
    pub fn run(&self, job: Job) -> Run {
        let (sender, events) = mpsc::unbounded_channel();
        let ticket = Arc::new(Ticket::default());
        let Job { code, language, entry: Entry::Script { input }, environment, limits } = job;
        let Environment { vars, catalogue, host } = environment;
        let outlet = LocalOutlet { events: sender, host, tokio: self.handle.pool.tokio.clone() };
        self.handle.pool.push(Queued::new(
            Text { code, language, input },
            Names { vars, catalogue },
            limits,
            Box::new(outlet),
            ticket.clone(),
        ));
        Run { events, ticket, done: false }
    }

    /// Starts a Worker: a long-lived isolate that answers requests.
    ///
    /// # Errors
    /// When its modules do not compile or its top level throws.
    pub async fn worker(&self, job: WorkerJob) -> Result<Worker, RunError> {
        Worker::start(self.handle.pool.clone(), job).await
    }

    /// Isolates that are ready now.
    pub fn warm(&self) -> usize {
        self.handle.pool.idle()
    }
}

/// The connection between a [`Run`] and the isolate that it gets, which is not known until the job leaves the queue.
#[derive(Default)]
pub(crate) struct Ticket {
    inner: std::sync::Mutex<TicketState>,
}

#[derive(Default)]
enum TicketState {
    #[default]
    Waiting,
    Running(Arc<Control>),
    Cancelled,
}

impl Ticket {
    /// Connects the run with its isolate; `false` if the caller has gone in the meantime.
    pub(crate) fn claim(&self, control: &Arc<Control>) -> bool {
        let mut state = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if matches!(*state, TicketState::Cancelled) {
            return false;
        }
        *state = TicketState::Running(control.clone());
        true
    }

    pub(crate) fn cancelled(&self) -> bool {
        matches!(
            *self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
            TicketState::Cancelled
        )
    }

    fn cancel(&self) {
        let mut state = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let TicketState::Running(control) = std::mem::replace(&mut *state, TicketState::Cancelled) {
            control.stop(StopReason::Cancelled);
        }
    }
}

/// A run in progress. Dropping it cancels the run and its calls.
pub struct Run {
    events: mpsc::UnboundedReceiver<RunEvent>,
    ticket: Arc<Ticket>,
    done: bool,
}

impl Run {
    /// The next event; `None` after [`RunEvent::Done`].
    pub async fn next(&mut self) -> Option<RunEvent> {
        if self.done {
            return None;
        }
        let event = self.events.recv().await.unwrap_or_else(|| RunEvent::Done(Box::new(crashed())));
        self.done = matches!(event, RunEvent::Done(_));
        Some(event)
    }

    /// Waits for the end and gathers everything.
    pub async fn report(mut self) -> Report {
        let (mut logs, mut calls) = (Vec::new(), Vec::new());
        loop {
            match self.next().await {
                Some(RunEvent::Log(line)) => logs.push(line),
                Some(RunEvent::Call(call)) => calls.push(call),
                Some(RunEvent::Done(outcome)) => {
                    return Report { result: outcome.result, logs, calls, stats: outcome.stats };
                }
                None => {
                    let Outcome { result, stats } = crashed();
                    return Report { result, logs, calls, stats };
                }
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.done {
            self.ticket.cancel();
        }
    }
}

/// The thread went away without a word.
fn crashed() -> Outcome {
    let error = RunError::new(ErrorCode::Crashed, "CrashedError", "The isolate ended without a result.")
        .with_hint("This is no fault of the script's logic; run it again. If it happens again, it is a bug of isolet.");
    Outcome { result: Err(error), stats: Stats::default() }
}
