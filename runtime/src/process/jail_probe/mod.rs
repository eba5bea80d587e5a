//! Attempts to leave the jail, as native code of an attacker in a runner would make them (feature
//! `testing`).
//!
//! `tests/programs/zygote.rs` calls it for `tests/hostile_process.rs`. It starts a zygote in its
//! jail and forks a runner for each attempt, since some attempts end the runner. The runner prints
//! the outcome. An attempt counts as refused only if the jail refuses it: the kernel ends the
//! runner by `SIGSYS`, or returns an error that means a refusal. Any other error means that the
//! kernel looked at the arguments, and might have accepted others.
//!
//! | module | attempts |
//! |---|---|
//! | `attempts` | all kinds, in a complete jail or one with the filter of system calls only |
//! | `layers` | those that each other layer must refuse alone |
//! | `raw_call` | (the system calls that they make) |

mod attempts;
mod layers;
mod raw_call;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use self::raw_call::{B, N, buffer, call};
use super::jail::{self, Jail, JailOptions};
use super::memory::Tuning;
use super::memory::mappings::PAGE_BYTES;
use super::protocol::messages::RunnerKind;
use super::set_undumpable;
use super::zygote::fork::{self, Forked};
use super::zygote::start::create_isolate;
use super::zygote::{ZygoteOptions, syscall_token};
use crate::v8_process;

/// The name of an attempt and its code.
type NamedAttempt = (&'static str, fn() -> io::Result<i64>);

/// The outcome of an attempt.
struct AttemptOutcome {
    name: &'static str,
    refused: bool,
    /// The error, or the value that was returned.
    detail: String,
}

/// The bound on private memory, like that of a small runner.
const MEMORY_BYTES: u64 = 1 << 30;

/// The zygote's process id, stored before the fork: a runner may not ask for it.
static ZYGOTE_PID: AtomicU32 = AtomicU32::new(0);

fn zygote_pid() -> i64 {
    ZYGOTE_PID.load(Ordering::Relaxed).into()
}

/// The options on the command line.
#[derive(Default)]
struct ProbeOptions {
    /// Layers that are left out of the jail.
    without: Vec<&'static str>,
    /// The layer whose attempts are made, instead of all attempts.
    layer: Option<String>,
    /// `true` if V8 runs without its compilers and memory cannot be made executable.
    no_jit: bool,
    /// `true` if the only attempt is a call through the 32-bit interface.
    call_32_bit: bool,
}

impl ProbeOptions {
    fn new(words: impl Iterator<Item = String>) -> Self {
        let mut options = Self::default();
        for word in words {
            if word == "32-bit" {
                options.call_32_bit = true;
            } else if word == "no-jit" {
                options.no_jit = true;
            } else if let Some(names) = word.strip_prefix("without=") {
                let names = names.split(',').map(|name| &*String::leak(name.to_owned()));
                options.without.extend(names);
            } else if let Some(layer) = word.strip_prefix("layer=") {
                options.layer = Some(layer.to_owned());
            } else if let Some(target) = word.strip_prefix("target=") {
                layers::set_target(target);
            }
        }
        options
    }
}

/// Runs a zygote whose runners make the attempts. Prints the state of the jail, and then a line for
/// each attempt and for each control, which must be allowed: `attempt` or `control`, `refused`,
/// `allowed` or `died`, the name, the detail. `words` may be `without=LAYER,LAYER` (also `user`),
/// `layer=LAYER`, `target=PORT`, `no-jit` and `32-bit`.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    match make_attempts(ProbeOptions::new(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make_attempts(options: ProbeOptions) -> io::Result<()> {
    jail::close_inherited();
    jail::bound_stack();
    layers::record_surroundings();
    let maps = std::fs::File::open("/proc/self/maps")?;
    let tuning = Tuning::open();
    set_undumpable();
    let jit = !options.no_jit;
    let mut jail_options = JailOptions::new(MEMORY_BYTES, jit);
    jail_options.without = Vec::leak(options.without);
    let jail = Jail::enter(jail_options);
    fork::close_stdin();
    fork::keep_mappings_at_fork();
    v8_process::start_alone(jit);
    let zygote_options = ZygoteOptions {
        heap_bytes: 32 << 20,
        memory_bytes: MEMORY_BYTES,
        max_runners: 2,
        jit,
        libraries: false,
    };
    let _fresh = create_isolate(zygote_options, tuning)?;
    // The first new descriptor is 0, which the attempts take for the channel.
    let (runner_end, zygote_end) = UnixStream::pair()?;
    let (report, listener) = jail.close();
    // Nobody answers the calls that the broker would.
    drop(listener);
    let maps = io::read_to_string(maps)?;
    println!("layers\t{}\t{report:?}", if report.complete() { "complete" } else { "incomplete" });
    ZYGOTE_PID.store(std::process::id(), Ordering::Relaxed);
    let zygote = ProbeZygote { runner_end, zygote_end };
    if options.call_32_bit {
        return zygote.attempt("a system call of the 32-bit interface", "attempt", |_, name| {
            AttemptOutcome { name, refused: false, detail: format!("returned {}", call_32_bit()) }
        });
    }
    if let Some(layer) = options.layer {
        for (name, attempt) in layers::of(&layer) {
            zygote.attempt(name, "attempt", |_, name| outcome_of(name, attempt()))?;
        }
        return Ok(());
    }
    zygote.attempt("find the zygote's token in memory", "attempt", |token, name| {
        search_memory(name, &maps, token)
    })?;
    for (name, attempt) in attempts::all() {
        zygote.attempt(name, "attempt", |_, name| outcome_of(name, attempt()))?;
    }
    zygote.attempt("use a descriptor besides 0, 1 and 2", "attempt", |_, name| open_descriptors(name))?;
    zygote.attempt("read a variable of the environment", "attempt", |_, name| {
        let count = std::env::vars_os().count();
        AttemptOutcome { name, refused: count == 0, detail: format!("{count} variables") }
    })?;
    for (name, attempt) in attempts::CONTROLS {
        zygote.attempt(name, "control", |_, name| outcome_of(name, attempt()))?;
    }
    Ok(())
}

/// The process that forks a runner for each attempt.
struct ProbeZygote {
    runner_end: UnixStream,
    zygote_end: UnixStream,
}

impl ProbeZygote {
    /// Forks a runner that makes one attempt, and waits for its end. The attempt gets the zygote's
    /// token, obfuscated.
    fn attempt(
        &self,
        name: &'static str,
        kind: &str,
        attempt: impl FnOnce(u64, &'static str) -> AttemptOutcome,
    ) -> io::Result<()> {
        match fork::fork(RunnerKind::Runner)? {
            Forked::Runner => {
                let mut token = [0; 8];
                (&self.runner_end).read_exact(&mut token)?;
                // SAFETY: a runner does not use the zygote's end of the socket and never drops its
                // owner.
                unsafe { libc::close(std::os::fd::AsRawFd::as_raw_fd(&self.zygote_end)) };
                let AttemptOutcome { name, refused, detail } = attempt(u64::from_ne_bytes(token), name);
                println!("{kind}\t{}\t{name}\t{detail}", if refused { "refused" } else { "allowed" });
                fork::exit_now()
            }
            Forked::Zygote(pid, _pidfd) => {
                (&self.zygote_end).write_all(&syscall_token::obfuscated_token().to_ne_bytes())?;
                let mut status: libc::c_int = 0;
                let arguments = [pid as usize, (&raw mut status) as usize, 0, 0, 0];
                // SAFETY: the kernel writes the status to a live number.
                unsafe { syscall_token::syscall(libc::SYS_wait4, arguments) }?;
                // SAFETY: the number is live. The read is volatile, as the kernel has written it.
                match unsafe { (&raw const status).read_volatile() } {
                    // The runner has printed the outcome.
                    0 => {}
                    status if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS => {
                        println!("{kind}\trefused\t{name}\tended by SIGSYS");
                    }
                    status => println!("{kind}\tdied\t{name}\tstatus {status}"),
                }
                Ok(())
            }
        }
    }
}

/// Decides whether an error means a refusal.
fn outcome_of(name: &'static str, result: io::Result<i64>) -> AttemptOutcome {
    match result {
        Ok(value) => AttemptOutcome { name, refused: false, detail: format!("returned {value}") },
        Err(error) => {
            // Container profiles answer ENOSYS for calls that have a replacement.
            let refusals = [libc::EPERM, libc::EACCES, libc::ENOSYS];
            let refused = error.raw_os_error().is_some_and(|number| refusals.contains(&number));
            AttemptOutcome { name, refused, detail: error.to_string() }
        }
    }
}

/// Looks for descriptors besides the channel, the null device and the pipe to the log.
fn open_descriptors(name: &'static str) -> AttemptOutcome {
    let open: Vec<i64> =
        (3..4096).filter(|number| call(libc::SYS_fstat, [N(*number), B(&mut buffer())]).is_ok()).collect();
    AttemptOutcome { name, refused: open.is_empty(), detail: format!("open: {open:?}") }
}

/// Searches the memory in `maps` for the zygote's token, given obfuscated. A number that was
/// planted there shows that the search works.
fn search_memory(name: &'static str, maps: &str, token: u64) -> AttemptOutcome {
    let planted = std::hint::black_box(Box::new(0x0bad_cafe_f00d_1234_u64));
    let (mut found, mut plants, mut words) = (0, 0, 0_u64);
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(addresses), Some(rights)) = (fields.next(), fields.next()) else { continue };
        let range = addresses.split_once('-').map(|(start, end)| {
            [start, end].map(|address| usize::from_str_radix(address, 16).unwrap_or_default())
        });
        // The kernel's own pages ([vvar], [vsyscall]) are skipped.
        let Some([start, end]) = range.filter(|_| rights.starts_with('r') && !line.contains("[v")) else {
            continue;
        };
        let pages = (start..end).step_by(PAGE_BYTES).filter(|page| is_readable(*page));
        for at in pages.flat_map(|page| (page..page + PAGE_BYTES).step_by(size_of::<u64>())) {
            // SAFETY: the page is readable and does not change meanwhile, as this process has one
            // thread.
            let word = unsafe { std::ptr::read_volatile(at as *const u64) };
            words += 1;
            found += u32::from(syscall_token::obfuscate(std::hint::black_box(word)) == token);
            plants += u32::from(word == *planted);
        }
    }
    AttemptOutcome {
        name,
        refused: found == 0 && plants > 0 && words > 1 << 20,
        detail: format!("{found} in {words} words, {plants} of the planted number"),
    }
}

/// Returns `true` if the kernel can read a page: a mapping with the right to read may have guards
/// (`process::memory::readonly`), which end a process that reads them.
fn is_readable(page: usize) -> bool {
    let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // The kernel compares the first word with the value, and waits no time if they are equal.
    let value = 0x5ca1_ab1e;
    let compared = call(libc::SYS_futex, [N(page as i64), N(wait.into()), N(value), B(&mut buffer())]);
    !compared.is_err_and(|error| error.raw_os_error() == Some(libc::EFAULT))
}

/// Calls `getpid` through the 32-bit interface, whose numbers stand for other calls. The filter
/// must not take them for those of the 64-bit interface. It ends the process.
#[cfg(target_arch = "x86_64")]
fn call_32_bit() -> i64 {
    let mut number: i64 = 20;
    // SAFETY: the call takes no arguments and touches no memory. The interrupt changes no registers
    // but those that are named, or ends the process.
    unsafe {
        std::arch::asm!("int 0x80", inout("rax") number, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    number
}

#[cfg(not(target_arch = "x86_64"))]
fn call_32_bit() -> i64 {
    std::process::abort()
}
