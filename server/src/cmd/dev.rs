//! `isolet dev`: a wrangler project on an address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use isolet_runtime::{Engine, EngineOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Signals;
use crate::dev::project::Workshop;
use crate::dev::server;
use crate::exit::Failure;
use crate::settings::rules::Stdout;
use crate::tools::Tools;
use crate::{config, settings};

/// How long the first build waits for servers: a Worker's `env` has the tools of its start.
const START: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Args {
    /// The project's folder, with a wrangler.jsonc, wrangler.json or wrangler.toml
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = super::address)]
    listen: SocketAddr,
    /// The MCP servers in `env`; without it mcp.json, .mcp.json or .vscode/mcp.json in DIR, else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

/// Serves until SIGINT or SIGTERM.
pub fn run(args: Args) -> Result<(), Failure> {
    let settings = args.settings.load(&args.folder)?;
    let rules = settings.rules(Stdout::Free)?;
    let servers = config::load(args.mcp_config.or(settings.mcp_config).as_deref(), &args.folder)?;
    super::on_runtime(None, async move {
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|error| Failure::Setup(format!("cannot listen on {}: {error}", args.listen)))?;
        let mut signals = Signals::listen()?;
        let tools = Tools::start(servers, rules);
        let limits = settings.limits;
        // One isolate serves all requests; a second is there to try a change in.
        let options =
            EngineOptions { warm: 1, live: 4, heap_bytes: limits.heap_bytes, ..EngineOptions::default() };
        let engine = Engine::new(options, tokio::runtime::Handle::current());
        tools.settled(START).await;
        let workshop = Workshop { engine, tools: tools.clone(), limits, folder: args.folder };
        let first = match workshop.build().await {
            Ok(built) => built,
            Err(complaint) => {
                tools.shutdown().await;
                return Err(Failure::Setup(complaint));
            }
        };
        if let Ok(address) = listener.local_addr() {
            eprintln!("isolet serves {} on http://{address}", first.name);
        }
        let (sender, current) = watch::channel(first);
        tokio::select! {
            () = server::serve(listener, current) => {}
            () = workshop.follow(sender) => {}
            () = signals.stop() => {}
        }
        tools.shutdown().await;
        Ok(())
    })
}
