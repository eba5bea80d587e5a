//! `isolet.toml`: what the operator decides.
//!
//! | module | idea |
//! |---|---|
//! | [`limits`] | `[limits]` |
//! | [`serving`] | `[server]`: where to listen, who may ask |
//! | [`engine`] | `[runtime]`: where scripts run, and how many |
//! | [`table`] | reading a table strictly, with messages that show the value |
//! | [`size`] | `128MiB` |
//! | [`error`] | what is wrong, and where |

pub mod engine;
pub mod error;
mod limits;
pub mod serving;
mod size;
mod table;

use std::path::{Path, PathBuf};

use isolet_runtime::Limits;
use toml::de::DeTable;

use self::engine::EngineSettings;
use self::error::{Origin, SettingsError};
use self::serving::ServerSettings;
use self::table::Table;
use crate::exit::Failure;

/// The file's name where none is given.
const NAME: &str = "isolet.toml";

/// Nobody writes more by hand.
const LONGEST: u64 = 1024 * 1024;

/// The option of every command that follows the file.
#[derive(clap::Args, Clone, Debug)]
pub struct SettingsFile {
    /// Limits and rules of the operator; without it ./isolet.toml, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsFile {
    /// Reads the file that was named, else the one in `dir`, else takes the defaults.
    pub fn load(&self, dir: &Path) -> Result<Settings, Failure> {
        let path = match &self.config {
            Some(named) => named.clone(),
            None => {
                let usual = dir.join(NAME);
                // What is there but cannot be read is an error: a run without the operator's limits is worse than none.
                match usual.symlink_metadata() {
                    Ok(_) => usual,
                    Err(_) => return Ok(Settings::default()),
                }
            }
        };
        Settings::load(&path).map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// What the file says; what it does not say is the default.
#[derive(Debug, Default)]
pub struct Settings {
    /// The most that a run may use.
    pub limits: Limits,
    /// Runs that may wait.
    pub queue: Option<usize>,
    /// Where to listen and who may ask.
    pub server: ServerSettings,
    /// Where scripts run.
    pub engine: EngineSettings,
    /// The MCP servers.
    pub mcp_config: Option<PathBuf>,
}

impl Settings {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let unreadable = |reason: String| SettingsError::Read { path: path.to_owned(), reason };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > LONGEST {
            return Err(unreadable(format!("{size} bytes are too many for settings")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(path, &text)
    }

    /// Reads a file's text. Paths in it are relative to its folder.
    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let origin = Origin { path, text };
        let folder = path.parent().unwrap_or(Path::new(""));
        let parsed = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            origin.error(offset, format!("not valid TOML: {}", error.message()))
        })?;
        let mut root = Table::root(origin, &parsed);
        let mut settings = Self::default();
        if let Some(found) = root.find("limits") {
            limits::read(found.table()?, &mut settings.limits, &mut settings.queue)?;
        }
        root.set("server", &mut settings.server, |found| serving::read(found.table()?, folder))?;
        root.set("runtime", &mut settings.engine, |found| engine::read(found.table()?))?;
        settings.mcp_config = root.read("mcp_config", |found| Ok(folder.join(found.name()?)))?;
        root.finish()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
