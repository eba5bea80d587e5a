//! A home for the commands of a test process, apart from the developer's.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Variables with the user's folders, and their values.
pub fn variables() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let folders = [
        ("HOME", ""),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_RUNTIME_DIR", "runtime"),
        ("XDG_STATE_HOME", ".local/state"),
    ];
    folders.into_iter().map(|(name, folder)| (name, home().join(folder)))
}

/// The home of this test process. It stays when the process ends; the next test process removes it.
fn home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let homes =
            std::env::temp_dir().join(format!("isolet-test-homes-{}", rustix::process::getuid().as_raw()));
        let private = |folder: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        private(&homes).unwrap_or_else(|error| panic!("{}: {error}", homes.display()));
        for other in fs::read_dir(&homes).into_iter().flatten().flatten() {
            if !Path::new("/proc").join(other.file_name()).exists() {
                let _ = fs::remove_dir_all(other.path());
            }
        }
        let home = homes.join(std::process::id().to_string());
        let _ = fs::remove_dir_all(&home);
        private(&home.join("runtime")).unwrap_or_else(|error| panic!("{}: {error}", home.display()));
        home
    })
}
