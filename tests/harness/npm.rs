//! Real MCP servers and clients from npm, installed once for all tests.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::{command, repository};

/// A cold cache and a slow line.
const INSTALLATION: Duration = Duration::from_secs(300);

/// What is installed.
pub struct Installed(PathBuf);

impl Installed {
    /// The path of an executable, such as `mcp-server-memory` or `tsc`.
    #[track_caller]
    pub fn program(&self, name: &str) -> String {
        let path = self.0.join("node_modules/.bin").join(name);
        assert!(path.exists(), "{} is not there; delete {} and try again", path.display(), self.0.display());
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// Where `node_modules` is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A Node.js of the version that these packages need, which the machine's own may not be.
    #[track_caller]
    pub fn node(&self) -> String {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let path = self.0.join(format!("node_modules/node-linux-{architecture}/bin/node"));
        assert!(path.exists(), "{} is not there; delete {} and try again", path.display(), self.0.display());
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

/// Installs `tests/npm` below the target folder, unless that was done for the same lock file before.
pub fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| Installed(install("npm")))
}

/// The same for `tests/npm-clients`: clients, the conformance suite, and the Node.js that they need.
pub fn clients() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| Installed(install("npm-clients")))
}

fn install(name: &str) -> PathBuf {
    let wanted = &repository().join("tests").join(name);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder below the target folder");
    // Several test binaries may want this at the same time. The lock goes when the file is closed, at the latest by the
    // end of the process.
    let lock = File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("a lock");

    let mut digest = DefaultHasher::new();
    let files = ["package.json", "package-lock.json"];
    for name in files {
        fs::read(wanted.join(name))
            .unwrap_or_else(|error| panic!("{}/{name}: {error}", wanted.display()))
            .hash(&mut digest);
    }
    let digest = digest.finish().to_string();
    let marker = folder.join("installed");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == digest) {
        return folder;
    }

    let _ = fs::remove_file(&marker);
    for name in files {
        fs::copy(wanted.join(name), folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for program in ["node", "npm"] {
        let found = std::process::Command::new(program).arg("--version").output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "`{program}` does not run: these tests start MCP servers from npm and need Node.js 20 or later"
        );
    }
    let npm = command::program("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let output = npm.within(&folder).patience(INSTALLATION).output();
    assert_eq!(output.code, Some(0), "npm ci in {} failed\n{}", folder.display(), output.both());
    fs::write(&marker, digest).expect("a marker");
    folder
}
