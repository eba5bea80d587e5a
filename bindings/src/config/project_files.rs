//! The files in which projects keep their servers.

use std::path::{Path, PathBuf};

use super::McpConfig;
use crate::private_files::{self, Links};

/// Files with only servers, in the order in which they are searched.
const SERVER_FILES: [&str; 5] =
    ["mcp.json", ".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".roo/mcp.json"];

/// Settings of clients, which may contain servers.
const SETTINGS_FILES: [&str; 5] =
    [".gemini/settings.json", ".codex/config.toml", ".zed/settings.json", "opencode.json", "opencode.jsonc"];

/// Folders of a project that contain the files of a client. The files are about the project.
const CLIENT_FOLDERS: [&str; 6] = [".vscode", ".cursor", ".roo", ".gemini", ".codex", ".zed"];

/// Returns the folder of the project that a configuration belongs to, and the path in it. `path` is
/// absolute.
pub fn project_of(path: &Path) -> Option<(&Path, PathBuf)> {
    let (name, parent) = (path.file_name()?, path.parent()?);
    let folder = parent.file_name().filter(|folder| CLIENT_FOLDERS.iter().any(|known| folder == known));
    match (folder, parent.parent()) {
        (Some(folder), Some(project)) => Some((project, Path::new(folder).join(name))),
        _ => Some((parent, PathBuf::from(name))),
    }
}

pub(super) fn find(dir: &Path) -> Option<PathBuf> {
    let list = SERVER_FILES.iter().map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok());
    list.or_else(|| SETTINGS_FILES.iter().map(|name| dir.join(name)).find(|path| has_servers(path)))
}

/// Returns whether settings contain servers. The file belongs to another program, so one that
/// cannot be read is ignored.
fn has_servers(path: &Path) -> bool {
    let Ok(bytes) = private_files::regular(path, super::MAX_FILE_BYTES, Links::Follow) else { return false };
    McpConfig::outline(&bytes, path).is_ok_and(|servers| !servers.is_empty())
}
