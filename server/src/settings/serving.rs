//! `[server]`: where to listen, and who may ask.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use super::error::SettingsError;
use super::table::{Found, Table};
use crate::cmd;
use crate::http::access;

/// What the table says.
#[derive(Debug, Default)]
pub struct ServerSettings {
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// Who may ask.
    pub tokens: Vec<Token>,
    /// Host names that are answered as well.
    pub allow_hosts: Vec<String>,
    /// Whether to listen beyond this machine without a token.
    pub allow_unauthenticated: bool,
}

/// A bearer token.
#[derive(Clone)]
pub struct Token {
    /// The token itself.
    pub secret: String,
    /// Whose it is: every run with it is this tenant's.
    pub tenant: Option<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// Reads the table. Files are relative to `folder`.
pub fn read(mut table: Table<'_>, folder: &Path) -> Result<ServerSettings, SettingsError> {
    let mut settings = ServerSettings {
        listen: table.read("listen", |found| found.parsed(cmd::address))?,
        allow_unauthenticated: table.read("allow_unauthenticated", |found| found.boolean())?.unwrap_or(false),
        ..ServerSettings::default()
    };
    for found in table.read("allow_hosts", |found| found.list())?.unwrap_or_default() {
        settings.allow_hosts.push(found.name()?);
    }
    if let Some(found) = table.find("tokens") {
        // People write the token itself. It is not echoed.
        let tokens = found.tables().map_err(|_| found.hidden_error(NOT_HERE))?;
        settings.tokens = tokens.into_iter().map(|table| token(table, folder)).collect::<Result<_, _>>()?;
    }
    table.finish()?;
    Ok(settings)
}

const NOT_HERE: &str = "a token does not stand in this file: write { env = \"VARIABLE\" } or { file = \"PATH\" }, and \
                        put the token there";

fn token(mut table: Table<'_>, folder: &Path) -> Result<Token, SettingsError> {
    let tenant =
        table.read("tenant", |found| found.parsed(|tenant| access::tenant(tenant).map(str::to_owned)))?;
    for word in ["value", "token"] {
        if let Some(found) = table.find(word) {
            return Err(found.hidden_error(NOT_HERE));
        }
    }
    let secret = match (table.find("env"), table.find("file")) {
        (Some(found), None) => {
            let name = found.name()?;
            let value = std::env::var(&name).map_err(|_| found.error("this variable is not set"))?;
            secret(&found, &value)?
        }
        (None, Some(found)) => {
            let text = std::fs::read_to_string(folder.join(found.name()?));
            secret(&found, &text.map_err(|error| found.error(&format!("cannot be read: {error}")))?)?
        }
        _ => return Err(table.error("a token needs either `env` or `file`")),
    };
    table.finish()?;
    Ok(Token { secret, tenant })
}

/// The token in `text`; files end with a line break.
fn secret(found: &Found<'_>, text: &str) -> Result<String, SettingsError> {
    /// A header of more than some KB is refused by HTTP servers.
    const LONGEST: usize = 4096;
    let secret = text.trim();
    if secret.is_empty() || secret.len() > LONGEST || secret.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(found.error(&format!(
            "what is there is no token: 1 to {LONGEST} printable ASCII characters without blanks"
        )));
    }
    Ok(secret.to_owned())
}
