//! Calls of tools, and the names of servers and tools.

use super::*;
use crate::shared_enums::CallKind;
use crate::suggestions;
use crate::tools::Operation;

/// `call(kind, server, name, argumentsText)` starts a call. Returns its number, or the JSON text of
/// an [`InvalidCall`](crate::suggestions::InvalidCall).
pub(crate) fn call(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if worker::refuses_at_start(scope) {
        return;
    }
    let Some(kind) = CallKind::from_number(number(scope, &arguments, 0)) else { return };
    let server = text(scope, &arguments, 1);
    let name = text(scope, &arguments, 2);
    let input = text(scope, &arguments, 3);
    let site = site(scope);
    let request = worker::current_request(scope);
    let Some(state) = state(scope) else { return };
    let operation = match kind {
        CallKind::Call | CallKind::Exact => Operation::Call { tool: name, arguments: input },
        CallKind::Raw => Operation::RawCall { tool: name, arguments: input },
        CallKind::Tools => Operation::ListTools,
        CallKind::Resources => Operation::ListResources,
        CallKind::ReadResource => Operation::ReadResource { uri: name },
        CallKind::Prompts => Operation::ListPrompts,
        CallKind::GetPrompt => Operation::GetPrompt { name, arguments: input },
    };
    match state.call(request, server, operation, site) {
        Ok(id) => {
            if kind == CallKind::Exact {
                state.exact.insert(id);
            }
            result.set_uint32(id);
        }
        Err(unknown) => set_text(scope, &mut result, &unknown.to_json(site)),
    }
}

/// `server(name)` returns the exact name of a server, or undefined.
pub(crate) fn server(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let exact =
        state(scope).and_then(|state| state.names.catalogue.server(&name).map(|(exact, _)| exact.to_owned()));
    if let Some(exact) = exact {
        set_text(scope, &mut result, &exact);
    }
}

/// `names(server)` returns a JSON array of the names of its tools; for `""`, of all servers.
pub(crate) fn names(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let Some(state) = state(scope) else { return };
    let catalogue = &state.names.catalogue;
    let names: Vec<&str> = if name.is_empty() {
        catalogue.names().collect()
    } else {
        catalogue.server(&name).map(|(_, tools)| tools.names().collect()).unwrap_or_default()
    };
    let json = serde_json::to_string(&names).unwrap_or_default();
    set_text(scope, &mut result, &json);
}

/// `lists(server, tool)` returns whether the server is known to have the tool.
pub(crate) fn lists(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (server, tool) = (text(scope, &arguments, 0), text(scope, &arguments, 1));
    let found = state(scope).is_some_and(|state| {
        state.names.catalogue.server(&server).is_some_and(|(_, tools)| tools.lists(&tool))
    });
    result.set_bool(found);
}

/// `unknown(server)` returns JSON `{ message, hint }` about a server that does not exist.
pub(crate) fn unknown(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let Some(state) = state(scope) else { return };
    let json = suggestions::server(&state.names.catalogue, &name).to_json(None);
    set_text(scope, &mut result, &json);
}

/// `unawaited(promise, call)` notes a call if its promise is not awaited. `call` is its number, or
/// 0 for the call with the last answer.
pub(crate) fn unawaited(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(arguments.get(0)) else { return };
    let call = number(scope, &arguments, 1) as u32;
    if promise.has_handler() {
        return;
    }
    let promise = v8::Global::new(scope, promise);
    if let Some(state) = state(scope) {
        state.note_unawaited(call, promise);
    }
}
