//! The executable of zygotes and runners and nothing else, for the tests of process isolation. `isolet` has this as a hidden subcommand.
//!
//! With `escape` as first argument its runner is one whose script has taken it over. With `patchy=FILE` a zygote lacks a
//! layer of its jail if there is such a file when it starts.
// To lack a layer takes a system call.
#![allow(unsafe_code)]

use isolet_runtime::process;

fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        #[cfg(target_os = "linux")]
        Some("escape") => process::escape::main(words),
        #[cfg(target_os = "linux")]
        Some(patchy)
            if patchy.strip_prefix("patchy=").is_some_and(|file| std::path::Path::new(file).exists()) =>
        {
            // Its user has no number in there, and no capability, and so may not have the other namespaces.
            // SAFETY: this process has one thread and holds nothing that depends on who it runs as.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWUSER) }, 0);
            let none = rustix::thread::CapabilitySets {
                effective: rustix::thread::CapabilitySet::empty(),
                permitted: rustix::thread::CapabilitySet::empty(),
                inheritable: rustix::thread::CapabilitySet::empty(),
            };
            rustix::thread::set_capabilities(None, none).expect("capabilities can be given up");
            process::zygote::main(words)
        }
        _ => process::zygote::main(words),
    }
}
