// V8's flags, for the build script that makes the snapshots and for the process that uses one: a
// snapshot is valid only with the flags with which it was made. V8 ignores unknown flags, so both
// assert that none is left.
pub const FLAGS: &[&str] = &[
    // All work of an isolate is on its own thread: garbage collection and compilation count towards
    // their run, V8 has no worker threads that continue after a run, and a zygote has one thread,
    // so that it can be forked.
    "--single-threaded",
    // No code from strings, by flag as well as by context.
    "--disallow-code-generation-from-strings",
    // Stack traces contain the awaiting lines of the script.
    "--async-stack-traces",
    "--stack-trace-limit=20",
];

// Further flags of a process without machine code: JavaScript and regular expressions are
// interpreted, and V8 needs no executable memory. Contexts and bytecode differ (V8 has no context
// cells then), so that these processes have a snapshot of their own.
pub const JITLESS: &[&str] = &["--jitless"];

// Returns V8's command line. The first word is the program's name.
pub fn words(jit: bool) -> Vec<String> {
    let further = if jit { &[] } else { JITLESS };
    ["isolet"].iter().chain(FLAGS).chain(further).map(|word| (*word).to_owned()).collect()
}
