//! `import()`.

use v8::{Local, PinScope};

use super::{Resolved, commonjs, load_key, map};

/// Longer specifiers are not quoted: a message that is too long for a string of V8 could not be
/// thrown, and V8 ends the process if `import()` neither returns a promise nor throws.
const MAX_SPECIFIER_UNITS: usize = 4096;

/// Returns a specifier, or what to call it if it is too long.
pub(super) fn quoted(scope: &PinScope, specifier: Local<v8::String>) -> String {
    match specifier.length() {
        length if length > MAX_SPECIFIER_UNITS => format!("a name of {length} characters"),
        _ => specifier.to_rust_string_lossy(scope),
    }
}

/// Handles `import()`: it resolves to a module of the Worker or a built-in one, and rejects for
/// others.
pub(crate) fn import_dynamically<'s, 'i>(
    scope: &mut PinScope<'s, 'i>,
    _host: Local<'s, v8::Data>,
    referrer: Local<'s, v8::Value>,
    specifier: Local<'s, v8::String>,
    attributes: Local<'s, v8::FixedArray>,
) -> Option<Local<'s, v8::Promise>> {
    let specifier = quoted(scope, specifier);
    let referrer = Local::<v8::String>::try_from(referrer)
        .map(|name| name.to_rust_string_lossy(scope))
        .unwrap_or_default();
    let attribute = super::attribute(scope, attributes, 2);
    let is_worker = map(scope).project.is_some();
    let module = match map(scope).resolve(&referrer, &specifier, attribute.as_deref(), false) {
        Resolved::Module(name) => {
            let key = map(scope).key(&referrer, name);
            load_key(scope, key).map_err(|error| commonjs::located(&error))
        }
        Resolved::Missing(message) => Err(format!("Cannot import {specifier:?}: {message}")),
        Resolved::Unknown if is_worker => Err(format!(
            "Cannot import {specifier:?} in {referrer}: the name is computed, and only literal names are found before the \
             Worker starts. With `find_additional_modules` and `rules`, files can be imported by computed paths."
        )),
        Resolved::Unknown => Err(format!(
            "Cannot import {specifier:?}. Scripts import only \"cloudflare:workers\"; tools are on env, packages are not available."
        )),
    };
    let resolver = v8::PromiseResolver::new(scope)?;
    let module = match module {
        Ok(module) => module,
        Err(message) => {
            let message = v8::String::new(scope, &message)?;
            let error = v8::Exception::type_error(scope, message);
            resolver.reject(scope, error);
            return Some(resolver.get_promise(scope));
        }
    };
    let namespace = module.get_module_namespace();
    // A module that imports itself while it runs: V8 ends the process if it is evaluated again.
    if module.get_status() == v8::ModuleStatus::Evaluating {
        resolver.resolve(scope, namespace);
        return Some(resolver.get_promise(scope));
    }
    let evaluation = Local::<v8::Promise>::try_from(module.evaluate(scope)?).ok()?;
    match evaluation.state() {
        v8::PromiseState::Fulfilled => {
            resolver.resolve(scope, namespace);
        }
        v8::PromiseState::Rejected => {
            evaluation.mark_as_handled();
            let thrown = evaluation.result(scope);
            resolver.reject(scope, thrown);
        }
        // The module or one that it imports awaits something.
        v8::PromiseState::Pending => {
            let then = v8::Function::builder(give_data).data(namespace).build(scope)?;
            return evaluation.then(scope, then);
        }
    }
    Some(resolver.get_promise(scope))
}

/// Returns the data of the function. Called by JavaScript.
fn give_data(
    _: &mut PinScope,
    arguments: v8::FunctionCallbackArguments,
    mut result: v8::ReturnValue<v8::Value>,
) {
    result.set(arguments.data());
}
