//! `import()`.

use v8::{Local, PinScope};

use super::{ModuleKey, Resolved, cycle, load_key, map};

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
    let of_project = map(scope).module(&referrer).is_some();
    let module = match map(scope).resolve(&referrer, &specifier, attribute.as_deref(), false) {
        Resolved::Module(name) => {
            let key = map(scope).key(&referrer, name);
            let module = load_key(scope, key.clone());
            module.map(|module| (key, module)).map_err(|error| error.message)
        }
        Resolved::Missing(message) => Err(format!("Cannot import {specifier:?}: {message}")),
        Resolved::Unknown if of_project => Err(format!(
            "Cannot import {specifier:?} in {referrer}: the name is computed, and only literal names are found before the \
             Worker starts. With `find_additional_modules` and `rules`, files can be imported by computed paths."
        )),
        Resolved::Unknown => Err(format!("Cannot import {specifier:?}. {}", map(scope).importable())),
    };
    match module {
        // V8 cannot evaluate it while a module that it imports runs: a cycle. It can afterwards.
        Ok((key, module)) if cycle::running(scope, module).is_some() => evaluate_later(scope, &key),
        Ok((_, module)) => evaluate(scope, module),
        Err(message) => reject(scope, &message),
    }
}

fn reject<'s>(scope: &mut PinScope<'s, '_>, message: &str) -> Option<Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    let message = v8::String::new(scope, message)?;
    let error = v8::Exception::type_error(scope, message);
    resolver.reject(scope, error);
    Some(resolver.get_promise(scope))
}

/// Evaluates a module, and returns the promise of its namespace.
fn evaluate<'s>(
    scope: &mut PinScope<'s, '_>,
    module: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
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

/// Evaluates a module when the code that runs now has ended.
fn evaluate_later<'s>(scope: &mut PinScope<'s, '_>, key: &ModuleKey) -> Option<Local<'s, v8::Promise>> {
    let name = v8::String::new(scope, &key.name)?.into();
    let whole_default = v8::Boolean::new(scope, key.whole_default).into();
    let data = v8::Array::new_with_elements(scope, &[name, whole_default]);
    let then = v8::Function::builder(evaluate_key).data(data.into()).build(scope)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope);
    resolver.resolve(scope, undefined.into());
    resolver.get_promise(scope).then(scope, then)
}

/// Evaluates the module whose key is the data of the function. Called by JavaScript.
fn evaluate_key(
    scope: &mut PinScope,
    arguments: v8::FunctionCallbackArguments,
    mut result: v8::ReturnValue<v8::Value>,
) {
    let Ok(data) = Local::<v8::Array>::try_from(arguments.data()) else { return };
    let (Some(name), Some(whole)) = (data.get_index(scope, 0), data.get_index(scope, 1)) else { return };
    let key = ModuleKey { name: name.to_rust_string_lossy(scope), whole_default: whole.is_true() };
    let promise = match load_key(scope, key.clone()) {
        Ok(module) => match cycle::running(scope, module) {
            Some(running) => reject(scope, &cycle::message("import", &key.name, &running)),
            None => evaluate(scope, module),
        },
        Err(error) => reject(scope, &error.message),
    };
    // Without a value, an exception is pending.
    if let Some(promise) = promise {
        result.set(promise.into());
    }
}

/// Returns the data of the function. Called by JavaScript.
fn give_data(
    _: &mut PinScope,
    arguments: v8::FunctionCallbackArguments,
    mut result: v8::ReturnValue<v8::Value>,
) {
    result.set(arguments.data());
}
