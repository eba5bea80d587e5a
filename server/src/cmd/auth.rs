//! `isolet auth`: logins for servers over HTTP.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use isolet_bindings::config::{McpConfig, TransportConfig};
use isolet_bindings::{Login, ServerConfig, StoredLogin, TokenFolder};

use super::{Signals, on_runtime, output};
use crate::config;
use crate::exit::Failure;
use crate::pretty::printable;
use crate::settings;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Log in to a server in the browser, and keep the token for it
    Login {
        #[command(flatten)]
        which: Which,
        /// How long to wait for the browser to come back
        #[arg(long, value_name = "TIME", default_value = "5m", value_parser = crate::duration::parse)]
        wait: Duration,
    },
    /// Forget the token for a server
    Logout {
        #[command(flatten)]
        which: Which,
    },
    /// List the tokens that are kept, without showing them
    Status,
}

#[derive(clap::Args)]
struct Which {
    /// The server's name in the configuration
    #[arg(value_name = "SERVER")]
    server: String,
    /// The MCP servers; without it ./mcp.json, ./.mcp.json or ./.vscode/mcp.json
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    #[command(flatten)]
    settings: settings::SettingsFile,
}

/// Does what the action says.
pub fn run(args: Args) -> Result<(), Failure> {
    let folder = TokenFolder::of_user();
    match args.action {
        Action::Login { which, wait } => {
            let server = which.find()?;
            on_runtime(Some(2), login(&which.server, &server, &folder, wait))
        }
        Action::Logout { which } => {
            let server = which.find()?;
            let TransportConfig::Http(http) = &server.transport else {
                return Err(Failure::Usage(format!(
                    "\"{}\" is a child process: it has no login",
                    which.server
                )));
            };
            let forgotten = folder.forget(&which.server, &http.url);
            let forgotten =
                forgotten.map_err(|error| Failure::Setup(format!("cannot forget it: {error}")))?;
            let said = if forgotten { "isolet has forgotten its token" } else { "there was no token" };
            output::print(format!("{}: {said}\n", printable(&which.server)).as_bytes())
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
            format!("Open this address in a browser to log in to \"{}\":\n{}\n", printable(name), login.url);
        output::print(text.as_bytes())?;
        let login = login.finish(wait).await.map_err(failure)?;
        output::print(format!("Logged in. {}\n", describe(&login)).as_bytes())
    };
    tokio::select! {
        done = work => done,
        () = signals.stop() => Err(Failure::Setup("the login was given up".to_owned())),
    }
}

fn status(folder: &TokenFolder) -> Result<(), Failure> {
    let logins = folder.logins();
    if logins.is_empty() {
        eprintln!("isolet: no logins are kept");
        return Ok(());
    }
    let mut text = String::new();
    for login in &logins {
        text.push_str(&format!(
            "{}  {}  {}\n",
            printable(&login.server),
            printable(&login.url),
            describe(login)
        ));
    }
    output::print(text.as_bytes())
}

/// What a login is good for, in words.
fn describe(login: &StoredLogin) -> String {
    let scopes = match login.scopes.as_slice() {
        [] => "no scopes named".to_owned(),
        scopes => format!("scopes: {}", printable(&scopes.join(" "))),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let lasts = match (login.renewable, login.expires_at) {
        (true, _) => "isolet renews it by itself".to_owned(),
        (false, None) => "the server does not say when it ends".to_owned(),
        (false, Some(end)) if end <= now => "it has ended".to_owned(),
        (false, Some(end)) => {
            format!("it ends in {} minutes and cannot be renewed", (end - now).div_ceil(60))
        }
    };
    format!("{scopes}; {lasts}")
}

impl Which {
    /// The server's configuration.
    fn find(&self) -> Result<ServerConfig, Failure> {
        let folder = Path::new(".");
        let settings = self.settings.load(folder)?;
        let named = self.mcp_config.as_deref().or(settings.mcp_config.as_deref());
        let McpConfig { mut servers, .. } = config::load(named, folder)?;
        servers.swap_remove(&self.server).ok_or_else(|| {
            let names: Vec<String> = servers.keys().map(|name| printable(name)).collect();
            let name = printable(&self.server);
            Failure::Usage(format!("there is no server \"{name}\"; servers: {}", names.join(", ")))
        })
    }
}
