//! Finds the configuration of the MCP servers: a file that is named, the operator's own, a trusted
//! one in the folder, or the built-in demo.

use std::path::{Path, PathBuf};

use isolet_bindings::config::{McpConfig, ServerConfig};
use isolet_bindings::text::visible;
use isolet_bindings::{nesting, private_files};

use crate::exit::Failure;
use crate::settings::{Settings, Source};
use crate::trust::show::quoted;
use crate::trust::{FileKind, FoundFile, Search, shown};

/// The name of the operator's own file, in `$XDG_CONFIG_HOME/isolet`.
pub const OPERATOR_FILE_NAME: &str = "mcp.json";

/// The most servers that the message about the configuration names.
const MAX_SHOWN_NAMES: usize = 30;

/// The option `--mcp-config` of commands that use servers of the current folder.
#[derive(clap::Args, Debug)]
pub struct McpConfigOption {
    /// The MCP servers; without it those of ~/.config/isolet/mcp.json, else of a file that is found
    /// here and trusted (isolet trust), else the built-in demo
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
}

impl McpConfigOption {
    /// Returns the file that the option names.
    pub fn path(&self) -> Option<&Path> {
        self.mcp_config.as_deref()
    }
}

/// Loads the configuration as [`load`] does, but without servers in place of the demo.
pub fn load_without_demo(
    named: Option<&Path>,
    settings: &Settings,
    search: Search<'_>,
) -> Result<McpConfig, Failure> {
    match find(named, settings, search)? {
        ConfigOrigin::BuiltIn => Ok(McpConfig::default()),
        ConfigOrigin::Named(_) | ConfigOrigin::Found(_) => load(named, settings, search, false),
    }
}

/// Loads the configuration, and prints its origin to standard error unless `quiet`.
pub fn load(
    named: Option<&Path>,
    settings: &Settings,
    search: Search<'_>,
    quiet: bool,
) -> Result<McpConfig, Failure> {
    nesting::check().map_err(Failure::Setup)?;
    let origin = find(named, settings, search)?;
    let wrong = |error: isolet_bindings::config::ConfigError| Failure::Setup(error.to_string());
    let (config, source) = match origin {
        ConfigOrigin::Named(path) => {
            let config = McpConfig::load(&path).map_err(wrong)?;
            (
                McpConfig { named: named.map(Path::to_owned), ..config },
                format!("servers from {}", shown(&path)),
            )
        }
        ConfigOrigin::Found(path) => {
            let file = FoundFile::read(&path, FileKind::Servers)?.consented()?;
            let config = McpConfig::of_bytes(&file.bytes, &path).map_err(wrong)?;
            (config, format!("servers from {}", shown(&path)))
        }
        ConfigOrigin::BuiltIn => (built_in()?, "built-in demo servers".to_owned()),
    };
    for warning in &config.warnings {
        stderr_line!("isolet: warning: {}", visible(warning));
    }
    if !quiet {
        stderr_line!("isolet: {source}: {}", names(&config));
    }
    Ok(config)
}

/// The origin of a configuration.
enum ConfigOrigin {
    /// A file that the operator named, or the operator's own file.
    Named(PathBuf),
    /// A file in the searched folder, which must be trusted.
    Found(PathBuf),
    /// The demo.
    BuiltIn,
}

fn find(named: Option<&Path>, settings: &Settings, search: Search<'_>) -> Result<ConfigOrigin, Failure> {
    if let Some(path) = named {
        return Ok(ConfigOrigin::Named(path.to_owned()));
    }
    let of_settings = settings.mcp_config.clone();
    let check_exists = |path: &PathBuf| match &settings.no_mcp_config {
        Some(error) if path.symlink_metadata().is_err() => Err(Failure::Setup(visible(error))),
        _ => Ok(()),
    };
    let by_operator = settings.source != Source::Found;
    if let Some(path) = of_settings.clone().filter(|_| by_operator) {
        check_exists(&path)?;
        return Ok(ConfigOrigin::Named(path));
    }
    // A file that exists but cannot be read is an error.
    let own = private_files::config_folder().map(|folder| folder.join(OPERATOR_FILE_NAME));
    if let Some(path) = own.as_ref().filter(|path| path.symlink_metadata().is_ok()) {
        return Ok(ConfigOrigin::Named(path.clone()));
    }
    if let Some(path) = of_settings {
        check_exists(&path)?;
        return Ok(ConfigOrigin::Found(path));
    }
    match search {
        Search::Folder(folder) => {
            Ok(McpConfig::find(folder).map_or(ConfigOrigin::BuiltIn, ConfigOrigin::Found))
        }
        Search::Nowhere => {
            let place =
                own.map_or("mcp.json in the folder for configurations".to_owned(), |path| shown(&path));
            Err(Failure::Setup(format!(
                "no MCP servers are configured: name a file with --mcp-config, or write one to {place}. This command \
                 does not search the current folder. For the demo, the file is {DEMO}"
            )))
        }
    }
}

/// An example of a configuration, with the built-in server.
const DEMO: &str = r#"{"mcpServers": {"demo": {"command": "isolet", "args": ["demo-mcp"]}}}"#;

/// Lists the servers that are not disabled, for the message.
fn names(config: &McpConfig) -> String {
    let on: Vec<String> =
        config.servers.iter().filter(|(_, server)| !server.disabled).map(|(name, _)| quoted(name)).collect();
    match on.len() {
        0 => "none".to_owned(),
        count if count > MAX_SHOWN_NAMES => {
            format!("{} and {} more", on[..MAX_SHOWN_NAMES].join(", "), count - MAX_SHOWN_NAMES)
        }
        _ => on.join(", "),
    }
}

/// Returns the servers `demo`, and `crm` with the records alone. A second server lets scripts move
/// data from one to another.
pub fn built_in() -> Result<McpConfig, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::Setup(format!("cannot find the program itself to start its demo server: {error}"))
    })?;
    let program = program.to_str().ok_or_else(|| {
        Failure::Setup("the path of the program is not UTF-8; name servers with --mcp-config".to_owned())
    })?;
    let mut config = McpConfig::default();
    config.servers.insert("demo".to_owned(), ServerConfig::stdio(program, ["demo-mcp"]));
    config.servers.insert("crm".to_owned(), ServerConfig::stdio(program, ["demo-mcp", "--part", "records"]));
    Ok(config)
}
