//! The lists of tools that servers gave last time, stored on the disk. A client that lists tools
//! before slow servers have started is shown these.
//!
//! A file has a server's description of itself and of its tools: names, titles, descriptions,
//! schemas. It has no arguments, no results, and no credentials of the configuration. Only this
//! user can read it, and it belongs to one server of one configuration: its name is a hash of the
//! server's whole definition and a secret of the folder, so that another configuration, command,
//! address or credential has another file.
//!
//! Remembered lists are shown to clients and used for nothing else: whether a call is allowed
//! depends on the list that the server gives now, and rules hide tools of a remembered list as they
//! hide those of any other.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use isolet_bindings::config::{McpConfig, ServerConfig, TransportConfig};
use isolet_bindings::private_files::{self, Others};
use isolet_bindings::{ListedTool, ServerTools, ToolLists};
use isolet_tsdefs::Offers;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The size of a file. Real lists have up to 2 MB; a longer one is not stored.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The number of files in the folder. Beyond it, the files with the oldest writes are removed.
const MAX_FILES: usize = 256;

/// The age after which a file is ignored and removed.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The length of the folder's secret.
const SECRET_BYTES: usize = 32;

/// The file of one server's list. `L` is the list as it is written or as it is read.
#[derive(Serialize, Deserialize)]
struct StoredList<'a, L> {
    #[serde(borrow)]
    server: std::borrow::Cow<'a, str>,
    title: Option<String>,
    description: Option<String>,
    instructions: Option<String>,
    #[serde(default)]
    resources: bool,
    #[serde(default)]
    prompts: bool,
    tools: L,
}

/// The remembered lists of the servers of one configuration.
pub struct RememberedLists {
    folder: PathBuf,
    servers: HashMap<String, RememberedServer>,
}

struct RememberedServer {
    path: PathBuf,
    list: Option<ServerTools>,
    /// The digest of the file's content.
    written: Mutex<Option<[u8; 32]>>,
}

impl RememberedLists {
    /// Reads the lists of these servers from the user's state folder. Returns `None` if there is no
    /// such folder or it cannot be used, and logs the reason.
    pub fn of_user(config: &McpConfig) -> Option<Self> {
        let folder = private_files::state_folder()?.join("tools");
        Self::load(folder, config)
            .map_err(|error| tracing::warn!("lists of tools are not stored for the next start: {error}"))
            .ok()
    }

    fn load(folder: PathBuf, config: &McpConfig) -> io::Result<Self> {
        private_files::make_folder(&folder, Others::Nothing)?;
        let secret = secret(&folder.join("secret"))?;
        // The path without the content: a change of another server in the file does not concern
        // this one.
        let origin =
            serde_json::to_value(&config.file).map(|file| file["path"].to_string()).unwrap_or_default();
        let servers = config.servers.iter().filter(|(_, server)| !server.disabled).map(|(name, server)| {
            let path = folder.join(format!("{}.json", file_key(&secret, &origin, name, server)));
            let bytes = fresh(&path).unwrap_or_default();
            let list = bytes.as_deref().and_then(|bytes| read(name, bytes));
            let written = list.is_some().then(|| Sha256::digest(bytes.as_deref().unwrap_or_default()).into());
            (name.clone(), RememberedServer { path, list, written: Mutex::new(written) })
        });
        let servers = servers.collect();
        Ok(Self { folder, servers })
    }

    /// Returns the list that a server gave last time.
    pub fn list(&self, server: &str) -> Option<&ServerTools> {
        self.servers.get(server)?.list.as_ref()
    }

    /// Writes the lists that differ from their files. Blocks on the disk.
    pub fn write(&self, lists: &ToolLists) {
        let mut wrote = false;
        for server in lists.servers.iter() {
            let Some(remembered) = self.servers.get(&server.name) else { continue };
            let Some(tools) = &server.tools else { continue };
            // A list that is too long is not even serialised.
            if tools.iter().map(|tool| tool.json().len() as u64).sum::<u64>() > MAX_FILE_BYTES {
                continue;
            }
            let file = StoredList {
                server: server.name.as_str().into(),
                title: server.title.clone(),
                description: server.description.clone(),
                instructions: server.instructions.clone(),
                resources: server.offers.resources,
                prompts: server.offers.prompts,
                tools: tools.as_slice(),
            };
            let Ok(bytes) = serde_json::to_vec(&file) else { continue };
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            let mut written = remembered.written.lock();
            if *written == Some(digest) || bytes.len() as u64 > MAX_FILE_BYTES {
                continue;
            }
            match private_files::replace(&remembered.path, &bytes, 0o600) {
                Ok(()) => (*written, wrote) = (Some(digest), true),
                Err(error) => {
                    tracing::warn!("the tools of {} are not stored for the next start: {error}", server.name);
                }
            }
        }
        if wrote {
            remove_excess(&self.folder);
        }
    }
}

/// Returns the folder's secret, which is generated with the folder.
fn secret(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(secret) = private_files::read(path, SECRET_BYTES as u64, Others::Nothing)?
        .filter(|secret| secret.len() == SECRET_BYTES)
    {
        return Ok(secret);
    }
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    private_files::replace(path, &secret, 0o600)?;
    Ok(secret)
}

/// Returns the name of a server's file, without its ending. Each part is followed by its length, so
/// that two different definitions never give the same input.
fn file_key(secret: &[u8], origin: &str, name: &str, server: &ServerConfig) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update(part);
        hash.update(part.len().to_le_bytes());
    };
    add(secret);
    add(origin.as_bytes());
    add(name.as_bytes());
    // The filter of the configuration changes the list.
    add(format!("{:?}", server.tools).as_bytes());
    match &server.transport {
        TransportConfig::Stdio(stdio) => {
            add(b"stdio");
            add(stdio.command.as_bytes());
            add(&stdio.args.len().to_le_bytes());
            stdio.args.iter().for_each(|arg| add(arg.as_bytes()));
            add(stdio.cwd.as_deref().map_or(&[][..], |cwd| cwd.as_os_str().as_encoded_bytes()));
            for (name, value) in &stdio.env {
                add(name.as_bytes());
                add(value.expose().as_bytes());
            }
        }
        TransportConfig::Unusable(_) => add(b"unusable"),
        TransportConfig::Http(http) => {
            add(b"http");
            add(http.url.as_str().as_bytes());
            for (name, value) in &http.headers {
                add(name.as_str().as_bytes());
                add(value.expose().as_bytes());
            }
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a file that is not too old; `None` if there is none.
fn fresh(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(bytes) = private_files::read(path, MAX_FILE_BYTES, Others::Nothing)? else { return Ok(None) };
    let age = fs::symlink_metadata(path)?.modified()?.elapsed().unwrap_or_default();
    Ok((age <= MAX_AGE).then_some(bytes))
}

fn read(name: &str, bytes: &[u8]) -> Option<ServerTools> {
    let file: StoredList<'_, Vec<Value>> = serde_json::from_slice(bytes).ok()?;
    (file.server == name).then(|| ServerTools {
        name: name.to_owned(),
        generation: 0,
        title: file.title,
        description: file.description,
        instructions: file.instructions,
        offers: Offers { resources: file.resources, prompts: file.prompts },
        tools: Some(Arc::new(file.tools.iter().filter_map(ListedTool::new).collect())),
    })
}

/// Removes files that are too old or too many.
fn remove_excess(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let lists = entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "json"));
    let time = |entry: &fs::DirEntry| {
        entry.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let mut lists: Vec<(SystemTime, PathBuf)> = lists.map(|entry| (time(&entry), entry.path())).collect();
    lists.sort_unstable();
    let excess = lists.len().saturating_sub(MAX_FILES);
    for (at, (time, path)) in lists.iter().enumerate() {
        if at < excess || time.elapsed().is_ok_and(|age| age > MAX_AGE) {
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(args: &[&str]) -> McpConfig {
        let mut config = McpConfig::default();
        config.servers.insert("s".to_owned(), ServerConfig::stdio("x", args.iter().copied()));
        config
    }

    fn lists(name: &str, description: &str) -> ToolLists {
        let tools = [json!({ "name": "a", "description": description })];
        let server = ServerTools {
            name: name.to_owned(),
            generation: 1,
            title: None,
            description: Some("About.".to_owned()),
            instructions: None,
            offers: Offers::default(),
            tools: Some(Arc::new(tools.iter().filter_map(ListedTool::new).collect())),
        };
        ToolLists { generation: 1, servers: Arc::new(vec![server]) }
    }

    fn files(folder: &Path) -> usize {
        let entries = fs::read_dir(folder).unwrap().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "json")).count()
    }

    #[test]
    fn a_list_is_found_only_with_the_same_definition() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/tools");
        let load = |args: &[&str]| RememberedLists::load(folder.clone(), &config(args)).unwrap();
        let first = load(&["1"]);
        assert!(first.list("s").is_none());
        first.write(&lists("s", "does"));
        first.write(&lists("other", "is of no configuration"));
        assert_eq!(files(&folder), 1);
        let again = load(&["1"]);
        assert_eq!(again.list("s").unwrap().tools.as_ref().unwrap()[0].read()["description"], "does");
        assert_eq!(again.list("s").unwrap().description.as_deref(), Some("About."));
        assert!(load(&["2"]).list("s").is_none());
        let mut elsewhere = config(&["1"]);
        elsewhere.file = Some(isolet_bindings::audit::ReadFile::new(Path::new("/other.json"), b""));
        assert!(RememberedLists::load(folder.clone(), &elsewhere).unwrap().list("s").is_none());
        let mut with_token = config(&["1"]);
        if let TransportConfig::Stdio(stdio) = &mut with_token.servers["s"].transport {
            stdio.env.insert("TOKEN".to_owned(), isolet_bindings::config::Secret::new("t0k3n"));
        }
        let with_token = RememberedLists::load(folder.clone(), &with_token).unwrap();
        with_token.write(&lists("s", "does"));
        let text: String = fs::read_dir(&folder)
            .unwrap()
            .flatten()
            .map(|entry| {
                format!(
                    "{:?} {}",
                    entry.file_name(),
                    String::from_utf8_lossy(&fs::read(entry.path()).unwrap())
                )
            })
            .collect();
        assert!(!text.contains("t0k3n"), "{text}");
    }

    #[test]
    fn arguments_and_variables_give_different_keys() {
        let server = |args: &[&str], cwd: &str, variable: Option<(&str, &str)>| {
            let mut server = ServerConfig::stdio("x", args.iter().copied());
            if let TransportConfig::Stdio(stdio) = &mut server.transport {
                stdio.cwd = Some(cwd.into());
                let secret = isolet_bindings::config::Secret::new;
                stdio.env.extend(variable.map(|(name, value)| (name.to_owned(), secret(value))));
            }
            file_key(b"secret", "origin", "s", &server)
        };
        assert_ne!(server(&["A", "B", "C"], "D", None), server(&["A"], "B", Some(("C", "D"))));
    }

    #[cfg(unix)]
    #[test]
    fn files_that_other_users_could_write_are_ignored() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("tools");
        let first = RememberedLists::load(folder.clone(), &config(&[])).unwrap();
        first.write(&lists("s", "does"));
        let path = first.servers["s"].path.clone();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(RememberedLists::load(folder.clone(), &config(&[])).unwrap().list("s").is_none());
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(RememberedLists::load(folder, &config(&[])).is_err());
    }

    #[test]
    fn the_number_of_files_is_bounded() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("tools");
        let first = RememberedLists::load(folder.clone(), &config(&[])).unwrap();
        for at in 0..MAX_FILES + 20 {
            fs::write(folder.join(format!("{at}.json")), "{}").unwrap();
        }
        first.write(&lists("s", "does"));
        assert_eq!(files(&folder), MAX_FILES);
        assert!(first.servers["s"].path.exists());
        first.write(&lists("s", &"x".repeat(5 * 1024 * 1024)));
        let again = RememberedLists::load(folder, &config(&[])).unwrap();
        assert_eq!(again.list("s").unwrap().tools.as_ref().unwrap()[0].read()["description"], "does");
    }
}
