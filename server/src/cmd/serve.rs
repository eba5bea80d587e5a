//! `isolet serve`: the HTTP API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolet_runtime::EngineOptions;
use tokio::net::TcpListener;

use super::Signals;
use crate::config;
use crate::exit::Failure;
use crate::http::access::Access;
use crate::http::admission::Admission;
use crate::http::server::Server;
use crate::machine;
use crate::mcp;
use crate::settings::rules::Stdout;
use crate::settings::serving::Token;
use crate::settings::{self, Settings};
use crate::tools::Tools;

/// Within reach of this machine only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8787);

/// Design, section 7.
const MAX_WAITING: usize = 1024;

#[derive(clap::Args)]
pub struct Args {
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json, else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
    /// Where to listen, 127.0.0.1:8787 if nothing says otherwise; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", value_parser = super::address)]
    listen: Option<SocketAddr>,
    /// Bearer token that every request must carry; the environment is the better place, command lines can be seen
    #[arg(long, env = "ISOLET_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Listen beyond this machine without a token: something in front checks who is there
    #[arg(long)]
    allow_unauthenticated: bool,
    /// Answer to this host name too, where listening on loopback (a proxy in front)
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Runs at once; if nothing says otherwise, as many as the machine has memory for, at most 256
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_running: Option<usize>,
    /// Runs that may wait, 1024 if nothing says otherwise; one more is answered with 429
    #[arg(long, value_name = "N")]
    max_waiting: Option<usize>,
    #[command(flatten)]
    isolation: crate::isolation::Choice,
    #[command(flatten)]
    mcp: super::mcp::McpChoice,
}

pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1".to_owned()),
        // Tokio's semaphores count up to 2^61; nobody has so many threads.
        Ok(number) if number > 100_000 => Err("at most 100000".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// As many open files as the system lets this user have: a connection takes one, a runner two, and the usual soft limit of
/// 1,024 is for programs that use `select`. Children that isolet starts have it too, as under a service manager.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Serves until SIGINT or SIGTERM, then lets runs end. A second signal ends at once.
pub fn run(args: Args) -> Result<(), Failure> {
    raise_open_files();
    let options = args.mcp.options()?;
    let folder = Path::new(".");
    let settings = args.settings.load(folder)?;
    let rules = settings.rules(Stdout::Free)?;
    let Settings { limits, queue, server: serving, engine, mcp_config, learn, .. } = settings;
    let listen = args.listen.or(serving.listen).unwrap_or(LISTEN);
    let given = args.token.map(|secret| Token { secret, tenant: None });
    let tokens: Vec<Token> = serving.tokens.into_iter().chain(given).collect();
    let hosts = [serving.allow_hosts, args.allow_host].concat();
    let unauthenticated = args.allow_unauthenticated || serving.allow_unauthenticated;
    let access = Access::new(listen, &tokens, hosts, unauthenticated)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let servers = config::load(args.mcp_config.or(mcp_config).as_deref(), folder)?;
    let defaults = EngineOptions::default();
    let max_running =
        args.max_running.or(engine.max_running).unwrap_or_else(|| machine::runs(limits.heap_bytes));
    let max_waiting = args.max_waiting.or(queue).unwrap_or(MAX_WAITING);
    let warm = engine.warm.unwrap_or(defaults.warm).min(max_running);
    let isolation = args.isolation.or(&engine);
    super::on_runtime(None, async move {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| Failure::Setup(format!("cannot listen on {listen}: {error}")))?;
        let mut signals = Signals::listen()?;
        let tools = Tools::start(servers, rules);
        if learn.unwrap_or(true) {
            tools.learn();
        }
        let engine = isolation.engine(warm, max_running, limits.heap_bytes)?;
        if let Err(failure) = isolation.check(&engine).await {
            tools.shutdown().await;
            return Err(failure);
        }
        let admission = Admission::new(max_running, max_waiting);
        let server = Server::new(engine, tools.clone(), access, admission, limits);
        if let Ok(address) = listener.local_addr() {
            eprintln!("isolet listens on http://{address}");
        }
        let stop = async move {
            signals.stop().await;
            eprintln!("isolet stops when its runs have ended; a second signal stops it at once");
            tokio::spawn(async move {
                signals.stop().await;
                // The guards see that this process is gone and end the servers.
                std::process::exit(130);
            });
        };
        let mcp = Arc::new(mcp::Endpoint::new(&server, options));
        server.serve(mcp, listener, stop).await;
        tools.shutdown().await;
        Ok(())
    })
}
