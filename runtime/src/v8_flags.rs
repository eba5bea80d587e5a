// V8's flags, for the build script that makes the snapshot and for the process that uses it: V8 refuses a snapshot or
// a code cache made under other flags. Misspelt flags are ignored by V8, so both places assert that none is left over.
pub const FLAGS: &[&str] = &[
    // All work of an isolate on its own thread: garbage collection and compilation count towards the run that causes
    // them, no worker thread of V8 runs for a run that has ended, and a zygote can be forked, as it has one thread.
    "--single-threaded",
    // No code from strings, by flag as well as by context.
    "--disallow-code-generation-from-strings",
    // Stack traces of thrown values name the awaiting lines of the script.
    "--async-stack-traces",
    "--stack-trace-limit=20",
];
