//! MCP clients, and isolet's entry in the configuration file of each.
//!
//! | module | content |
//! |---|---|
//! | this one | the table of clients: their files, the form of an entry, their own commands |
//! | [`edit`] | puts an entry into JSON, TOML or YAML, and keeps comments and other entries |
//! | [`install`] | puts an entry into a file, and makes a backup |

pub mod edit;
pub mod install;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// An MCP client.
#[derive(Debug)]
pub struct Client {
    /// The name on the command line.
    pub name: &'static str,
    /// The product name.
    pub title: &'static str,
    /// Returns the path of the user's configuration file.
    file: fn(&UserFolders) -> PathBuf,
    /// The path of keys to the object that has the servers.
    servers_path: &'static [&'static str],
    /// Makes the entry.
    entry: fn(&StartCommand) -> Value,
    /// Makes the client's own command that adds the entry, if it has one.
    own: Option<fn(&str, &StartCommand) -> Vec<String>>,
}

/// The command by which a client starts isolet.
#[derive(Debug, Clone)]
pub struct StartCommand {
    /// The absolute path of isolet.
    pub command: String,
    /// The arguments.
    pub args: Vec<String>,
}

/// The folders in which clients keep their configuration.
#[derive(Debug, Clone)]
pub struct UserFolders {
    home: PathBuf,
    config: PathBuf,
    codex: Option<PathBuf>,
}

impl UserFolders {
    /// Reads the folders from the environment. Returns `None` without HOME.
    pub fn of_user() -> Option<Self> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("HOME")?;
        let config = folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        Some(Self { home, config, codex: folder("CODEX_HOME") })
    }

    /// Returns the folder for applications made with Electron, which differs on macOS.
    fn application(&self) -> PathBuf {
        if cfg!(target_os = "macos") {
            self.home.join("Library/Application Support")
        } else {
            self.config.clone()
        }
    }
}

fn untyped_entry(start: &StartCommand) -> Value {
    json!({ "command": start.command, "args": start.args })
}

fn typed_entry(start: &StartCommand) -> Value {
    json!({ "type": "stdio", "command": start.command, "args": start.args })
}

fn command_words(start: &StartCommand) -> impl Iterator<Item = String> {
    [start.command.clone()].into_iter().chain(start.args.clone())
}

fn add_command(begin: &[&str], name: &str, between: &[&str], start: &StartCommand) -> Vec<String> {
    let begin = begin.iter().chain([&name]).chain(between).map(|word| (*word).to_owned());
    begin.chain(command_words(start)).collect()
}

/// The known clients, in the order of their names.
pub const CLIENTS: [Client; 11] = [
    Client {
        name: "claude-code",
        title: "Claude Code",
        file: |folders| folders.home.join(".claude.json"),
        servers_path: &["mcpServers"],
        entry: typed_entry,
        own: Some(|name, start| {
            add_command(&["claude", "mcp", "add", "--scope", "user"], name, &["--"], start)
        }),
    },
    Client {
        name: "claude-desktop",
        title: "Claude Desktop",
        file: |folders| folders.application().join("Claude/claude_desktop_config.json"),
        servers_path: &["mcpServers"],
        entry: untyped_entry,
        own: None,
    },
    Client {
        name: "cline",
        title: "Cline",
        file: |folders| {
            let storage = folders.application().join("Code/User/globalStorage");
            storage.join("saoudrizwan.claude-dev/settings/cline_mcp_settings.json")
        },
        servers_path: &["mcpServers"],
        entry: untyped_entry,
        own: None,
    },
    Client {
        name: "codex",
        title: "Codex",
        file: |folders| {
            folders.codex.clone().unwrap_or_else(|| folders.home.join(".codex")).join("config.toml")
        },
        servers_path: &["mcp_servers"],
        entry: untyped_entry,
        own: Some(|name, start| add_command(&["codex", "mcp", "add"], name, &["--"], start)),
    },
    Client {
        name: "cursor",
        title: "Cursor",
        file: |folders| folders.home.join(".cursor/mcp.json"),
        servers_path: &["mcpServers"],
        entry: untyped_entry,
        own: None,
    },
    Client {
        name: "gemini",
        title: "Gemini CLI",
        file: |folders| folders.home.join(".gemini/settings.json"),
        servers_path: &["mcpServers"],
        entry: untyped_entry,
        own: Some(|name, start| add_command(&["gemini", "mcp", "add", "--scope", "user"], name, &[], start)),
    },
    Client {
        name: "goose",
        title: "Goose",
        file: |folders| folders.config.join("goose/config.yaml"),
        servers_path: &["extensions"],
        entry: |start| {
            json!({
                "type": "stdio", "name": "isolet", "description": "Many MCP servers behind one tool", "enabled": true,
                "cmd": start.command, "args": start.args, "envs": {}, "timeout": 300,
            })
        },
        own: None,
    },
    Client {
        name: "opencode",
        title: "opencode",
        file: |folders| {
            let file = folders.config.join("opencode/opencode.json");
            let other = file.with_extension("jsonc");
            if other.exists() && !file.exists() { other } else { file }
        },
        servers_path: &["mcp"],
        entry: |start| json!({ "type": "local", "command": command_words(start).collect::<Vec<_>>() }),
        own: None,
    },
    Client {
        name: "vscode",
        title: "VS Code",
        file: |folders| folders.application().join("Code/User/mcp.json"),
        servers_path: &["servers"],
        entry: typed_entry,
        own: Some(|name, start| {
            let entry = json!({ "name": name, "command": start.command, "args": start.args });
            vec!["code".to_owned(), "--add-mcp".to_owned(), entry.to_string()]
        }),
    },
    Client {
        name: "windsurf",
        title: "Windsurf",
        file: |folders| folders.home.join(".codeium/windsurf/mcp_config.json"),
        servers_path: &["mcpServers"],
        entry: untyped_entry,
        own: None,
    },
    Client {
        name: "zed",
        title: "Zed",
        file: |folders| folders.config.join("zed/settings.json"),
        servers_path: &["context_servers"],
        entry: |start| json!({ "source": "custom", "command": start.command, "args": start.args, "env": {} }),
        own: None,
    },
];

impl Client {
    /// Returns the client with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[Client] = &CLIENTS;
        ALL.iter().find(|client| client.name == name)
    }

    /// Returns the path of the user's configuration file, which may not exist.
    pub fn file(&self, folders: &UserFolders) -> PathBuf {
        (self.file)(folders)
    }

    /// Makes isolet's entry.
    pub fn entry(&self, start: &StartCommand) -> Value {
        (self.entry)(start)
    }

    /// Returns the path of keys to the servers in a file with this content. opencode has two forms
    /// of its file, of which the second nests one level deeper.
    pub fn servers_path(&self, content: &Value) -> Vec<&'static str> {
        let mut keys = self.servers_path.to_vec();
        if self.name == "opencode" && content.pointer("/mcp/servers").is_some_and(Value::is_object) {
            keys.push("servers");
        }
        keys
    }

    /// Returns the client's own command that adds the same entry.
    pub fn own_command(&self, name: &str, start: &StartCommand) -> Option<Vec<String>> {
        self.own.map(|own| own(name, start))
    }
}

/// Returns the format of a file by its extension.
pub fn format(path: &Path) -> edit::Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => edit::Format::Toml,
        Some("yaml" | "yml") => edit::Format::Yaml,
        _ => edit::Format::Json,
    }
}
