//! Real MCP servers and a client from PyPI, installed once for all tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::{command, repository};

/// A cold cache and a slow line.
const INSTALLATION: Duration = Duration::from_secs(300);

/// A virtual environment with the packages of a file.
pub struct Environment(PathBuf);

impl Environment {
    /// The path of an executable, such as `mcp-server-time` or `python`.
    #[track_caller]
    pub fn program(&self, name: &str) -> String {
        let path = self.0.join("venv/bin").join(name);
        assert!(path.exists(), "{} is not there; delete {} and try again", path.display(), self.0.display());
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

/// Installs `tests/pypi/requirements.txt` below the target folder, unless that was done for the same file before.
pub fn installed() -> &'static Environment {
    static INSTALLED: OnceLock<Environment> = OnceLock::new();
    INSTALLED.get_or_init(|| Environment(install("pypi", "requirements.txt")))
}

/// The same for `tests/pypi/clients.txt`: the servers want an older version of the same package.
pub fn clients() -> &'static Environment {
    static INSTALLED: OnceLock<Environment> = OnceLock::new();
    INSTALLED.get_or_init(|| Environment(install("pypi-clients", "clients.txt")))
}

fn install(name: &str, wanted: &str) -> PathBuf {
    let wanted = &repository().join("tests/pypi").join(wanted);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder below the target folder");
    // Several test binaries may want this at the same time. The lock goes when the file is closed, at the latest by the
    // end of the process.
    let lock = File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("a lock");

    let requirements =
        fs::read_to_string(wanted).unwrap_or_else(|error| panic!("{}: {error}", wanted.display()));
    let marker = folder.join("installed");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == requirements) {
        return folder;
    }
    let _ = fs::remove_file(&marker);
    let _ = fs::remove_dir_all(folder.join("venv"));
    let wanted = wanted.to_str().expect("a path in UTF-8");
    let pip = folder.join("venv/bin/python");
    for step in [
        command::program("python3", ["-m", "venv", "venv"]),
        command::program(
            pip,
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", wanted],
        ),
    ] {
        let output = step.within(&folder).patience(INSTALLATION).output();
        assert_eq!(
            output.code,
            Some(0),
            "installing from PyPI in {} failed; the tests need Python 3.10 or later with venv\n{}",
            folder.display(),
            output.both()
        );
    }
    fs::write(&marker, requirements).expect("a marker");
    folder
}
