//! Why `isolet.toml` cannot be used, and where in it.

use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read at all.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong, with the value, and what to write instead.
        message: String,
    },
}

/// A file that is being read: what errors need to point into it.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// All of it.
    pub text: &'a str,
}

impl Origin<'_> {
    /// An error at byte `offset`.
    pub fn error(&self, offset: usize, message: impl Into<String>) -> SettingsError {
        let (line, column) = position(self.text, offset);
        SettingsError::Invalid { path: self.path.to_owned(), line, column, message: message.into() }
    }
}

/// Line and column, both from 1, of byte `offset`.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("a\nbé = 1", 0), (1, 1));
        assert_eq!(position("a\nbé = 1", 6), (2, 4));
        assert_eq!(position("ab", 99), (1, 3));
    }
}
