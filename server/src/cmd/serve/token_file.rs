//! The token that a server generates, and the file from which clients read it.
//!
//! Without a token, every user and every program of the machine could run code, including the MCP
//! servers themselves. Only the file's owner can read it. Each address has a file of its own, so
//! that servers do not overwrite each other's token.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use isolet_bindings::private_files::{self, Others};
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use rustix::io::Errno;

use crate::settings::token::Token;

/// The token's name in logs and audit records.
const LABEL: &str = "made at start";

/// The file of a token, which is removed when this is dropped.
pub struct TokenFile {
    folder: OwnedFd,
    name: String,
    path: PathBuf,
    /// Kept open, so that no other file gets the same inode number.
    file: fs::File,
}

/// An error that prevents the generation of a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No environment variable has a folder for the token.
    #[error(
        "no folder for a token: neither XDG_RUNTIME_DIR, RUNTIME_DIRECTORY, XDG_STATE_HOME, STATE_DIRECTORY nor \
         HOME is a folder's path"
    )]
    NoFolder,
    /// The folder cannot be used.
    #[error("{} cannot hold a token: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// The system returned no random numbers.
    #[error("cannot read random numbers: {0}")]
    Random(getrandom::Error),
}

impl TokenFile {
    /// Generates a token for the server on `address`.
    pub fn generate(address: SocketAddr) -> Result<(Self, Token), TokenError> {
        Self::generate_in(&token_folder().ok_or(TokenError::NoFolder)?, address)
    }

    fn generate_in(folder: &Path, address: SocketAddr) -> Result<(Self, Token), TokenError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(TokenError::Random)?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(random);
        let refused = |reason: io::Error| TokenError::Folder { folder: folder.to_owned(), reason };
        let opened = private_files::open_folder(folder, Others::Nothing).map_err(refused)?;
        let name = file_name(address);
        let file = write(&opened, &name, &secret).map_err(refused)?;
        let path = folder.join(&name);
        let label = Some(LABEL.to_owned());
        Ok((Self { folder: opened, name, path, file }, Token { secret, tenant: None, label }))
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // Another server may have replaced the file.
        let now = statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        let same = |now: Stat| {
            fstat(&self.file).is_ok_and(|own| (own.st_dev, own.st_ino) == (now.st_dev, now.st_ino))
        };
        if now.is_ok_and(same) {
            let _ = unlinkat(&self.folder, &self.name, AtFlags::empty());
        }
    }
}

/// Returns a name such as `127.0.0.1-8787.token`.
fn file_name(address: SocketAddr) -> String {
    format!("{}-{}.token", address.ip().to_string().replace(':', "_"), address.port())
}

/// Returns `$XDG_RUNTIME_DIR/isolet`, which the system removes at logout, or the runtime folder of
/// a service; else a folder for state.
fn token_folder() -> Option<PathBuf> {
    token_folder_from(&|name| std::env::var_os(name))
}

fn token_folder_from(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // systemd sets these for services with RuntimeDirectory= and StateDirectory=: paths separated
    // by colons.
    let of_service = |name| {
        let paths = variable(name)?;
        std::env::split_paths(&paths).find(|path| path.is_absolute() && path.is_dir())
    };
    let folder = absolute("XDG_RUNTIME_DIR")
        .filter(|folder| folder.is_dir())
        .or_else(|| of_service("RUNTIME_DIRECTORY"))
        .or_else(|| absolute("XDG_STATE_HOME"))
        .or_else(|| of_service("STATE_DIRECTORY"))
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(folder.join("isolet"))
}

/// Creates the file. First removes the file of a server on this address that was killed.
fn write(folder: &OwnedFd, name: &str, secret: &str) -> io::Result<fs::File> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = fs::File::from(openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(format!("{secret}\n").as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_token_is_private_and_belongs_to_one_address() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/isolet");
        let (first, token) = TokenFile::generate_in(&folder, "127.0.0.1:8787".parse().unwrap()).unwrap();
        assert_eq!((mode(&folder), mode(first.path())), (0o700, 0o600));
        assert_eq!(token.secret.len(), 43, "32 bytes in base64");
        assert!(token.secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(fs::read_to_string(first.path()).unwrap(), format!("{}\n", token.secret));
        let (other, another) = TokenFile::generate_in(&folder, "[::1]:8787".parse().unwrap()).unwrap();
        assert_ne!(another.secret, token.secret);
        assert_ne!(other.path(), first.path());

        // The next server on the address of a killed one replaces the file.
        let (second, again) = TokenFile::generate_in(&folder, "127.0.0.1:8787".parse().unwrap()).unwrap();
        assert_ne!(again.secret, token.secret);
        let path = second.path().to_owned();
        drop(first);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", again.secret),
            "the file of the second server stays"
        );
        drop(second);
        assert!(!path.exists());
        assert!(other.path().exists());
    }

    #[test]
    fn a_service_without_a_home_uses_the_folders_of_systemd() {
        let folder = tempfile::tempdir().unwrap();
        let (run, state) = (folder.path().join("run"), folder.path().join("state"));
        fs::create_dir(&run).unwrap();
        fs::create_dir(&state).unwrap();
        let place = |variables: &[(&str, &str)]| {
            token_folder_from(&|name| {
                variables.iter().find(|(given, _)| *given == name).map(|(_, value)| OsString::from(value))
            })
        };
        let (run, state) = (run.to_str().unwrap(), state.to_str().unwrap());
        let both = format!("/nowhere/at/all:{run}:{state}");
        assert_eq!(place(&[]), None);
        assert_eq!(place(&[("RUNTIME_DIRECTORY", "relative"), ("STATE_DIRECTORY", "/nowhere/at/all")]), None);
        for (variables, expected) in [
            (&[("HOME", "/"), ("RUNTIME_DIRECTORY", both.as_str()), ("STATE_DIRECTORY", state)][..], run),
            (&[("HOME", "/"), ("STATE_DIRECTORY", state)], state),
            (&[("XDG_RUNTIME_DIR", state), ("RUNTIME_DIRECTORY", run)], state),
            (&[("XDG_STATE_HOME", run), ("STATE_DIRECTORY", state)], run),
            (&[("HOME", "/home/a")], "/home/a/.local/state"),
        ] {
            assert_eq!(place(variables), Some(Path::new(expected).join("isolet")));
        }
    }

    #[test]
    fn a_token_is_never_written_through_a_link_or_into_an_open_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("isolet");
        let address = "127.0.0.1:1".parse().unwrap();
        let target = home.path().join("target");
        fs::write(&target, "precious").unwrap();
        private_files::make_folder(&folder, Others::Nothing).unwrap();
        symlink(&target, folder.join(file_name(address))).unwrap();
        let (file, _) = TokenFile::generate_in(&folder, address).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert!(!fs::symlink_metadata(file.path()).unwrap().is_symlink());
        drop(file);

        for open in [0o750, 0o701, 0o777] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(open)).unwrap();
            let error =
                TokenFile::generate_in(&folder, address).err().expect("others may use it").to_string();
            assert!(error.contains("chmod go-rwx"), "{error}");
        }
        let link = home.path().join("link");
        symlink(home.path(), &link).unwrap();
        let error = TokenFile::generate_in(&link, address).err().expect("a link").to_string();
        assert!(error.contains("symbolic link"), "{error}");
    }
}
