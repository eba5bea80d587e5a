//! The cases of `cases/` in jailed processes with V8 without its compilers.

mod cases;

use isolet_runtime::{Isolation, ZygoteProcesses};

const JIT: bool = false;

/// Returns process isolation with the program `zygote`.
fn isolation() -> Isolation {
    let executable = env!("CARGO_BIN_EXE_zygote").into();
    Isolation::Process(ZygoteProcesses { executable, subcommand: "zygote".into(), count: 1 })
}

#[test]
fn the_engine_has_no_compiler() {
    assert!(!cases::engine().1.jit());
}
