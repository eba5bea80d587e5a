//! `isolet.toml`: what the operator decides.
//!
//! | module | idea |
//! |---|---|
//! | [`limits`] | `[limits]` |
//! | [`serving`] | `[server]`: where to listen, who may ask |
//! | [`engine`] | `[runtime]`: where scripts run, and how many |
//! | [`policy`] | `[policy]`: which calls are allowed |
//! | [`audit`] | `[audit]`: where they are recorded |
//! | [`rules`] | rules in force: log opened, lock file read |
//! | [`table`] | reading a table strictly, with messages that show the value |
//! | [`size`] | `128MiB` |
//! | [`error`] | what is wrong, and where |

mod audit;
pub mod engine;
pub mod error;
mod limits;
mod policy;
pub mod rules;
pub mod serving;
mod size;
mod table;

use std::path::{Path, PathBuf};

use isolet_runtime::Limits;
use toml::de::DeTable;

use self::engine::EngineSettings;
use self::error::{Origin, SettingsError};
use self::rules::LockMode;
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
    /// Only tools that declare to read (readOnlyHint) are there
    #[arg(long)]
    read_only: bool,
}

impl SettingsFile {
    /// Reads the file that was named, else the one in `dir`, else takes the defaults.
    pub fn load(&self, dir: &Path) -> Result<Settings, Failure> {
        let mut settings = Settings::find(self.config.as_deref(), dir)?;
        settings.policy.read_only |= self.read_only;
        Ok(settings)
    }
}

impl Settings {
    /// Reads the file that was named, else the one in `dir`, else takes the defaults.
    pub fn find(named: Option<&Path>, dir: &Path) -> Result<Self, Failure> {
        let path = match named {
            Some(named) => named.to_owned(),
            None => {
                let usual = dir.join(NAME);
                // What is there but cannot be read is an error: a run without the operator's limits is worse than none.
                match usual.symlink_metadata() {
                    Ok(_) => usual,
                    Err(_) => return Ok(Self { folder: dir.to_owned(), ..Self::default() }),
                }
            }
        };
        Self::load(&path).map_err(|error| Failure::Usage(error.to_string()))
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
    /// Which calls are allowed.
    pub policy: isolet_bindings::policy::Options,
    /// Where they are recorded.
    pub audit: Option<isolet_bindings::audit::Options>,
    /// What is done about tools that have changed.
    pub lock: Option<LockMode>,
    /// Where the file is, or would be.
    pub folder: PathBuf,
    /// Whether result types are learned from answers.
    pub learn: Option<bool>,
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
        let mut settings = Self { folder: folder.to_owned(), ..Self::default() };
        if let Some(found) = root.find("limits") {
            limits::read(found.table()?, &mut settings.limits, &mut settings.queue)?;
        }
        root.set("server", &mut settings.server, |found| serving::read(found.table()?, folder))?;
        root.set("runtime", &mut settings.engine, |found| engine::read(found.table()?))?;
        root.set("policy", &mut settings.policy, |found| policy::read(found.table()?))?;
        settings.audit = root.read("audit", |found| audit::read(found.table()?, folder))?;
        settings.lock = root.read("lock", |found| found.choice())?;
        settings.mcp_config = root.read("mcp_config", |found| Ok(folder.join(found.name()?)))?;
        if let Some(found) = root.find("types") {
            let mut types = found.table()?;
            settings.learn = types.read("learn", |found| found.boolean())?;
            types.finish()?;
        }
        root.finish()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
