//! Warm threads, hand-out, cancellation.
//!
//! One thread for each live run, with its own isolate: the thread's CPU clock is the run's, a hot loop holds up nobody
//! else's turn, and no isolate ever migrates. Threads are made ahead of demand.

use tokio::sync::mpsc;

use crate::job::WorkerJob;
use crate::{HttpRequest, HttpResponse, Job, LogLine, Report, RunError, RunEvent};

/// How many isolates to keep ready and to let live.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Isolates ready before a request comes.
    pub warm: usize,
    /// Isolates alive at once, warm and running; a job past it waits.
    pub live: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { warm: 8, live: 256 }
    }
}

/// Runs jobs in fresh isolates on threads of this process.
#[derive(Clone)]
pub struct Engine {}

impl Engine {
    /// Starts V8 (once in a process) and fills the pool. Tool calls are driven on `tokio`.
    pub fn new(options: EngineOptions, tokio: tokio::runtime::Handle) -> Self {
        let _ = (options, tokio);
        Self {}
    }

    /// Hands `job` to a warm isolate, or queues it.
    pub fn run(&self, job: Job) -> Run {
        let _ = job;
        let (_sender, events) = mpsc::unbounded_channel();
        Run { events }
    }

    /// Starts a Worker: a long-lived isolate that answers requests.
    ///
    /// # Errors
    /// When its modules do not compile or its top level throws.
    pub async fn worker(&self, job: WorkerJob) -> Result<Worker, RunError> {
        let _ = job;
        Ok(Worker {})
    }

    /// Isolates that are ready now.
    pub fn warm(&self) -> usize {
        0
    }
}

/// A run in progress. Dropping it cancels the run and its calls.
pub struct Run {
    events: mpsc::UnboundedReceiver<RunEvent>,
}

impl Run {
    /// The next event; `None` after [`RunEvent::Done`].
    pub async fn next(&mut self) -> Option<RunEvent> {
        self.events.recv().await
    }

    /// Waits for the end and gathers everything.
    pub async fn report(self) -> Report {
        unimplemented!()
    }
}

/// A Worker that answers requests in one warm isolate. Dropping it ends the isolate.
pub struct Worker {}

/// What a Worker answered to one request.
#[derive(Debug)]
pub struct FetchReport {
    /// The response, or what went wrong.
    pub result: Result<HttpResponse, RunError>,
    /// What was logged during the request.
    pub logs: Vec<LogLine>,
}

impl Worker {
    /// Sends one request through the Worker's `fetch`.
    pub async fn fetch(&self, request: HttpRequest) -> FetchReport {
        let _ = request;
        unimplemented!()
    }
}
