//! What each part of a run costs, on one thread with nothing else: for `examples/phases.rs` and whoever makes isolates
//! cheaper next. Not part of the interface that embedders may rely on.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::isolate::Bare;
use crate::outlet::Outlet;
use crate::state::{Names, RunState};
use crate::thread_clock::ThreadClock;
use crate::turns::Inbound;
use crate::{Catalogue, Limits, RunEvent, ToolRequest, script, turns, v8_process};

/// Names of the parts, in the order of [`measure`]'s figures.
pub const PHASES: [&str; 5] = ["isolate", "context", "parse and blank types", "compile and run", "dispose"];

struct Silent;

impl Outlet for Silent {
    fn event(&self, _: RunEvent) {}

    fn call(&self, _: u32, _: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        Box::new(())
    }
}

/// CPU time of each part, for each of `runs` runs of `code`, which must make no calls.
///
/// # Panics
/// If the script fails.
pub fn measure(code: &str, runs: usize) -> Vec<[Duration; PHASES.len()]> {
    v8_process::start();
    let limits = Limits::default();
    let clock = ThreadClock::of_this_thread();
    let now = || clock.read().unwrap_or_default();
    (0..runs)
        .map(|_| {
            let begin = now();
            let bare = Bare::new(limits.heap_bytes, limits.heap_bytes);
            let made = now();
            let mut fresh = bare.with_context();
            let ready = now();
            let prepared = script::prepare(code, true).expect("a valid script");
            let parsed = now();
            let names = Names { vars: serde_json::Map::new(), catalogue: Arc::new(Catalogue::default()) };
            let state =
                RunState::new(names, limits.clone(), fresh.control.clone(), Box::new(Silent), fresh.sender());
            fresh.isolate.set_slot(state);
            turns::run(&mut fresh, None, &prepared, None, Instant::now() + limits.wall).expect("a result");
            let ran = now();
            drop(fresh);
            let disposed = now();
            [made - begin, ready - made, parsed - ready, ran - parsed, disposed - ran]
        })
        .collect()
}
