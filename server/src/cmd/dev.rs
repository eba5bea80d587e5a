//! `isolet dev`: serves a wrangler project.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
use crate::workers::caches::{Caches, DEFAULT_BYTES};
use crate::workers::outgoing::{AllowList, Client};
use crate::workers::project_source::{ProjectSource, Purpose};
use crate::workers::server;
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
  isolet dev worker --mcp-config servers.json
  isolet dev worker --check                      says what is wrong with the project, and ends";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The project's folder, with a wrangler.jsonc, wrangler.json or wrangler.toml in it or above
    /// it; or the entry module
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// The project's configuration: a .json, a .jsonc or a wrangler*.toml. Any other .toml is
    /// isolet's own settings, limits and rules of the operator; without it
    /// ~/.config/isolet/isolet.toml, else a trusted ./isolet.toml
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
    /// Let web pages of this origin use the Worker, such as https://app.example, beside those of
    /// this machine; may be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    allow_origin: Vec<WebOrigin>,
    /// The MCP servers in `env`; without it those of ~/.config/isolet/mcp.json, else of a file that
    /// is found in PATH and trusted (isolet trust), else none
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    /// A host that the Worker may fetch from, such as api.example.com, '*.example.com:8443',
    /// http://localhost:9000, or '*' for every public one; may be repeated. Without it, and without
    /// `outgoing` in [workers] of isolet.toml, it reaches none
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
    project: Option<PathBuf>,
    settings: Option<PathBuf>,
}

impl Configurations {
    /// Tells the project's configuration from isolet's settings, by the name of the file.
    fn of(files: &[PathBuf]) -> Result<Self, Failure> {
        let mut found = Self { project: None, settings: None };
        for file in files {
            let is_toml = file.extension().is_some_and(|extension| extension == "toml");
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let (place, more) = match is_toml && !name.starts_with("wrangler") {
                true => (&mut found.settings, "--config can name one file of isolet's settings"),
                false => (
                    &mut found.project,
                    "--config can name one configuration of a project: several Workers in one session are not supported yet",
                ),
            };
            if place.replace(file.clone()).is_some() {
                return Err(Failure::Usage(more.to_owned()));
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

/// Serves until SIGINT or SIGTERM.
pub fn run(mut args: Args) -> Result<(), Failure> {
    if let Some(port) = args.port {
        args.listen.set_port(port);
    }
    if let Some(ip) = args.ip {
        args.listen.set_ip(ip);
    }
    check_listen(&args)?;
    let Configurations { project, settings } = Configurations::of(&args.config)?;
    let source = ProjectSource {
        config: project,
        environment: args.env.filter(|name| !name.is_empty()),
        ..ProjectSource::at(args.path, Purpose::Development)
    };
    // To name the project is not consent to the configuration that lies in it.
    let search = Search::Folder(&source.folder);
    let settings = SettingsFile::new(settings, args.read_only).load(search)?;
    let mut servers = match args.demo {
        true => mcp_config::built_in()?,
        false => mcp_config::load_without_demo(args.mcp_config.as_deref(), &settings, search)?,
    };
    args.starting.apply(&mut servers)?;
    let rules = settings.rules(StdoutUse::Free)?;
    let isolation = args.isolation.or(&settings.runtime);
    super::on_runtime(None, async move {
        let listener = Listener::bind(&ListenAddress::Tcp(args.listen))
            .await
            .map_err(|error| super::cannot_listen(&args.listen, &error))?;
        let mut signals = Signals::listen()?;
        let registry = Registry::start(servers, rules);
        let limits = settings.limits;
        let processes = settings.workers.processes.unwrap_or(1);
        // Changed versions start beside the present one.
        let engine = isolation.engine(1, 2 * processes + 4, limits.memory, None)?;
        let (checked, _) = tokio::join!(isolation.check(&engine), registry.settled(FIRST_BUILD_TIMEOUT));
        if let Err(failure) = checked {
            registry.shutdown().await;
            return Err(failure);
        }
        let triggers = TriggerRoutes { handler: true, test_scheduled: args.test_scheduled };
        let outgoing = settings.workers.outgoing.into_iter().chain(args.outgoing);
        let client = Client::new(AllowList::new(outgoing));
        let builder = ProjectBuilder {
            engine,
            registry: registry.clone(),
            limits,
            client,
            caches: Caches::default(),
            cache_bytes: settings.workers.cache.unwrap_or(DEFAULT_BYTES),
            source,
            processes,
            triggers,
            lines: Arc::new(RequestLines::default()),
        };
        let address = listener.address().unwrap_or(args.listen);
        let mut printed = Printed::default();
        let first = builder.build(&mut printed).await;
        if let Err(failed) = &first {
            printed.fail("", &failed.text);
        }
        if args.check {
            registry.shutdown().await;
            let built = first.map_err(|_| Failure::Worker)?;
            stderr_line!("isolet: {} loads", built.name);
            return Ok(());
        }
        let (version, crons, fingerprint) = match first {
            Ok(BuiltProject { version, name, crons, fingerprint }) => {
                stderr_line!("isolet serves {name} on http://{address}");
                (version, crons, fingerprint)
            }
            // Its author mends it next, and finds isolet there.
            Err(FailedBuild { text, fingerprint: Some(fingerprint) }) => {
                stderr_line!("isolet serves this error until a change mends it, on http://{address}");
                (WorkerVersion::failed(text), Vec::new(), fingerprint)
            }
            Err(FailedBuild { fingerprint: None, .. }) => {
                registry.shutdown().await;
                return Err(Failure::Worker);
            }
        };
        let served = ServedWorker::new(version, builder.lines.clone());
        let names = ServerNames::new(address, &args.allow_host, args.allow_origin, SiteKind::Development);
        if let Some(cron) = crons.first() {
            let address = triggers::address_of(address, cron);
            stderr_line!(
                "isolet: cron triggers do not run by themselves; to call `scheduled`: curl '{address}'"
            );
        }
        let site = Site::of_one(names, served.clone());
        let stop = async { _ = signals.stop().await };
        tokio::select! {
            () = server::serve(listener, site, stop, DRAIN_TIMEOUT) => {}
            () = builder.follow(&served, fingerprint, &mut printed) => {}
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
        let found = of(&["a/wrangler.prod.toml", "a/limits.toml"]).unwrap();
        assert_eq!(found.project, Some("a/wrangler.prod.toml".into()));
        assert_eq!(found.settings, Some("a/limits.toml".into()));
        for project in ["wrangler.jsonc", "other.json", "wrangler.toml"] {
            assert_eq!(
                of(&[project]).unwrap(),
                Configurations { project: Some(project.into()), settings: None }
            );
        }
        assert!(
            matches!(of(&["a.json", "b.json"]), Err(Failure::Usage(message)) if message.contains("several Workers"))
        );
        assert!(of(&["a.toml", "b.toml"]).is_err());
    }
}
