//! Files and folders that belong to one user: logins, trusted configurations.
//!
//! Their content decides what isolet does. So they are used only if no other user can have written
//! them, and symbolic links to them are not followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The access that other users may have to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// No access.
    Nothing,
    /// Read access.
    Read,
}

/// The treatment of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// They are followed.
    Follow,
    /// They are refused.
    Refuse,
}

/// The user's folder for isolet's state: `$XDG_STATE_HOME/isolet`, or else `~/.local/state/isolet`.
/// `None` if neither is known.
pub fn state_folder() -> Option<PathBuf> {
    user_folder("XDG_STATE_HOME", ".local/state")
}

/// The user's folder for isolet's configuration: `$XDG_CONFIG_HOME/isolet`, or else
/// `~/.config/isolet`. `None` if neither is known.
pub fn config_folder() -> Option<PathBuf> {
    user_folder("XDG_CONFIG_HOME", ".config")
}

fn user_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(folder.join("isolet"))
}

/// Creates a folder that belongs to this user, with the folders above it. An existing folder must
/// belong to this user, with no more access for others than `others`.
///
/// # Errors
/// A folder that cannot be created, or does not meet these conditions.
pub fn make_folder(folder: &Path, others: Others) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    check(folder, &fs::symlink_metadata(folder)?, others)
}

/// Creates a folder as [`make_folder`] does, and opens it. Files in it can be created and removed
/// through the descriptor, even if the path leads elsewhere meanwhile.
///
/// # Errors
/// The same as [`make_folder`].
#[cfg(unix)]
pub fn open_folder(folder: &Path, others: Others) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    make_folder(folder, others)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = File::from(rustix::fs::open(folder, flags, Mode::empty())?);
    check(folder, &opened.metadata()?, others)?;
    Ok(opened.into())
}

/// Checks a folder, if it exists, as [`make_folder`] does.
///
/// # Errors
/// A folder of another user, one that is open to others, or a file.
pub fn check_folder(folder: &Path, others: Others) -> io::Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) => check(folder, &metadata, others),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a file of at most `most` bytes. Returns `None` if it does not exist.
///
/// # Errors
/// A file that cannot be read, is a symbolic link, belongs to another user, is open to others, or
/// is longer.
pub fn read(path: &Path, most: u64, others: Others) -> io::Result<Option<Vec<u8>>> {
    let file = match open(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    check(path, &metadata, others)?;
    at_most(file, most).map(Some)
}

/// Reads a regular file of at most `most` bytes of any user. Does not wait for a pipe or a device.
///
/// # Errors
/// A file that cannot be read, is not a regular file, is longer, or is a symbolic link where those
/// are refused.
pub fn regular(path: &Path, most: u64, links: Links) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    let file = match links {
        Links::Refuse => open(&mut options, path)?,
        Links::Follow => without_waiting(&mut options).open(path)?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    at_most(file, most)
}

/// Reads at most `most` bytes of a file that the operator named. It may be a pipe, as in `--config
/// <(command)`.
///
/// # Errors
/// A file that cannot be read, or is longer.
pub fn named(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    at_most(File::open(path)?, most)
}

/// The size in the metadata is wrong for devices and for a file that grows.
fn at_most(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Replaces a file as a whole: the old one stays until the new one is complete. The new one is
/// written beside it under a random name. `mode` is its mode, as far as the umask allows.
///
/// # Errors
/// A file that cannot be written.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{:016x}.new", u64::from_le_bytes(random)));
    let beside = PathBuf::from(beside);
    let mut options = OpenOptions::new();
    // The file must not exist, not even as a symbolic link.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Opens a file that is not a symbolic link. Does not wait for the other end of a pipe.
///
/// # Errors
/// A file that cannot be opened, or is a symbolic link.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path).map_err(|error| match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => io::Error::other(
            "it is a symbolic link, and isolet does not follow those here; name the file itself",
        ),
        _ => error,
    })
}

#[cfg(unix)]
fn check(path: &Path, metadata: &fs::Metadata, others: Others) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if metadata.is_symlink() {
        return Err(io::Error::other(format!("{} is a symbolic link", path.display())));
    }
    let owner = rustix::process::geteuid().as_raw();
    if metadata.uid() != owner {
        return Err(io::Error::other(format!(
            "{} belongs to the user with the number {}, and isolet runs as {owner}",
            path.display(),
            metadata.uid()
        )));
    }
    let (forbidden, what) = match others {
        Others::Nothing => (0o077, "use"),
        Others::Read => (0o022, "change"),
    };
    let mode = metadata.mode() & 0o777;
    if mode & forbidden != 0 {
        return Err(io::Error::other(format!(
            "others may {what} {} (mode {mode:o}); if they have not, run: chmod go-{} {}",
            path.display(),
            if others == Others::Nothing { "rwx" } else { "w" },
            path.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(_: &Path, _: &fs::Metadata, _: Others) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read(&path, 10, Others::Nothing).unwrap(), None);
        replace(&path, b"one", 0o600).unwrap();
        replace(&path, b"two", 0o600).unwrap();
        assert_eq!(read(&path, 3, Others::Nothing).unwrap().unwrap(), b"two");
        assert!(read(&path, 2, Others::Nothing).unwrap_err().to_string().contains("longer"));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn files_that_others_can_write_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"x", 0o600).unwrap();
        for (mode, others, refused) in [
            (0o640, Others::Nothing, true),
            (0o644, Others::Read, false),
            (0o664, Others::Read, true),
            (0o602, Others::Read, true),
        ] {
            set_mode(&path, mode);
            let result = read(&path, 10, others);
            assert_eq!(result.is_err(), refused, "{mode:o} {result:?}");
        }
        assert!(read(&path, 10, Others::Read).unwrap_err().to_string().contains("chmod go-w"));
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        replace(&real, b"x", 0o600).unwrap();
        symlink(&real, &link).unwrap();
        assert!(read(&link, 10, Others::Nothing).unwrap_err().to_string().contains("symbolic link"));
        // Replacing puts a file in the place of the link.
        replace(&link, b"y", 0o600).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"x");
        let (there, away) = (folder.path().join("there"), folder.path().join("away"));
        make_folder(&there, Others::Nothing).unwrap();
        symlink(&there, &away).unwrap();
        assert!(check_folder(&away, Others::Nothing).unwrap_err().to_string().contains("symbolic link"));
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "four").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        for links in [Links::Follow, Links::Refuse] {
            assert_eq!(regular(&at("file"), 4, links).unwrap(), b"four");
            assert!(regular(&at("file"), 3, links).unwrap_err().to_string().contains("longer"));
            assert!(regular(&at("pipe"), 4, links).unwrap_err().to_string().contains("not a regular file"));
            assert!(regular(&at("zero"), 4, links).is_err());
        }
        assert_eq!(regular(&at("link"), 4, Links::Follow).unwrap(), b"four");
        assert!(regular(&at("link"), 4, Links::Refuse).unwrap_err().to_string().contains("symbolic link"));
        assert_eq!(named(&at("link"), 4).unwrap(), b"four");
        assert!(named(Path::new("/dev/zero"), 4).unwrap_err().to_string().contains("longer"));
    }

    #[test]
    fn a_folder_that_is_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        make_folder(&path, Others::Nothing).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        set_mode(&path, 0o755);
        let error = make_folder(&path, Others::Nothing).unwrap_err().to_string();
        assert!(error.contains("mode 755") && error.contains("chmod go-rwx"), "{error}");
        make_folder(&path, Others::Read).unwrap();
        set_mode(&path, 0o777);
        assert!(check_folder(&path, Others::Read).is_err());
        check_folder(&folder.path().join("none"), Others::Nothing).unwrap();
    }
}
