//! Which executable a command names, and what a child finds in its environment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::config::StdioConfig;

/// What every child gets of isolet's own environment: the list of the official SDKs, and what programs need to find
/// their language, time zone, temporary files, caches, certificates and proxies. Anything else, credentials above all,
/// goes only to the server whose configuration names it.
const INHERITED: [&str; 34] = [
    "APPDATA",
    "ComSpec",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LANGUAGE",
    "LOCALAPPDATA",
    "LOGNAME",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "PATH",
    "PATHEXT",
    "PROCESSOR_ARCHITECTURE",
    "PROGRAMFILES",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERNAME",
    "USERPROFILE",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Whole families of the same kind: locale, and where caches and data are.
const INHERITED_PREFIXES: [&str; 2] = ["LC_", "XDG_"];

/// The variables that a child gets without being named in its configuration.
pub(super) fn inherited_variables() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, value)| {
        let known = name.to_str().is_some_and(|name| {
            INHERITED.contains(&name) || INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        // A function exported by a shell is code that runs in the child's shells.
        known && !value.to_string_lossy().starts_with("()")
    })
}

/// The executable that a configuration names. It is looked for before anything is started, so that a missing one is
/// reported by its name and not as an early death of the guard.
///
/// # Errors
/// What is missing, and where it was looked for.
pub(super) fn resolve(config: &StdioConfig) -> Result<PathBuf, String> {
    if let Some(cwd) = &config.cwd
        && !cwd.is_dir()
    {
        return Err(format!("its working directory does not exist: {}", cwd.display()));
    }
    let command = Path::new(&config.command);
    // Windows has suffixes and its own search; its error names the command too.
    if cfg!(not(unix)) {
        return Ok(command.to_owned());
    }
    if command.components().count() > 1 || command.is_absolute() {
        let base = config.cwd.clone().or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let path = base.join(command);
        return if !path.exists() {
            Err(format!("command not found: there is no file {}", path.display()))
        } else if !is_executable(&path) {
            Err(format!("{} is not executable (try chmod +x)", path.display()))
        } else {
            Ok(path)
        };
    }
    let own = config.env.get("PATH").map(|path| OsString::from(path.expose()));
    let Some(search) = own.or_else(|| std::env::var_os("PATH")) else {
        return Err(format!("command not found: {}; PATH is not set", config.command));
    };
    find_in(&config.command, &search).ok_or_else(|| {
        // The reason reaches scripts as a ToolError; where the operator keeps programs is none of their business.
        tracing::info!(command = config.command, path = %search.to_string_lossy(), "command not found");
        format!(
            "command not found: {}; it is nowhere in PATH: install it, or give its full path",
            config.command
        )
    })
}

fn find_in(command: &str, search: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(command))
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn commands_are_found_or_named() {
        let config = |command: &str| StdioConfig { command: command.into(), ..StdioConfig::default() };
        assert!(resolve(&config("sh")).unwrap().ends_with("sh"));
        assert_eq!(resolve(&config("/bin/sh")).unwrap(), Path::new("/bin/sh"));
        let error = resolve(&config("no-such-command")).unwrap_err();
        assert!(error.starts_with("command not found: no-such-command; it is nowhere in PATH"), "{error}");
        assert!(resolve(&config("./missing")).unwrap_err().contains("there is no file"));
        assert!(resolve(&config("/etc/passwd")).unwrap_err().contains("not executable"));
        let nowhere = StdioConfig { cwd: Some("/no/such/folder".into()), ..config("sh") };
        assert!(resolve(&nowhere).unwrap_err().contains("working directory does not exist: /no/such/folder"));
    }

    #[test]
    fn the_servers_own_path_decides() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = StdioConfig { command: "sh".into(), ..StdioConfig::default() };
        config.env.insert("PATH".into(), Secret::new(folder.path().to_string_lossy()));
        assert!(resolve(&config).is_err());
    }
}
