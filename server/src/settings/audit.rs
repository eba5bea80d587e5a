//! `[audit]`: where calls and runs are recorded.

use std::path::Path;

use isolet_bindings::audit::{Destination, Options, WhenFull};

use super::error::SettingsError;
use super::table::{Found, Table};

#[derive(clap::ValueEnum, Clone, Copy)]
enum Word {
    Refuse,
    Drop,
}

/// Reads the table. The file is relative to `folder`.
pub fn read(mut table: Table<'_>, folder: &Path) -> Result<Options, SettingsError> {
    let file = table
        .find("file")
        .ok_or_else(|| table.error("[audit] needs `file`: a path, or \"-\" for standard output"))?;
    let destination = match file.name()?.as_str() {
        "-" => Destination::Stdout,
        path => Destination::File(folder.join(path)),
    };
    let options = Options {
        destination,
        arguments: table.read("arguments", Found::boolean)?.unwrap_or(false),
        when_full: table.read("when_full", Found::choice)?.map_or(WhenFull::Refuse, |word| match word {
            Word::Refuse => WhenFull::Refuse,
            Word::Drop => WhenFull::Drop,
        }),
    };
    table.finish()?;
    Ok(options)
}
