//! `isolet mcp`: isolet as an MCP server on standard input and output.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolet_bindings::config::TransportConfig;
use prometheus_client::registry::Registry as MetricsRegistry;
use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;

use super::{Signals, startup};
use crate::exit::Failure;
use crate::mcp::{DEFAULT_LIST_TIMEOUT, Gateway, GatewayOptions, StdioTransport, ToolExposure};
use crate::mcp_config;
use crate::registry::Registry;
use crate::service::Service;
use crate::service::admission::Admission;
use crate::settings::rules::StdoutUse;
use crate::settings::runtime::parse_max_running;
use crate::settings::{self, Settings};
use crate::system::preconditions;
use crate::trust::Search;

/// The default number of runs at once. A single client has few.
const DEFAULT_MAX_RUNNING: usize = 8;

/// The default length of the queue of runs.
const DEFAULT_QUEUE: usize = 64;

/// The default number of isolates made in advance. A model sends scripts some seconds apart.
const DEFAULT_WARM: usize = 1;

const EXAMPLES: &str = "Examples:
  isolet mcp install claude-code                 adds isolet to that client's configuration
  isolet mcp --mcp-config servers.json           what the client starts
  isolet mcp --expose-tools 'github/get_*'       some tools as they are, beside the three";

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// The MCP servers; without it those of ~/.config/isolet/mcp.json
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    starting: startup::StartupOptions,
    #[command(flatten)]
    settings: settings::SettingsFile,
    /// Runs at once, by default 8
    #[arg(long, value_name = "N", value_parser = parse_max_running)]
    max_running: Option<usize>,
    /// Runs that may wait, by default 64
    #[arg(long, value_name = "N")]
    queue: Option<usize>,
    #[command(flatten)]
    choice: McpOptions,
    #[command(flatten)]
    libraries: crate::libraries::LibraryOptions,
    #[command(flatten)]
    isolation: crate::system::isolation::IsolationOptions,
    #[command(flatten)]
    pub log: crate::output::logging::LogOptions,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Put isolet into the file of an MCP client
    Install(super::install::Args),
}

/// The options for MCP clients, of `isolet mcp` and `isolet serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct McpOptions {
    /// Repeat large results of the MCP tool `run` as text, for clients that show their model no
    /// structured content
    #[arg(long)]
    full_text: bool,
    /// The time that a list of tools waits for servers that are starting for the first time, by
    /// default 700ms
    #[arg(long, value_name = "TIME", value_parser = crate::settings::duration::parse)]
    list_wait: Option<Duration>,
    /// Offer these upstream tools as they are, beside the three of isolet: "server/tool",
    /// "server/get_*", or "server" with its prompts and resources
    #[arg(long, value_name = "PATTERN")]
    expose_tools: Vec<String>,
    /// Give exposed tools and prompts the names that they have on their servers, where these are
    /// unique
    #[arg(long, requires = "expose_tools")]
    plain_names: bool,
}

impl McpOptions {
    /// Returns the options of the gateway.
    pub fn options(&self) -> Result<GatewayOptions, Failure> {
        let exposure = ToolExposure::new(&self.expose_tools, self.plain_names)
            .map_err(|error| Failure::Usage(format!("--expose-tools: {error}")))?;
        let list_timeout = self.list_wait.unwrap_or(DEFAULT_LIST_TIMEOUT);
        Ok(GatewayOptions { list_timeout, full_text: self.full_text, exposure })
    }
}

/// Serves until the client closes standard input, or until a signal.
pub fn run(mut args: Args) -> Result<(), Failure> {
    if let Some(Action::Install(args)) = args.action.take() {
        return super::install::run(args);
    }
    preconditions::raise_open_file_limit();
    let options = args.choice.options()?;
    // A client may start isolet in a folder that nobody trusts, so that folder is not searched.
    let settings = args.settings.load(Search::Nowhere)?;
    let mut servers = mcp_config::load(args.mcp_config.as_deref(), &settings, Search::Nowhere, false)?;
    args.starting.apply(&mut servers)?;
    servers.servers.retain(|name, server| {
        let is_self = starts_isolet(&server.transport);
        if is_self {
            stderr_line!("isolet: the server \"{name}\" is isolet itself, and is ignored");
        }
        !is_self
    });
    let rules = settings.rules(StdoutUse::Taken)?;
    super::on_runtime(Some(2), async move {
        let mut signals = Signals::listen()?;
        let registry = startup::start_for_service(servers, rules, &settings, Vec::new());
        let served = serve(&args, options, settings, &registry, &mut signals).await;
        registry.shutdown().await;
        served
    })
}

/// Tells whether this command starts `isolet mcp`. The configuration of a client has isolet in it.
/// If isolet uses the same file, it would start itself again and again.
fn starts_isolet(transport: &TransportConfig) -> bool {
    let TransportConfig::Stdio(child) = transport else { return false };
    let own = std::env::current_exe().ok();
    let same = Path::new(&child.command).file_name() == own.as_deref().and_then(Path::file_name);
    same && child.args.first().is_some_and(|first| first == "mcp")
}

async fn serve(
    args: &Args,
    options: GatewayOptions,
    settings: Settings,
    registry: &Arc<Registry>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let libraries = args.libraries.load(&settings.libraries)?.libraries;
    let Settings { limits, queue, runtime: wanted, .. } = settings;
    let max_running = args.max_running.or(wanted.max_running).unwrap_or(DEFAULT_MAX_RUNNING);
    let warm = wanted.warm.unwrap_or(DEFAULT_WARM).min(max_running);
    let isolation = args.isolation.clone().or(&wanted);
    let engine = isolation.engine(warm, max_running, limits.memory, libraries)?;
    isolation.check(&engine).await?;
    let admission = Admission::new(max_running, args.queue.or(queue).unwrap_or(DEFAULT_QUEUE));
    let service = Service::new(engine, registry.clone(), admission, limits, MetricsRegistry::default());
    let session = async {
        let gateway = Gateway::new(service, options);
        let session = match gateway.serve(StdioTransport::new(rmcp::transport::stdio_pipes())).await {
            Ok(session) => session,
            // A client that only checked that the command starts.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(Failure::Setup(format!("the client did not open a session: {error}"))),
        };
        match session.waiting().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Setup(format!("the session failed: {error}"))),
        }
    };
    tokio::select! {
        ended = session => ended,
        _ = signals.stop() => Ok(()),
    }
}
