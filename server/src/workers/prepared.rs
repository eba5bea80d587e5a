//! A project that can be started: its modules are ready to be compiled by V8, and no file is read
//! any more.

use std::sync::Arc;
use std::time::Duration;

use isolet_runtime::{
    Engine, Environment, FetchBindings, GLOBAL_FETCH, Limits, MAX_LOADED_WORKERS, Module, NodeFeatures,
    WebSocketFeatures, WorkerIsolation, WorkerJob,
};
use isolet_wrangler_compat::{Project, ProjectRoute, ProjectService};

use super::assets::AssetServer;
use super::caches::WorkerCaches;
use super::limits;
use super::loaders::Loader;
use super::outgoing::Outgoing;
use super::request_log::{self, RequestLog};
use super::services::Services;
use super::version::WorkerVersion;
use super::worker_module::runtime_module;
use crate::output::diagnostic;

/// A project that can be started any number of times.
pub struct PreparedWorker {
    /// The name of the project.
    pub name: String,
    /// The routes of its configuration.
    pub routes: Vec<ProjectRoute>,
    /// The cron expressions.
    pub crons: Vec<String>,
    /// The bindings of other Workers.
    pub services: Vec<ProjectService>,
    /// The names of bindings that load Workers.
    pub loaders: Vec<String>,
    /// The parts of it that are ignored.
    pub warnings: Vec<String>,
    /// `None` for a project of static assets only.
    main: Option<String>,
    is_service_worker: bool,
    has_exports: bool,
    allows_eval_at_start: bool,
    assets: Option<AssetServer>,
    modules: Arc<[Module]>,
    node: NodeFeatures,
    web_sockets: WebSocketFeatures,
    vars: serde_json::Map<String, serde_json::Value>,
    start_limits: Limits,
    limits: Limits,
}

/// The parts of isolet that a Worker's `fetch` and `caches` use.
#[derive(Clone)]
pub struct WorkerNetwork {
    /// The answerer of `fetch`.
    pub outgoing: Outgoing,
    /// The answerer of `caches`.
    pub caches: WorkerCaches,
}

/// Returns the bound on the processes of a Worker with this bound on its own, each of which loads
/// at most `loaded` Workers: it may be loaded again beside its present version, and processes are
/// started before others have gone, or before a request comes.
pub fn max_processes(processes: usize, loaded: usize) -> usize {
    2 * processes * (1 + loaded) + 5
}

/// The number of a Worker's processes.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// The most at once.
    pub processes: usize,
    /// The requests that share one.
    pub isolation: WorkerIsolation,
    /// The time without requests after which there is none; the next request starts one.
    pub idle_timeout: Option<Duration>,
}

impl PreparedWorker {
    /// Prepares a project. `limits` are the operator's for each request; the project may have lower
    /// ones.
    ///
    /// # Errors
    /// Returns the error of a module that is not valid, as text for a terminal.
    pub fn new(project: Project, limits: &Limits) -> Result<Self, String> {
        let (of_request, above) = limits::lowered(limits, project.limits);
        let mut warnings: Vec<String> = project.warnings.iter().map(ToString::to_string).collect();
        warnings.extend(above);
        let modules = project.modules.into_iter().map(runtime_module).collect::<Result<_, _>>();
        let main = project.main;
        let modules =
            modules.map_err(|error| diagnostic::render(&error, main.as_deref().unwrap_or_default()))?;
        Ok(Self {
            name: project.name,
            routes: project.routes,
            crons: project.crons,
            services: project.services,
            loaders: project.loaders,
            warnings,
            main,
            is_service_worker: project.is_service_worker,
            has_exports: project.has_exports,
            allows_eval_at_start: project.allows_eval_at_start,
            assets: project.assets.map(AssetServer::new),
            modules,
            node: NodeFeatures {
                modules: project.node.modules,
                globals: project.node.globals,
                process_env: project.node.process_env,
            },
            web_sockets: WebSocketFeatures {
                blobs: project.web_sockets.blobs,
                reason_limit: project.web_sockets.reason_limit,
                automatic_close: project.web_sockets.automatic_close,
            },
            vars: project.vars,
            start_limits: limits.clone(),
            limits: of_request,
        })
    }

    /// Starts the Worker with the servers of `environment` and bindings of `services`, and waits
    /// until its modules were evaluated.
    ///
    /// # Errors
    /// Returns the error of its start, as text for a terminal.
    pub async fn start(
        &self,
        engine: &Engine,
        environment: Environment,
        services: &Arc<Services>,
        scale: Scale,
        log: Arc<dyn RequestLog>,
        network: WorkerNetwork,
    ) -> Result<WorkerVersion, String> {
        let assets = self.assets.clone();
        let Some(main) = &self.main else { return Ok(WorkerVersion::new(None, assets)) };
        let mut fetchers = FetchBindings::default();
        if let Some(assets) = &assets {
            assets.add_to(&mut fetchers);
        }
        fetchers.add(GLOBAL_FETCH, Arc::new(network.outgoing));
        network.caches.add_to(&mut fetchers);
        services.bind(&self.services, &mut fetchers);
        if !self.loaders.is_empty() {
            let loader = Loader {
                engine: engine.clone(),
                start_limits: self.start_limits.clone(),
                limits: self.limits.clone(),
                log: log.clone(),
            };
            fetchers.set_loader(self.loaders.clone(), Arc::new(loader));
        }
        let job = WorkerJob {
            main: main.clone(),
            modules: self.modules.clone(),
            node: self.node,
            web_sockets: self.web_sockets,
            environment: Environment { vars: self.vars.clone(), ..environment },
            start_limits: self.start_limits.clone(),
            limits: self.limits.clone(),
            instances: scale.processes,
            isolation: scale.isolation,
            idle_timeout: scale.idle_timeout,
            fetchers,
            is_service_worker: self.is_service_worker,
            has_exports: self.has_exports,
            allows_eval_at_start: self.allows_eval_at_start,
            log: request_log::lines(log.clone()),
            violated: request_log::violations(log),
        };
        let worker = engine.worker(job).await.map_err(|error| diagnostic::render(&error, main))?;
        Ok(WorkerVersion::new(Some(worker), assets))
    }

    /// The bound on the processes of the Workers that each of its processes loads.
    pub fn loaded_processes(&self) -> usize {
        if self.loaders.is_empty() { 0 } else { MAX_LOADED_WORKERS }
    }

    /// The number of modules.
    pub fn module_count(&self) -> usize {
        self.modules.len()
    }
}
