//! The warm-up of a zygote: it runs isolet's own JavaScript, so that runners need not compile it.
//!
//! V8 compiles a function of the snapshot when it is first called, and keeps the bytecode in the
//! isolate, not in the context. So one script, with the features that most scripts use, runs in a
//! context that is discarded, and another one, which leaves no traces, runs in the context that
//! runners get. Neither contains anything of a user.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use parking_lot::Mutex;

use crate::execution::{self, ScriptText};
use crate::isolate::FreshIsolate;
use crate::messages::{Inbound, Inbox};
use crate::run_channel::RunChannel;
use crate::state::{RunState, ScriptEnv};
use crate::{Catalogue, Language, Limits, Outcome, RunEvent, ServerTools, ToolRequest};

/// The script for the context that is discarded.
const FULL_SCRIPT: &str = r#"
const answers = await Promise.all([env.warm.up({ text: "a", list: [1, { b: null }] }), env["warm"]["up"]()]);
console.log("warm", 1, { a: [answers] });
try { JSON.parse("{"); } catch (error) { String(error.message); }
setTimeout(() => {}, 0);
return { answers, input, keys: Object.keys(env) };
"#;

/// The script for the context that runners get. It must not use timers (their ids would be missing
/// in runners) or random numbers (all runners would have the same).
const TRACELESS_SCRIPT: &str = r#"
const answers = await Promise.all([env.warm.up({ text: "a", list: [1, { b: null }] }), env["warm"]["up"]()]);
console.log("warm", 1, { a: [answers] });
return { answers, input };
"#;

/// The number of runs of [`TRACELESS_SCRIPT`]. V8 compiles functions to machine code in batches,
/// once they have been called often enough. After one round a batch was almost full, and each run
/// filled and compiled it, for 5% of its time. After these rounds the functions are compiled and
/// far from V8's next step; 30 rounds gain nothing more.
const TRACELESS_ROUNDS: u32 = 6;

/// Runs [`FULL_SCRIPT`], gives the isolate a new context, and runs [`TRACELESS_SCRIPT`] in it
/// several times. The latter also creates what functions get at their first call in a context: 4%
/// of a run's time.
///
/// # Errors
/// Returns an error if a run failed or was stopped, for instance by a small heap. The isolate
/// cannot be used then.
pub(crate) fn warm_up(fresh: &mut FreshIsolate) -> Result<(), String> {
    run_once(fresh, FULL_SCRIPT, Some("[1]"))?;
    fresh.renew();
    (0..TRACELESS_ROUNDS).try_for_each(|_| run_traceless(fresh))
}

/// Runs [`TRACELESS_SCRIPT`] once.
///
/// # Errors
/// Returns the errors of [`warm_up`].
pub(crate) fn run_traceless(fresh: &mut FreshIsolate) -> Result<(), String> {
    run_once(fresh, TRACELESS_SCRIPT, None)?;
    // The modules of libraries stay.
    fresh.isolate.remove_slot::<RunState>();
    // `RegExp.lastMatch` and its relatives would show the last match of isolet's own functions.
    fresh.evaluate("/(?:)/.exec('')").ok_or("a match failed")?;
    check_not_stopped(fresh)
}

/// Fails if the isolate was stopped, which is final even if the run returned a result.
fn check_not_stopped(fresh: &FreshIsolate) -> Result<(), String> {
    fresh.control.stopped().map_or(Ok(()), |_| Err("it was stopped".into()))
}

/// Runs a script and fails unless it returns a result.
fn run_once(fresh: &mut FreshIsolate, code: &str, input: Option<&str>) -> Result<(), String> {
    let mut catalogue = Catalogue::default();
    catalogue.insert("warm", "warm", ServerTools::new([("up", "up")]));
    let names = ScriptEnv { vars: serde_json::Map::new(), catalogue: Arc::new(catalogue) };
    let channel = WarmUpChannel::default();
    let state = RunState::new(
        names,
        Limits::default(),
        fresh.control.clone(),
        Box::new(channel.clone()),
        fresh.sender(),
    );
    let text =
        ScriptText { code: code.into(), language: Language::TypeScript, input: input.map(str::to_owned) };
    execution::execute(fresh, Some(&mut channel.clone()), &text, state, 0.0, |_| ());
    let outcome = channel.0.lock().outcome.take();
    outcome.ok_or("it did not end")?.result.map_err(|error| error.message)?;
    check_not_stopped(fresh)
}

/// Answers every call with the same object and keeps the run's outcome.
#[derive(Clone, Default)]
struct WarmUpChannel(Arc<Mutex<WarmUpState>>);

#[derive(Default)]
struct WarmUpState {
    calls: VecDeque<u32>,
    outcome: Option<Outcome>,
}

impl RunChannel for WarmUpChannel {
    fn event(&self, event: RunEvent) {
        if let RunEvent::Done(outcome) = event {
            self.0.lock().outcome = Some(*outcome);
        }
    }

    fn call(&self, id: u32, _: u32, _: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        self.0.lock().calls.push_back(id);
        Box::new(())
    }
}

impl Inbox for WarmUpChannel {
    fn wait(&mut self, _: Duration) -> Option<Inbound> {
        let id = self.0.lock().calls.pop_front()?;
        Some(Inbound::Answer { id, answer: Ok(br#"{"ok":true,"list":[1,2]}"#.to_vec()) })
    }
}
