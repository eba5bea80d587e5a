//! `isolet dev`: serves a wrangler project.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::text;
use isolet_runtime::MAX_LOADED_WORKERS;

use super::Signals;
use crate::dev::reload::{BuiltProject, FailedBuild, Printed, ProjectBuilder};
use crate::dev::request_lines::RequestLines;
use crate::exit::Failure;
use crate::mcp_config;
use crate::registry::Registry;
use crate::settings::SettingsFile;
use crate::settings::address::{ListenAddress, WebOrigin, parse_host, parse_socket_address};
use crate::settings::outgoing::OutgoingEntry;
use crate::settings::rules::StdoutUse;
use crate::trust::Search;
use crate::web::access::{self, UnsafeListenError};
use crate::web::listener::Listener;
use crate::web::server_names::{ServerNames, SiteKind};
use crate::workers::caches::{DEFAULT_BYTES, WorkerCaches};
use crate::workers::outgoing::{AllowList, Client};
use crate::workers::prepared::max_processes;
use crate::workers::project_source::{ProjectSource, Purpose};
use crate::workers::server;
use crate::workers::services::Services;
use crate::workers::site::{ServedWorker, Site};
use crate::workers::triggers::{self, TriggerRoutes};
use crate::workers::version::WorkerVersion;

/// The time for which the first build waits for servers that are starting. A Worker's `env` has the
/// tools of its build.
const FIRST_BUILD_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that requests have after the signal to stop. A person waits for it.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "Examples:
  isolet dev                                     the project in this folder, on 127.0.0.1:8787
  isolet dev examples/worker --port 3000 --demo
  isolet dev src/index.ts                        an entry module, with or without a configuration
  isolet dev --config wrangler.prod.toml --env staging
  isolet dev -c site/wrangler.jsonc -c api/wrangler.jsonc   two Workers; HTTP reaches the first
  isolet dev worker --mcp-config servers.json
  isolet dev worker --check                      says what is wrong with the project, and ends";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project's folder, with a wrangler.jsonc, wrangler.json or wrangler.toml in it or above
    /// it; or the entry module
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// The project's configuration: a .json, a .jsonc or a wrangler*.toml. Further ones are Workers
    /// that only service bindings reach. Any other .toml is isolet's own settings, limits and rules
    /// of the operator; without it ~/.config/isolet/isolet.toml, else a trusted ./isolet.toml
    #[arg(long, short = 'c', value_name = "FILE")]
    config: Vec<PathBuf>,
    /// The environment of the configuration (env.NAME)
    #[arg(long, short = 'e', value_name = "NAME", env = "CLOUDFLARE_ENV")]
    env: Option<String>,
    /// The address to listen on; port 0 takes a free one. Beyond this machine it needs
    /// --allow-unauthenticated
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = parse_socket_address)]
    listen: SocketAddr,
    /// The port to listen on; --listen 127.0.0.1:PORT in short
    #[arg(long, value_name = "PORT", conflicts_with = "listen")]
    port: Option<u16>,
    /// The IP address to listen on; --listen IP:8787 in short
    #[arg(long, value_name = "IP", conflicts_with = "listen")]
    ip: Option<IpAddr>,
    /// Listen beyond this machine: every client that connects may use the Worker, without a token.
    /// Needs --allow-host
    #[arg(long)]
    allow_unauthenticated: bool,
    /// Accept requests for this host name too, beside those of this machine; may be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    allow_host: Vec<String>,
    /// Let web pages of this origin use the Worker, such as `https://app.example`, beside those of
    /// this machine; may be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    allow_origin: Vec<WebOrigin>,
    /// The MCP servers in `env`; without it those of ~/.config/isolet/mcp.json, else of a file that
    /// is found in PATH and trusted (isolet trust), else none
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    /// A host that the Worker may fetch from, such as api.example.com, '*.example.com:8443',
    /// http://localhost:9000, or '*' for every public one; may be repeated. Without it, and without
    /// `outgoing` in `[workers]` of isolet.toml, it reaches none
    #[arg(long, value_name = "HOST", value_parser = OutgoingEntry::parse)]
    outgoing: Vec<OutgoingEntry>,
    /// Put the built-in demo servers into `env`
    #[arg(long, conflicts_with = "mcp_config")]
    demo: bool,
    /// Load the project, print what is wrong with it, and end: with exit code 0 if it loads
    #[arg(long)]
    check: bool,
    /// Also call `scheduled` for requests to /__scheduled
    #[arg(long)]
    test_scheduled: bool,
    #[command(flatten)]
    isolation: crate::system::isolation::IsolationOptions,
    #[command(flatten)]
    starting: super::startup::StartupOptions,
    /// Offer only tools that declare to be read-only (readOnlyHint)
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    pub log: crate::output::logging::LogOptions,
}

/// The files that `--config` names.
#[derive(Debug, PartialEq, Eq)]
struct Configurations {
    /// HTTP reaches the first one.
    projects: Vec<PathBuf>,
    settings: Option<PathBuf>,
}

impl Configurations {
    /// Tells configurations of projects from isolet's settings, by the name of the file.
    fn of(files: &[PathBuf]) -> Result<Self, Failure> {
        let mut found = Self { projects: Vec::new(), settings: None };
        for file in files {
            let is_toml = file.extension().is_some_and(|extension| extension == "toml");
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !is_toml || name.starts_with("wrangler") {
                found.projects.push(file.clone());
            } else if found.settings.replace(file.clone()).is_some() {
                return Err(Failure::Usage("--config can name one file of isolet's settings".to_owned()));
            }
        }
        Ok(found)
    }
}

/// Fails for an address that other machines can reach, unless the options allow it. There are no
/// tokens: the Worker itself decides what clients may do.
fn check_listen(args: &Args) -> Result<(), Failure> {
    access::check_listen(args.listen, &[], args.allow_unauthenticated, &args.allow_host).map_err(|error| {
        Failure::Usage(match error {
            UnsafeListenError::NoToken(address) => format!(
                "{address} can be reached from other machines, and `isolet dev` requires no token: every client could \
                 use the Worker and, through it, your tools. Listen on 127.0.0.1; or use --allow-unauthenticated and \
                 --allow-host NAME if every client may, or if a proxy in front of isolet authenticates clients"
            ),
            other @ UnsafeListenError::NoHost(_) => other.to_string(),
        })
    })
}

/// The first build of a project, and the messages that were printed about it.
type FirstBuild = (Result<BuiltProject, FailedBuild>, Printed);

/// Builds all Workers of a session, and prints what is wrong with them.
///
/// # Errors
/// Returns text for a terminal: two have the same name.
async fn build(builders: &[ProjectBuilder]) -> Result<Vec<FirstBuild>, String> {
    let mut all: Vec<FirstBuild> = Vec::new();
    for builder in builders {
        let mut printed = Printed::default();
        let built = builder.build(&mut printed).await;
        match &built {
            Err(failed) => printed.fail("", &failed.text),
            Ok(BuiltProject { name, .. }) => {
                let is_same = |(other, _): &FirstBuild| other.as_ref().is_ok_and(|other| other.name == *name);
                if all.iter().any(is_same) {
                    let name = text::line(name);
                    return Err(format!(
                        "two Workers are called \"{name}\": give one of them another `name` in its configuration"
                    ));
                }
            }
        }
        all.push((built, printed));
    }
    Ok(all)
}

/// Prints which service bindings name a Worker that is not in the session: their calls fail.
fn warn_of_absent_services(builds: &[FirstBuild]) {
    let built: Vec<&BuiltProject> = builds.iter().filter_map(|(built, _)| built.as_ref().ok()).collect();
    // One that has not loaded may be the callee.
    if built.len() < builds.len() {
        return;
    }
    for wanted in built.iter().flat_map(|project| &project.services) {
        if !built.iter().any(|project| project.name == wanted.service) {
            let (binding, service) = (text::line(&wanted.binding), text::line(&wanted.service));
            stderr_line!(
                "isolet: warning: {}: the binding {binding} calls the Worker \"{service}\", which is not in this session: \
                 name its configuration with a further -c",
                wanted.location
            );
        }
    }
}

/// Serves until SIGINT or SIGTERM.
pub fn run(mut args: Args) -> Result<(), Failure> {
    if let Some(port) = args.port {
        args.listen.set_port(port);
    }
    if let Some(ip) = args.ip {
        args.listen.set_ip(ip);
    }
    check_listen(&args)?;
    let Configurations { projects, settings } = Configurations::of(&args.config)?;
    let environment = args.env.filter(|name| !name.is_empty());
    let first = ProjectSource::at(args.path, Purpose::Development);
    if first.entry.is_some() && projects.len() > 1 {
        let more = "an entry module cannot be combined with several configurations: name it in `main` of one";
        return Err(Failure::Usage(more.to_owned()));
    }
    let configs = if projects.is_empty() { vec![None] } else { projects.into_iter().map(Some).collect() };
    let sources: Vec<ProjectSource> = configs
        .into_iter()
        .map(|config| ProjectSource { config, environment: environment.clone(), ..first.clone() })
        .collect();
    // To name the project is not consent to the configuration that lies in it.
    let search = Search::Folder(&first.folder);
    let settings = SettingsFile::new(settings, args.read_only).load(search)?;
    let mut servers = match args.demo {
        true => mcp_config::built_in()?,
        false => mcp_config::load_without_demo(args.mcp_config.as_deref(), &settings, search)?,
    };
    args.starting.apply(&mut servers)?;
    let rules = settings.rules(StdoutUse::Free)?;
    let isolation = args.isolation.or(&settings.runtime);
    super::on_runtime(None, async move {
        // A check needs no address, which an isolet that serves the project may have.
        let listener = match args.check {
            true => None,
            false => {
                let bound = Listener::bind(&ListenAddress::Tcp(args.listen)).await;
                Some(bound.map_err(|error| super::cannot_listen(&args.listen, &error))?)
            }
        };
        let mut signals = Signals::listen()?;
        let registry = Registry::start(servers, rules);
        let limits = settings.limits;
        let processes = settings.workers.processes.unwrap_or(1);
        // A change may give a project loaders.
        let live = sources.len() * max_processes(processes, MAX_LOADED_WORKERS);
        let engine = isolation.engine(1, live, limits.memory, None)?;
        let (checked, _) = tokio::join!(isolation.check(&engine), registry.settled(FIRST_BUILD_TIMEOUT));
        if let Err(failure) = checked {
            registry.shutdown().await;
            return Err(failure);
        }
        let triggers = TriggerRoutes { handler: true, test_scheduled: args.test_scheduled };
        let outgoing = [settings.workers.outgoing, args.outgoing].concat();
        let services = Arc::new(Services::default());
        let is_one_of_several = sources.len() > 1;
        let builders: Vec<ProjectBuilder> = sources
            .into_iter()
            .map(|source| ProjectBuilder {
                engine: engine.clone(),
                registry: registry.clone(),
                limits: limits.clone(),
                client: Client::new(AllowList::new(outgoing.iter().cloned())),
                caches: WorkerCaches::new(settings.workers.cache.unwrap_or(DEFAULT_BYTES)),
                source,
                processes,
                triggers,
                lines: Arc::new(RequestLines::default()),
                services: services.clone(),
                is_one_of_several,
            })
            .collect();
        let first = match build(&builders).await {
            Ok(first) => first,
            Err(error) => {
                stderr_text!("isolet: {}\n", error.trim_end());
                registry.shutdown().await;
                return Err(Failure::Worker);
            }
        };
        warn_of_absent_services(&first);
        let Some(listener) = listener else {
            registry.shutdown().await;
            for (built, _) in first {
                let built = built.map_err(|_| Failure::Worker)?;
                stderr_line!("isolet: {} loads", built.name);
            }
            return Ok(());
        };
        let address = listener.address().unwrap_or(args.listen);
        let mut following = Vec::new();
        let mut main: Option<Arc<ServedWorker>> = None;
        let mut cron = None;
        for (builder, (built, printed)) in builders.iter().zip(first) {
            let is_main = main.is_none();
            let (version, name, fingerprint) = match built {
                Ok(BuiltProject { version, name, crons, fingerprint, .. }) => {
                    match is_main {
                        true => stderr_line!("isolet serves {name} on http://{address}"),
                        false => stderr_line!("isolet serves {name} to service bindings"),
                    }
                    cron = cron.or_else(|| crons.first().cloned().filter(|_| is_main));
                    (version, Some(name), fingerprint)
                }
                // Its author mends it next, and finds isolet there.
                Err(FailedBuild { answer, fingerprint: Some(fingerprint), .. }) => {
                    if is_main {
                        stderr_line!("isolet serves this error until a change mends it, on http://{address}");
                    }
                    (WorkerVersion::failed(answer), None, fingerprint)
                }
                Err(FailedBuild { fingerprint: None, .. }) => {
                    registry.shutdown().await;
                    return Err(Failure::Worker);
                }
            };
            let served = ServedWorker::new(version, builder.lines.clone());
            if let Some(name) = &name {
                services.add(name, served.clone());
            }
            main.get_or_insert_with(|| served.clone());
            following.push(async move { builder.follow(&served, name, fingerprint, printed).await });
        }
        let Some(served) = main else { return Ok(()) };
        let names = ServerNames::new(address, &args.allow_host, args.allow_origin, SiteKind::Development);
        if let Some(cron) = cron {
            let address = triggers::address_of(address, &cron);
            stderr_line!(
                "isolet: cron triggers do not run by themselves; to call `scheduled`: curl '{address}'"
            );
        }
        let site = Site::of_one(names, served);
        let stop = async { _ = signals.stop().await };
        tokio::select! {
            () = server::serve(listener, site, stop, DRAIN_TIMEOUT) => {}
            _ = futures_util::future::join_all(following) => {}
        }
        registry.shutdown().await;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_whose_configuration_it_is() {
        let of = |files: &[&str]| Configurations::of(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
        let found = of(&["a/wrangler.prod.toml", "a/limits.toml", "b/wrangler.jsonc"]).unwrap();
        assert_eq!(
            found.projects,
            [PathBuf::from("a/wrangler.prod.toml"), PathBuf::from("b/wrangler.jsonc")]
        );
        assert_eq!(found.settings, Some("a/limits.toml".into()));
        for project in ["wrangler.jsonc", "other.json", "wrangler.toml"] {
            let projects = vec![PathBuf::from(project)];
            assert_eq!(of(&[project]).unwrap(), Configurations { projects, settings: None });
        }
        assert!(of(&["a.toml", "b.toml"]).is_err());
    }
}
