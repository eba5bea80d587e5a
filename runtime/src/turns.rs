//! A run, turn by turn: JavaScript runs until it has nothing to do, then the thread waits for an answer or a timer.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use v8::{Local, PinScope};

use crate::control::StopReason;
use crate::isolate::{Entries, FreshIsolate};
use crate::script::{Prepared, Shape, Wrapped};
use crate::state::{RunState, Site};
use crate::{ErrorCode, HttpRequest, RunError, ToolFailure, fault, modules};

/// What reaches a thread that waits between two turns.
pub(crate) enum Inbound {
    /// A tool's answer.
    Answer { id: u32, answer: Result<Vec<u8>, ToolFailure> },
    /// The control was told to stop; look at it.
    Stopped,
    /// A request for a Worker.
    Fetch { request: Box<HttpRequest>, reply: crate::worker::Reply },
}

/// Where a thread waits between two turns.
pub(crate) trait Inbox {
    /// What comes next; `None` when nothing came in time.
    fn wait(&mut self, within: Duration) -> Option<Inbound>;
}

impl Inbox for Receiver<Inbound> {
    /// The isolate's control holds a sender, so the channel does not end before the isolate does.
    fn wait(&mut self, within: Duration) -> Option<Inbound> {
        self.recv_timeout(within).ok()
    }
}

/// Runs a prepared script to its end in `fresh`, whose slot holds the [`RunState`]. What it waits for comes from `inbox`,
/// or else through the isolate's own channel.
pub(crate) fn run(
    fresh: &mut FreshIsolate,
    inbox: Option<&mut dyn Inbox>,
    prepared: &Prepared,
    input: Option<&str>,
    wall_until: Instant,
) -> Result<String, RunError> {
    let FreshIsolate { isolate, context, entries, control, inbound, .. } = fresh;
    let inbox = inbox.unwrap_or(inbound);
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);

    prepare(scope, entries, input, true)?;
    start(scope, entries, prepared)?;

    loop {
        if let Some(reason) = control.stopped() {
            return Err(stopped(scope, reason));
        }
        let Some(state) = scope.get_slot_mut::<RunState>() else { return Err(fault::stuck()) };
        if let Some(outcome) = state.take_outcome() {
            return outcome;
        }
        if !state.expects() {
            return Err(fault::stuck());
        }
        let due = state.wake_at.map(|at| state.started() + Duration::from_secs_f64(at / 1000.0));
        let now = Instant::now();
        if now >= wall_until {
            control.stop(StopReason::Wall);
            continue;
        }
        if due.is_some_and(|due| due <= now) {
            tick(scope, entries);
            continue;
        }
        match inbox.wait(due.map_or(wall_until, |due| due.min(wall_until)) - now) {
            // One that comes when the time is up, a call's own timeout above all, does not hide that it is.
            Some(Inbound::Answer { id, answer }) if Instant::now() >= wall_until => {
                if let Some(state) = scope.get_slot_mut::<RunState>() {
                    state.note_answer(id, &answer);
                }
                control.stop(StopReason::Wall);
            }
            Some(Inbound::Answer { id, answer }) => deliver(scope, entries, id, &answer),
            Some(Inbound::Stopped | Inbound::Fetch { .. }) | None => {}
        }
    }
}

/// The error for a stopped run, with what the limits were.
pub(crate) fn stopped(scope: &mut PinScope, reason: StopReason) -> RunError {
    let limits = scope.get_slot::<RunState>().map(|state| state.limits.clone()).unwrap_or_default();
    fault::stopped(reason, &limits)
}

/// Gives the context its variables and input. The script has not run yet, so nothing here can be poisoned.
pub(crate) fn prepare(
    scope: &mut PinScope,
    entries: &Entries,
    input: Option<&str>,
    strict: bool,
) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let vars = scope.get_slot::<RunState>().filter(|state| !state.names.vars.is_empty());
    let vars = vars.map(|state| serde_json::to_string(&state.names.vars).unwrap_or_default());
    let too_long =
        || RunError::new(ErrorCode::MemoryLimit, "MemoryLimitError", "The input does not fit into V8.");
    let value = |text: Option<&str>| match text {
        None => Ok(undefined),
        Some(text) => v8::String::new(scope, text).map(Into::into).ok_or_else(too_long),
    };
    let (vars, input) = (value(vars.as_deref())?, value(input)?);
    let strict = v8::Boolean::new(scope, strict).into();
    v8::tc_scope!(let scope, scope);
    let prepare = Local::new(scope, &entries.prepare);
    if prepare.call(scope, undefined, &[vars, input, strict]).is_none() && !scope.has_terminated() {
        let message = scope.exception().map(|exception| exception.to_rust_string_lossy(scope));
        return Err(RunError::new(
            ErrorCode::Exception,
            "InputError",
            message.unwrap_or_else(|| "The input is not JSON.".into()),
        ));
    }
    Ok(())
}

/// Compiles the script and enters it by its shape.
fn start(scope: &mut PinScope, entries: &Entries, prepared: &Prepared) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let (kind, main, namespace) = match prepared.shape {
        Shape::Module => {
            let module = modules::load(scope, fault::SCRIPT, &prepared.text)?;
            let evaluation = {
                v8::tc_scope!(let scope, scope);
                module.evaluate(scope)
            };
            let Some(evaluation) = evaluation else {
                // Terminated, or out of stack before the first instruction; the loop says which.
                return Ok(());
            };
            (2, evaluation, module.get_module_namespace())
        }
        Shape::Body | Shape::Expression => {
            let wrapped = prepared.wrapped();
            let kind = i32::from(prepared.shape == Shape::Expression);
            match compile(scope, &wrapped)? {
                Some(main) => (kind, main, undefined),
                None => return Ok(()),
            }
        }
    };
    let kind = v8::Integer::new(scope, kind).into();
    enter(scope, entries, &entries.start, &[kind, main, namespace]);
    Ok(())
}

/// Compiles wrapped text and runs it, which only makes the function. `None` if it was stopped.
fn compile<'s>(
    scope: &mut PinScope<'s, '_>,
    wrapped: &Wrapped,
) -> Result<Option<Local<'s, v8::Value>>, RunError> {
    let too_long = || RunError::new(ErrorCode::Syntax, "SyntaxError", "The text is too long for V8.");
    let source = v8::String::new(scope, &wrapped.source).ok_or_else(too_long)?;
    let line_offset = -i32::try_from(wrapped.lines_before).unwrap_or(0);
    let resource = v8::String::new(scope, fault::SCRIPT).ok_or_else(too_long)?;
    let origin = v8::ScriptOrigin::new(
        scope,
        resource.into(),
        line_offset,
        0,
        false,
        0,
        None,
        false,
        false,
        false,
        None,
    );
    v8::tc_scope!(let scope, scope);
    let Some(script) = v8::Script::compile(scope, source, Some(&origin)) else {
        return Err(compile_fault(scope, fault::SCRIPT));
    };
    Ok(script.run(scope))
}

/// What V8 says against a text that the parser before it accepted: early errors such as a redeclared `const`.
pub(crate) fn compile_fault(
    scope: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>,
    name: &str,
) -> RunError {
    let mut error = RunError::new(ErrorCode::Syntax, "SyntaxError", "The text is no valid script.");
    let Some(message) = scope.message() else { return error };
    let text = message.get(scope).to_rust_string_lossy(scope);
    error.message = text
        .strip_prefix("Uncaught ")
        .map_or(text.as_str(), |text| text.strip_prefix("SyntaxError: ").unwrap_or(text))
        .to_owned();
    if name != fault::SCRIPT {
        error.message = format!("{name}: {}", error.message);
    }
    error.line = message.get_line_number(scope).and_then(|line| u32::try_from(line).ok());
    error.column = u32::try_from(message.get_start_column() + 1).ok();
    error
}

/// Hands a tool's answer to the script.
pub(crate) fn deliver(
    scope: &mut PinScope,
    entries: &Entries,
    id: u32,
    answer: &Result<Vec<u8>, ToolFailure>,
) {
    v8::scope!(let scope, scope);
    let site = scope.get_slot_mut::<RunState>().and_then(|state| state.answered(id, answer));
    let text = match answer {
        Ok(json) => v8::String::new_from_utf8(scope, json, v8::NewStringType::Normal),
        Err(failure) => v8::String::new(scope, &failure_json(failure, site)),
    };
    // Longer than any string V8 can hold (512 MiB): the limit on memory would have been next.
    let Some(text) = text else {
        if let Some(state) = scope.get_slot::<RunState>() {
            state.control.stop(StopReason::Memory);
        }
        return;
    };
    let id = v8::Integer::new_from_unsigned(scope, id).into();
    let ok = v8::Boolean::new(scope, answer.is_ok()).into();
    enter(scope, entries, &entries.deliver, &[id, ok, text.into()]);
}

fn failure_json(failure: &ToolFailure, site: Option<Site>) -> String {
    let raw = failure.result.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let raw = raw.and_then(|text| serde_json::from_str::<&serde_json::value::RawValue>(text).ok());
    #[derive(serde::Serialize)]
    struct Failure<'a> {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a serde_json::value::RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        site: Option<Site>,
    }
    let failure = Failure { message: &failure.message, hint: failure.hint.as_deref(), result: raw, site };
    serde_json::to_string(&failure).unwrap_or_else(|_| r#"{"message":"The call failed."}"#.into())
}

/// Runs one timer.
pub(crate) fn tick(scope: &mut PinScope, entries: &Entries) {
    v8::scope!(let scope, scope);
    enter(scope, entries, &entries.tick, &[]);
}

/// Calls a function of the snapshot, then runs microtasks until there are none. What it throws (a timer's callback, for
/// instance) ends the run.
pub(crate) fn enter(
    scope: &mut PinScope,
    entries: &Entries,
    function: &v8::Global<v8::Function>,
    arguments: &[Local<v8::Value>],
) {
    v8::tc_scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let function = Local::new(scope, function);
    if function.call(scope, undefined, arguments).is_none()
        && !scope.has_terminated()
        && let Some(thrown) = scope.exception()
    {
        scope.reset();
        let uncaught = Local::new(scope, &entries.uncaught);
        uncaught.call(scope, undefined, &[thrown]);
    }
    microtasks(scope);
}

/// Runs microtasks until there are none. A termination ends only the JavaScript that is on the stack: V8 would start a
/// stopped run's microtasks afresh, with nothing to end them.
pub(crate) fn microtasks(scope: &mut PinScope) {
    if scope.get_slot::<RunState>().is_none_or(|state| state.control.stopped().is_none()) {
        scope.perform_microtask_checkpoint();
    }
}
