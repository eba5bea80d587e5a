//! The executable of zygotes and runners, for the tests of process isolation. `isolet` has this as
//! a hidden subcommand.
//!
//! | first argument | effect |
//! |---|---|
//! | `zygote` | a zygote as in `isolet` |
//! | `jail-probe` | runners try to leave the jail, and print the outcomes |
//! | `native-code` | runners execute the system calls that a script names after `//native:` |
//! | `weak-jail=FILE` | the zygote lacks the layer `namespaces` if FILE exists when it starts |
// Native code, and a jail without a layer, take system calls.
#![allow(unsafe_code)]

use isolet_runtime::{testing, zygote_main};

fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        #[cfg(target_os = "linux")]
        Some("jail-probe") => testing::jail_probe(words),
        #[cfg(target_os = "linux")]
        Some("native-code") => {
            let _ = testing::NATIVE_CODE.set(execute_native_code);
            zygote_main(words)
        }
        #[cfg(target_os = "linux")]
        Some(word)
            if word.strip_prefix("weak-jail=").is_some_and(|file| std::path::Path::new(file).exists()) =>
        {
            // In this user namespace the user has no id and no capability, and so cannot have the
            // other namespaces.
            // SAFETY: this process has one thread and holds nothing that depends on its user.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWUSER) }, 0);
            let none = rustix::thread::CapabilitySets {
                effective: rustix::thread::CapabilitySet::empty(),
                permitted: rustix::thread::CapabilitySet::empty(),
                inheritable: rustix::thread::CapabilitySet::empty(),
            };
            rustix::thread::set_capabilities(None, none).expect("capabilities can be given up");
            zygote_main(words)
        }
        _ => zygote_main(words),
    }
}

/// Executes what the script's first line names, as native code of an attacker would.
#[cfg(target_os = "linux")]
fn execute_native_code(script: &str) {
    // SAFETY: the calls read live bytes at most, or end the process.
    unsafe {
        match script.strip_prefix("//native:").and_then(|rest| rest.lines().next()) {
            Some("socket") => _ = libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0),
            Some("nonsense") => {
                (3..16).for_each(|descriptor| _ = libc::write(descriptor, [u8::MAX; 64].as_ptr().cast(), 64));
            }
            Some("abort") => std::process::abort(),
            Some("exit") => libc::_exit(0),
            Some("hang up") => {
                (0..16).for_each(|descriptor| _ = libc::close(descriptor));
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
            _ => {}
        }
    }
}
