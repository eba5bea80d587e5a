//! Part of build scripts: which V8 is linked, and whether the archive is the one that was built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The only platform that has an archive here.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Puts each line of VERSION into an environment variable for the compiler, and checks the archive's digest.
pub fn tell() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../third_party/v8");
    println!("cargo::rerun-if-changed={}", here.join("archive.rs").display());
    let file = here.join("VERSION");
    println!("cargo::rerun-if-changed={}", file.display());
    let text = fs::read_to_string(&file).expect("third_party/v8/VERSION");
    for name in ["crate", "v8", "released", "built", "patches"] {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
        let value = value.unwrap_or_else(|| panic!("third_party/v8/VERSION says nothing of `{name}`"));
        println!("cargo::rustc-env=ISOLET_V8_{}={}", name.to_uppercase(), value.trim());
    }
    if env::var("TARGET").is_ok_and(|target| target == TARGET) {
        verify(&here);
    }
}

/// Ends the build if the archive is not the one of SHA256SUMS. `sha256sum` and not a crate: unoptimised, as build scripts are, a crate
/// takes seconds for these 30 MB.
fn verify(here: &Path) {
    println!("cargo::rerun-if-env-changed=RUSTY_V8_MIRROR");
    println!("cargo::rerun-if-env-changed=RUSTY_V8_ARCHIVE");
    let sums = here.join("SHA256SUMS");
    println!("cargo::rerun-if-changed={}", sums.display());
    // Where the crate `v8` takes it from.
    let folder = env::var_os("RUSTY_V8_MIRROR").map_or(here.to_owned(), PathBuf::from);
    if env::var_os("RUSTY_V8_ARCHIVE").is_some() || !folder.is_dir() {
        println!("cargo::warning=V8 comes from elsewhere than third_party/v8; its digest is not checked");
        return;
    }
    let listed = fs::read_to_string(&sums).expect("third_party/v8/SHA256SUMS");
    for name in listed.lines().filter_map(|line| line.split_whitespace().nth(1)) {
        println!("cargo::rerun-if-changed={}", folder.join(name).display());
    }
    let sums = fs::canonicalize(&sums).expect("third_party/v8/SHA256SUMS");
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet"])
        .arg(sums)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .status();
    match checked {
        Ok(status) if status.success() => {}
        Ok(_) => {
            eprintln!(
                "error: the V8 archive in {} is not the one of third_party/v8/SHA256SUMS: fetch it again, or build it \
                 (docs/v8.md)",
                folder.display()
            );
            std::process::exit(1);
        }
        Err(error) => println!("cargo::warning=the V8 archive's digest is not checked: sha256sum: {error}"),
    }
}
