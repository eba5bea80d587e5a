//! Builds a Worker from the files of a project, and rebuilds it when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use isolet_bindings::{Caller, text};
use isolet_runtime::{Engine, Limits, Worker, WorkerJob};
use isolet_wrangler_compat::{LoadOptions, Project, load};
use tokio::sync::watch;

use super::assets::AssetServer;
use super::limits;
use super::worker_module::runtime_module;
use crate::output::diagnostic;
use crate::registry::Registry;

/// The interval at which files are checked for changes, with a `stat` for each. It is shorter than
/// the time that a person takes from the editor to the browser.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Builds the Worker of a project.
pub struct ProjectBuilder {
    /// The engine in which the Worker runs.
    pub engine: Engine,
    /// The tools in the Worker's `env`.
    pub registry: Arc<Registry>,
    /// The operator's limits of each request. The project may have lower ones.
    pub limits: Limits,
    /// The project.
    pub source: ProjectSource,
    /// The bound on the Worker's processes.
    pub processes: usize,
}

/// The place of a project, and the choices of the command line.
#[derive(Debug, Clone, Default)]
pub struct ProjectSource {
    /// The folder in which, or above which, the configuration is.
    pub folder: PathBuf,
    /// The entry module, in place of `main`.
    pub entry: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The environment of the configuration.
    pub environment: Option<String>,
}

/// A Worker, with the state of the files from which it was built.
pub struct BuiltProject {
    /// The answerers of its requests.
    pub site: Site,
    /// The name of the project.
    pub name: String,
    fingerprint: Fingerprint,
}

/// The answerers of a project's requests.
#[derive(Clone)]
pub struct Site {
    /// The Worker, ready for requests. A project of static assets only has none.
    pub worker: Option<Arc<Worker>>,
    /// The static assets.
    pub assets: Option<AssetServer>,
}

/// The state of the files and of the tools. A difference means that the project must be rebuilt.
#[derive(PartialEq)]
struct Fingerprint {
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

    /// Reads the present state of the same files.
    fn refreshed(&self, generation: u64) -> Self {
        let files: Vec<PathBuf> = self.files.iter().map(|(file, _)| file.clone()).collect();
        Self::of(&files, generation)
    }
}

impl ProjectBuilder {
    /// Builds the Worker from the present files. The error is text that can be printed to a
    /// terminal.
    pub async fn build(&self) -> Result<BuiltProject, String> {
        let project = self.read().await?;
        for warning in &project.warnings {
            stderr_line!("isolet: warning: {warning}");
        }
        let (limits, above) = limits::lowered(&self.limits, project.limits);
        for warning in above {
            stderr_line!("isolet: warning: {warning}");
        }
        let generation = self.registry.snapshot().generation();
        // Before the compilation, so that a change during it is noticed afterwards.
        let fingerprint = Fingerprint::of(&project.files_read, generation);
        let (mut environment, _) =
            self.registry.environment(None, Caller::run(None)).map_err(|error| error.to_string())?;
        environment.vars = project.vars;
        let assets = project.assets.map(AssetServer::new);
        let Some(main) = project.main else {
            return Ok(BuiltProject { site: Site { worker: None, assets }, name: project.name, fingerprint });
        };
        let modules = project.modules.into_iter().map(runtime_module).collect::<Result<_, _>>();
        let modules = modules.map_err(|error| diagnostic::render(&error, &main))?;
        let job = WorkerJob {
            main: main.clone(),
            modules,
            environment,
            start_limits: self.limits.clone(),
            limits,
            instances: self.processes,
            fetchers: assets.as_ref().and_then(AssetServer::fetchers),
            log: Arc::new(|request, line| diagnostic::print_request_log(request, &line)),
        };
        match self.engine.worker(job).await {
            Ok(worker) => {
                let site = Site { worker: Some(Arc::new(worker)), assets };
                Ok(BuiltProject { site, name: project.name, fingerprint })
            }
            Err(error) => Err(diagnostic::render(&error, &main)),
        }
    }

    /// Rebuilds the Worker after each change. Sends the new one to `current`, or prints the error
    /// and keeps the previous one.
    pub async fn follow(&self, current: watch::Sender<BuiltProject>) {
        let mut failed = None;
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let generation = self.registry.snapshot().generation();
            let now = {
                let built = current.borrow();
                let now = built.fingerprint.refreshed(generation);
                if now == built.fingerprint {
                    failed = None;
                    continue;
                }
                now
            };
            // An error is printed once. Modules that are only imported by the broken state are not
            // watched; the next save of a watched file rebuilds with them.
            if failed.as_ref() == Some(&now) {
                continue;
            }
            match self.build().await {
                Ok(built) => {
                    stderr_line!("isolet: reloaded {}", built.name);
                    current.send_replace(built);
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

    async fn read(&self) -> Result<Project, String> {
        let source = self.source.clone();
        match tokio::task::spawn_blocking(move || source.load()).await {
            Ok(loaded) => loaded.map_err(|error| text::line(&error.to_string()).into_owned()),
            Err(broken) => Err(format!("loading the project failed: {broken}")),
        }
    }
}

impl ProjectSource {
    fn load(&self) -> Result<Project, isolet_wrangler_compat::ProjectError> {
        let built_in: Vec<&str> = isolet_runtime::built_in_modules().collect();
        let node_env = std::env::var("NODE_ENV").ok();
        let dot_env = std::env::var("CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV");
        let options = LoadOptions {
            environment: self.environment.as_deref(),
            config: self.config.as_deref(),
            entry: self.entry.as_deref(),
            built_in: &built_in,
            node_env: node_env.as_deref(),
            ignore_dot_env: dot_env.is_ok_and(|value| value == "false"),
        };
        load(&self.folder, &options)
    }
}
