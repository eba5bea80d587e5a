//! The trusted files: paths and the SHA-256 of their content, in `$XDG_STATE_HOME/isolet/trusted`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use isolet_bindings::private_files::{self, Others};
use isolet_bindings::text::visible;
use serde::{Deserialize, Serialize};

use super::show::shown;
use crate::exit::Failure;

/// The version of the file's format.
const FORMAT_VERSION: u32 = 1;

/// The largest store. An entry has some hundred bytes.
const MAX_STORE_BYTES: u64 = 16 * 1024 * 1024;

/// The result of comparing a file with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustState {
    /// This content is trusted at this path.
    Trusted,
    /// Another content is trusted at this path.
    Changed,
    /// No content is trusted at this path.
    Unknown,
}

/// The digests of trusted files by path.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedFiles {
    version: u32,
    files: BTreeMap<String, String>,
}

impl Default for TrustedFiles {
    fn default() -> Self {
        Self { version: FORMAT_VERSION, files: BTreeMap::new() }
    }
}

impl TrustedFiles {
    /// Compares a file with the store.
    pub fn trust_state(&self, path: &str, digest: &str) -> TrustState {
        match self.files.get(path) {
            Some(trusted) if trusted == digest => TrustState::Trusted,
            Some(_) => TrustState::Changed,
            None => TrustState::Unknown,
        }
    }

    /// Adds a file, or replaces its digest.
    pub fn add(&mut self, path: &str, digest: &str) {
        self.files.insert(path.to_owned(), digest.to_owned());
    }

    /// Removes a file. Returns `false` if the store did not have it.
    pub fn remove(&mut self, path: &str) -> bool {
        self.files.remove(path).is_some()
    }

    /// Returns all paths with their digests.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, digest)| (path.as_str(), digest.as_str()))
    }
}

/// Loads the store.
pub fn load() -> Result<TrustedFiles, Failure> {
    let Some(path) = store_path() else { return Ok(TrustedFiles::default()) };
    read(&path).map_err(|error| cannot_use(&path, &error))
}

/// Changes the store. A file lock serialises changes by several processes.
pub fn change<T>(change: impl FnOnce(&mut TrustedFiles) -> T) -> Result<T, Failure> {
    let path = store_path().ok_or_else(|| {
        Failure::Setup("trust cannot be stored: neither XDG_STATE_HOME nor HOME is set".to_owned())
    })?;
    let changed = || {
        private_files::make_folder(path.parent().unwrap_or(Path::new("/")), Others::Read)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = private_files::open(&mut options, &path.with_extension("lock"))?;
        lock.lock()?;
        let mut trusted = read(&path)?;
        let result = change(&mut trusted);
        let mut text = serde_json::to_vec_pretty(&trusted)?;
        text.push(b'\n');
        private_files::replace(&path, &text, 0o600)?;
        Ok(result)
    };
    changed().map_err(|error: io::Error| cannot_use(&path, &error))
}

fn store_path() -> Option<PathBuf> {
    private_files::state_folder().map(|folder| folder.join("trusted"))
}

fn read(path: &Path) -> io::Result<TrustedFiles> {
    private_files::check_folder(path.parent().unwrap_or(Path::new("/")), Others::Read)?;
    let Some(bytes) = private_files::read(path, MAX_STORE_BYTES, Others::Nothing)? else {
        return Ok(TrustedFiles::default());
    };
    let damaged = || io::Error::other("it is damaged; remove it, and trust files again");
    let trusted: TrustedFiles = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    if trusted.version == FORMAT_VERSION { Ok(trusted) } else { Err(damaged()) }
}

fn cannot_use(path: &Path, error: &io::Error) -> Failure {
    Failure::Setup(format!(
        "cannot use {}, which stores the trusted configurations: {}",
        shown(path),
        visible(&error.to_string())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_trusted_at_its_path_alone() {
        let mut trusted = TrustedFiles::default();
        trusted.add("/a/mcp.json", "1");
        assert_eq!(trusted.trust_state("/a/mcp.json", "1"), TrustState::Trusted);
        assert_eq!(trusted.trust_state("/a/mcp.json", "2"), TrustState::Changed);
        assert_eq!(trusted.trust_state("/b/mcp.json", "1"), TrustState::Unknown);
        trusted.add("/a/mcp.json", "2");
        assert_eq!(trusted.trust_state("/a/mcp.json", "1"), TrustState::Changed);
        assert!(trusted.remove("/a/mcp.json") && !trusted.remove("/a/mcp.json"));
        assert_eq!(trusted.files().count(), 0);
    }

    #[test]
    fn an_invalid_store_trusts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trusted");
        assert_eq!(read(&path).unwrap(), TrustedFiles::default());
        for text in ["", "[]", "{\"version\":2,\"files\":{}}", "{\"version\":1,\"files\":{\"a\":1}}"] {
            private_files::replace(&path, text.as_bytes(), 0o600).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("damaged"), "{text}");
        }
    }
}
