//! Errors of `isolet.toml`, with the line and the column.

use std::path::{Path, PathBuf};

use isolet_bindings::text::line_and_column;

/// An error of `isolet.toml`.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// The file has an invalid value or an unknown key.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// The value, the fault, and what to write instead.
        message: String,
    },
}

/// A file that is being read, for errors that point into it.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// The text of the whole file.
    pub text: &'a str,
}

impl SourceFile<'_> {
    /// Makes an error at byte `offset`.
    pub fn error(&self, offset: usize, message: impl Into<String>) -> SettingsError {
        let (line, column) = line_and_column(self.text, offset);
        SettingsError::Invalid { path: self.path.to_owned(), line, column, message: message.into() }
    }
}
