//! Starts V8 in this process, once: flags, platform, random bytes, snapshots.

use std::sync::OnceLock;
use std::time::Duration;

include!("v8_flags.rs");

static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/isolet.snapshot"));

/// The snapshot for V8 without its compilers.
static JITLESS_SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/jitless.snapshot"));

/// Set to `true` if the running V8 may compile. V8's flags hold for the whole process.
static JIT: OnceLock<bool> = OnceLock::new();

/// Starts V8 unless it is running.
///
/// Call it before the first thread that will enter an isolate exists: on processors with memory
/// protection keys, a thread inherits access to V8's pointer tables from its parent, and one from
/// before fails with SIGSEGV. The thread pool spawns all its threads from one that it makes
/// afterwards.
///
/// # Panics
/// V8 already runs with the other value of `jit`: a caller that asks for V8 without a compiler must
/// not get one.
pub(crate) fn start(jit: bool) {
    let mut first = false;
    let running = *JIT.get_or_init(|| {
        initialize(jit);
        first = true;
        jit
    });
    assert_eq!(running, jit, "V8 runs in this process already, and with other flags (`EngineOptions::jit`)");
    if first {
        // The isolate needs the value of `JIT`, which is set by now.
        keep_one_isolate_alive();
    }
}

/// Starts V8 in a process of one thread, which makes an isolate next and keeps it.
pub(crate) fn start_alone(jit: bool) {
    JIT.get_or_init(|| {
        initialize(jit);
        jit
    });
}

/// Returns `true` if V8 was started with its compilers.
pub(crate) fn jit() -> bool {
    *JIT.get().unwrap_or(&true)
}

fn initialize(jit: bool) {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    crate::address_space::keep();
    let left = v8::V8::set_flags_from_command_line(words(jit));
    assert_eq!(left.len(), 1, "V8 does not know these flags: {left:?}");
    // Without this source, V8 opens and reads a random device eight times for each isolate, which
    // takes 0.1 ms and is forbidden in a jail (third_party/v8/README.md).
    v8::V8::set_entropy_source(crate::entropy::fill);
    v8::V8::initialize_platform(v8::new_single_threaded_default_platform(false).make_shared());
    v8::V8::initialize();
}

/// Keeps an isolate as long as the process exists: V8 drops its read-only heap with the last
/// isolate and builds it again for the next one, which doubles the time for an isolate
/// (third_party/v8/README.md: 780 instead of 381 µs).
fn keep_one_isolate_alive() {
    let (made, wait) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("isolet-keeper".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            let _keeper = v8::Isolate::new(isolate_parameters());
            let _ = made.send(());
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        })
        .expect("a thread for the keeper isolate");
    let _ = wait.recv();
}

/// Returns the parameters that every isolate needs to use the snapshot.
pub(crate) fn isolate_parameters() -> v8::CreateParams {
    let snapshot = if jit() { SNAPSHOT } else { JITLESS_SNAPSHOT };
    v8::Isolate::create_params()
        .snapshot_blob(v8::StartupData::from(snapshot))
        .external_references(crate::js_interface::external_references().into())
        .allow_atomics_wait(false)
}
