//! `isolet serve`: the HTTP API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use isolet_runtime::{EngineOptions, Limits};
use tokio::net::TcpListener;

use super::Signals;
use crate::config;
use crate::exit::Failure;
use crate::http::access::Access;
use crate::http::admission::Admission;
use crate::http::server::Server;
use crate::tools::Tools;

#[derive(clap::Args)]
pub struct Args {
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json, else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = super::address)]
    listen: SocketAddr,
    /// Bearer token that every request must carry; the environment is the better place, command lines can be seen
    #[arg(long, env = "ISOLET_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Listen beyond this machine without a token: something in front checks who is there
    #[arg(long)]
    allow_unauthenticated: bool,
    /// Answer to this host name too, where listening on loopback (a proxy in front)
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Runs at once
    #[arg(long, value_name = "N", default_value_t = EngineOptions::default().live, value_parser = at_least_one)]
    max_running: usize,
    /// Runs that may wait; one more is answered with 429
    #[arg(long, value_name = "N", default_value_t = 1024)]
    max_waiting: usize,
    #[command(flatten)]
    isolation: crate::isolation::Choice,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1".to_owned()),
        // Tokio's semaphores count up to 2^61; nobody has so many threads.
        Ok(number) if number > 100_000 => Err("at most 100000".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Serves until SIGINT or SIGTERM, then lets runs end. A second signal ends at once.
pub fn run(args: Args) -> Result<(), Failure> {
    let access = Access::new(args.listen, args.token.as_deref(), args.allow_host, args.allow_unauthenticated)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let servers = config::load(args.mcp_config.as_deref(), Path::new("."))?;
    super::on_runtime(None, async move {
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|error| Failure::Setup(format!("cannot listen on {}: {error}", args.listen)))?;
        let mut signals = Signals::listen()?;
        let tools = Tools::start(servers);
        let limits = Limits::default();
        let warm = EngineOptions::default().warm.min(args.max_running);
        let engine = args.isolation.engine(warm, args.max_running, limits.heap_bytes)?;
        if let Err(failure) = args.isolation.check(&engine).await {
            tools.shutdown().await;
            return Err(failure);
        }
        let admission = Admission::new(args.max_running, args.max_waiting);
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
        server.serve(listener, stop).await;
        tools.shutdown().await;
        Ok(())
    })
}
