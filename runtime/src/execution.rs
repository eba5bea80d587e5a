//! One script in one fresh isolate, from its text to its outcome: the same on a thread and in a runner process.

use std::time::Instant;

use crate::isolate::FreshIsolate;
use crate::state::{RunState, milliseconds, to_ms};
use crate::thread_clock::ThreadClock;
use crate::turns::{self, Inbound, Inbox};
use crate::{Language, Outcome, RunError, Stats, fault, script};

/// What a run executes.
pub(crate) struct Text {
    pub(crate) code: String,
    pub(crate) language: Language,
    /// JSON text.
    pub(crate) input: Option<String>,
}

/// Runs `text`, and tells the owner of `state` what came of it. `watch` is given the wall limit's moment and returns what
/// looks after limits as long as it lives.
pub(crate) fn execute<W>(
    fresh: &mut FreshIsolate,
    inbox: Option<&mut dyn Inbox>,
    text: &Text,
    state: RunState,
    queued_ms: f64,
    watch: impl FnOnce(Instant) -> W,
) {
    let clock = ThreadClock::of_this_thread();
    let cpu_before = clock.read().unwrap_or_default();
    let started = state.started();
    let wall_until = started + state.limits.wall;
    fresh.isolate.set_slot(state);
    let watch = watch(wall_until);
    let result = script::prepare(&text.code, text.language == Language::TypeScript)
        .map_err(RunError::from)
        .and_then(|prepared| turns::run(fresh, inbox, &prepared, text.input.as_deref(), wall_until))
        .map_err(|error| fault::framed(error, &text.code));
    drop(watch);
    if let Some(state) = fresh.isolate.get_slot_mut::<RunState>() {
        // What was answered while the script was busy took effect, whether or not the script got to know.
        for inbound in fresh.inbound.try_iter() {
            if let Inbound::Answer { id, answer } = inbound {
                state.note_answer(id, &answer);
            }
        }
        state.cancel_calls();
    }
    let stats = Stats {
        wall_ms: milliseconds(started),
        cpu_ms: to_ms(clock.read().unwrap_or_default() - cpu_before),
        heap_bytes: fresh.memory() as u64,
        queued_ms,
    };
    if let Some(state) = fresh.isolate.get_slot::<RunState>() {
        state.report(Outcome { result, stats });
    }
}
