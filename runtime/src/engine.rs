//! What the rest of isolet sees: an engine that takes jobs and gives runs.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::control::{Control, StopReason};
use crate::execution::Text;
use crate::job::WorkerJob;
use crate::outlet::LocalOutlet;
use crate::pool::{Pool, PoolOptions, Queued};
use crate::process::broker::{Broker, ProcessOptions};
use crate::process::remote::RemoteRun;
use crate::report::Outcome;
use crate::state::Names;
use crate::worker::Worker;
use crate::{
    Entry, Environment, ErrorCode, Job, Report, RunError, RunEvent, RunnerStatus, Stats, v8_process,
};

/// How many isolates to keep ready and to let live, how large they may grow, and where they live.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Isolates ready before a request comes.
    pub warm: usize,
    /// Isolates alive at once, warm and running; a job past it waits.
    pub live: usize,
    /// Heap and array buffers of each, in bytes: it is fixed when an isolate is made, before its job is known.
    pub heap_bytes: usize,
    /// Where isolates live.
    pub isolation: Isolation,
}

/// Where isolates live.
#[derive(Debug, Clone)]
pub enum Isolation {
    /// On threads of this process: for embedding, for platforms without a jail, for code that is trusted.
    Thread,
    /// In jailed processes, one for each run.
    Process(RunnerProcesses),
}

/// How zygotes are started, the processes whose copies run scripts.
#[derive(Debug, Clone)]
pub struct RunnerProcesses {
    /// An executable that calls [`zygote::main`](crate::process::zygote::main) when its first argument is `subcommand`.
    pub executable: PathBuf,
    /// That argument.
    pub subcommand: String,
    /// How many zygotes. The runs of the engine are spread over them.
    pub count: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let heap_bytes = crate::Limits::default().heap_bytes;
        Self { warm: 8, live: 256, heap_bytes, isolation: Isolation::Thread }
    }
}

/// Runs jobs in fresh isolates. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    handle: Arc<Handle>,
}

struct Handle {
    options: EngineOptions,
    tokio: tokio::runtime::Handle,
    place: Place,
    /// Isolates of this process: all of them, or with process isolation only those of Workers, made when asked for.
    threads: OnceLock<Arc<Pool>>,
}

enum Place {
    Threads,
    Processes(Arc<Broker>),
}

/// The last clone of an engine takes its threads and processes along. Threads hold the pool too, so its own count never
/// comes to nothing.
impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(pool) = self.threads.get() {
            pool.close();
        }
        if let Place::Processes(broker) = &self.place {
            broker.close();
        }
    }
}

impl Handle {
    fn threads(&self) -> &Arc<Pool> {
        self.threads.get_or_init(|| {
            v8_process::start();
            let EngineOptions { warm, live, heap_bytes, .. } = self.options;
            let warm = if matches!(self.place, Place::Threads) { warm } else { 0 };
            Pool::start(PoolOptions { warm, live, heap_bytes })
        })
    }
}

impl Engine {
    /// Fills the pool of threads, or starts zygotes that make runners. Tool calls are driven on `tokio`.
    pub fn new(options: EngineOptions, tokio: tokio::runtime::Handle) -> Self {
        let place = match &options.isolation {
            Isolation::Thread => Place::Threads,
            Isolation::Process(processes) => {
                Place::Processes(Broker::start(ProcessOptions::new(processes, &options), tokio.clone()))
            }
        };
        let engine = Self { handle: Arc::new(Handle { options, tokio, place, threads: OnceLock::new() }) };
        if matches!(engine.handle.place, Place::Threads) {
            engine.handle.threads();
        }
        engine
    }

    /// Hands `job` to a warm isolate, or queues it until there is one.
    pub fn run(&self, job: Job) -> Run {
        let place = match &self.handle.place {
            Place::Processes(broker) => RunPlace::Process(broker.push(job)),
            Place::Threads => {
                let (sender, events) = mpsc::unbounded_channel();
                let ticket = Arc::new(Ticket::default());
                let Job { code, language, entry: Entry::Script { input }, environment, limits } = job;
                let Environment { vars, catalogue, host } = environment;
                let outlet = LocalOutlet { events: sender, host, tokio: self.handle.tokio.clone() };
                self.handle.threads().push(Queued::new(
                    Text { code, language, input },
                    Names { vars, catalogue },
                    limits,
                    Box::new(outlet),
                    ticket.clone(),
                ));
                RunPlace::Thread { events, ticket }
            }
        };
        Run { place, done: false }
    }

    /// Starts a Worker: a long-lived isolate that answers requests. It lives in this process, whatever the isolation of
    /// scripts.
    ///
    /// # Errors
    /// When its modules do not compile or its top level throws.
    pub async fn worker(&self, job: WorkerJob) -> Result<Worker, RunError> {
        Worker::start(self.handle.threads().clone(), self.handle.tokio.clone(), job).await
    }

    /// Isolates that are ready now.
    pub fn warm(&self) -> usize {
        match &self.handle.place {
            Place::Threads => self.handle.threads().idle(),
            Place::Processes(broker) => broker.warm(),
        }
    }

    /// Waits until work is taken, for at most `within`; `false` if it is not by then.
    pub async fn ready(&self, within: Duration) -> bool {
        match &self.handle.place {
            Place::Threads => true,
            Place::Processes(broker) => broker.settled(within).await,
        }
    }

    /// Where isolates live.
    pub fn isolation(&self) -> &Isolation {
        &self.handle.options.isolation
    }

    /// The zygotes, their runners and their jails; empty with thread isolation.
    pub fn runners(&self) -> Vec<RunnerStatus> {
        match &self.handle.place {
            Place::Threads => Vec::new(),
            Place::Processes(broker) => broker.statuses(),
        }
    }

    /// What becomes of zygotes that become ready from now on without a complete jail: they are not used if it is
    /// `required`, and warned of if not. Those that are ready already are in [`runners`](Self::runners), for the caller to
    /// judge.
    pub fn vet_jails(&self, required: bool) {
        if let Place::Processes(broker) = &self.handle.place {
            broker.vet(required);
        }
    }

    /// How many zygotes died and were replaced.
    pub fn runner_restarts(&self) -> usize {
        match &self.handle.place {
            Place::Threads => 0,
            Place::Processes(broker) => broker.restarts(),
        }
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

    pub(crate) fn cancel(&self) {
        let mut state = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let TicketState::Running(control) = std::mem::replace(&mut *state, TicketState::Cancelled) {
            control.stop(StopReason::Cancelled);
        }
    }
}

/// Where a run runs, and how it is heard and ended there.
enum RunPlace {
    Thread {
        events: mpsc::UnboundedReceiver<RunEvent>,
        ticket: Arc<Ticket>,
    },
    /// Dropping it ends it.
    Process(RemoteRun),
}

/// A run in progress. Its calls go on while its events are awaited. Dropping it cancels the run and its calls.
pub struct Run {
    place: RunPlace,
    done: bool,
}

impl Run {
    /// The next event; `None` after [`RunEvent::Done`].
    pub async fn next(&mut self) -> Option<RunEvent> {
        if self.done {
            return None;
        }
        let event = match &mut self.place {
            RunPlace::Thread { events, .. } => {
                events.recv().await.unwrap_or_else(|| RunEvent::Done(Box::new(crashed())))
            }
            RunPlace::Process(run) => run.next().await,
        };
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
        if let RunPlace::Thread { ticket, .. } = &self.place
            && !self.done
        {
            ticket.cancel();
        }
    }
}

/// The thread went away without a word.
fn crashed() -> Outcome {
    let error = RunError::new(ErrorCode::Crashed, "CrashedError", "The isolate ended without a result.")
        .with_hint("This is no fault of the script's logic; run it again. If it happens again, it is a bug of isolet.");
    Outcome { result: Err(error), stats: Stats::default() }
}
