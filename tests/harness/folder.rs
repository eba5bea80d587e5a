//! A directory for one test.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A directory that is removed when this is dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes an empty directory. Its name is in no other path, so that processes can be found by
    /// it.
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("isolet-e2e-").tempdir().expect("a temporary directory"))
    }

    /// Makes a directory with an `mcp.json` of these servers.
    pub fn with_servers(servers: Value) -> Self {
        let folder = Self::new();
        folder.mcp_json(servers);
        folder
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Its path as text.
    pub fn text(&self) -> &str {
        self.path().to_str().expect("a path in UTF-8")
    }

    /// The path of a file in it, as text.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.text())
    }

    /// Writes a file, and the directories above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("a directory");
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        let path = self.path().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes an `mcp.json` with these servers and returns its path.
    pub fn mcp_json(&self, servers: Value) -> PathBuf {
        self.write("mcp.json", format!("{:#}", json!({ "mcpServers": servers })))
    }
}
