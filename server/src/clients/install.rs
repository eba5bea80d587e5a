//! Puts isolet's entry into a client's configuration file, and keeps a backup of the previous file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use isolet_bindings::config::McpConfig;
use isolet_bindings::private_files::{self, Links};
use isolet_bindings::text::visible;
use serde_json::{Value, json};

use super::edit;
use super::{Client, StartCommand, format};
use crate::exit::Failure;
use crate::trust::shown;

/// The largest configuration file. Claude Code keeps its history in it too.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The most backups of one file.
const MAX_BACKUPS: usize = 100;

/// The outcome of an installation.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file had the entry already.
    Unchanged,
    /// The file is new.
    Created,
    /// The entry was added or replaced. The path is that of the backup.
    Changed(PathBuf),
}

/// The state of isolet's entry in a client's file.
#[derive(Debug, PartialEq, Eq)]
pub enum EntryState {
    /// The file does not exist.
    NoFile,
    /// The file lacks the entry.
    Absent,
    /// The file has the entry.
    Present,
    /// The file cannot be read.
    Unreadable,
}

/// A client's file as it is.
struct ClientFile {
    /// The path with links resolved.
    path: PathBuf,
    text: String,
    content: Value,
    mode: u32,
}

/// Reads the file. Returns `None` if it does not exist.
fn read_file(path: &Path) -> Result<Option<ClientFile>, Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::Setup(format!(
            "cannot use {}: {}; --print shows the entry",
            shown(path),
            visible(&error.to_string())
        ))
    };
    let path = match path.canonicalize() {
        Ok(path) => path,
        // A link to a missing file is an error: a file is not created at its target.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) => return Err(cannot(&error)),
    };
    let bytes =
        private_files::regular(&path, MAX_FILE_BYTES, Links::Follow).map_err(|error| cannot(&error))?;
    let content = McpConfig::content(&bytes, &path).map_err(|error| cannot(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| cannot(&error))?;
    let mode = fs::metadata(&path).map_err(|error| cannot(&error))?.permissions().mode() & 0o777;
    Ok(Some(ClientFile { path, text, content, mode }))
}

/// Returns the state of the entry in the client's file.
pub fn entry_state(client: &Client, path: &Path, name: &str) -> EntryState {
    match read_file(path) {
        Err(_) => EntryState::Unreadable,
        Ok(None) => EntryState::NoFile,
        Ok(Some(current)) => match entry_in(&current.content, &client.servers_path(&current.content), name) {
            Some(_) => EntryState::Present,
            None => EntryState::Absent,
        },
    }
}

fn entry_in<'a>(content: &'a Value, servers: &[&str], name: &str) -> Option<&'a Value> {
    servers.iter().try_fold(content, |value, key| value.get(key))?.get(name)
}

/// Puts the entry into the client's file.
pub fn install(client: &Client, path: &Path, name: &str, start: &StartCommand) -> Result<Outcome, Failure> {
    let before = read_file(path)?;
    let empty = json!({});
    let (text, content) =
        before.as_ref().map_or(("", &empty), |current| (current.text.as_str(), &current.content));
    if !content.is_object() {
        return Err(Failure::Setup(format!(
            "{} is not a configuration file; --print shows the entry",
            shown(path)
        )));
    }
    let servers = client.servers_path(content);
    let entry = client.entry(start);
    if entry_in(content, &servers, name) == Some(&entry) {
        return Ok(Outcome::Unchanged);
    }
    let target = before.as_ref().map_or(path, |current| current.path.as_path());
    let cannot = |why: &str| {
        Failure::Setup(format!(
            "cannot put the entry into {}: {}; nothing was changed, and --print shows the entry",
            shown(path),
            visible(why)
        ))
    };
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let after = edit::put(format(target), unmarked, &servers, name, &entry).map_err(|why| cannot(&why))?;
    // Only the entry may differ, whatever the text looked like.
    let mut expected = content.clone();
    set(&mut expected, &servers, name, entry);
    match McpConfig::content(after.as_bytes(), target) {
        Ok(found) if found == expected => {}
        _ => return Err(cannot("its format is one that isolet cannot edit")),
    }
    let unwritable = |error: io::Error| cannot(&error.to_string());
    let Some(before) = &before else {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        private_files::replace(target, after.as_bytes(), 0o600).map_err(unwritable)?;
        return Ok(Outcome::Created);
    };
    let backup = backup_of(target).ok_or_else(|| cannot("it has too many backups already"))?;
    // Private, since the file may have credentials.
    private_files::replace(&backup, before.text.as_bytes(), 0o600).map_err(unwritable)?;
    private_files::replace(target, after.as_bytes(), before.mode).map_err(unwritable)?;
    Ok(Outcome::Changed(backup))
}

fn set(content: &mut Value, servers: &[&str], name: &str, entry: Value) {
    let mut value = content;
    for key in servers {
        if !value.get(key).is_some_and(Value::is_object) {
            value[key] = json!({});
        }
        value = &mut value[key];
    }
    value[name] = entry;
}

/// Returns a free path for a backup beside the file.
fn backup_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    (1..=MAX_BACKUPS)
        .map(|number| path.with_file_name(format!("{name}.before-isolet-{number}")))
        .find(|path| path.symlink_metadata().is_err())
}
