//! Bearer tokens: where the operator keeps them, and who holds them.

use std::fmt;
use std::path::Path;

use super::error::SettingsError;
use super::toml_reader::{Found, Table};

/// The longest token, in bytes. HTTP servers refuse headers of more than a few KiB.
const MAX_TOKEN_BYTES: usize = 4096;

/// The longest name of a tenant or label of a token, in bytes.
const MAX_NAME_BYTES: usize = 128;

const NOT_IN_FILE: &str = "tokens cannot be written in this file: write { env = \"VARIABLE\" } or { file = \"PATH\" }, and \
                           put the token there";

/// A bearer token.
#[derive(Clone)]
pub struct Token {
    /// The text that callers send.
    pub secret: String,
    /// The tenant of every run that is started with this token.
    pub tenant: Option<String>,
    /// The token's name in logs and audit records.
    pub label: Option<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}

/// Reads `[server] tokens`. Paths are relative to `folder`.
pub fn read_all(found: &Found<'_>, folder: &Path) -> Result<Vec<Token>, SettingsError> {
    // A token that was written here by mistake is not repeated in the message.
    let tables = found.tables().map_err(|_| found.error_without_value(NOT_IN_FILE))?;
    tables.into_iter().map(|table| read(table, folder)).collect()
}

fn read(mut table: Table<'_>, folder: &Path) -> Result<Token, SettingsError> {
    let tenant = table.read("tenant", |found| found.parsed(|name| parse_name(name).map(str::to_owned)))?;
    let label = table.read("label", |found| found.parsed(|name| parse_name(name).map(str::to_owned)))?;
    for key in ["value", "token"] {
        if let Some(found) = table.find(key) {
            return Err(found.error_without_value(NOT_IN_FILE));
        }
    }
    let secret = match (table.find("env"), table.find("file")) {
        (Some(found), None) => {
            let name = found.name()?;
            let value = std::env::var(&name).map_err(|_| found.error("this variable is not set"))?;
            secret_at(&found, &value)?
        }
        (None, Some(found)) => {
            let text = std::fs::read_to_string(folder.join(found.name()?));
            secret_at(&found, &text.map_err(|error| found.error(&format!("cannot be read: {error}")))?)?
        }
        _ => return Err(table.error("a token needs either `env` or `file`")),
    };
    table.finish()?;
    Ok(Token { secret, tenant, label })
}

fn secret_at(found: &Found<'_>, text: &str) -> Result<String, SettingsError> {
    parse_secret(text).map_err(|why| found.error(&format!("invalid token: {why}")))
}

/// Parses the text of a token. Surrounding white space is removed, since files end with a line
/// break.
pub fn parse_secret(text: &str) -> Result<String, String> {
    let secret = text.trim();
    if secret.is_empty() || secret.len() > MAX_TOKEN_BYTES || secret.contains(|c: char| !c.is_ascii_graphic())
    {
        return Err(format!("a token has 1 to {MAX_TOKEN_BYTES} printable ASCII characters without blanks"));
    }
    Ok(secret.to_owned())
}

/// Checks the name of a tenant or the label of a token, which are keys in records and rates.
pub fn parse_name(name: &str) -> Result<&str, String> {
    match name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
        true => Err(format!("must have 1 to {MAX_NAME_BYTES} bytes and no control characters")),
        false => Ok(name),
    }
}
