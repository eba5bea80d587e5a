//! The evaluation of a project's modules.

use std::sync::Arc;

use v8::{Local, PinScope};

use crate::job::{WebSocketFeatures, WorkerFeatures};
use crate::js_interface::EntryFunctions;
use crate::modules::{self, ModuleMap};
use crate::state::RunState;
use crate::{ErrorCode, Module, RunError, error, event_loop};

/// Compiles the project and evaluates its main module.
pub(crate) fn load(
    scope: &mut PinScope,
    entries: &EntryFunctions,
    main_name: &str,
    project: &Arc<[Module]>,
    features: &WorkerFeatures,
) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let node = features.node;
    let names = serde_json::to_string(&(&features.fetchers, &features.loaders, features.is_closed))
        .unwrap_or_default();
    let names = v8::String::new(scope, &names).unwrap_or_else(|| v8::String::empty(scope));
    let WebSocketFeatures { blobs, reason_limit, automatic_close } = features.web_sockets;
    let (syntax, exports) = (features.is_service_worker, features.has_exports);
    let flags = [node.globals, node.process_env, syntax, exports, blobs, reason_limit, automatic_close];
    let flags: [Local<v8::Value>; 7] = flags.map(|flag| v8::Boolean::new(scope, flag).into());
    let arguments: Vec<_> = std::iter::once(names.into()).chain(flags).collect();
    event_loop::enter(scope, entries, &entries.open, &arguments);
    scope.set_slot(ModuleMap::of(project, node));
    let module = modules::load_of_project(scope, main_name)?;
    let context = scope.get_current_context();
    context.set_allow_generation_from_strings(features.allows_eval_at_start);
    let evaluation = {
        v8::tc_scope!(let scope, scope);
        let evaluation = module.evaluate(scope);
        event_loop::microtasks(scope);
        evaluation
    };
    context.set_allow_generation_from_strings(false);
    let stopped = scope.get_slot::<RunState>().and_then(|state| state.control.stopped());
    if let Some(reason) = stopped {
        let limits = scope.get_slot::<RunState>().map(|state| state.limits.clone()).unwrap_or_default();
        return Err(error::stopped_worker(reason, &limits));
    }
    let promise = evaluation.and_then(|value| Local::<v8::Promise>::try_from(value).ok());
    let thrown = match promise.map(|promise| (promise.state(), promise)) {
        Some((v8::PromiseState::Fulfilled, _)) => {
            let namespace = module.get_module_namespace();
            event_loop::enter(scope, entries, &entries.worker, &[namespace]);
            if let Some(state) = scope.get_slot_mut::<RunState>() {
                state.is_starting = false;
            }
            let outcome = scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome);
            return match outcome {
                Some(Err(error)) => Err(error),
                _ => Ok(()),
            };
        }
        Some((v8::PromiseState::Rejected, promise)) => promise.result(scope),
        _ => {
            return Err(RunError::new(
                ErrorCode::Exception,
                "StartUpError",
                format!("{}: top-level await of something that is not ready at start-up.", main_name),
            )
            .with_hint(
                "Move the await into fetch(): a Worker cannot wait for tools or timers while it starts.",
            ));
        }
    };
    event_loop::enter(scope, entries, &entries.uncaught, &[thrown]);
    let outcome = scope.get_slot_mut::<RunState>().and_then(RunState::take_outcome);
    match outcome {
        Some(Err(error)) => Err(error),
        _ => Err(RunError::new(ErrorCode::Exception, "StartUpError", "The main module failed.")),
    }
}
