//! The cases of `cases/` with isolates on threads of this process.

mod cases;

fn isolation() -> isolet_runtime::Isolation {
    isolet_runtime::Isolation::Thread
}
