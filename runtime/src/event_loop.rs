//! The event loop of a run: JavaScript runs until it has nothing to do, then the thread waits for
//! an answer or a timer.

use std::time::{Duration, Instant};

use v8::{Local, PinScope};

use crate::calls::CallSite;
use crate::isolate::FreshIsolate;
use crate::js_interface::EntryFunctions;
use crate::messages::{Inbound, Inbox};
use crate::script::{Prepared, Shape, Wrapped};
use crate::shared_enums::EntryKind;
use crate::state::RunState;
use crate::stop::StopReason;
use crate::{ErrorCode, RunError, ToolFailure, error, modules, rejections};

/// Runs a prepared script to its end in `fresh`, whose slot holds the [`RunState`]. Messages come
/// from `inbox`, or else from the isolate's own channel.
pub(crate) fn run(
    fresh: &mut FreshIsolate,
    inbox: Option<&mut dyn Inbox>,
    prepared: &Prepared,
    input: Option<&str>,
    wall_until: Instant,
) -> Result<String, RunError> {
    let FreshIsolate { isolate, context, entries, control, inbound, .. } = fresh;
    let inbox = inbox.unwrap_or(inbound);
    isolate.set_promise_reject_callback(rejections::note);
    v8::scope!(let scope, isolate);
    let context = Local::new(scope, &*context);
    let scope = &mut v8::ContextScope::new(scope, context);

    prepare(scope, entries, input, true)?;
    start(scope, entries, prepared)?;

    loop {
        if let Some(reason) = control.stopped() {
            return Err(stopped(scope, reason));
        }
        let Some(state) = scope.get_slot_mut::<RunState>() else { return Err(error::stuck()) };
        if let Some(outcome) = state.take_outcome() {
            if outcome.is_ok() {
                rejections::warn(scope);
            }
            return outcome;
        }
        if !state.expects() {
            return Err(error::stuck());
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
            // An answer that comes when the time is up, such as a call's own timeout, must not hide
            // the wall limit.
            Some(Inbound::Answer { id, answer }) if Instant::now() >= wall_until => {
                if let Some(state) = scope.get_slot_mut::<RunState>() {
                    state.note_answer(id, &answer);
                }
                control.stop(StopReason::Wall);
            }
            Some(Inbound::Answer { id, answer }) => deliver(scope, entries, id, &answer),
            Some(Inbound::Stopped | Inbound::Worker(_)) | None => {}
        }
    }
}

/// Returns the error of a stopped run.
pub(crate) fn stopped(scope: &mut PinScope, reason: StopReason) -> RunError {
    let limits = scope.get_slot::<RunState>().map(|state| state.limits.clone()).unwrap_or_default();
    error::stopped(reason, &limits)
}

/// Gives the context its variables and input. The script has not run yet, so that it cannot have
/// changed any function used here.
pub(crate) fn prepare(
    scope: &mut PinScope,
    entries: &EntryFunctions,
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
    let max_text_length = scope.get_slot::<RunState>().map_or(0, |state| state.limits.max_text_length());
    let max_text_length = v8::Number::new(scope, max_text_length as f64).into();
    v8::tc_scope!(let scope, scope);
    let prepare = Local::new(scope, &entries.prepare);
    if prepare.call(scope, undefined, &[vars, input, strict, max_text_length]).is_none()
        && !scope.has_terminated()
    {
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
fn start(scope: &mut PinScope, entries: &EntryFunctions, prepared: &Prepared) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let undefined: Local<v8::Value> = v8::undefined(scope).into();
    let (kind, main, namespace) = match prepared.shape {
        Shape::Module => {
            let module = modules::load(scope, error::SCRIPT, &prepared.wrapped().source)?;
            let evaluation = {
                v8::tc_scope!(let scope, scope);
                module.evaluate(scope)
            };
            let Some(evaluation) = evaluation else {
                // The run was stopped, or its stack overflowed before the first instruction; the
                // loop reports which.
                return Ok(());
            };
            (EntryKind::Module, evaluation, module.get_module_namespace())
        }
        Shape::Body | Shape::Expression => {
            let wrapped = prepared.wrapped();
            let kind = match prepared.shape {
                Shape::Expression => EntryKind::Expression,
                _ if prepared.completes() => EntryKind::Completion,
                _ => EntryKind::Body,
            };
            match compile(scope, &wrapped)? {
                Some(main) => (kind, main, undefined),
                None => return Ok(()),
            }
        }
    };
    let kind = v8::Integer::new(scope, kind as i32).into();
    enter(scope, entries, &entries.start, &[kind, main, namespace]);
    Ok(())
}

/// Compiles wrapped text and runs it, which only creates the function. Returns `None` if the run
/// was stopped.
fn compile<'s>(
    scope: &mut PinScope<'s, '_>,
    wrapped: &Wrapped,
) -> Result<Option<Local<'s, v8::Value>>, RunError> {
    let too_long = || RunError::new(ErrorCode::Syntax, "SyntaxError", "The text is too long for V8.");
    let source = v8::String::new(scope, &wrapped.source).ok_or_else(too_long)?;
    let line_offset = -i32::try_from(wrapped.lines_before).unwrap_or(0);
    let resource = v8::String::new(scope, error::SCRIPT).ok_or_else(too_long)?;
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
        return Err(error::compile_error(scope, error::SCRIPT));
    };
    Ok(script.run(scope))
}

/// Gives a tool's answer to the script.
pub(crate) fn deliver(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    id: u32,
    answer: &Result<Vec<u8>, ToolFailure>,
) {
    v8::scope!(let scope, scope);
    let site = scope.get_slot_mut::<RunState>().and_then(|state| state.answered(id, answer));
    let text = match answer {
        Ok(json) => v8::String::new_from_utf8(scope, json, v8::NewStringType::Normal),
        Err(failure) => v8::String::new(scope, &failure_json(failure, site)),
    };
    // The answer is longer than a string of V8 can be (512 MiB), and so beyond the memory limit.
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

fn failure_json(failure: &ToolFailure, site: Option<CallSite>) -> String {
    fn json(bytes: &Option<Vec<u8>>) -> Option<&serde_json::value::RawValue> {
        serde_json::from_slice(bytes.as_deref()?).ok()
    }
    #[derive(serde::Serialize)]
    struct Failure<'a> {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a serde_json::value::RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a serde_json::value::RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        site: Option<CallSite>,
    }
    let failure = Failure {
        message: &failure.message,
        hint: failure.hint.as_deref(),
        result: json(&failure.result),
        error: json(&failure.error),
        site,
    };
    serde_json::to_string(&failure).unwrap_or_else(|_| r#"{"message":"The call failed."}"#.into())
}

/// Runs one timer.
pub(crate) fn tick(scope: &mut PinScope, entries: &EntryFunctions) {
    v8::scope!(let scope, scope);
    enter(scope, entries, &entries.tick, &[]);
}

/// Calls a function of the snapshot, then runs microtasks until there are none. An exception of the
/// function, such as one of a timer's callback, ends the run.
pub(crate) fn enter(
    scope: &mut PinScope,
    entries: &EntryFunctions,
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

/// Runs microtasks until there are none. A termination ends only the JavaScript on the stack: V8
/// would then run the microtasks of a stopped run without a limit.
pub(crate) fn microtasks(scope: &mut PinScope) {
    if scope.get_slot::<RunState>().is_none_or(|state| state.control.stopped().is_none()) {
        scope.perform_microtask_checkpoint();
    }
}
