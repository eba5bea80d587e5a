//! The identity of a file that was read: its path, its size and its digest.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::text::hexadecimal;

/// The size and the digest of a text.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Summary {
    /// The size in bytes.
    pub bytes: usize,
    /// The SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Summary {
    /// Computes the summary of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), sha256: hexadecimal(&Sha256::digest(bytes)) }
    }
}

/// The identity of a configuration file: its path, size and digest.
#[derive(Debug, Clone, Serialize)]
pub struct ReadFile {
    pub(crate) path: PathBuf,
    #[serde(flatten)]
    pub(crate) content: Summary,
}

impl ReadFile {
    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Describes the file `path` with this content.
    pub fn new(path: &Path, content: &[u8]) -> Self {
        // A relative path would depend on the folder that isolet was started in.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, content: Summary::of(content) }
    }
}
