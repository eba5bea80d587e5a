//! `[runtime]`: where scripts run, and how many at once.

use super::error::SettingsError;
use super::table::Table;
use crate::isolation::Level;

/// What the table says.
#[derive(Debug, Default)]
pub struct EngineSettings {
    /// Processes or threads.
    pub isolation: Option<Level>,
    /// Whether every layer of the jail must hold.
    pub require_jail: bool,
    /// Zygotes: processes that run nothing and of which each run gets a copy.
    pub runners: Option<u16>,
    /// Isolates ready before a request comes.
    pub warm: Option<usize>,
    /// Runs at once.
    pub max_running: Option<usize>,
}

/// Reads the table.
pub fn read(mut table: Table<'_>) -> Result<EngineSettings, SettingsError> {
    let settings = EngineSettings {
        isolation: table.read("isolation", |found| found.choice())?,
        require_jail: table.read("require_jail", |found| found.boolean())?.unwrap_or(false),
        runners: table.read("runners", |found| Ok(found.number(1..=256)? as u16))?,
        warm: table.read("warm", |found| Ok(found.number(1..=10_000)? as usize))?,
        max_running: table.read("max_running", |found| Ok(found.number(1..=100_000)? as usize))?,
    };
    table.finish()?;
    Ok(settings)
}
