//! `isolet mcp install`: adds isolet to the configuration file of an MCP client.

use std::path::{Path, PathBuf};

use isolet_bindings::private_files;

use crate::clients::install::{EntryState, MAX_FILE_BYTES, Outcome, entry_state, install};
use crate::clients::{CLIENTS, Client, StartCommand, UserFolders, edit, format};
use crate::exit::Failure;
use crate::mcp_config;
use crate::output::stdout;
use crate::trust::show::quoted;
use crate::trust::shown;

/// The longest name of an entry, in bytes.
const MAX_NAME_BYTES: usize = 40;

const EXAMPLES: &str = "Examples:
  isolet mcp install --list                      the known clients, and which have isolet
  isolet mcp install cursor --print              the entry and the path of the file
  isolet mcp install claude-code --mcp-config servers.json";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The client; --list shows the known ones
    #[arg(value_name = "CLIENT", value_parser = client)]
    client: Option<&'static Client>,
    /// Print the entry instead of writing it
    #[arg(long)]
    print: bool,
    /// The servers that isolet offers to the client; without it those of ~/.config/isolet/mcp.json
    #[arg(long, value_name = "FILE")]
    mcp_config: Option<PathBuf>,
    /// The name of the entry in the client
    #[arg(long, value_name = "NAME", default_value = "isolet", value_parser = parse_name)]
    name: String,
    /// Show the clients, their files, and which have isolet
    #[arg(long, conflicts_with_all = ["client", "print", "mcp_config"])]
    list: bool,
}

/// Puts the entry into the client's file, or prints it.
pub fn run(args: Args) -> Result<(), Failure> {
    let folders = UserFolders::of_user()
        .ok_or_else(|| Failure::Setup("HOME is not set, so the client's file cannot be found".to_owned()))?;
    if args.list {
        return list(&folders, &args.name);
    }
    let Some(client) = args.client else {
        return Err(Failure::Usage(format!("name a client: {}", names())));
    };
    let start = start(args.mcp_config.as_deref())?;
    let file = client.file(&folders);
    if args.print {
        return print(client, &file, &args.name, &start);
    }
    let outcome = install(client, &file, &args.name, &start)?;
    let (title, file) = (client.title, shown(&file));
    match outcome {
        Outcome::Unchanged => stderr_line!("isolet: {title} has isolet already: {file}"),
        Outcome::Created => stderr_line!("isolet: created {file} with isolet in it; restart {title}"),
        Outcome::Changed(backup) => {
            stderr_line!("isolet: added isolet to {file}, backup in {}; restart {title}", shown(&backup))
        }
    }
    if args.mcp_config.is_none() {
        hint_at_missing_servers();
    }
    Ok(())
}

fn client(name: &str) -> Result<&'static Client, String> {
    Client::named(name).ok_or_else(|| {
        let near = CLIENTS.iter().find(|known| strsim::osa_distance(known.name, name) <= 2);
        let meant = near.map(|near| format!("did you mean {}? ", near.name)).unwrap_or_default();
        format!("{meant}clients: {}", names())
    })
}

fn names() -> String {
    CLIENTS.iter().map(|client| client.name).collect::<Vec<_>>().join(", ")
}

/// Parses a name that every client accepts.
fn parse_name(name: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    match name {
        _ if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(fits) => {
            Err(format!("a name has 1 to {MAX_NAME_BYTES} letters, digits, - and _"))
        }
        _ => Ok(name.to_owned()),
    }
}

/// Returns the command by which the client starts isolet. Its paths are absolute, as clients have a
/// `PATH` and a working directory of their own.
fn start(mcp_config: Option<&Path>) -> Result<StartCommand, Failure> {
    let text = |path: PathBuf| {
        path.into_os_string()
            .into_string()
            .map_err(|path| Failure::Setup(format!("{} is not UTF-8", shown(Path::new(&path)))))
    };
    let program = std::env::current_exe()
        .map_err(|error| Failure::Setup(format!("cannot find the program itself: {error}")))?;
    let mut args = vec!["mcp".to_owned()];
    if let Some(file) = mcp_config {
        let file = file
            .canonicalize()
            .map_err(|error| Failure::Setup(format!("cannot read {}: {error}", shown(file))))?;
        args.extend(["--mcp-config".to_owned(), text(file)?]);
    }
    Ok(StartCommand { command: text(program)?, args })
}

fn print(client: &Client, file: &Path, name: &str, start: &StartCommand) -> Result<(), Failure> {
    // The entry is printed in the form of the existing file, if there is one.
    let content = private_files::regular(file, MAX_FILE_BYTES, private_files::Links::Follow)
        .ok()
        .and_then(|bytes| isolet_bindings::config::McpConfig::content(&bytes, file).ok())
        .unwrap_or_default();
    stderr_line!("isolet: for {}: {}", client.title, shown(file));
    let entry = client.entry(start);
    stdout::print(edit::snippet(format(file), &client.servers_path(&content), name, &entry).as_bytes())?;
    if let Some(command) = client.own_command(name, start) {
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        stderr_line!("isolet: or with {} itself: {}", client.title, words.join(" "));
    }
    Ok(())
}

fn hint_at_missing_servers() {
    let own = private_files::config_folder().map(|folder| folder.join(mcp_config::OPERATOR_FILE_NAME));
    if let Some(own) = own.filter(|own| own.symlink_metadata().is_err()) {
        stderr_line!(
            "isolet: it has no servers yet: write them to {}, or name a file with --mcp-config",
            shown(&own)
        );
    }
}

fn list(folders: &UserFolders, name: &str) -> Result<(), Failure> {
    let mut text = String::new();
    for client in &CLIENTS {
        let file = client.file(folders);
        let state = match entry_state(client, &file, name) {
            EntryState::NoFile => "no file",
            EntryState::Absent => "not in it",
            EntryState::Present => "in it",
            EntryState::Unreadable => "cannot be read",
        };
        text.push_str(&format!("{:<15} {state:<15} {}\n", client.name, shown(&file)));
    }
    stdout::print(text.as_bytes())
}
