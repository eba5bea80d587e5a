//! `isolet mcp`: isolet as an MCP server on standard input and output.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolet_bindings::config::TransportConfig;
use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;

use super::Signals;
use crate::config;
use crate::exit::Failure;
use crate::http::access::Access;
use crate::http::admission::Admission;
use crate::http::server::Server;
use crate::mcp::exposure::Exposure;
use crate::mcp::stdio::Stdio;
use crate::mcp::{Gateway, Options};
use crate::settings::rules::Stdout;
use crate::settings::{self, Settings};
use crate::tools::Tools;

/// One client has few runs at once.
const RUNNING: usize = 8;

/// Nobody else is waiting.
const WAITING: usize = 64;

/// Isolates that wait, ready. A model sends its next script some seconds after the last.
const WARM: usize = 1;

#[derive(clap::Args)]
pub struct Args {
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json, else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
    /// Runs at once, 8 if nothing says otherwise
    #[arg(long, value_name = "N", value_parser = super::serve::at_least_one)]
    max_running: Option<usize>,
    /// Runs that may wait, 64 if nothing says otherwise
    #[arg(long, value_name = "N")]
    max_waiting: Option<usize>,
    #[command(flatten)]
    choice: McpChoice,
    #[command(flatten)]
    isolation: crate::isolation::Choice,
}

/// What an operator chooses, here and for `isolet serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct McpChoice {
    /// Repeat large results of the MCP tool `run` as text, for clients that show their model no structured content
    #[arg(long)]
    full_text: bool,
    /// Offer these upstream tools as they are, beside the three of isolet: "server/tool", "server/get_*", or "server" with
    /// its prompts and resources
    #[arg(long, value_name = "PATTERN")]
    expose_tools: Vec<String>,
    /// Give exposed tools and prompts the names that their servers have for them, where no two are the same
    #[arg(long, requires = "expose_tools")]
    plain_names: bool,
}

impl McpChoice {
    /// As the gateway takes it.
    pub fn options(&self) -> Result<Options, Failure> {
        let exposure = Exposure::new(&self.expose_tools, self.plain_names)
            .map_err(|error| Failure::Usage(format!("--expose-tools: {error}")))?;
        Ok(Options { full_text: self.full_text, exposure })
    }
}

/// Serves until the client closes standard input, or a signal.
pub fn run(args: Args) -> Result<(), Failure> {
    super::serve::raise_open_files();
    let folder = Path::new(".");
    let settings = args.settings.load(folder)?;
    let mut servers = config::load(args.mcp_config.as_deref().or(settings.mcp_config.as_deref()), folder)?;
    servers.servers.retain(|name, server| {
        let itself = starts_isolet(&server.transport);
        if itself {
            eprintln!("isolet: the server \"{name}\" is isolet itself; it is left out");
        }
        !itself
    });
    let rules = settings.rules(Stdout::Taken)?;
    super::on_runtime(Some(2), async move {
        let mut signals = Signals::listen()?;
        let tools = Tools::start(servers, rules);
        if settings.learn.unwrap_or(true) {
            tools.learn();
        }
        let served = serve(&args, settings, &tools, &mut signals).await;
        tools.shutdown().await;
        served
    })
}

/// Whether this starts `isolet mcp`. A client's own list of servers has isolet in it; read by isolet it would start
/// another, and that one the next.
fn starts_isolet(transport: &TransportConfig) -> bool {
    let TransportConfig::Stdio(child) = transport else { return false };
    let own = std::env::current_exe().ok();
    let same = Path::new(&child.command).file_name() == own.as_deref().and_then(Path::file_name);
    same && child.args.first().is_some_and(|first| first == "mcp")
}

async fn serve(
    args: &Args,
    settings: Settings,
    tools: &Arc<Tools>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let Settings { limits, queue, engine: wanted, .. } = settings;
    let max_running = args.max_running.or(wanted.max_running).unwrap_or(RUNNING);
    let warm = wanted.warm.unwrap_or(WARM).min(max_running);
    let isolation = args.isolation.clone().or(&wanted);
    let engine = isolation.engine(warm, max_running, limits.heap_bytes)?;
    isolation.check(&engine).await?;
    // Nothing listens; the rules of a server that only this machine reaches are those of a pipe.
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let access =
        Access::new(here, &[], Vec::new(), false).map_err(|error| Failure::Usage(error.to_string()))?;
    let admission = Admission::new(max_running, args.max_waiting.or(queue).unwrap_or(WAITING));
    let options = args.choice.options()?;
    let server = Server::new(engine, tools.clone(), access, admission, limits);
    let session = async {
        let gateway = Gateway::new(server, options);
        let service = match gateway.serve(Stdio::new(rmcp::transport::stdio_pipes())).await {
            Ok(service) => service,
            // A client that only looked whether there is somebody.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(Failure::Setup(format!("the client did not open a session: {error}"))),
        };
        match service.waiting().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Setup(format!("the session broke: {error}"))),
        }
    };
    tokio::select! {
        ended = session => ended,
        () = signals.stop() => Ok(()),
    }
}
