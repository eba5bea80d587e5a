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
            let _ = testing::NATIVE_COPY.set(copy_natively);
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
            Some("fork") => _ = fork(),
            Some("ask for a socket") => ask_for_a_socket(7),
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

/// Forks as an app zygote does.
#[cfg(target_os = "linux")]
fn fork() -> libc::c_long {
    // SAFETY: the child has memory of its own, and this process has one thread.
    unsafe { libc::syscall(libc::SYS_clone, testing::COPY_FLAGS, 0_usize, 0_usize, 0_usize, 0_usize) }
}

/// Asks for the socket of a copy, in the place of the descriptor that no app zygote has.
#[cfg(target_os = "linux")]
fn ask_for_a_socket(key: u64) {
    // SAFETY: the call takes numbers.
    unsafe { libc::syscall(libc::SYS_dup3, 9, 9, libc::O_CLOEXEC, key) };
}

#[cfg(target_os = "linux")]
fn sleep() {
    std::thread::sleep(std::time::Duration::from_secs(600));
}

/// Acts as an app zygote that was taken over, when it is asked for a copy. Returns `false` if the
/// Worker is honest.
#[cfg(target_os = "linux")]
fn copy_natively(main: &str, key: u64) -> bool {
    match main.strip_prefix("//copy:").and_then(|rest| rest.lines().next()) {
        // The copy does not say that it is there.
        Some("hide") => {
            if fork() == 0 {
                sleep();
            }
        }
        // More copies than it was asked for.
        Some("fork twice") => {
            if fork() == 0 {
                sleep();
            }
            fork();
        }
        // A copy of a copy.
        Some("fork on") => {
            if fork() == 0 {
                fork();
                sleep();
            }
        }
        // It takes the place of its copy.
        Some("answer itself") => {
            if fork() == 0 {
                sleep();
            }
            ask_for_a_socket(key);
        }
        // An earlier copy takes the place of a new one.
        Some("answer before a fork") => ask_for_a_socket(key),
        Some("guess") => {
            if fork() == 0 {
                ask_for_a_socket(key ^ 1);
                sleep();
            }
        }
        // It ends and leaves its copy alone.
        Some("leave") => {
            if fork() == 0 {
                sleep();
            }
            // SAFETY: the call does not return.
            unsafe { libc::_exit(0) }
        }
        _ => return false,
    }
    true
}
