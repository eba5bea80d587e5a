//! Runs one script in one fresh isolate, from its text to its outcome, on a thread or in a runner
//! process.

use std::time::Instant;

use crate::event_loop;
use crate::isolate::FreshIsolate;
use crate::messages::{Inbound, Inbox};
use crate::modules::ModuleMap;
use crate::script::Prepared;
use crate::state::{RunState, milliseconds, to_ms};
use crate::thread_clock::ThreadClock;
use crate::{Language, Outcome, RunError, Stats, error, hints, omissions, script};

/// The text of a script and its input.
pub(crate) struct ScriptText {
    pub(crate) code: String,
    pub(crate) language: Language,
    /// JSON text.
    pub(crate) input: Option<String>,
}

/// Runs `text` and reports its outcome through `state`. `watch` gets the time of the wall limit and
/// returns a guard; limits are watched until it is dropped.
pub(crate) fn execute<W>(
    fresh: &mut FreshIsolate,
    inbox: Option<&mut dyn Inbox>,
    text: &ScriptText,
    state: RunState,
    queued_ms: f64,
    watch: impl FnOnce(Instant) -> W,
) {
    let clock = ThreadClock::of_the_reader();
    let cpu_before = clock.read().unwrap_or_default();
    let started = state.started();
    let wall_until = started + state.limits.wall;
    fresh.isolate.set_slot(state);
    let watch = watch(wall_until);
    let result = script::prepare(&text.code, text.language == Language::TypeScript)
        .map_err(RunError::from)
        .and_then(|prepared| {
            let result = event_loop::run(fresh, inbox, &prepared, text.input.as_deref(), wall_until);
            place(fresh, &prepared, result, text)
        })
        .map_err(|error| error::framed(error, &text.code))
        .map_err(|error| match fresh.isolate.get_slot::<ModuleMap>() {
            Some(modules) => hints::name_libraries(error, modules.libraries()),
            None => error,
        });
    drop(watch);
    if let Some(state) = fresh.isolate.get_slot_mut::<RunState>() {
        // Calls that were answered while the script was busy took effect, even if the script never
        // got the answers.
        for inbound in fresh.inbound.try_iter() {
            if let Inbound::Answer { id, answer } = inbound {
                state.note_answer(id, &answer);
            }
        }
        for warning in std::mem::take(&mut state.warnings) {
            state.tell(warning);
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

/// Maps V8's positions in errors and warnings to the caller's text, and adds warnings about the
/// whole run.
fn place(
    fresh: &mut FreshIsolate,
    prepared: &Prepared,
    result: Result<String, RunError>,
    text: &ScriptText,
) -> Result<String, RunError> {
    let libraries = fresh.isolate.get_slot::<ModuleMap>().map(|modules| modules.libraries().to_vec());
    let Some(state) = fresh.isolate.get_slot_mut::<RunState>() else { return result };
    let caller = |line: u32, column: u32| prepared.place(line, column);
    // A failed run gets no such warnings: calls beside the one that failed are always cancelled.
    if result.is_ok() {
        omissions::add(state, prepared, &text.code);
    }
    for warning in &mut state.warnings {
        if let (Some(line), Some(column)) = (warning.line, warning.column) {
            (warning.line, warning.column) = Some(caller(line, column)).unzip();
        }
    }
    result.map_err(|mut error| {
        if let (Some(line), Some(column)) = (error.line, error.column) {
            (error.line, error.column) = Some(caller(line, column)).unzip();
        }
        for frame in &mut error.stack {
            (frame.line, frame.column) = caller(frame.line, frame.column);
        }
        hints::improve(&mut error, state, text, &libraries.unwrap_or_default());
        error
    })
}
