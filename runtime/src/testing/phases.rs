//! The CPU time of each phase of a run, measured on one thread that does nothing else.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::isolate::BareIsolate;
use crate::messages::Inbound;
use crate::run_channel::RunChannel;
use crate::state::{RunState, ScriptEnv};
use crate::thread_clock::ThreadClock;
use crate::{Catalogue, Limits, RunEvent, ToolRequest, event_loop, script, v8_process};

/// The names of the phases, in the order of the values of [`measure`].
pub const PHASES: [&str; 5] = ["isolate", "context", "parse and blank types", "compile and run", "dispose"];

/// A channel that ignores all events.
struct IgnoringChannel;

impl RunChannel for IgnoringChannel {
    fn event(&self, _: RunEvent) {}

    fn call(&self, _: u32, _: u32, _: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        Box::new(())
    }
}

/// Measures the CPU time of each phase, for each of `runs` runs of `code`, which must not call
/// tools.
///
/// # Panics
/// Panics if the script fails.
pub fn measure(code: &str, runs: usize) -> Vec<[Duration; PHASES.len()]> {
    v8_process::start(true);
    let limits = Limits::default();
    let clock = ThreadClock::of_the_reader();
    let now = || clock.read().unwrap_or_default();
    (0..runs)
        .map(|_| {
            let begin = now();
            let bare = BareIsolate::new(limits.memory, limits.memory);
            let made = now();
            let mut fresh = bare.with_context();
            let ready = now();
            let prepared = script::prepare(code, true).expect("a valid script");
            let parsed = now();
            let names = ScriptEnv { vars: serde_json::Map::new(), catalogue: Arc::new(Catalogue::default()) };
            let state = RunState::new(
                names,
                limits.clone(),
                fresh.control.clone(),
                Box::new(IgnoringChannel),
                fresh.sender(),
            );
            fresh.isolate.set_slot(state);
            event_loop::run(&mut fresh, None, &prepared, None, Instant::now() + limits.wall)
                .expect("a result");
            let ran = now();
            drop(fresh);
            let disposed = now();
            [made - begin, ready - made, parsed - ready, ran - parsed, disposed - ran]
        })
        .collect()
}
