//! Packages from npm and PyPI, installed once for all tests, below the target folder.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::Invocation;

/// The time for an installation with a cold cache and a slow network.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// A folder with installed packages.
pub struct Packages {
    folder: PathBuf,
    /// The folder with the executables, relative to `folder`.
    bin: &'static str,
}

impl Packages {
    /// Calls `install` with the folder `name` below the target folder, unless that was done for the
    /// same contents of `requirements` before.
    pub fn install(
        name: &str,
        bin: &'static str,
        requirements: &[PathBuf],
        install: impl FnOnce(&Path),
    ) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("a folder below the target folder");
        // Other test processes may install the same. The lock ends when the file is closed.
        let lock = File::create(folder.join("lock")).expect("a lock file");
        lock.lock().expect("a lock");

        let mut digest = DefaultHasher::new();
        for path in requirements {
            let content = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            content.hash(&mut digest);
        }
        let digest = digest.finish().to_string();
        let marker = folder.join("installed");
        if !fs::read_to_string(&marker).is_ok_and(|installed| installed == digest) {
            let _ = fs::remove_file(&marker);
            install(&folder);
            fs::write(&marker, digest).expect("a marker");
        }
        Self { folder, bin }
    }

    /// The path of an executable, such as `mcp-server-memory`, `tsc` or `python`.
    #[track_caller]
    pub fn program(&self, name: &str) -> String {
        self.existing(&format!("{}/{name}", self.bin))
    }

    /// The path of the Node.js that was installed as a package; the machine's own may have another
    /// version.
    #[track_caller]
    pub fn node(&self) -> String {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        self.existing(&format!("node_modules/node-linux-{architecture}/bin/node"))
    }

    /// The folder that everything was installed in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Copies a JavaScript module beside the packages that it imports: Node.js looks for them from
    /// the module's folder.
    pub fn copy_module(&self, module: &Path) -> PathBuf {
        let copy = self.folder.join(module.file_name().expect("a file"));
        fs::copy(module, &copy).unwrap_or_else(|error| panic!("{}: {error}", module.display()));
        copy
    }

    #[track_caller]
    fn existing(&self, relative: &str) -> String {
        let (path, folder) = (self.folder.join(relative), self.folder.display());
        assert!(path.exists(), "{} is missing; delete {folder} and try again", path.display());
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

/// Runs one step of an installation in `folder`, with the developer's own caches.
#[track_caller]
pub fn run_step(step: Invocation, folder: &Path, needs: &str) {
    let output = step.at_home().within(folder).timeout(INSTALL_TIMEOUT).output();
    let shown = folder.display();
    assert_eq!(output.code, Some(0), "installing in {shown} failed; {needs}\n{}", output.both());
}
