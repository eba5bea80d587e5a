//! Consent to configurations that were found and not named.
//!
//! The operator consents to a file by *naming* it. A file that merely lies in the current folder
//! may have come with a repository. Until its path and content are trusted, it starts no server,
//! reads no variable and relaxes no rule.
//!
//! | module | content |
//! |---|---|
//! | this one | reads a found file, and asks for consent |
//! | [`store`] | the trusted paths and digests |
//! | [`show`] | describes the effects of a file to a person |

pub mod show;
pub mod store;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use isolet_bindings::config::{McpConfig, project_of};
use isolet_bindings::private_files::{self, Links};
use isolet_bindings::text::visible;
use sha2::{Digest as _, Sha256};

use self::show::quoted;
pub use self::show::shown;
use self::store::TrustState;
use crate::exit::Failure;

/// The largest configuration file.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The rows and columns of a terminal that does not report its size.
const DEFAULT_SCREEN: (usize, usize) = (24, 80);

/// The place in which files are searched that the operator did not name.
#[derive(Debug, Clone, Copy)]
pub enum Search<'a> {
    /// This folder. A file that is found there must be trusted.
    Folder(&'a Path),
    /// None: only the operator's own files are used.
    Nowhere,
}

/// The kind of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// MCP servers, such as `mcp.json`.
    Servers,
    /// The operator's settings, `isolet.toml`.
    Settings,
}

impl FileKind {
    /// Returns the option that names such a file.
    pub fn option(self) -> &'static str {
        match self {
            Self::Servers => "--mcp-config",
            Self::Settings => "--config",
        }
    }
}

/// A file that was found. It is read once, so that the same bytes are shown, compared and used.
#[derive(Debug)]
pub struct FoundFile {
    /// The path at which it was found.
    pub path: PathBuf,
    /// The content.
    pub bytes: Vec<u8>,
    /// The kind of the file.
    pub kind: FileKind,
    key: String,
}

impl FoundFile {
    /// Reads the file.
    pub fn read(path: &Path, kind: FileKind) -> Result<Self, Failure> {
        let unusable = |error: io::Error| Failure::Setup(format!("cannot read {}: {error}", shown(path)));
        let key = key(path).map_err(unusable)?;
        let bytes = bytes(path).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), bytes, kind, key })
    }

    /// Tells whether this content is trusted at this path.
    pub fn trust_state(&self) -> Result<TrustState, Failure> {
        Ok(store::load()?.trust_state(&self.key, &self.digest()))
    }

    /// Returns the SHA-256 of the content, in hexadecimal.
    pub fn digest(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Describes the effects of the file.
    pub fn description(&self) -> Result<String, Failure> {
        match self.kind {
            FileKind::Servers => {
                let servers = McpConfig::outline(&self.bytes, &self.path)
                    .map_err(|error| Failure::Setup(visible(&error.to_string())))?;
                Ok(show::servers(&self.path, &servers, &self.digest()))
            }
            FileKind::Settings => {
                Ok(show::settings(&self.path, &String::from_utf8_lossy(&self.bytes), &self.digest()))
            }
        }
    }

    /// Stores that this content is trusted at this path.
    pub fn trust(&self) -> Result<(), Failure> {
        store::change(|trusted| trusted.add(&self.key, &self.digest()))
    }

    /// Fails unless the file is trusted. At a terminal, describes the file to the user and asks.
    pub fn consented(self) -> Result<Self, Failure> {
        let state = self.trust_state()?;
        if state == TrustState::Trusted {
            return Ok(self);
        }
        let question = |description: String| format!("isolet: {}.\n{description}", self.reason(state));
        if is_terminal()
            && let Ok(text) = self.description().map(question)
            // The beginning of a longer description would scroll off the screen. The question takes
            // a row.
            && rows(&text, screen().1) < screen().0
        {
            stderr_text!("{text}");
            if !ask("Trust it and use it?")? {
                return Err(Failure::Setup(format!(
                    "{} is not trusted: nothing was started",
                    shown(&self.path)
                )));
            }
            self.trust()?;
            return Ok(self);
        }
        Err(Failure::Setup(format!(
            "{}, so nothing was started; name a file with {}, or look at this one and trust it: isolet trust {}",
            self.reason(state),
            self.kind.option(),
            quoted(&self.path.to_string_lossy())
        )))
    }

    fn reason(&self, state: TrustState) -> String {
        let path = shown(&self.path);
        match state {
            TrustState::Changed => format!("{path} has changed since it was trusted"),
            _ => format!("{path} was found, not named, and is not trusted"),
        }
    }
}

/// Tells whether a user can be asked at a terminal.
pub fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns the rows and columns of the terminal on standard error.
fn screen() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let known = size.map(|size| (usize::from(size.ws_row), usize::from(size.ws_col)));
    known.filter(|(rows, columns)| *rows > 0 && *columns > 0).unwrap_or(DEFAULT_SCREEN)
}

/// Returns the rows that `text` takes where lines are wrapped. Characters beyond ASCII count as two
/// columns.
fn rows(text: &str, columns: usize) -> usize {
    let width = |line: &str| line.chars().map(|letter| if letter.is_ascii() { 1 } else { 2 }).sum::<usize>();
    text.lines().map(|line| width(line).div_ceil(columns).max(1)).sum()
}

/// Asks a question. Every answer but `y` and `yes` means no.
pub fn ask(question: &str) -> Result<bool, Failure> {
    stderr_text!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::Setup(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Returns the key under which the file at `path` is stored: the project's folder with links
/// resolved, and the path of the file in it. A link in a project to a trusted file elsewhere is
/// another file, because its commands and folders are relative to the project.
pub fn key(path: &Path) -> io::Result<String> {
    let absolute = std::path::absolute(path)?;
    let (project, name) = project_of(&absolute).ok_or_else(|| io::Error::other("it is not a file"))?;
    let path = project.canonicalize()?.join(name);
    path.into_os_string().into_string().map_err(|_| io::Error::other("its path is not UTF-8"))
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    private_files::regular(path, MAX_FILE_BYTES, Links::Follow)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_to_a_trusted_file_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (mine, theirs) = (root.join("mine"), root.join("theirs"));
        fs::create_dir_all(mine.join(".vscode")).unwrap();
        fs::create_dir_all(&theirs).unwrap();
        fs::write(mine.join("mcp.json"), "{}").unwrap();
        fs::write(mine.join(".vscode/mcp.json"), "{}").unwrap();
        symlink(mine.join("mcp.json"), theirs.join("mcp.json")).unwrap();
        symlink(mine.join(".vscode"), theirs.join(".vscode")).unwrap();
        symlink(&mine, root.join("alias")).unwrap();
        let key = |path: PathBuf| key(&path).unwrap();
        for name in ["mcp.json", ".vscode/mcp.json"] {
            assert_eq!(key(mine.join(name)), mine.join(name).to_str().unwrap());
            assert_ne!(key(theirs.join(name)), key(mine.join(name)), "{name}");
            // The same project by another way is the same.
            assert_eq!(key(root.join("alias").join(name)), key(mine.join(name)), "{name}");
            assert_eq!(key(root.join("theirs/../mine").join(name)), key(mine.join(name)), "{name}");
        }
    }

    #[test]
    fn wrapped_lines_are_counted() {
        for (text, expected) in [
            ("", 0),
            ("a\n\nb\n", 3),
            ("1234567890\n", 1),
            ("12345678901\n", 2),
            ("ééééé\n", 1),
            ("éééééé", 2),
        ] {
            assert_eq!(rows(text, 10), expected, "{text:?}");
        }
    }

    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("mcp.json");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(bytes(&pipe).unwrap_err().to_string().contains("not a regular file"));
        assert!(bytes(folder.path()).is_err());
        assert!(bytes(Path::new("/dev/zero")).is_err());
    }
}
