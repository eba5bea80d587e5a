//! The executable of zygotes and runners and nothing else, for the tests of process isolation. `isolet` has this as a hidden subcommand.
//!
//! With `escape` as first argument its runner is one whose script has taken it over.

use isolet_runtime::process;

fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        #[cfg(target_os = "linux")]
        Some("escape") => process::escape::main(words),
        _ => process::zygote::main(words),
    }
}
