//! The modules of Node.js.

use super::*;
use crate::modules::node_source;

/// The parameters of the function around a module. `runtime/node/README.md` describes them.
const PARAMETERS: [&str; 4] = ["exports", "require", "module", "isolet"];

/// `nodeModule(name)` compiles a file of `runtime/node` as the body of a function, and returns the
/// function: undefined if there is no such file.
pub(crate) fn node_module(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let Some(source) = node_source(&name) else { return };
    // V8 reads the text where it is in the program. It is not copied into the heap.
    let Some(source) = v8::String::new_external_onebyte_static(scope, source.as_bytes()) else { return };
    // Frames of a name like this one are left out of the positions of errors.
    let Some(resource) = v8::String::new(scope, &format!("isolet:node/{name}.js")) else { return };
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, false, None);
    let mut source = v8::script_compiler::Source::new(source, Some(&origin));
    let parameters = PARAMETERS.map(|name| v8::String::new(scope, name));
    let parameters: Vec<v8::Local<v8::String>> = parameters.into_iter().flatten().collect();
    let compiled = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &parameters,
        &[],
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    );
    if let Some(function) = compiled {
        result.set(function.into());
    }
}

/// `promiseDetails(value)` returns an array of a promise's state and result.
pub(crate) fn promise_details(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(arguments.get(0)) else { return };
    let state = promise.state();
    let value = match state {
        v8::PromiseState::Pending => v8::undefined(scope).into(),
        _ => promise.result(scope),
    };
    let state = v8::Integer::new(scope, state as i32).into();
    result.set(v8::Array::new_with_elements(scope, &[state, value]).into());
}

/// `previewEntries(value)` returns an array: `true` if the entries of an iterator are pairs, and
/// the entries that it has left.
pub(crate) fn preview_entries(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let Ok(object) = v8::Local::<v8::Object>::try_from(arguments.get(0)) else { return };
    let (entries, is_pairs) = object.preview_entries(scope);
    let Some(entries) = entries else { return };
    let mut all: Vec<v8::Local<v8::Value>> = vec![v8::Boolean::new(scope, is_pairs).into()];
    all.extend((0..entries.length()).filter_map(|index| entries.get_index(scope, index)));
    result.set(v8::Array::new_with_elements(scope, &all).into());
}
