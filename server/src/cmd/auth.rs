//! `isolet auth`: logins for servers over HTTP.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use isolet_bindings::config::{McpConfig, ServerConfig, TransportConfig};
use isolet_bindings::text::line;
use isolet_bindings::{Login, StoredLogin, TokenFolder};

use super::{Signals, on_runtime};
use crate::exit::Failure;
use crate::mcp_config;
use crate::output::stdout;
use crate::settings;
use crate::trust::Search;

const EXAMPLES: &str = "Examples:
  isolet auth login github                       prints the address to open in a browser, and waits
  isolet auth status
  isolet auth logout github";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Log in to a server in the browser, and store the token
    #[command(after_help = EXAMPLES)]
    Login {
        #[command(flatten)]
        server: ServerOption,
        /// The time to wait for the login in the browser
        #[arg(long, value_name = "TIME", default_value = "5m", value_parser = crate::settings::duration::parse)]
        wait: Duration,
    },
    /// Remove the token for a server
    Logout {
        #[command(flatten)]
        server: ServerOption,
    },
    /// List the stored tokens without showing them
    Status,
}

#[derive(clap::Args)]
struct ServerOption {
    /// The server's name in the configuration
    #[arg(value_name = "SERVER")]
    server: String,
    /// The MCP servers; without it those of ~/.config/isolet/mcp.json, else of a file that is found
    /// here and trusted (isolet trust)
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

/// Runs the action.
pub fn run(args: Args) -> Result<(), Failure> {
    let folder = TokenFolder::of_user();
    match args.action {
        Action::Login { server: option, wait } => {
            let server = option.find()?;
            on_runtime(Some(2), login(&option.server, &server, &folder, wait))
        }
        Action::Logout { server: option } => {
            let server = option.find()?;
            let TransportConfig::Http(http) = &server.transport else {
                return Err(Failure::Usage(format!(
                    "\"{}\" is a child process and needs no login",
                    option.server
                )));
            };
            let removed = folder.forget(&option.server, &http.url);
            let removed =
                removed.map_err(|error| Failure::Setup(format!("cannot remove the token: {error}")))?;
            let outcome = if removed { "token removed" } else { "there was no token" };
            stdout::print(format!("{}: {outcome}\n", line(&option.server)).as_bytes())
        }
        Action::Status => status(&folder),
    }
}

async fn login(
    name: &str,
    server: &ServerConfig,
    folder: &TokenFolder,
    wait: Duration,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let work = async {
        let failure = |error| Failure::Setup(format!("cannot log in to \"{name}\": {error}"));
        let login = Login::begin(name, server, folder).await.map_err(failure)?;
        let text =
            format!("Open this address in a browser to log in to \"{}\":\n{}\n", line(name), login.url);
        stdout::print(text.as_bytes())?;
        let login = login.finish(wait).await.map_err(failure)?;
        stdout::print(format!("Logged in. {}\n", describe(&login)).as_bytes())
    };
    tokio::select! {
        done = work => done,
        signal = signals.stop() => {
            stderr_line!("isolet: login cancelled");
            Err(Failure::Signal(signal))
        }
    }
}

fn status(folder: &TokenFolder) -> Result<(), Failure> {
    let logins = folder.logins();
    if logins.is_empty() {
        stderr_line!("isolet: no logins are stored");
        return Ok(());
    }
    let mut text = String::new();
    for login in &logins {
        text.push_str(&format!("{}  {}  {}\n", line(&login.server), line(&login.url), describe(login)));
    }
    stdout::print(text.as_bytes())
}

/// Describes the scopes and the lifetime of a login.
fn describe(login: &StoredLogin) -> String {
    let scopes = match login.scopes.as_slice() {
        [] => "no scopes named".to_owned(),
        scopes => format!("scopes: {}", line(&scopes.join(" "))),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let lifetime = match (login.renewable, login.expires_at) {
        (true, _) => "renewed automatically".to_owned(),
        (false, None) => "expiry unknown".to_owned(),
        (false, Some(end)) if end <= now => "expired".to_owned(),
        (false, Some(end)) => {
            format!("expires in {} minutes and cannot be renewed", (end - now).div_ceil(60))
        }
    };
    format!("{scopes}; {lifetime}")
}

impl ServerOption {
    /// Loads the configuration of the server.
    fn find(&self) -> Result<ServerConfig, Failure> {
        let folder = Search::Folder(Path::new("."));
        let settings = self.settings.load(folder)?;
        let McpConfig { mut servers, .. } =
            mcp_config::load(self.mcp_config.as_deref(), &settings, folder, false)?;
        servers.swap_remove(&self.server).ok_or_else(|| {
            let names: Vec<_> = servers.keys().map(|name| line(name)).collect();
            let name = line(&self.server);
            Failure::Usage(format!("unknown server \"{name}\"; expected one of: {}", names.join(", ")))
        })
    }
}
