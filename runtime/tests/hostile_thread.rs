//! The hostile corpus with isolates on threads of this process, without the cases of
//! `hostile/lethal.rs`, which may end the process.

mod hostile;

use std::sync::OnceLock;

use hostile::Level;
use isolet_runtime::Isolation;

fn level() -> &'static Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    LEVEL.get_or_init(|| Level::new(Isolation::Thread, false))
}

hostile::classes!(level: cpu reentry memory floods escapes poison breakout leaks rare_interrupts);

#[test]
fn the_file_of_the_environment_runs() {
    hostile::run_file(level());
}
