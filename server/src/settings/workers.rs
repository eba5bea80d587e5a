//! `[workers]`: the processes of Workers.

use super::error::SettingsError;
use super::toml_reader::Table;

/// The largest number of processes of one Worker that can be configured.
const MAX_PROCESSES: u64 = 256;

/// The values of `[workers]`.
#[derive(Debug, Default)]
pub struct WorkerSettings {
    /// The bound on the processes of one Worker.
    pub processes: Option<usize>,
}

/// Reads the table.
pub fn read(mut table: Table<'_>) -> Result<WorkerSettings, SettingsError> {
    let processes = table.read("processes", |found| Ok(found.number(1..=MAX_PROCESSES)? as usize))?;
    table.finish()?;
    Ok(WorkerSettings { processes })
}
