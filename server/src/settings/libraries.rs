//! `[libraries]`: the packages that scripts can import.

use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::toml_reader::Table;

/// The largest number of libraries.
const MAX_LIBRARIES: usize = 200;

/// The values of `[libraries]`.
#[derive(Debug, Default)]
pub struct LibrarySettings {
    /// The folder whose `node_modules` has them.
    pub folder: PathBuf,
    /// The specifiers that scripts can import.
    pub names: Vec<String>,
}

/// Reads the table. Paths are relative to `folder`.
pub fn read(mut table: Table<'_>, folder: &Path) -> Result<LibrarySettings, SettingsError> {
    let mut settings = LibrarySettings { folder: folder.join("."), names: Vec::new() };
    if let Some(found) = table.find("folder") {
        settings.folder = folder.join(found.name()?);
    }
    if let Some(found) = table.find("names") {
        let names = found.list()?;
        if names.len() > MAX_LIBRARIES {
            return Err(found.error(&format!("at most {MAX_LIBRARIES} libraries")));
        }
        for name in names {
            settings.names.push(name.name()?.to_owned());
        }
    }
    table.finish()?;
    Ok(settings)
}
