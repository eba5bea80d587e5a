//! `[server]`: where to listen, and which clients are let in.

use std::path::Path;

use super::address::{ListenAddress, WebOrigin, parse_host};
use super::error::SettingsError;
use super::token::{self, Token};
use super::toml_reader::Table;

/// The values of `[server]`.
#[derive(Debug, Default)]
pub struct ServerSettings {
    /// The address to listen on.
    pub listen: Option<ListenAddress>,
    /// The accepted bearer tokens.
    pub tokens: Vec<Token>,
    /// Host names that are accepted in addition to those of this machine.
    pub allow_hosts: Vec<String>,
    /// Origins whose web pages may use the server.
    pub allow_origins: Vec<WebOrigin>,
    /// Allows listening beyond this machine without a token.
    pub allow_unauthenticated: bool,
}

/// Reads the table. Paths are relative to `folder`.
pub fn read(mut table: Table<'_>, folder: &Path) -> Result<ServerSettings, SettingsError> {
    let listen = table.read("listen", |found| found.parsed(ListenAddress::parse))?;
    let mut settings = ServerSettings {
        listen: listen.map(|listen| listen.within(folder)),
        allow_unauthenticated: table.read("allow_unauthenticated", |found| found.boolean())?.unwrap_or(false),
        ..ServerSettings::default()
    };
    for found in table.read("allow_hosts", |found| found.list())?.unwrap_or_default() {
        settings.allow_hosts.push(found.parsed(parse_host)?);
    }
    for found in table.read("allow_origins", |found| found.list())?.unwrap_or_default() {
        settings.allow_origins.push(found.parsed(WebOrigin::parse)?);
    }
    if let Some(found) = table.find("tokens") {
        settings.tokens = token::read_all(&found, folder)?;
    }
    table.finish()?;
    Ok(settings)
}
