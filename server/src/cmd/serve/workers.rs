//! The options of `isolet serve` about Workers, and the deployment that they and the settings
//! describe.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use isolet_runtime::{Limits, WorkerIsolation};

use crate::exit::Failure;
use crate::settings::address::ListenAddress;
use crate::settings::workers::{WorkerEntry, WorkerSettings};
use crate::web::access;
use crate::workers::caches::DEFAULT_BYTES;
use crate::workers::deployment::{Deployment, ForWorker, GivenOptions, WorkerChoice};
use crate::workers::project_source::{ProjectSource, Purpose};

/// The default address of Workers, which only this machine reaches. It is not the one of the API:
/// each has its own rules of access.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8788);

/// The default number of requests at once where each has a process of its own: most wait for
/// something.
const SINGLE_REQUESTS: usize = 32;

#[derive(clap::Args, Clone, Debug)]
pub struct WorkerOptions {
    /// Serve the wrangler project in this folder, on --worker-listen; may be repeated
    #[arg(long, value_name = "DIR")]
    worker: Vec<PathBuf>,
    /// The address of the Workers, by default 127.0.0.1:8788; unix:PATH is a socket that only its
    /// owner can use
    #[arg(long, value_name = "ADDR", value_parser = ListenAddress::parse)]
    worker_listen: Option<ListenAddress>,
    /// Hosts and paths of a Worker, such as 'shop=shop.example/*', in place of the routes of its
    /// configuration; may be repeated. The name may be left out where there is one Worker
    #[arg(long, value_name = "[NAME=]PATTERN", value_parser = ForWorker::parse)]
    worker_route: Vec<ForWorker>,
    /// An MCP server, or some of its tools ("server/get_*"), in the `env` of a Worker; may be
    /// repeated. Without it a Worker has none
    #[arg(long, value_name = "[NAME=]PATTERN", value_parser = ForWorker::parse)]
    worker_mcp_server: Vec<ForWorker>,
    /// A host that a Worker may fetch from, such as 'shop=api.example.com', '*.example.com:8443' or
    /// '*'; may be repeated. Without it a Worker reaches none
    #[arg(long, value_name = "[NAME=]HOST", value_parser = ForWorker::parse)]
    worker_outgoing: Vec<ForWorker>,
    /// Let other machines use the Workers, without a token. Every Worker needs a route
    #[arg(long)]
    worker_allow_unauthenticated: bool,
}

impl WorkerOptions {
    /// Reads the projects of the Workers; `None` if there are no Workers.
    pub fn deployment(
        &self,
        settings: &WorkerSettings,
        limits: &Limits,
    ) -> Result<Option<Deployment>, Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processes = settings.processes.unwrap_or(cores);
        let listed = settings.workers.iter().map(|entry| choice_of_entry(entry, settings, processes, limits));
        let named = self.worker.iter().map(|path| WorkerChoice {
            source: ProjectSource::at(path.clone(), Purpose::Production { vars_file: None }),
            name: None,
            routes: None,
            mcp_servers: Vec::new(),
            outgoing: settings.outgoing.clone(),
            cache: settings.cache.unwrap_or(DEFAULT_BYTES),
            processes,
            isolation: WorkerIsolation::Isolate,
            limits: limits.clone(),
        });
        let choices: Vec<WorkerChoice> = listed.chain(named).collect();
        if choices.is_empty() {
            let given = [&self.worker_route, &self.worker_mcp_server, &self.worker_outgoing];
            return match given.iter().all(|given| given.is_empty()) {
                true => Ok(None),
                false => Err(Failure::Usage(
                    "--worker-route, --worker-mcp-server and --worker-outgoing need a Worker: --worker DIR, or \
                     [[workers.worker]] in isolet.toml"
                        .to_owned(),
                )),
            };
        }
        let given = GivenOptions {
            routes: &self.worker_route,
            mcp_servers: &self.worker_mcp_server,
            outgoing: &self.worker_outgoing,
        };
        Deployment::read(choices, &given).map(Some).map_err(Failure::Several)
    }

    /// Returns the address of the Workers.
    ///
    /// # Errors
    /// Other machines would reach them, and the operator has not said so, or not under which hosts.
    pub fn listen(
        &self,
        settings: &WorkerSettings,
        deployment: &Deployment,
    ) -> Result<ListenAddress, Failure> {
        let listen = self.worker_listen.clone().or_else(|| settings.listen.clone());
        let listen = listen.unwrap_or(ListenAddress::Tcp(DEFAULT_LISTEN));
        let ListenAddress::Tcp(address) = listen else { return Ok(listen) };
        if access::is_local(address.ip()) {
            return Ok(listen);
        }
        if !(self.worker_allow_unauthenticated || settings.allow_unauthenticated) {
            return Err(Failure::Usage(format!(
                "{address} can be reached from other machines, and Workers require no token: every client could use them and, \
                 through them, the MCP servers in their `env`. Listen on 127.0.0.1, behind a proxy; or use \
                 --worker-allow-unauthenticated if every client may"
            )));
        }
        match deployment.workers.iter().find(|worker| worker.routes.is_empty()) {
            None => Ok(listen),
            Some(worker) => Err(Failure::Usage(format!(
                "the Worker \"{name}\" has no route, and would answer only to names of this machine, while {address} can be \
                 reached from other machines: say for which hosts it answers, --worker-route '{name}=HOST/*'",
                name = worker.name
            ))),
        }
    }
}

fn choice_of_entry(
    entry: &WorkerEntry,
    settings: &WorkerSettings,
    processes: usize,
    limits: &Limits,
) -> WorkerChoice {
    let purpose = Purpose::Production { vars_file: entry.vars_file.clone() };
    WorkerChoice {
        source: ProjectSource {
            config: entry.config.clone(),
            environment: entry.environment.clone(),
            ..ProjectSource::at(entry.path.clone(), purpose)
        },
        name: entry.name.clone(),
        routes: entry.routes.clone(),
        mcp_servers: entry.mcp_servers.clone(),
        cache: entry.cache.or(settings.cache).unwrap_or(DEFAULT_BYTES),
        outgoing: settings.outgoing.iter().chain(&entry.outgoing).cloned().collect(),
        processes: entry.processes.unwrap_or(match entry.isolation {
            WorkerIsolation::Isolate => processes,
            WorkerIsolation::Request => processes.max(SINGLE_REQUESTS),
        }),
        isolation: entry.isolation,
        limits: entry.limits.applied_to(limits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> WorkerOptions {
        WorkerOptions {
            worker: Vec::new(),
            worker_listen: None,
            worker_route: Vec::new(),
            worker_mcp_server: Vec::new(),
            worker_outgoing: Vec::new(),
            worker_allow_unauthenticated: false,
        }
    }

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("wrangler.json"), r#"{ "name": "a", "main": "a.js" }"#).unwrap();
        std::fs::write(folder.path().join("a.js"), "export default {}").unwrap();
        folder
    }

    #[test]
    fn an_open_address_needs_consent_and_routes() {
        let folder = project();
        let listen = |address: &str, route: Option<&str>, is_allowed| {
            let options = WorkerOptions {
                worker: vec![folder.path().to_owned()],
                worker_listen: Some(ListenAddress::parse(address).unwrap()),
                worker_route: route.map(|route| ForWorker::parse(route).unwrap()).into_iter().collect(),
                worker_allow_unauthenticated: is_allowed,
                ..options()
            };
            let settings = WorkerSettings::default();
            let deployment = options.deployment(&settings, &Limits::default()).unwrap().unwrap();
            options.listen(&settings, &deployment).map_err(|failure| failure.to_string())
        };
        let open = "0.0.0.0:80";
        assert!(
            listen(open, Some("a.example/*"), false).unwrap_err().contains("--worker-allow-unauthenticated")
        );
        assert!(listen(open, None, true).unwrap_err().contains("--worker-route 'a=HOST/*'"));
        assert!(listen(open, Some("a=a.example/*"), true).is_ok());
        for local in ["127.0.0.1:80", "[::1]:80", "unix:a.sock"] {
            assert!(listen(local, None, false).is_ok(), "{local}");
        }
    }

    #[test]
    fn options_about_workers_need_workers() {
        let none = options().deployment(&WorkerSettings::default(), &Limits::default());
        assert!(none.unwrap().is_none());
        let route = WorkerOptions { worker_route: vec![ForWorker::parse("a/*").unwrap()], ..options() };
        assert!(matches!(
            route.deployment(&WorkerSettings::default(), &Limits::default()),
            Err(Failure::Usage(_))
        ));
    }
}
