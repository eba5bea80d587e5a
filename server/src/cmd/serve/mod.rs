//! `isolet serve`: the HTTP API.
//!
//! | module | content |
//! |---|---|
//! | this one | the options, and the start of the server |
//! | [`check`] | `--check`: reads the configuration and starts nothing |
//! | [`token_file`] | the token that the server makes for itself |
//! | [`welcome`] | the message when the server listens |
//! | [`workers`] | the options about Workers |

mod check;
mod token_file;
mod welcome;
mod workers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use isolet_runtime::EngineOptions;
use prometheus_client::registry::Registry as MetricsRegistry;
use tokio_util::sync::CancellationToken;

use self::token_file::TokenFile;
use self::welcome::Welcome;
use self::workers::WorkerOptions;
use crate::cmd::{Signals, startup};
use crate::exit::Failure;
use crate::http::{self, Api};
use crate::mcp::HttpEndpoint;
use crate::mcp_config::{self, McpConfigOption};
use crate::service::Service;
use crate::service::admission::Admission;
use crate::settings;
use crate::settings::address::{ListenAddress, WebOrigin, parse_host};
use crate::settings::rules::StdoutUse;
use crate::settings::runtime::parse_max_running;
use crate::settings::server::ServerSettings;
use crate::settings::token::{Token, parse_secret};
use crate::system::{capacity, engine_version, preconditions};
use crate::trust::Search;
use crate::web::access::{self, AccessRules};
use crate::web::listener::Listener;
use crate::web::server_names::{ServerNames, SiteKind};
use crate::workers::caches::Caches;
use crate::workers::deployment::Deployment;
use crate::workers::metrics::WorkersMetrics;
use crate::workers::serving::{DEFAULT_IDLE_TIMEOUT, WorkerHost};

/// The default address, which only this machine reaches.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8787);

/// The default length of the queue of runs.
const DEFAULT_QUEUE: usize = 1024;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    mcp_config: McpConfigOption,
    #[command(flatten)]
    settings: settings::SettingsFile,
    /// The address to listen on, by default 127.0.0.1:8787; port 0 takes a free one. unix:PATH is a
    /// socket that only its owner can use
    #[arg(long, value_name = "ADDR", value_parser = ListenAddress::parse)]
    listen: Option<ListenAddress>,
    /// The port to listen on; --listen 127.0.0.1:PORT in short
    #[arg(long, value_name = "PORT", conflicts_with = "listen")]
    port: Option<u16>,
    /// The IP address to listen on, without its port
    #[arg(long, value_name = "IP", conflicts_with = "listen", value_parser = parse_ip)]
    host: Option<IpAddr>,
    /// Check isolet.toml, the lock file and the configuration of the servers, print a summary,
    /// start nothing, and exit with 0 or 3
    #[arg(long)]
    check: bool,
    /// Bearer token that every request must carry; prefer the variable, as other users can see
    /// command lines
    #[arg(long, env = "ISOLET_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Generate no token where none is set: every client that connects is let in
    #[arg(long)]
    no_token: bool,
    /// Listen beyond this machine without a token: a proxy in front authenticates clients. Needs
    /// --allow-host
    #[arg(long)]
    allow_unauthenticated: bool,
    /// Accept requests without a token for this host name too (a proxy in front); may be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    allow_host: Vec<String>,
    /// Let web pages of this origin use the API, such as http://localhost:3000; may be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = WebOrigin::parse)]
    allow_origin: Vec<WebOrigin>,
    /// Runs at once; by default as many as the machine has memory for, at most 256
    #[arg(long, value_name = "N", value_parser = parse_max_running)]
    max_running: Option<usize>,
    /// Runs that may wait, by default 1024; one more is answered with 429
    #[arg(long, value_name = "N")]
    queue: Option<usize>,
    #[command(flatten)]
    workers: WorkerOptions,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    libraries: crate::libraries::LibraryOptions,
    #[command(flatten)]
    isolation: crate::system::isolation::IsolationOptions,
    #[command(flatten)]
    mcp: crate::cmd::mcp::McpOptions,
    #[command(flatten)]
    pub log: crate::output::logging::LogOptions,
}

const EXAMPLES: &str = "Examples:
  isolet serve                                   on 127.0.0.1:8787, with a generated token
  isolet serve --port 9000 --mcp-config servers.json
  isolet serve --listen unix:/run/isolet.sock
  isolet serve --worker workers/shop --worker workers/site
  isolet serve --check";

/// Parses an IP address without a port. `localhost` is 127.0.0.1.
fn parse_ip(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(DEFAULT_LISTEN.ip());
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse()
        .map_err(|_| "expected an IP address, such as 127.0.0.1 or ::1; --allow-host takes names".to_owned())
}

impl Args {
    /// Returns the address to listen on: that of `--listen`, of `--host` and `--port`, of the
    /// settings, or the default.
    fn listen_address(&self, of_settings: Option<ListenAddress>) -> ListenAddress {
        if let Some(listen) = &self.listen {
            return listen.clone();
        }
        let (port, host) = (self.port, self.host);
        if port.is_none() && host.is_none() {
            return of_settings.unwrap_or(ListenAddress::Tcp(DEFAULT_LISTEN));
        }
        let base = match of_settings {
            Some(ListenAddress::Tcp(address)) => address,
            _ => DEFAULT_LISTEN,
        };
        ListenAddress::Tcp(SocketAddr::new(host.unwrap_or(base.ip()), port.unwrap_or(base.port())))
    }

    /// Returns the tokens of the settings, and that of `--token` or `ISOLET_TOKEN`. An empty
    /// variable counts as unset.
    fn tokens(&self, of_settings: Vec<Token>) -> Result<Vec<Token>, Failure> {
        let mut tokens = of_settings;
        if let Some(text) = self.token.as_deref().filter(|text| !text.trim().is_empty()) {
            let secret = parse_secret(text).map_err(|why| {
                Failure::Usage(format!(
                    "invalid token in ISOLET_TOKEN or --token: {why}; a line break at its end is ignored"
                ))
            })?;
            tokens.push(Token { secret, tenant: None, label: None });
        }
        Ok(tokens)
    }

    /// Fails if other machines could use the server without a token.
    fn check_listen(
        &self,
        listen: &ListenAddress,
        tokens: &[Token],
        settings: &ServerSettings,
    ) -> Result<(), Failure> {
        let ListenAddress::Tcp(address) = listen else { return Ok(()) };
        let hosts = [settings.allow_hosts.as_slice(), &self.allow_host].concat();
        let unauthenticated = self.allow_unauthenticated || settings.allow_unauthenticated;
        access::check_listen(*address, tokens, unauthenticated, &hosts)
            .map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// Generates a token for a server that has none and that only this machine reaches. Beyond this
/// machine a proxy authenticates clients, which [`Args::check_listen`] has ensured.
fn make_token(address: SocketAddr, tokens: &mut Vec<Token>) -> Result<Option<TokenFile>, Failure> {
    if !access::is_local(address.ip()) {
        return Ok(None);
    }
    let (file, token) = TokenFile::generate(address)
        .map_err(|error| Failure::Setup(format!("{error}. Set ISOLET_TOKEN, listen on a socket that only its owner can use (--listen unix:PATH), or use --no-token")))?;
    tokens.push(token);
    Ok(Some(file))
}

/// Serves until SIGINT or SIGTERM, then waits for runs to end. A second signal ends the process at
/// once.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.check {
        // Every failure of a check is one of the set-up.
        return check::run(&args).map_err(|failure| match failure {
            Failure::Usage(message) => Failure::Setup(message),
            other => other,
        });
    }
    preconditions::raise_open_file_limit();
    let options = args.mcp.options()?;
    let folder = Search::Folder(Path::new("."));
    let mut settings = args.settings.load(folder)?;
    let mut servers = mcp_config::load(args.mcp_config.path(), &settings, folder, false)?;
    // Errors about logins must not tell callers the path of the operator's file.
    servers.named = None;
    args.starting.apply(&mut servers)?;
    let listen = args.listen_address(settings.server.listen.clone());
    let rules = settings.rules(StdoutUse::Free)?;
    let limits = settings.limits.clone();
    // The settings live as long as the server, which is to keep digests of its tokens only.
    let configured = std::mem::take(&mut settings.server.tokens);
    let (serving, runtime) = (&settings.server, &settings.runtime);
    let here = std::env::current_dir().unwrap_or_default();
    let listen = listen.within(&here);
    let mut tokens = args.tokens(configured)?;
    tokens.retain(|token| !token.secret.is_empty());
    args.check_listen(&listen, &tokens, serving)?;
    let tenants: Vec<String> = tokens.iter().filter_map(|token| token.tenant.clone()).collect();
    let hosts = [serving.allow_hosts.as_slice(), &args.allow_host].concat();
    let origins = [serving.allow_origins.as_slice(), &args.allow_origin].concat();
    let defaults = EngineOptions::default();
    let max_running =
        args.max_running.or(runtime.max_running).unwrap_or_else(|| capacity::max_running(limits.memory));
    let queue = args.queue.or(settings.queue).unwrap_or(DEFAULT_QUEUE);
    let warm = runtime.warm.unwrap_or(defaults.warm).min(max_running);
    let isolation = args.isolation.or(runtime);
    let libraries = args.libraries.load(&settings.libraries)?.libraries;
    let deployment = args.workers.deployment(&settings.workers, &limits)?;
    let workers = match deployment {
        Some(deployment) if !isolation.is_in_threads() => {
            let listen = args.workers.listen(&settings.workers, &deployment)?.within(&here);
            Some((deployment, listen))
        }
        Some(_) => {
            return Err(Failure::Usage(
                "Workers are served in jailed processes only: --isolation thread (isolation = \"thread\" in [runtime]) is for \
                 scripts, and for `isolet dev`"
                    .to_owned(),
            ));
        }
        None => None,
    };
    let worker_processes = workers.as_ref().map_or(0, |(deployment, _)| deployment.max_processes());
    let idle_timeout = settings.workers.idle_timeout.unwrap_or(DEFAULT_IDLE_TIMEOUT);
    crate::cmd::on_runtime(None, async move {
        let listener =
            Listener::bind(&listen).await.map_err(|error| crate::cmd::cannot_listen(&listen, &error))?;
        let address = listener.address();
        let made = match address {
            Some(address) if tokens.is_empty() && !args.no_token => make_token(address, &mut tokens)?,
            _ => None,
        };
        let names = address.map(|address| ServerNames::new(address, &hosts, origins, SiteKind::Api));
        let access = AccessRules::new(names, &tokens).with_generated_token(made.is_some());
        let welcome = match (&listen, address, &made) {
            (ListenAddress::Unix(path), ..) => Welcome::Unix(path),
            (ListenAddress::Tcp(wanted), None, _) => Welcome::ConfiguredToken(*wanted),
            (_, Some(address), Some(file)) => Welcome::GeneratedToken(address, file.path()),
            (_, Some(address), None) if tokens.is_empty() => Welcome::NoToken(address),
            (_, Some(address), None) => Welcome::ConfiguredToken(address),
        };
        let welcome = welcome.to_string();
        drop(tokens);
        let workers = match workers {
            Some((deployment, listen)) => Some((deployment, listener_of_workers(&listen).await?)),
            None => None,
        };
        let mut signals = Signals::listen()?;
        let registry = startup::start_for_service(servers, rules, &settings, tenants);
        let engine = isolation.engine(warm, max_running + worker_processes, limits.memory, libraries)?;
        if let Err(failure) = isolation.check(&engine).await {
            registry.shutdown().await;
            return Err(failure);
        }
        engine_version::warn_if_old();
        let admission = Admission::new(max_running, queue);
        let mut metrics = MetricsRegistry::default();
        let of_workers = WorkersMetrics::register(&mut metrics);
        let service = Service::new(engine.clone(), registry.clone(), admission, limits, metrics);
        welcome.lines().for_each(|line| stderr_line!("{line}"));
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let has_workers = workers.is_some();
        tokio::spawn(async move {
            signals.stop().await;
            let what = if has_workers { "runs and requests" } else { "runs" };
            stderr_line!("isolet stops when its {what} have ended; a second signal stops it at once");
            stopping.cancel();
            signals.stop().await;
            // The guards notice that this process has ended, and stop the MCP servers.
            std::process::exit(130);
        });
        let host = WorkerHost {
            engine,
            registry: registry.clone(),
            metrics: of_workers,
            idle_timeout,
            caches: Caches::default(),
            services: Arc::default(),
        };
        let serving_workers = serve_workers(&host, &service, workers, &stop);
        let mcp = Arc::new(HttpEndpoint::new(&service, options));
        let api = Api::new(service.clone(), access, mcp);
        let stopped = stop.clone().cancelled_owned();
        let ((), served) = tokio::join!(http::serve(api, listener, stopped), serving_workers);
        drop(made);
        registry.shutdown().await;
        served
    })
}

/// Binds to the address of the Workers.
async fn listener_of_workers(listen: &ListenAddress) -> Result<Listener, Failure> {
    Listener::bind(listen).await.map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; choose another address with --worker-listen",
            _ => "",
        };
        Failure::Setup(format!("cannot listen on {listen} for Workers: {error}{advice}"))
    })
}

/// Serves the Workers until `stop`. If one does not start, the whole server stops.
async fn serve_workers(
    host: &WorkerHost,
    service: &Arc<Service>,
    workers: Option<(Deployment, Listener)>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let Some((deployment, listener)) = workers else { return Ok(()) };
    let loading = service.part_is_loading();
    let served = host.serve(&deployment, listener, loading, stop.clone()).await;
    stop.cancel();
    served.map_err(Failure::Several)
}
