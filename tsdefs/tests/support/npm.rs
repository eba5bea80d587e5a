//! The npm packages that the tests need.
//!
//! They are installed once from a lock file, into cargo's folder for integration tests. Test
//! binaries run in parallel, so the first one takes a file lock and the others wait. After that, no
//! network is needed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the folder with the packages of `tests/{name}/package-lock.json`.
pub fn installed(name: &str) -> PathBuf {
    let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder for the packages");
    let lock = File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let wanted = fs::read_to_string(lists.join("package-lock.json")).expect("the lock file of npm");
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && folder.join("node_modules").exists() {
        return folder;
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(lists.join(name), folder.join(name)).expect("a copy of npm's lists");
    }
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--legacy-peer-deps"])
        .current_dir(&folder)
        .status()
        .expect("npm, to install packages");
    assert!(status.success(), "npm could not install what tests/{name} lists");
    fs::write(stamp, wanted).expect("the stamp");
    folder
}
