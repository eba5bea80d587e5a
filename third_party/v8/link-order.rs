//! Part of build scripts: asks the linker to put the functions that every run calls next to each other, in the order of
//! `hot-functions.txt`, which belongs to the archive beside it.

use std::env;
use std::path::Path;
use std::process::Command;

/// Passes the linker's options for targets of this kind: `bins`, `examples`.
pub fn ask(kind: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../third_party/v8");
    let order = here.join("hot-functions.txt");
    println!("cargo::rerun-if-changed={}", order.display());
    println!("cargo::rerun-if-changed={}", here.join("link-order.rs").display());
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    if links_with_lld() && order.exists() {
        println!("cargo::rustc-link-arg-{kind}=-Wl,--symbol-ordering-file={}", order.display());
        println!("cargo::rustc-link-arg-{kind}=-Wl,-z,max-page-size=2097152");
        println!("cargo::rustc-link-arg-{kind}=-Wl,-z,separate-loadable-segments");
        // Not every program has every function.
        println!("cargo::rustc-link-arg-{kind}=-Wl,--no-warn-symbol-ordering");
    }
}

/// Returns `true` if Rust links with the linker that it brings along, as it does on this platform unless it is told otherwise.
/// Others know these options by other names or not at all, and do without.
fn links_with_lld() -> bool {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    let told = env::var_os("RUSTC_LINKER").is_some()
        || env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    if told || !is("TARGET", TARGET) || !is("HOST", TARGET) {
        return false;
    }
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    sysroot.is_ok_and(|sysroot| {
        let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
        Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("bin/gcc-ld/ld.lld").exists()
    })
}
