//! `[runtime]`: where scripts run, and how many at once.

use super::error::SettingsError;
use super::toml_reader::{Found, Table};

/// The place of a script's isolate.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Jailed processes, one for each run.
    Process,
    /// Threads of this process.
    Thread,
}

/// A layer of the jail that may be missing.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum JailException {
    /// Namespaces of the runners' own
    Namespaces,
    /// No file can be opened
    Landlock,
}

/// The largest number of runs at once that can be configured.
const MAX_RUNNING: usize = 100_000;

/// Parses the number of runs at once of the command line.
pub fn parse_max_running(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number from 1".to_owned()),
        Ok(number) if number > MAX_RUNNING => Err(format!("at most {MAX_RUNNING}")),
        Ok(number) => Ok(number),
    }
}

/// The values of `[runtime]`.
#[derive(Debug, Default)]
pub struct RuntimeSettings {
    /// The place of a script's isolate.
    pub isolation: Option<IsolationLevel>,
    /// Requires every layer of the jail, whatever other options allow.
    pub require_jail: bool,
    /// Layers of the jail that may be missing.
    pub allow_weak_jail: Vec<JailException>,
    /// Allows V8 to compile scripts to machine code.
    pub jit: Option<bool>,
    /// The number of zygotes: processes that run nothing and are copied for each run.
    pub zygotes: Option<u16>,
    /// The number of isolates that are made before a request comes.
    pub warm: Option<usize>,
    /// The number of runs at once.
    pub max_running: Option<usize>,
}

/// Reads the table.
pub fn read(mut table: Table<'_>) -> Result<RuntimeSettings, SettingsError> {
    let settings = RuntimeSettings {
        isolation: table.read("isolation", |found| found.value_enum())?,
        require_jail: table.read("require_jail", |found| found.boolean())?.unwrap_or(false),
        allow_weak_jail: table.read("allow_weak_jail", exceptions)?.unwrap_or_default(),
        jit: table.read("jit", |found| found.boolean())?,
        zygotes: table.read("zygotes", |found| Ok(found.number(1..=256)? as u16))?,
        warm: table.read("warm", |found| Ok(found.number(1..=10_000)? as usize))?,
        max_running: table.read("max_running", |found| Ok(found.number(1..=MAX_RUNNING as u64)? as usize))?,
    };
    table.finish()?;
    Ok(settings)
}

fn exceptions(found: &Found<'_>) -> Result<Vec<JailException>, SettingsError> {
    found.list()?.iter().map(Found::value_enum).collect()
}
