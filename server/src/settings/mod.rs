//! The operator's settings, `isolet.toml`, as plain values.
//!
//! | module | content |
//! |---|---|
//! | [`limits`] | `[limits]` |
//! | [`server`], [`token`] | `[server]`: where to listen, and which clients are let in |
//! | [`runtime`] | `[runtime]`: where scripts run, and how many at once |
//! | [`workers`] | `[workers]`: the Workers of `isolet serve`, and their processes |
//! | [`outgoing`] | the hosts that a Worker may fetch from |
//! | [`libraries`] | `[libraries]`: the packages that scripts can import |
//! | [`policy`] | `[policy]`: which calls are allowed, and how often |
//! | [`audit`] | `[audit]`: where calls and runs are recorded |
//! | [`rules`] | the rules in force: the audit log opened, the lock file read |
//! | [`toml_reader`], [`error`] | reads tables strictly, with errors that show line, key and value |
//! | [`address`], [`size`], [`duration`] | values that the command line accepts too |

pub mod address;
mod audit;
pub mod duration;
pub mod error;
pub mod libraries;
mod limits;
pub mod outgoing;
mod policy;
pub mod rules;
pub mod runtime;
pub mod server;
mod size;
pub mod token;
mod toml_reader;
pub mod workers;

use std::path::{Path, PathBuf};

use isolet_bindings::lock::LockMode;
use isolet_bindings::private_files;
use isolet_runtime::Limits;
use toml::de::DeTable;

use self::error::{SettingsError, SourceFile};
use self::libraries::LibrarySettings;
use self::rules::LockSetting;
use self::runtime::RuntimeSettings;
use self::server::ServerSettings;
use self::toml_reader::Table;
use self::workers::WorkerSettings;
use crate::exit::Failure;
use crate::trust::{FileKind, FoundFile, Search};

/// The file's name where none is given.
pub const FILE_NAME: &str = "isolet.toml";

/// The longest file, which is far longer than one written by hand.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The options of every command that uses the settings.
#[derive(clap::Args, Clone, Debug)]
pub struct SettingsFile {
    /// Limits and rules of the operator; without it ~/.config/isolet/isolet.toml, else a trusted
    /// ./isolet.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Offer only tools that declare to be read-only (readOnlyHint)
    #[arg(long)]
    read_only: bool,
}

impl SettingsFile {
    /// Returns the options of a command that reads them itself.
    pub fn new(config: Option<PathBuf>, read_only: bool) -> Self {
        Self { config, read_only }
    }

    /// Loads the settings as [`Settings::find`] does, with `--read-only` applied.
    pub fn load(&self, search: Search<'_>) -> Result<Settings, Failure> {
        let mut settings = Settings::find(self.config.as_deref(), search)?;
        settings.policy.read_only |= self.read_only;
        Ok(settings)
    }
}

impl Settings {
    /// Reads the file that `--config` names, else the operator's own file, else a trusted file in
    /// the searched folder, else returns the defaults.
    pub fn find(named: Option<&Path>, search: Search<'_>) -> Result<Self, Failure> {
        let wrong = |error: SettingsError| Failure::Usage(error.to_string());
        // A file that exists but cannot be read is an error: to run without the operator's limits
        // would be worse than not to run.
        let exists = |path: &PathBuf| path.symlink_metadata().is_ok();
        let own = || private_files::config_folder().map(|folder| folder.join(FILE_NAME)).filter(exists);
        if let Some(path) = named.map(Path::to_owned).or_else(own) {
            return Ok(Self { source: Source::Named, ..Self::load(&path).map_err(wrong)? });
        }
        let dir = match search {
            Search::Folder(dir) => dir,
            Search::Nowhere => Path::new("."),
        };
        let usual = dir.join(FILE_NAME);
        match search {
            Search::Folder(_) if exists(&usual) => {
                let file = FoundFile::read(&usual, FileKind::Settings)?.consented()?;
                let found = Self::of_bytes(&usual, &file.bytes).map_err(wrong)?;
                Ok(Self { source: Source::Found, ..found })
            }
            _ => {
                if exists(&usual) {
                    stderr_line!(
                        "isolet: ./{FILE_NAME} is not used: this command uses only the file that --config names"
                    );
                }
                let source = match search {
                    Search::Folder(_) => Source::Default,
                    Search::Nowhere => Source::Nowhere,
                };
                Ok(Self { folder: dir.to_owned(), source, ..Self::default() })
            }
        }
    }

    /// Returns the path in `mcp_config` of a settings file, even if the rest of the file is
    /// invalid.
    pub fn servers_of(path: &Path, bytes: &[u8]) -> Option<PathBuf> {
        let text = std::str::from_utf8(bytes).ok()?;
        let parsed = DeTable::parse(text).ok()?;
        let named = parsed.get_ref().get("mcp_config")?.get_ref().as_str()?;
        Some(path.parent().unwrap_or(Path::new("")).join(named))
    }
}

/// The origin of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// A file that the operator named, or the operator's own file.
    Named,
    /// A file in the searched folder that the operator trusts. Files that it names in turn must be
    /// trusted on their own.
    Found,
    /// No file: the defaults.
    #[default]
    Default,
    /// No file, for a command that uses no file of the current folder.
    Nowhere,
}

/// The values of the file, and the defaults of those that it does not have.
#[derive(Debug, Default)]
pub struct Settings {
    /// The limits of one run.
    pub limits: Limits,
    /// The number of runs that may wait.
    pub queue: Option<usize>,
    /// The values of `[server]`.
    pub server: ServerSettings,
    /// The values of `[runtime]`.
    pub runtime: RuntimeSettings,
    /// The values of `[libraries]`.
    pub libraries: LibrarySettings,
    /// The values of `[workers]`.
    pub workers: WorkerSettings,
    /// The configuration of the MCP servers.
    pub mcp_config: Option<PathBuf>,
    /// The policy for calls.
    pub policy: isolet_bindings::policy::PolicyOptions,
    /// The audit log, if calls and runs are recorded.
    pub audit: Option<isolet_bindings::audit::AuditOptions>,
    /// The use of the lock file.
    pub lock: LockSetting,
    /// The error for an `mcp_config` that does not exist, with the line that names it.
    pub no_mcp_config: Option<String>,
    /// The folder in which the file is, or would be.
    pub folder: PathBuf,
    /// The name of the file, if there is one.
    pub file_name: Option<String>,
    /// The origin of the settings.
    pub source: Source,
    /// Enables result types that are inferred from answers.
    pub infer_types: Option<bool>,
    /// Enables keeping lists of tools for the next start.
    pub remember: Option<bool>,
    /// The path and the digest of the file, for the audit log.
    pub file: Option<isolet_bindings::audit::ReadFile>,
}

impl Settings {
    /// Tells whether result types are inferred from answers. They are not where only approved
    /// definitions are shown, because nobody has approved inferred types.
    pub fn infers_types(&self) -> bool {
        let locked = self.lock == LockSetting::Required(LockMode::Enforce);
        if locked && self.infer_types == Some(true) {
            tracing::warn!(
                "[types] learn = true has no effect, as {} has lock = \"enforce\"",
                self.path().display()
            );
        }
        !locked && self.infer_types.unwrap_or(true)
    }

    /// Tells whether lists of tools are kept for the next start.
    pub fn remembers(&self) -> bool {
        self.remember.unwrap_or(true)
    }
}

impl Settings {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let unreadable = |reason: String| SettingsError::Read { path: path.to_owned(), reason };
        Self::of_bytes(
            path,
            &private_files::named(path, MAX_FILE_BYTES).map_err(|error| unreadable(error.to_string()))?,
        )
    }

    /// Parses the bytes of a file.
    fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, SettingsError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SettingsError::Read {
            path: path.to_owned(),
            reason: "it is not UTF-8".to_owned(),
        })?;
        Self::parse(path, text)
    }

    /// Parses the text of a file. Paths in it are relative to its folder.
    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let source = SourceFile { path, text };
        let folder = path.parent().unwrap_or(Path::new(""));
        let parsed = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            source.error(offset, format!("not valid TOML: {}", error.message()))
        })?;
        let mut root = Table::root(source, &parsed);
        let file = Some(isolet_bindings::audit::ReadFile::new(path, text.as_bytes()));
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut settings = Self { folder: folder.to_owned(), file_name, file, ..Self::default() };
        if let Some(found) = root.find("limits") {
            limits::read(found.table()?, &mut settings.limits, &mut settings.queue)?;
        }
        root.set("server", &mut settings.server, |found| server::read(found.table()?, folder))?;
        root.set("runtime", &mut settings.runtime, |found| runtime::read(found.table()?))?;
        root.set("libraries", &mut settings.libraries, |found| libraries::read(found.table()?, folder))?;
        root.set("workers", &mut settings.workers, |found| workers::read(found.table()?, folder))?;
        root.set("policy", &mut settings.policy, |found| policy::read(found.table()?))?;
        settings.audit = root.read("audit", |found| audit::read(found.table()?, folder))?;
        root.set("lock", &mut settings.lock, rules::read_lock)?;
        if let Some(found) = root.find("mcp_config") {
            settings.mcp_config = Some(folder.join(found.name()?));
            settings.no_mcp_config = Some(found.error("there is no such file").to_string());
        }
        if let Some(found) = root.find("types") {
            let mut types = found.table()?;
            settings.infer_types = types.read("learn", |found| found.boolean())?;
            settings.remember = types.read("remember", |found| found.boolean())?;
            types.finish()?;
        }
        root.finish()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
