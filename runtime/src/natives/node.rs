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
