//! Builds the Worker of a project, and builds it again when its files or its tools change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use isolet_bindings::Caller;
use isolet_runtime::{Engine, Limits, WorkerIsolation};
use isolet_wrangler_compat::{Project, ProjectService};

use super::file_events::FileEvents;
use super::request_lines::RequestLines;
use super::source_files::SourceFiles;
use crate::registry::Registry;
use crate::workers::caches::WorkerCaches;
use crate::workers::outgoing::{Advice, Client, FetchMetrics, FetchNotes, Outgoing};
use crate::workers::prepared::{PreparedWorker, Scale, WorkerNetwork};
use crate::workers::project_source::{ProjectSource, UnreadableProject};
use crate::workers::services::Services;
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
    /// The caches of the Worker, which a reload keeps, also one with another name.
    pub caches: WorkerCaches,
    /// The project.
    pub source: ProjectSource,
    /// The bound on the Worker's processes.
    pub processes: usize,
    /// The addresses that call `scheduled`.
    pub triggers: TriggerRoutes,
    /// Prints what happens to requests.
    pub lines: Arc<RequestLines>,
    /// The Workers of this session.
    pub services: Arc<Services>,
    /// `true` if there are several, so that lines about requests name theirs.
    pub is_one_of_several: bool,
}

/// A Worker, with the state of the files from which it was built.
pub struct BuiltProject {
    /// The answerers of its requests.
    pub version: WorkerVersion,
    /// The name of the project.
    pub name: String,
    /// The cron expressions.
    pub crons: Vec<String>,
    /// The bindings of other Workers.
    pub services: Vec<ProjectService>,
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

/// A build that has failed.
pub struct FailedBuild {
    /// The errors, as text for a terminal.
    pub text: String,
    /// The errors, as an answer to clients.
    pub answer: String,
    /// The state of the files of which a change may mend the project. `None` if its configuration
    /// cannot be used.
    pub fingerprint: Option<Fingerprint>,
}

/// The messages that have been printed. While a person types, or packages are being installed, a
/// project is built often, with the same messages.
#[derive(Default)]
pub struct Printed {
    warnings: Vec<String>,
    error: String,
}

impl Printed {
    fn warn(&mut self, warnings: Vec<String>) {
        for warning in warnings.iter().filter(|warning| !self.warnings.contains(warning)) {
            stderr_line!("isolet: warning: {warning}");
        }
        self.warnings = warnings;
    }

    /// Prints the error of a build after `introduction`, unless it is the one that was printed
    /// last.
    pub fn fail(&mut self, introduction: &str, error: &str) {
        if self.error != error {
            stderr_text!("isolet: {introduction}{}\n", error.trim_end());
            error.clone_into(&mut self.error);
        }
    }
}

impl ProjectBuilder {
    /// Builds the Worker from the present files, and prints warnings.
    pub async fn build(&self, printed: &mut Printed) -> Result<BuiltProject, FailedBuild> {
        let generation = self.registry.snapshot().generation();
        let project = match self.source.read().await {
            Ok(project) => project,
            Err(UnreadableProject { text, answer, warnings, files }) => {
                printed.warn(warnings);
                let fingerprint = (!files.is_empty()).then(|| Fingerprint::of(&files, generation));
                return Err(FailedBuild { text, answer, fingerprint });
            }
        };
        // Before the compilation, so that a change during it is noticed afterwards.
        let fingerprint = Fingerprint::of(&project.files_read, generation);
        match self.start(project, printed).await {
            Ok((version, prepared)) => {
                let PreparedWorker { name, crons, services, .. } = prepared;
                Ok(BuiltProject { version, name, crons, services, fingerprint })
            }
            Err(text) => Err(FailedBuild { answer: text.clone(), text, fingerprint: Some(fingerprint) }),
        }
    }

    /// Starts the Worker of a project.
    async fn start(
        &self,
        project: Project,
        printed: &mut Printed,
    ) -> Result<(WorkerVersion, PreparedWorker), String> {
        let files = SourceFiles::new(&project.files_read);
        let prepared = PreparedWorker::new(project, &self.limits)?;
        printed.warn(prepared.warnings.clone());
        let caller = Caller::run(None).of_worker(&prepared.name);
        let audit = self.registry.gate().audit().cloned();
        let notes = FetchNotes::new(caller.clone(), audit, &FetchMetrics::default());
        let outgoing = Outgoing::new(self.client.clone(), Advice::Development, notes);
        let network = WorkerNetwork { outgoing, caches: self.caches.clone() };
        let (environment, _) = self.registry.environment(None, caller).map_err(|error| error.to_string())?;
        let isolation = WorkerIsolation::Isolate;
        let scale = Scale { processes: self.processes, isolation, idle_timeout: None };
        if self.is_one_of_several {
            self.lines.show_name(&prepared.name);
        }
        let log = self.lines.clone();
        let started = prepared.start(&self.engine, environment, &self.services, scale, log, network).await;
        let mut version = started.map_err(|text| format!("{text}{}", files.excerpt(&text)))?;
        version.triggers = self.triggers;
        self.lines.show_lines_of(files);
        Ok((version, prepared))
    }

    /// Rebuilds the Worker after each change, beginning with the state of `fingerprint`. Replaces
    /// `served`, or prints the error and leaves a version that works as it is. `name` is the one
    /// under which others call it, if it has been built.
    pub async fn follow(
        &self,
        served: &Arc<ServedWorker>,
        mut name: Option<String>,
        mut fingerprint: Fingerprint,
        mut printed: Printed,
    ) {
        let mut events = FileEvents::new();
        events.watch(&fingerprint.files());
        loop {
            events.wait(POLL_INTERVAL).await;
            let now = fingerprint.refreshed(self.registry.snapshot().generation());
            if now == fingerprint {
                continue;
            }
            // Folders may have been renamed too.
            events.watch(&fingerprint.files());
            match self.build(&mut printed).await {
                Ok(built) => {
                    stderr_line!("isolet: reloaded {}", built.name);
                    served.replace(built.version);
                    if name.as_ref() != Some(&built.name) {
                        if let Some(before) = &name {
                            self.services.remove(before, served);
                        }
                        self.services.add(&built.name, served.clone());
                        name = Some(built.name);
                    }
                    fingerprint = built.fingerprint;
                    printed.error.clear();
                }
                Err(failed) => {
                    if served.current().failure.is_some() {
                        printed.fail("", &failed.text);
                        served.replace(WorkerVersion::failed(failed.answer));
                    } else {
                        printed.fail("reload failed; still serving the previous version\n", &failed.text);
                    }
                    // Without a configuration the files stay the same.
                    fingerprint = failed.fingerprint.unwrap_or(now);
                }
            }
            events.watch(&fingerprint.files());
        }
    }
}
