//! Libraries: packages that one-shot scripts import.
//!
//! Their modules are evaluated once, before an isolate is given to a run: in a zygote, whose copies
//! have them, or on the thread of a run to come. They are the operator's choice, so the runs trust
//! them. isolet does not: they are evaluated inside the jail, with no servers, within limits, and a
//! run's process has nothing else to give away.

use std::any::Any;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use v8::Local;

use crate::isolate::FreshIsolate;
use crate::messages::Inbound;
use crate::modules::{self, ModuleMap};
use crate::run_channel::RunChannel;
use crate::state::{RunState, ScriptEnv};
use crate::{CallRecord, Catalogue, Limits, LogLine, Module, RunError, RunEvent, ToolRequest, event_loop};

/// The time within which all libraries of an isolate must have been evaluated.
pub(crate) const EVALUATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The packages that one-shot scripts can import, and their modules.
#[derive(Debug, Clone)]
pub struct Libraries {
    /// The specifiers that scripts can import.
    pub libraries: Arc<[Library]>,
    /// The modules that they reach.
    pub modules: Arc<[Module]>,
}

/// A specifier that scripts can import.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Library {
    /// The specifier: `zod`, `date-fns/format`.
    pub specifier: String,
    /// The name of its module, one of [`Libraries::modules`].
    pub module: String,
    /// The version of its package.
    pub version: Option<String>,
}

impl Library {
    /// Returns the specifier, with the version if it has one: `zod 4.1.12`.
    pub fn name_and_version(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.specifier),
            None => self.specifier.clone(),
        }
    }
}

/// Returns the names and versions of libraries as a list for messages, of which long ones are cut.
pub(crate) fn listed(libraries: &[Library]) -> String {
    const MAX_NAMES: usize = 30;
    let names: Vec<String> =
        libraries.iter().take(MAX_NAMES).map(|library| format!("{:?}", library.specifier)).collect();
    let mut text = names.join(", ");
    if libraries.len() > MAX_NAMES {
        let _ = write!(text, " and {} more", libraries.len() - MAX_NAMES);
    }
    text
}

/// Evaluates the libraries in the context that a run will get. `begin` gets the index of each
/// library before it is evaluated. [`end`] has to be called once nothing more runs before the run.
///
/// # Errors
/// Returns the reason, with the name of the library.
pub(crate) fn evaluate(
    fresh: &mut FreshIsolate,
    libraries: &Libraries,
    limits: Limits,
    begin: impl FnMut(usize),
) -> Result<(), String> {
    let names = ScriptEnv { vars: serde_json::Map::new(), catalogue: Arc::new(Catalogue::default()) };
    let state = RunState::new(names, limits, fresh.control.clone(), Box::new(Unheard), fresh.sender());
    fresh.isolate.set_slot(state);
    let evaluated = evaluate_all(fresh, libraries, begin);
    fresh.isolate.remove_slot::<RunState>();
    evaluated?;
    // `RegExp.lastMatch` and its relatives would show matches of the libraries.
    fresh.evaluate("/(?:)/.exec('')").ok_or("a match failed")?;
    Ok(())
}

fn evaluate_all(
    fresh: &mut FreshIsolate,
    libraries: &Libraries,
    mut begin: impl FnMut(usize),
) -> Result<(), String> {
    let FreshIsolate { isolate, context, entries, control, .. } = fresh;
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);
    event_loop::prepare(scope, entries, None, true).map_err(|error| error.message)?;
    let begins = v8::Boolean::new(scope, true).into();
    event_loop::enter(scope, entries, &entries.libraries, &[begins]);
    scope.set_slot(ModuleMap::of_libraries(libraries));
    for (index, library) in libraries.libraries.iter().enumerate() {
        begin(index);
        let opened = modules::open_library(scope, library, |scope, thrown| {
            event_loop::enter(scope, entries, &entries.uncaught, &[thrown]);
            scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome).and_then(Result::err)
        });
        // The stop comes first: it may have interrupted anything.
        if let Some(reason) = control.stopped() {
            let message = event_loop::stopped(scope, reason).message;
            let message = message.replace("The script", "it");
            return Err(format!("the library {:?} cannot be used: {message}", library.specifier));
        }
        opened.map_err(|error| failure(library, &error))?;
    }
    modules::forget_texts(scope);
    Ok(())
}

/// Ends the evaluation: from now on the code of libraries may do what only runs may do. Until then
/// also isolet's own code, such as a warm-up, could call it, where a library has replaced a
/// function of the language.
pub(crate) fn end(fresh: &mut FreshIsolate) {
    let FreshIsolate { isolate, context, entries, .. } = fresh;
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);
    event_loop::microtasks(scope);
    let begins = v8::Boolean::new(scope, false).into();
    event_loop::enter(scope, entries, &entries.libraries, &[begins]);
}

fn failure(library: &Library, error: &RunError) -> String {
    // It becomes one line.
    let message = error.message_with_one_frame();
    format!("the library {:?} cannot be used: {}: {message}", library.specifier, error.name)
}

/// The channel of libraries while they are evaluated: what they log is lost, and no call is made,
/// as there is no server.
struct Unheard;

impl RunChannel for Unheard {
    fn event(&self, _: RunEvent) {}

    fn unsent(&self, _: CallRecord) {}

    fn log(&self, _: u32, _: LogLine) {}

    fn call(&self, _: u32, _: u32, _: ToolRequest, _: &Sender<Inbound>) -> Box<dyn Any + Send> {
        Box::new(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_one_frame() {
        let library = Library { specifier: "a".to_owned(), module: String::new(), version: None };
        let mut error = RunError::new(crate::ErrorCode::Exception, "Error", "no such\nthing");
        let said = |error: &RunError| failure(&library, error);
        assert_eq!(said(&error), "the library \"a\" cannot be used: Error: no such\nthing");
        error.append_frames(["at f (a/b.js:1:2)", "at g (a/c.js:3:4)"].into_iter());
        assert_eq!(
            said(&error),
            "the library \"a\" cannot be used: Error: no such\nthing (at f (a/b.js:1:2))"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let library = |number: usize| Library {
            specifier: format!("lib-{number}"),
            module: String::new(),
            version: None,
        };
        let libraries: Vec<Library> = (0..33).map(library).collect();
        assert_eq!(listed(&libraries[..2]), r#""lib-0", "lib-1""#);
        assert!(listed(&libraries).ends_with(r#""lib-29" and 3 more"#), "{}", listed(&libraries));
    }
}
