//! Starts the Workers of a deployment, and serves them until the server stops.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use isolet_bindings::Caller;
use isolet_runtime::{Catalogue, Engine, Environment};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::caches::Caches;
use super::deployment::{DeployedWorker, Deployment};
use super::metrics::WorkersMetrics;
use super::outgoing::{Advice, AllowList, Client, FetchNotes, Outgoing};
use super::prepared::{Scale, WorkerNetwork};
use super::request_events::RequestEvents;
use super::services::Services;
use super::site::{ServedWorker, Site};
use super::version::WorkerVersion;
use super::{LOG_TARGET, server};
use crate::registry::{Registry, SERVER_START_TIMEOUT, Selection};
use crate::service::LoadingPart;
use crate::web::listener::Listener;
use crate::web::server_names::{ServerNames, SiteKind};

/// The number of Workers that are started at once.
const STARTS_AT_ONCE: usize = 8;

/// The time that requests have after the signal to stop; then they are cancelled.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The interval at which Workers are asked whether they have finished what goes on after responses.
const DRAIN_INTERVAL: Duration = Duration::from_millis(20);

/// The pause before a Worker whose tools have changed is loaded again: a server may announce
/// changes without end.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// The time without requests after which a Worker has no process, where the settings have none.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The parts of a server that Workers need.
pub struct WorkerHost {
    /// Runs them, in jailed processes.
    pub engine: Engine,
    /// Has the servers of their `env`.
    pub registry: Arc<Registry>,
    /// Counts their requests.
    pub metrics: WorkersMetrics,
    /// The time without requests after which a Worker has no process.
    pub idle_timeout: Duration,
    /// The caches of the Workers.
    pub caches: Caches,
    /// Has the Workers that others call.
    pub services: Arc<Services>,
}

/// A Worker that was started.
struct StartedWorker<'a> {
    deployed: &'a DeployedWorker,
    served: Arc<ServedWorker>,
    events: Arc<RequestEvents>,
    network: WorkerNetwork,
    /// The tools that it knows.
    catalogue: Arc<Catalogue>,
}

impl WorkerHost {
    /// Starts all Workers, and serves them on `listener` until `stop`; then lets requests end.
    /// `loading` is dropped when they are ready.
    ///
    /// # Errors
    /// Returns a message about each Worker that does not start.
    pub async fn serve(
        &self,
        deployment: &Deployment,
        listener: Listener,
        loading: LoadingPart,
        stop: CancellationToken,
    ) -> Result<(), Vec<String>> {
        // Before the lists are read, so that no change is missed.
        let changes = self.registry.changes();
        let started = tokio::select! {
            started = self.start(deployment) => started?,
            () = stop.cancelled() => return Ok(()),
        };
        for worker in &started {
            self.services.add(&worker.deployed.name, worker.served.clone());
            self.metrics.show_processes(&worker.deployed.name, worker.served.clone());
        }
        let (address, local) = (listener.address(), deployment.local_workers()?);
        let names = address.map(|address| {
            let hosts: Vec<String> = local.names().map(str::to_owned).collect();
            ServerNames::new(address, &hosts, Vec::new(), SiteKind::Site)
        });
        let served: Vec<Arc<ServedWorker>> = started.iter().map(|worker| worker.served.clone()).collect();
        let site = Site::new(names, served.clone(), deployment.routes()?, local);
        let shown = listener.shown();
        deployment.addresses(&shown).iter().for_each(|line| stderr_line!("isolet serves {line}"));
        if let Some(curl) = deployment.example(&shown) {
            stderr_line!("isolet: Workers with routes answer to their hosts: {curl}");
        }
        drop(loading);
        let with_tools = started.into_iter().filter(|worker| !worker.deployed.mcp_servers.is_empty());
        let mut following: FuturesUnordered<_> =
            with_tools.map(|worker| self.follow_tools(worker, changes.clone())).collect();
        let following = async {
            while following.next().await.is_some() {}
            std::future::pending::<()>().await;
        };
        let stopping = stop.clone();
        tokio::select! {
            () = server::serve(listener, site, async move { stopping.cancelled().await }, DRAIN_TIMEOUT) => {}
            () = following => {}
        }
        finish(&served).await;
        Ok(())
    }

    async fn start<'a>(&self, deployment: &'a Deployment) -> Result<Vec<StartedWorker<'a>>, Vec<String>> {
        let starts = deployment.workers.iter().map(|worker| self.start_worker(worker));
        let started: Vec<_> = stream::iter(starts).buffered(STARTS_AT_ONCE).collect().await;
        let (mut workers, mut errors) = (Vec::new(), Vec::new());
        for worker in started {
            match worker {
                Ok(worker) => workers.push(worker),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(workers) } else { Err(errors) }
    }

    async fn start_worker<'a>(&self, deployed: &'a DeployedWorker) -> Result<StartedWorker<'a>, String> {
        let name = &deployed.name;
        for warning in &deployed.prepared.warnings {
            stderr_line!("isolet: warning: {name}: {warning}");
        }
        if !deployed.prepared.crons.is_empty() {
            stderr_line!("isolet: warning: {name}: cron triggers do not run: nothing calls `scheduled`");
        }
        let caller = Caller::run(None).of_worker(name);
        if !deployed.mcp_servers.is_empty() {
            let tools = Selection::Tools(deployed.mcp_servers.clone());
            self.registry.ready_for(&tools, SERVER_START_TIMEOUT).await;
        }
        let environment = self.environment(deployed, &caller)?;
        let catalogue = environment.catalogue.clone();
        let metrics = self.metrics.of_worker(name);
        let client = Client::new(AllowList::new(deployed.outgoing.iter().cloned()));
        let audit = self.registry.gate().audit().cloned();
        let notes = FetchNotes::new(caller.clone(), audit, &self.metrics.fetches);
        let outgoing = Outgoing::new(client, Advice::Served(name.clone()), notes);
        let caches = self.caches.of_worker(name, deployed.cache);
        let network = WorkerNetwork { outgoing, caches };
        let registry = self.registry.clone();
        let events = Arc::new(RequestEvents { worker: name.clone(), caller, registry, metrics });
        let worker = self.start_version(deployed, environment, &events, &network);
        let worker = worker.await.map_err(|error| format!("the Worker \"{name}\" does not load: {error}"))?;
        let served = ServedWorker::new(worker, events.clone());
        Ok(StartedWorker { deployed, served, events, network, catalogue })
    }

    /// Starts a Worker from the files as they were read.
    async fn start_version(
        &self,
        deployed: &DeployedWorker,
        environment: Environment,
        events: &Arc<RequestEvents>,
        network: &WorkerNetwork,
    ) -> Result<WorkerVersion, String> {
        let &DeployedWorker { ref prepared, processes, isolation, .. } = deployed;
        let scale = Scale { processes, isolation, idle_timeout: Some(self.idle_timeout) };
        let (services, events, network) = (&self.services, events.clone(), network.clone());
        prepared.start(&self.engine, environment, services, scale, events, network).await
    }

    fn environment(&self, deployed: &DeployedWorker, caller: &Caller) -> Result<Environment, String> {
        let name = &deployed.name;
        let found = self.registry.environment(Some(&deployed.mcp_servers), caller.clone());
        let (environment, unmatched) =
            found.map_err(|error| format!("mcp_servers of \"{name}\": {error}"))?;
        for warning in unmatched.iter() {
            // Of a run these are about its `tools`.
            let reason = warning.message.trim_start_matches("`tools`: ");
            tracing::warn!(target: LOG_TARGET, worker = name, "mcp_servers: {reason}");
        }
        Ok(environment)
    }

    /// Starts a Worker again whenever its tools have changed, from the files as they were read.
    async fn follow_tools(
        &self,
        mut worker: StartedWorker<'_>,
        mut changes: tokio::sync::watch::Receiver<isolet_bindings::ToolLists>,
    ) {
        let StartedWorker { deployed, served, events, network, catalogue } = &mut worker;
        let name = &deployed.name;
        while changes.changed().await.is_ok() {
            tokio::time::sleep(RELOAD_PAUSE).await;
            changes.mark_unchanged();
            let Ok(environment) = self.environment(deployed, &events.caller) else { continue };
            if *environment.catalogue == **catalogue {
                continue;
            }
            let now = environment.catalogue.clone();
            match self.start_version(deployed, environment, events, network).await {
                Ok(started) => {
                    served.replace(started);
                    *catalogue = now;
                    tracing::info!(target: LOG_TARGET, worker = name, "started again, as its tools changed");
                }
                Err(error) => tracing::warn!(
                    target: LOG_TARGET, worker = name, reason = error.trim_end(),
                    "its tools changed, and it does not start with them; the version before goes on"
                ),
            }
        }
    }
}

/// Waits until the Workers have finished what goes on after responses, for at most
/// [`DRAIN_TIMEOUT`].
async fn finish(served: &[Arc<ServedWorker>]) {
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    for worker in served {
        let idle = async {
            while worker.current().requests().await > 0 {
                tokio::time::sleep(DRAIN_INTERVAL).await;
            }
        };
        if timeout_at(deadline, idle).await.is_err() {
            return;
        }
    }
}
