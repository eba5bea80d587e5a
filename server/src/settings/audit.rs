//! `[audit]`: where calls and runs are recorded.

use std::path::Path;

use isolet_bindings::audit::{AuditOptions, Destination, WhenFull};

use super::error::SettingsError;
use super::toml_reader::{Found, Table};

const WHEN_FULL: [(&str, WhenFull); 2] = [("refuse", WhenFull::Refuse), ("drop", WhenFull::Drop)];

/// Reads the table. The path of the log is relative to `folder`.
pub fn read(mut table: Table<'_>, folder: &Path) -> Result<AuditOptions, SettingsError> {
    let file = table
        .find("file")
        .ok_or_else(|| table.error("[audit] needs `file`: a path, or \"-\" for standard output"))?;
    let destination = match file.name()?.as_str() {
        "-" => Destination::Stdout,
        path => Destination::File(folder.join(path)),
    };
    let options = AuditOptions {
        destination,
        arguments: table.read("arguments", Found::boolean)?.unwrap_or(false),
        when_full: table.read("when_full", |found| found.one_of(&WHEN_FULL))?.unwrap_or(WhenFull::Refuse),
    };
    table.finish()?;
    Ok(options)
}
