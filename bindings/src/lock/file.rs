//! The lock file: approved definitions, read and written as a whole.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::definitions::{PromptsAndResources, each};
use super::entry::{Approved, DefinitionKind, Members};
use crate::private_files::{self, Links};
use crate::read_file::ReadFile;
use crate::upstream::tool_lists::ServerTools;

/// The version that is written. Version 1 had digests of five fields of a tool.
pub(super) const FILE_VERSION: u32 = 2;

/// 20,000 tools take some 40 MB.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The approved definitions of all servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    pub(super) version: u32,
    pub(super) servers: BTreeMap<String, ApprovedServer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApprovedServer {
    pub(super) about: ApprovedAbout,
    pub(super) approved: BTreeMap<DefinitionKind, BTreeMap<String, Approved>>,
}

/// A server's description of itself, which is part of declarations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApprovedAbout {
    Whole(ServerTexts),
    /// From a file of version 1.
    Digest(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerTexts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
}

/// An error of a lock file.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be read or written.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not a valid lock file.
    #[error("{} is not a lock file of this isolet: {reason}; make it again with `isolet lock`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The file could not be read again.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

impl Default for LockFile {
    fn default() -> Self {
        Self { version: FILE_VERSION, servers: BTreeMap::new() }
    }
}

impl LockFile {
    /// Reads a lock file. Also returns the identity of the content that was read.
    ///
    /// # Errors
    /// A file that cannot be read or is not valid.
    pub fn load(path: &Path, links: Links) -> Result<(Self, ReadFile), LockError> {
        let unreadable = |source| LockError::Io { verb: "read", path: path.to_owned(), source };
        let malformed = |reason: String| LockError::Malformed { path: path.to_owned(), reason };
        let bytes = private_files::regular(path, MAX_FILE_BYTES, links).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
        Ok((Self::parse(text).map_err(malformed)?, ReadFile::new(path, &bytes)))
    }

    /// Returns whether the file has version 1, which covers only some fields of tools.
    pub fn is_first_version(&self) -> bool {
        self.version == 1
    }

    /// Writes the lock file. The old file stays until the new one is complete.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        let unwritable = |source| LockError::Io { verb: "write", path: path.to_owned(), source };
        let refused = |reason: String| LockError::Unwritable { path: path.to_owned(), reason };
        let mut text = serde_json::to_string_pretty(&self.written().map_err(refused)?)
            .map_err(|error| refused(error.to_string()))?;
        text.push('\n');
        // In the file a definition is one level deeper, so one at the depth limit could not be read
        // again.
        Self::parse(&text).map_err(refused)?;
        private_files::replace(path, text.as_bytes(), 0o666).map_err(unwritable)
    }

    /// Approves a server as it is now, with its prompts and resources. A server that has not listed
    /// its tools is skipped.
    pub fn approve(&mut self, server: &ServerTools, offered: &PromptsAndResources) {
        let Some(tools) = &server.tools else { return };
        let mut approved = BTreeMap::new();
        for (kind, items) in each(tools, Some(offered)) {
            let named =
                items.filter_map(|item| Some((kind.name(&item)?.to_owned(), Approved::of(kind, &item))));
            approved.insert(kind, named.collect());
        }
        self.servers.insert(
            server.name.clone(),
            ApprovedServer { about: ApprovedAbout::Whole(ServerTexts::of(server)), approved },
        );
        if self.servers.values().all(|server| matches!(server.about, ApprovedAbout::Whole(_))) {
            self.version = FILE_VERSION;
        }
    }

    /// Removes the servers that `keep` rejects, and returns their names.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) -> Vec<String> {
        self.servers.extract_if(.., |name, _| !keep(name)).map(|(name, _)| name).collect()
    }

    /// Counts the approved definitions of a kind.
    pub fn count(&self, kind: DefinitionKind) -> usize {
        let of = |server: &ApprovedServer| server.approved.get(&kind).map_or(0, BTreeMap::len);
        self.servers.values().map(of).sum()
    }
}

impl ServerTexts {
    pub(super) fn of(server: &ServerTools) -> Self {
        Self {
            title: server.title.clone(),
            description: server.description.clone(),
            instructions: server.instructions.clone(),
        }
    }

    pub(super) fn members(&self) -> Members {
        let all = [
            ("title", &self.title),
            ("description", &self.description),
            ("instructions", &self.instructions),
        ];
        let there = all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())));
        there.collect()
    }
}
