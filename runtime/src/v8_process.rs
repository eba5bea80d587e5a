//! V8 in this process: flags, platform, entropy, once.

use std::sync::Once;
use std::time::Duration;

include!("v8_flags.rs");

static START: Once = Once::new();

/// Starts V8 unless it is running.
///
/// Call it before the first thread that will enter an isolate exists: on processors with memory protection keys a
/// thread inherits access to V8's pointer tables from its parent, and one made earlier dies with SIGSEGV (design,
/// section 8). [`Pool`](crate::pool::Pool) spawns all its threads from one that was made here after.
pub(crate) fn start() {
    START.call_once(|| {
        initialize();
        keep_one_isolate_alive();
    });
}

/// Starts V8 in a process of one thread, which makes an isolate next and keeps it.
pub(crate) fn start_alone() {
    START.call_once(initialize);
}

fn initialize() {
    let words = std::iter::once("isolet").chain(FLAGS.iter().copied()).map(String::from).collect();
    let left = v8::V8::set_flags_from_command_line(words);
    assert_eq!(left.len(), 1, "V8 does not know these flags: {left:?}");
    // Without a source V8 opens and reads a random device eight times for each isolate: 0.1 ms, and forbidden in a
    // jail (third_party/v8/README.md).
    v8::V8::set_entropy_source(crate::entropy::fill);
    v8::V8::initialize_platform(v8::new_single_threaded_default_platform(false).make_shared());
    v8::V8::initialize();
}

/// Holds an isolate for as long as the process lives: V8's read-only heap dies with the last isolate and is rebuilt for
/// the next one, which doubles the price of an isolate (third_party/v8/README.md: 780 against 381 µs).
fn keep_one_isolate_alive() {
    let (made, wait) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("isolet-keeper".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            let _keeper = v8::Isolate::new(crate::isolate::parameters());
            let _ = made.send(());
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        })
        .expect("a thread for the keeper isolate");
    let _ = wait.recv();
}
