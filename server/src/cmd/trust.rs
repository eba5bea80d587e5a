//! `isolet trust`: trusts configurations that lie in a folder, lists and revokes trust.

use std::path::{Path, PathBuf};

use isolet_bindings::config::McpConfig;

use isolet_bindings::private_files;
use isolet_bindings::text::visible;

use crate::exit::Failure;
use crate::mcp_config;
use crate::output::stdout;
use crate::settings::{self, Settings};
use crate::trust::show::quoted;
use crate::trust::store::{self, TrustState};
use crate::trust::{self, FileKind, FoundFile};

const EXAMPLES: &str = "Examples:
  isolet trust                                   shows what this folder would start, and asks
  isolet trust --yes ./mcp.json                  without a terminal
  isolet trust --list
  isolet trust --revoke ./mcp.json";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// An mcp.json or isolet.toml; without it what isolet finds in the current folder
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Trust without asking
    #[arg(long, short)]
    yes: bool,
    /// List the trusted files
    #[arg(long, conflicts_with_all = ["file", "yes", "revoke"])]
    list: bool,
    /// Stop trusting this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "yes"])]
    revoke: Option<PathBuf>,
}

/// Trusts, lists or revokes.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.list {
        return list();
    }
    if let Some(file) = &args.revoke {
        return revoke(file);
    }
    let files = match &args.file {
        Some(file) => with_servers(file, kind(file))?,
        None => found()?,
    };
    for file in files {
        stdout::print(file.description()?.as_bytes())?;
        if file.trust_state()? == TrustState::Trusted {
            stdout::print(b"It is trusted already.\n")?;
            note_if_not_used(&file)?;
            continue;
        }
        if !args.yes {
            if !trust::is_terminal() {
                return Err(Failure::Setup(format!(
                    "no terminal to ask for consent; trust the file with: isolet trust --yes {}",
                    quoted(&file.path.to_string_lossy())
                )));
            }
            if !trust::ask("Trust it?")? {
                return Err(Failure::Setup(format!("{} is not trusted", trust::shown(&file.path))));
            }
        }
        file.trust()?;
        stdout::print(format!("{} is trusted as it is.\n", trust::shown(&file.path)).as_bytes())?;
        note_if_not_used(&file)?;
    }
    Ok(())
}

/// Prints a note if the file is not used because the operator's own file takes precedence.
fn note_if_not_used(file: &FoundFile) -> Result<(), Failure> {
    let name = match file.kind {
        FileKind::Servers => mcp_config::OPERATOR_FILE_NAME,
        FileKind::Settings => settings::FILE_NAME,
    };
    let own = private_files::config_folder().map(|folder| folder.join(name));
    let other = |own: &PathBuf| own.canonicalize().ok() != file.path.canonicalize().ok();
    match own.filter(|own| own.symlink_metadata().is_ok() && other(own)) {
        Some(own) => {
            let option = file.kind.option();
            let own = trust::shown(&own);
            stdout::print(
                format!("It is not used while {own} exists, unless {option} names it.\n").as_bytes(),
            )
        }
        None => Ok(()),
    }
}

fn kind(file: &Path) -> FileKind {
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    if is_toml && !file.ends_with(".codex/config.toml") { FileKind::Settings } else { FileKind::Servers }
}

/// Returns the files that isolet would find in the current folder, in the order of the search.
fn found() -> Result<Vec<FoundFile>, Failure> {
    let folder = Path::new(".");
    let settings = folder.join(settings::FILE_NAME);
    let mut files = Vec::new();
    if settings.symlink_metadata().is_ok() {
        files = with_servers(&settings, FileKind::Settings)?;
    }
    if !files.iter().any(|file| file.kind == FileKind::Servers)
        && let Some(path) = McpConfig::find(folder)
    {
        files.push(FoundFile::read(&path, FileKind::Servers)?);
    }
    if files.is_empty() {
        return Err(Failure::Usage("no mcp.json and no isolet.toml in this folder; name a file".to_owned()));
    }
    Ok(files)
}

/// Returns the file, and the `mcp_config` of a settings file, which needs trust as well.
fn with_servers(path: &Path, kind: FileKind) -> Result<Vec<FoundFile>, Failure> {
    let file = FoundFile::read(path, kind)?;
    let servers = match kind {
        FileKind::Servers => None,
        FileKind::Settings => {
            Settings::servers_of(path, &file.bytes).map(|path| FoundFile::read(&path, FileKind::Servers))
        }
    };
    let mut files = vec![file];
    files.extend(servers.transpose()?);
    Ok(files)
}

fn list() -> Result<(), Failure> {
    let trusted = store::load()?;
    if trusted.files().next().is_none() {
        stderr_line!("isolet: no configuration is trusted");
        return Ok(());
    }
    let mut text = String::new();
    for (path, digest) in trusted.files() {
        let state = match FoundFile::read(Path::new(path), kind(Path::new(path))) {
            Ok(file) if file.digest() == digest => "as it was trusted",
            Ok(_) => "changed since, not used",
            Err(_) => "cannot be read",
        };
        text.push_str(&format!("{}  {}  {state}\n", visible(path), visible(digest)));
    }
    stdout::print(text.as_bytes())
}

fn revoke(file: &Path) -> Result<(), Failure> {
    // The folder may be gone, too.
    let key = trust::key(file)
        .or_else(|_| std::path::absolute(file).map(|path| path.to_string_lossy().into_owned()));
    let key = key.map_err(|error| Failure::Usage(format!("{}: {error}", trust::shown(file))))?;
    let removed = store::change(|trusted| trusted.remove(&key))?;
    let outcome = if removed { "is no longer trusted" } else { "was not trusted" };
    stdout::print(format!("{} {outcome}\n", trust::shown(file)).as_bytes())
}
