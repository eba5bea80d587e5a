//! Builds the Worker of a project, and builds it again when its files or its tools change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use isolet_bindings::Caller;
use isolet_runtime::{Engine, Limits, WorkerIsolation};

use super::file_events::FileEvents;
use super::request_lines::RequestLines;
use crate::registry::Registry;
use crate::workers::caches::Caches;
use crate::workers::outgoing::{Advice, Client, FetchMetrics, FetchNotes, Outgoing};
use crate::workers::prepared::{PreparedWorker, Scale, WorkerNetwork};
use crate::workers::project_source::ProjectSource;
use crate::workers::site::ServedWorker;
use crate::workers::triggers::TriggerRoutes;
use crate::workers::version::WorkerVersion;

/// The interval at which files are checked for changes without an event, with a `stat` for each. It
/// is shorter than the time that a person takes from the editor to the browser.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Builds the Worker of a project.
pub struct ProjectBuilder {
    /// The engine in which the Worker runs.
    pub engine: Engine,
    /// The tools in the Worker's `env`.
    pub registry: Arc<Registry>,
    /// The operator's limits of each request. The project may have lower ones.
    pub limits: Limits,
    /// The client for what the Worker fetches, with the hosts that it may fetch from.
    pub client: Arc<Client>,
    /// The caches of the Worker, which a reload keeps.
    pub caches: Caches,
    /// The bound on it, in bytes.
    pub cache_bytes: usize,
    /// The project.
    pub source: ProjectSource,
    /// The bound on the Worker's processes.
    pub processes: usize,
    /// The addresses that call `scheduled`.
    pub triggers: TriggerRoutes,
}

/// A Worker, with the state of the files from which it was built.
pub struct BuiltProject {
    /// The answerers of its requests.
    pub version: WorkerVersion,
    /// The name of the project.
    pub name: String,
    /// The cron expressions.
    pub crons: Vec<String>,
    /// The state of its files and tools.
    pub fingerprint: Fingerprint,
}

/// The state of the files and of the tools. A difference means that the project must be rebuilt.
#[derive(PartialEq)]
pub struct Fingerprint {
    files: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
    generation: u64,
}

impl Fingerprint {
    fn of(files: &[PathBuf], generation: u64) -> Self {
        let state = |file: &PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        Self { files: files.iter().map(|file| (file.clone(), state(file))).collect(), generation }
    }

    /// Returns the files.
    fn files(&self) -> Vec<PathBuf> {
        self.files.iter().map(|(file, _)| file.clone()).collect()
    }

    /// Reads the present state of the same files.
    fn refreshed(&self, generation: u64) -> Self {
        Self::of(&self.files(), generation)
    }
}

impl ProjectBuilder {
    /// Builds the Worker from the present files. The error is text that can be printed to a
    /// terminal.
    pub async fn build(&self) -> Result<BuiltProject, String> {
        let project = self.source.read().await?;
        let generation = self.registry.snapshot().generation();
        // Before the compilation, so that a change during it is noticed afterwards.
        let fingerprint = Fingerprint::of(&project.files_read, generation);
        let prepared = PreparedWorker::new(project, &self.limits)?;
        for warning in &prepared.warnings {
            stderr_line!("isolet: warning: {warning}");
        }
        let caller = Caller::run(None).of_worker(&prepared.name);
        let audit = self.registry.gate().audit().cloned();
        let notes = FetchNotes::new(caller.clone(), audit, &FetchMetrics::default());
        let outgoing = Outgoing::new(self.client.clone(), Advice::Development, notes);
        let caches = self.caches.of_worker(&prepared.name, self.cache_bytes);
        let network = WorkerNetwork { outgoing, caches };
        let (environment, _) = self.registry.environment(None, caller).map_err(|error| error.to_string())?;
        let isolation = WorkerIsolation::Isolate;
        let scale = Scale { processes: self.processes, isolation, idle_timeout: None };
        let log = Arc::new(RequestLines);
        let mut version = prepared.start(&self.engine, environment, scale, log, network).await?;
        version.triggers = self.triggers;
        Ok(BuiltProject { version, name: prepared.name, crons: prepared.crons, fingerprint })
    }

    /// Rebuilds the Worker after each change, beginning with the one that was built with
    /// `fingerprint`. Replaces `served`, or prints the error and leaves it as it is.
    pub async fn follow(&self, served: &ServedWorker, mut fingerprint: Fingerprint) {
        let mut failed = None;
        let mut events = FileEvents::new();
        events.watch(&fingerprint.files());
        loop {
            events.wait(POLL_INTERVAL).await;
            let now = fingerprint.refreshed(self.registry.snapshot().generation());
            if now == fingerprint {
                failed = None;
                continue;
            }
            // An error is printed once. Modules that are only imported by the broken state are not
            // watched; the next save of a watched file rebuilds with them.
            if failed.as_ref() == Some(&now) {
                continue;
            }
            // Folders may have been renamed too.
            events.watch(&fingerprint.files());
            match self.build().await {
                Ok(built) => {
                    stderr_line!("isolet: reloaded {}", built.name);
                    served.replace(built.version);
                    fingerprint = built.fingerprint;
                    events.watch(&fingerprint.files());
                    failed = None;
                }
                Err(error) => {
                    stderr_text!(
                        "isolet: reload failed; still serving the previous version\n{}\n",
                        error.trim_end()
                    );
                    failed = Some(now);
                }
            }
        }
    }
}
