//! Links `isolet` so that a run touches little of it, and, for packages, so that it runs with an
//! older glibc.

#[path = "../third_party/v8/link-order.rs"]
mod link_order;

fn main() {
    link_order::ask("bins");
    older_glibc();
}

/// Links with the libraries in the folder `ISOLET_GLIBC`, which `dist/glibc.sh` makes, instead of
/// the machine's own.
fn older_glibc() {
    println!("cargo::rerun-if-env-changed=ISOLET_GLIBC");
    if let Ok(folder) = std::env::var("ISOLET_GLIBC") {
        println!("cargo::rustc-link-arg-bins=-B{folder}");
        // The machine's libgcc_s may want functions that are not in there. What it is at run time
        // has what it needs.
        println!("cargo::rustc-link-arg-bins=-Wl,--allow-shlib-undefined");
    }
}
