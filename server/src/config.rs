//! Which MCP servers there are: the configuration that is named, found, or built in.

use std::path::Path;

use isolet_bindings::config::{McpConfig, ServerConfig};

use crate::exit::Failure;

/// The configuration in `named`; else the one that the project in `dir` has; else the built-in servers.
pub fn load(named: Option<&Path>, dir: &Path) -> Result<McpConfig, Failure> {
    let found = named.map(Path::to_owned).or_else(|| McpConfig::find(dir));
    let config = match found {
        Some(path) => McpConfig::load(&path).map_err(|error| Failure::Setup(error.to_string()))?,
        None => built_in()?,
    };
    for warning in &config.warnings {
        eprintln!("isolet: warning: {warning}");
    }
    Ok(config)
}

/// `demo`, and `crm` with its records alone: a second server, so that scripts can carry something from one to another.
fn built_in() -> Result<McpConfig, Failure> {
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
