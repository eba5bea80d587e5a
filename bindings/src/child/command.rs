//! The executable of a command, and the environment of a child.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::config::StdioConfig;
use crate::redact::proxy;

/// The variables of isolet's own environment that every child gets: the list of the official SDKs,
/// and those that programs need to find their language, time zone, temporary files, caches,
/// certificates, proxies and, without credentials, registries. Everything else, credentials above
/// all, goes only to the server whose configuration names it.
const INHERITED: [&str; 41] = [
    "APPDATA",
    "CURL_CA_BUNDLE",
    "ComSpec",
    "DOCKER_HOST",
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
    "NPM_CONFIG_CACHE",
    "NO_PROXY",
    "PATH",
    "PATHEXT",
    "PROCESSOR_ARCHITECTURE",
    "PROGRAMFILES",
    "REQUESTS_CA_BUNDLE",
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
    "UV_NATIVE_TLS",
    "USER",
    "USERNAME",
    "USERPROFILE",
    "UV_CACHE_DIR",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "npm_config_cache",
];

/// Further variables by prefix: the locale, and the folders of caches and data.
const INHERITED_PREFIXES: [&str; 2] = ["LC_", "XDG_"];

/// Returns the variables that every child inherits.
pub(super) fn inherited_variables() -> impl Iterator<Item = (OsString, OsString)> {
    let inherited = std::env::vars_os().filter(|(name, value)| {
        let known = name.to_str().is_some_and(|name| {
            INHERITED.contains(&name)
                || INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || (proxy::names_a_registry(name) && !proxy::hides_a_key(&value.to_string_lossy()))
        });
        // A function that a shell exported would run in the child's shells.
        known && !value.to_string_lossy().starts_with("()")
    });
    inherited.map(|(name, value)| {
        let (value, shortened) = proxy::for_a_child(&name, value);
        if shortened {
            warn_of_proxy(&name);
        }
        (name, value)
    })
}

/// Warns once that servers do not get the credentials of a proxy or registry.
fn warn_of_proxy(name: &OsStr) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let name = name.to_string_lossy();
        tracing::warn!(
            "servers get {name} without its user and password; for one that needs them, write into its \"env\": \
             \"{name}\": \"${{{name}}}\""
        );
    });
}

/// Returns the working folder of a child, which is also the base of a command with a path. It is
/// never isolet's own folder, whose contents may come from somebody else.
pub(super) fn folder(config: &StdioConfig) -> &Path {
    config.cwd.as_deref().unwrap_or(Path::new("/"))
}

/// Finds the executable of a command. It is searched before anything is started, so that a missing
/// one is reported by its name.
///
/// # Errors
/// The missing executable, and where it was searched.
pub(super) fn resolve(config: &StdioConfig) -> Result<PathBuf, String> {
    let folder = folder(config);
    if !folder.is_dir() {
        return Err(format!("its working directory does not exist: {}", folder.display()));
    }
    let command = Path::new(&config.command);
    // Windows has suffixes and a search of its own; its error names the command too.
    if cfg!(not(unix)) {
        return Ok(command.to_owned());
    }
    if command.components().count() > 1 || command.is_absolute() {
        let path = folder.join(command);
        return if !path.exists() {
            Err(format!(
                "command not found: there is no file {}{}",
                path.display(),
                with_arguments(&config.command)
            ))
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
        // The reason reaches scripts, which need not know where the operator keeps programs.
        tracing::info!(command = config.command, path = %search.to_string_lossy(), "command not found");
        format!(
            "command not found: {}; it is not in PATH: install it, or give its full path{}",
            config.command,
            with_arguments(&config.command)
        )
    })
}

/// Explains a command that seems to contain its arguments.
fn with_arguments(command: &str) -> String {
    match command.trim().split_once(char::is_whitespace) {
        Some((program, rest)) => {
            let args: Vec<String> = rest.split_whitespace().take(8).map(|word| format!("{word:?}")).collect();
            format!("; arguments go into \"args\": \"command\": {program:?}, \"args\": [{}]", args.join(", "))
        }
        None => String::new(),
    }
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
    fn commands_are_found_or_named_in_the_error() {
        let config = |command: &str| StdioConfig { command: command.into(), ..StdioConfig::default() };
        assert!(resolve(&config("sh")).unwrap().ends_with("sh"));
        assert_eq!(resolve(&config("/bin/sh")).unwrap(), Path::new("/bin/sh"));
        let error = resolve(&config("no-such-command")).unwrap_err();
        assert!(error.starts_with("command not found: no-such-command; it is not in PATH"), "{error}");
        let error = resolve(&config("npx -y  some-server")).unwrap_err();
        assert!(
            error.ends_with(r#"arguments go into "args": "command": "npx", "args": ["-y", "some-server"]"#),
            "{error}"
        );
        assert!(resolve(&config("./missing")).unwrap_err().contains("there is no file"));
        assert!(resolve(&config("/etc/passwd")).unwrap_err().contains("not executable"));
        let nowhere = StdioConfig { cwd: Some("/no/such/folder".into()), ..config("sh") };
        assert!(resolve(&nowhere).unwrap_err().contains("working directory does not exist: /no/such/folder"));
    }

    #[test]
    fn the_path_of_the_server_is_searched() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = StdioConfig { command: "sh".into(), ..StdioConfig::default() };
        config.env.insert("PATH".into(), Secret::new(folder.path().to_string_lossy()));
        assert!(resolve(&config).is_err());
    }
}
