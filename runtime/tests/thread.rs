//! The cases of `cases/` with isolates on threads of this process.

mod cases;

const JIT: bool = true;

fn isolation() -> isolet_runtime::Isolation {
    isolet_runtime::Isolation::Thread
}
