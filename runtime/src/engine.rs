//! The engine: it takes jobs and returns runs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::ToolHost;
pub use crate::engine_options::{EngineOptions, Isolation, ZygoteProcesses};
use crate::execution::ScriptText;
use crate::job::WorkerJob;
use crate::pool::{QueuedRun, ThreadPool, ThreadPoolOptions};
use crate::process::broker::PoolOptions;
use crate::process::broker::remote_run::RemoteRun;
use crate::process::broker::runner_pool::RunnerPool;
use crate::process::jail::exceptions::JailExceptions;
use crate::report::Outcome;
use crate::run_channel::LocalChannel;
use crate::state::ScriptEnv;
use crate::stop::Cancellation;
use crate::worker::{Worker, WorkerBackend};
use crate::{
    Entry, Environment, ErrorCode, Job, Library, Report, RunError, RunEvent, Stats, ZygoteStatus, v8_process,
};

/// An engine that runs jobs in fresh isolates. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    options: EngineOptions,
    tokio: tokio::runtime::Handle,
    backend: Backend,
    /// The isolates of this process: all of them, or with process isolation those of Workers, which
    /// are made on demand.
    threads: OnceLock<Arc<ThreadPool>>,
}

enum Backend {
    Threads,
    Processes(Arc<RunnerPool>),
}

/// Dropping the last clone of an engine ends its threads and processes. The threads hold the pool
/// too, so that its reference count alone would never become zero.
impl Drop for EngineInner {
    fn drop(&mut self) {
        if let Some(pool) = self.threads.get() {
            pool.close();
        }
        if let Backend::Processes(pool) = &self.backend {
            pool.close();
        }
    }
}

impl EngineInner {
    fn threads(&self) -> &Arc<ThreadPool> {
        self.threads.get_or_init(|| {
            v8_process::start(self.options.jit);
            let EngineOptions { warm, live, memory, libraries, .. } = self.options.clone();
            // With process isolation these threads are for Workers, which have no libraries.
            let is_for_runs = matches!(self.backend, Backend::Threads);
            let warm = if is_for_runs { warm } else { 0 };
            let libraries = libraries.filter(|_| is_for_runs);
            ThreadPool::start(ThreadPoolOptions { warm, live, memory, libraries })
        })
    }
}

impl Engine {
    /// Fills the pool of threads, or starts zygotes that make runners. Tool calls are driven on
    /// `tokio`.
    pub fn new(options: EngineOptions, tokio: tokio::runtime::Handle) -> Self {
        let backend = match &options.isolation {
            Isolation::Thread => Backend::Threads,
            Isolation::Process(processes) => {
                Backend::Processes(RunnerPool::start(PoolOptions::new(processes, &options), tokio.clone()))
            }
        };
        let engine =
            Self { inner: Arc::new(EngineInner { options, tokio, backend, threads: OnceLock::new() }) };
        if matches!(engine.inner.backend, Backend::Threads) {
            engine.inner.threads();
        }
        engine
    }

    /// Gives `job` to a warm isolate, or queues it until there is one.
    pub fn run(&self, job: Job) -> Run {
        let host = job.environment.host.clone();
        let backend = match &self.inner.backend {
            Backend::Processes(pool) => RunBackend::Process(RemoteRun::start(pool.clone(), job)),
            Backend::Threads => {
                let (sender, events) = mpsc::unbounded_channel();
                let cancellation = Arc::new(Cancellation::default());
                let Job { code, language, entry: Entry::Script { input }, environment, limits } = job;
                let Environment { vars, catalogue, host } = environment;
                let channel = LocalChannel { events: sender, host, tokio: self.inner.tokio.clone() };
                self.inner.threads().push(QueuedRun::new(
                    ScriptText { code, language, input },
                    ScriptEnv { vars, catalogue },
                    limits,
                    Box::new(channel),
                    cancellation.clone(),
                ));
                RunBackend::Thread { events, cancellation }
            }
        };
        Run { backend, host, done: false }
    }

    /// Starts a Worker: long-lived isolates that answer requests, on threads or in jailed
    /// processes as scripts are.
    ///
    /// # Errors
    /// Its modules do not compile, or their top level throws.
    pub async fn worker(&self, job: WorkerJob) -> Result<Worker, RunError> {
        let backend = match &self.inner.backend {
            Backend::Processes(pool) => WorkerBackend::Processes(pool.clone(), tokio::sync::Mutex::default()),
            Backend::Threads => {
                WorkerBackend::Threads(self.inner.threads().clone(), self.inner.tokio.clone())
            }
        };
        Worker::start(backend, job).await
    }

    /// Returns the number of isolates that are ready.
    pub fn warm(&self) -> usize {
        match &self.inner.backend {
            Backend::Threads => self.inner.threads().idle(),
            Backend::Processes(pool) => pool.warm(),
        }
    }

    /// Waits until the engine accepts jobs, for at most `within`. Returns `false` if it does not by
    /// then, or cannot ([`start_failure`](Self::start_failure)).
    pub async fn ready(&self, within: Duration) -> bool {
        match &self.inner.backend {
            Backend::Threads => self.libraries_failure(within).await.is_none(),
            Backend::Processes(pool) => pool.wait_until_started(within).await,
        }
    }

    /// Returns the reason why threads cannot evaluate the libraries. Waits for the first
    /// evaluation.
    async fn libraries_failure(&self, within: Duration) -> Option<String> {
        let threads = self.inner.threads().clone();
        let failure = self.inner.tokio.spawn_blocking(move || threads.libraries_failure(within));
        failure.await.ok().flatten()
    }

    /// Returns the libraries that one-shot scripts can import.
    pub fn libraries(&self) -> &[Library] {
        self.inner.options.libraries.as_ref().map_or(&[], |libraries| &libraries.libraries)
    }

    /// Returns `true` if V8 may compile to machine code.
    pub fn jit(&self) -> bool {
        self.inner.options.jit
    }

    /// Returns the reason why zygotes do not become ready, after repeated failures. The engine
    /// continues to start them.
    pub fn start_failure(&self) -> Option<String> {
        match &self.inner.backend {
            Backend::Threads => self.inner.threads().libraries_failure(Duration::ZERO),
            Backend::Processes(pool) => pool.start_failure(),
        }
    }

    /// The isolation of runs.
    pub fn isolation(&self) -> &Isolation {
        &self.inner.options.isolation
    }

    /// Returns the state of the zygotes, their runners and their jails. Empty with thread
    /// isolation.
    pub fn zygotes(&self) -> Vec<ZygoteStatus> {
        match &self.inner.backend {
            Backend::Threads => Vec::new(),
            Backend::Processes(pool) => pool.statuses(),
        }
    }

    /// Sets the layers that may be missing in the jails of zygotes that become ready from now on. A
    /// zygote that misses others is not used; one that misses allowed ones causes a warning. The
    /// caller checks those that are ready already, with [`zygotes`](Self::zygotes).
    pub fn vet_jails(&self, exceptions: JailExceptions) {
        if let Backend::Processes(pool) = &self.inner.backend {
            pool.set_jail_exceptions(exceptions);
        }
    }

    /// Returns the number of zygotes that ended and were replaced.
    pub fn zygote_restarts(&self) -> usize {
        match &self.inner.backend {
            Backend::Threads => 0,
            Backend::Processes(pool) => pool.restarts(),
        }
    }
}

/// The connection to a run in a thread or in a process.
enum RunBackend {
    Thread {
        events: mpsc::UnboundedReceiver<RunEvent>,
        cancellation: Arc<Cancellation>,
    },
    /// Dropping this value ends the run.
    Process(RemoteRun),
}

/// A run in progress. Its calls proceed while its events are awaited. Dropping it cancels the run
/// and its calls.
pub struct Run {
    backend: RunBackend,
    /// The source of the signatures of tools.
    host: Arc<dyn ToolHost>,
    done: bool,
}

impl Run {
    /// Returns the next event, or `None` after [`RunEvent::Done`].
    pub async fn next(&mut self) -> Option<RunEvent> {
        if self.done {
            return None;
        }
        let mut event = match &mut self.backend {
            RunBackend::Thread { events, .. } => {
                events.recv().await.unwrap_or_else(|| RunEvent::Done(Box::new(crashed())))
            }
            RunBackend::Process(run) => run.next().await,
        };
        self.done = matches!(event, RunEvent::Done(_));
        if let RunEvent::Done(outcome) = &mut event
            && let Err(error) = &mut outcome.result
        {
            explain(error, &*self.host);
        }
        Some(event)
    }

    /// Waits for the end and returns the report.
    pub async fn report(mut self) -> Report {
        let (mut logs, mut calls, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match self.next().await {
                Some(RunEvent::Log(line)) => logs.push(line),
                Some(RunEvent::CallStart(_)) => {}
                Some(RunEvent::Call(call)) => calls.push(call),
                Some(RunEvent::Warning(warning)) => warnings.push(warning),
                Some(RunEvent::Done(outcome)) => {
                    let Outcome { result, stats } = *outcome;
                    return Report { result, logs, calls, warnings, stats };
                }
                None => {
                    let Outcome { result, stats } = crashed();
                    return Report { result, logs, calls, warnings, stats };
                }
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let RunBackend::Thread { cancellation, .. } = &self.backend
            && !self.done
        {
            cancellation.cancel();
        }
    }
}

/// Adds the signature of the tool to an error about its name or arguments.
fn explain(error: &mut RunError, host: &dyn ToolHost) {
    /// Words in the errors of servers about arguments.
    const REFUSALS: &[&str] = &[
        "argument",
        "param",
        "require",
        "valid",
        "schema",
        "expected",
        "must be",
        "must have",
        "missing",
        "field",
        "unrecognized",
        "unknown",
        "-32602",
    ];
    let Some(path) = &error.tool else { return };
    if error.code == ErrorCode::ToolError {
        let message = error.message.to_lowercase();
        if !REFUSALS.iter().any(|word| message.contains(word)) {
            return;
        }
    }
    if let Some(signature) = host.signature(&path.server, &path.tool) {
        let hint = error.hint.take().map(|hint| format!("{} ", hint.trim_end())).unwrap_or_default();
        error.hint = Some(format!("{hint}It is called as {signature}."));
    }
}

/// The outcome of a run whose thread ended without one.
fn crashed() -> Outcome {
    let error = RunError::new(ErrorCode::Crashed, "CrashedError", "The isolate ended without a result.")
        .with_hint(
            "The script's logic is not the cause; run it again. If it happens again, it is a bug of isolet.",
        );
    Outcome { result: Err(error), stats: Stats::default() }
}
