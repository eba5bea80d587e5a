//! What a zygote runs before it is copied: isolet's own JavaScript, so that no run compiles it again.
//!
//! Functions of the snapshot are compiled when they are first called; their bytecode belongs to the isolate, not to a
//! context. So a script that uses what most scripts use runs in a context that is thrown away afterwards, and one that leaves
//! nothing behind in the context that is copied. Nothing of a user's is in them.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::execution::{self, Text};
use crate::isolate::FreshIsolate;
use crate::outlet::Outlet;
use crate::state::{Names, RunState};
use crate::turns::{Inbound, Inbox};
use crate::{Catalogue, Language, Limits, Outcome, RunEvent, ServerTools, ToolRequest};

const SCRIPT: &str = r#"
const answers = await Promise.all([env.warm.up({ text: "a", list: [1, { b: null }] }), env["warm"]["up"]()]);
console.log("warm", 1, { a: [answers] });
try { JSON.parse("{"); } catch (error) { String(error.message); }
setTimeout(() => {}, 0);
return { answers, input, keys: Object.keys(env) };
"#;

/// What runs in the context that is copied: no timer, as its number would be missing, and no chance, as all copies would have
/// the same.
const TRACELESS: &str = r#"
const answers = await Promise.all([env.warm.up({ text: "a", list: [1, { b: null }] }), env["warm"]["up"]()]);
console.log("warm", 1, { a: [answers] });
return { answers, input };
"#;

/// V8 compiles to machine code what is called often enough, in batches. After one round the batch was nearly full, and each
/// run filled it and compiled all of it: 5% of its time. After these rounds what runs call is compiled, and far from what
/// V8 does next for it; 30 rounds are no better.
const ROUNDS: u32 = 6;

/// Runs the script in the isolate's context and gives it a new one. There what leaves no traces runs some times over, so that
/// its functions also have what they get when they are first called: another 4% off a run's time.
///
/// # Errors
/// When a run was stopped, by a small heap for one, or failed. The isolate is then of no use.
pub(crate) fn warm_up(fresh: &mut FreshIsolate) -> Result<(), String> {
    once(fresh, SCRIPT, Some("[1]"))?;
    fresh.renew();
    (0..ROUNDS).try_for_each(|_| again(fresh))
}

/// Once more.
///
/// # Errors
/// As [`warm_up`].
pub(crate) fn again(fresh: &mut FreshIsolate) -> Result<(), String> {
    once(fresh, TRACELESS, None)?;
    fresh.settle();
    // What `RegExp.lastMatch` and its relatives tell of is the last match of isolet's own functions.
    fresh.evaluate("/(?:)/.exec('')").ok_or("a match failed")?;
    went_on(fresh)
}

/// A stop is for good, whatever came of the run.
fn went_on(fresh: &FreshIsolate) -> Result<(), String> {
    fresh.control.stopped().map_or(Ok(()), |_| Err("it was stopped".into()))
}

fn once(fresh: &mut FreshIsolate, code: &str, input: Option<&str>) -> Result<(), String> {
    let mut catalogue = Catalogue::default();
    catalogue.insert("warm", "warm", ServerTools::new([("up", "up")]));
    let names = Names { vars: serde_json::Map::new(), catalogue: Arc::new(catalogue) };
    let asked = Asked::default();
    let state = RunState::new(
        names,
        Limits::default(),
        fresh.control.clone(),
        Box::new(asked.clone()),
        fresh.sender(),
    );
    let text = Text { code: code.into(), language: Language::TypeScript, input: input.map(str::to_owned) };
    execution::execute(fresh, Some(&mut asked.clone()), &text, state, 0.0, |_| ());
    let outcome = asked.kept().outcome.take();
    outcome.ok_or("it did not end")?.result.map_err(|error| error.message)?;
    went_on(fresh)
}

/// Answers every call with the same object, and keeps what came of the run.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    calls: VecDeque<u32>,
    outcome: Option<Outcome>,
}

impl Asked {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for Asked {
    fn event(&self, event: RunEvent) {
        if let RunEvent::Done(outcome) = event {
            self.kept().outcome = Some(*outcome);
        }
    }

    fn call(&self, id: u32, _: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        self.kept().calls.push_back(id);
        Box::new(())
    }
}

impl Inbox for Asked {
    fn wait(&mut self, _: Duration) -> Option<Inbound> {
        let id = self.kept().calls.pop_front()?;
        Some(Inbound::Answer { id, answer: Ok(br#"{"ok":true,"list":[1,2]}"#.to_vec()) })
    }
}
