//! From files to a Worker, and how a change is noticed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use isolet_bindings::Caller;
use isolet_runtime::{Engine, Language, Limits, Module, Worker, WorkerJob};
use isolet_wrangler_compat::{ModuleKind, Project, load};
use tokio::sync::watch;

use crate::complaint;
use crate::tools::Tools;

/// How often files are looked at. A person who saves and switches to the browser takes longer; looking costs a `stat`
/// for each module.
const LOOK: Duration = Duration::from_millis(300);

/// What a project is made into a Worker with.
pub struct Workshop {
    /// Runs it.
    pub engine: Engine,
    /// What its `env` has beside variables.
    pub tools: Arc<Tools>,
    /// The limits of each request.
    pub limits: Limits,
    /// The project's folder.
    pub folder: PathBuf,
}

/// A Worker and the files it came from.
pub struct Built {
    /// Ready for requests.
    pub worker: Arc<Worker>,
    /// Its name.
    pub name: String,
    traces: Traces,
}

/// What the files looked like, and which tools there were.
#[derive(PartialEq)]
struct Traces {
    files: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
    generation: u64,
}

impl Traces {
    fn of(files: &[PathBuf], generation: u64) -> Self {
        let look = |file: &PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        Self { files: files.iter().map(|file| (file.clone(), look(file))).collect(), generation }
    }

    fn again(&self, generation: u64) -> Self {
        let files: Vec<PathBuf> = self.files.iter().map(|(file, _)| file.clone()).collect();
        Self::of(&files, generation)
    }
}

impl Workshop {
    /// Builds the Worker from what the files say now. The error is text for a person.
    pub async fn build(&self) -> Result<Built, String> {
        let project = self.read().await?;
        for warning in &project.warnings {
            eprintln!("isolet: warning: {warning}");
        }
        let generation = self.tools.toolset().generation;
        // Before it is compiled: what changes meanwhile is noticed at the next look.
        let traces = Traces::of(&project.files_read, generation);
        let mut environment =
            self.tools.environment(None, Caller::run(None)).map_err(|error| error.to_string())?;
        environment.vars = project.vars;
        let modules = project.modules.iter().map(|module| Module {
            name: module.name.clone(),
            source: module.as_script().into_owned(),
            language: match module.kind {
                ModuleKind::TypeScript => Language::TypeScript,
                ModuleKind::JavaScript | ModuleKind::Json | ModuleKind::Text => Language::JavaScript,
            },
            imports: module
                .imports
                .iter()
                .map(|import| (import.specifier.clone(), import.module.clone()))
                .collect(),
        });
        let job = WorkerJob {
            main: project.main.clone(),
            modules: modules.collect(),
            environment,
            limits: self.limits.clone(),
        };
        match self.engine.worker(job).await {
            Ok(worker) => Ok(Built { worker: Arc::new(worker), name: project.name, traces }),
            Err(error) => Err(complaint::block(&error, &project.main)),
        }
    }

    /// Puts a new Worker into `current` after each change that builds; says what is wrong with those that do not.
    pub async fn follow(&self, current: watch::Sender<Built>) {
        let mut tried = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let generation = self.tools.toolset().generation;
            let now = {
                let built = current.borrow();
                let now = built.traces.again(generation);
                if now == built.traces {
                    tried = None;
                    continue;
                }
                now
            };
            // The same broken state is complained of once. A module that only the broken state would read is not
            // looked at: saving one of the others, or the file that names it, is what brings it in.
            if tried.as_ref() == Some(&now) {
                continue;
            }
            match self.build().await {
                Ok(built) => {
                    eprintln!("isolet: {} was loaded again", built.name);
                    current.send_replace(built);
                    tried = None;
                }
                Err(complaint) => {
                    eprintln!(
                        "isolet: the change does not load; the Worker before it goes on\n{}",
                        complaint.trim_end()
                    );
                    tried = Some(now);
                }
            }
        }
    }

    async fn read(&self) -> Result<Project, String> {
        let folder = self.folder.clone();
        match tokio::task::spawn_blocking(move || load(&folder, None)).await {
            Ok(loaded) => loaded.map_err(|error| error.to_string()),
            Err(broken) => Err(format!("loading the project broke off: {broken}")),
        }
    }
}
