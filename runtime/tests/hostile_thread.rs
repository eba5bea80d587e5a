//! The hostile corpus with isolates on threads of this process. What may end the process is left out: `hostile/lethal.rs`.

mod hostile;

use std::sync::OnceLock;

use hostile::Level;
use isolet_runtime::Isolation;

fn level() -> &'static Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    LEVEL.get_or_init(|| Level::new(Isolation::Thread, false))
}

hostile::classes!(level: cpu reentry memory floods escapes poison breakout leaks seldom);

#[test]
fn a_file() {
    hostile::file(level());
}
