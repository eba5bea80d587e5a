//! CommonJS: `require()`, and the modules that it loads.

use v8::{Local, PinScope};

use super::{Resolved, built_in, cycle, load_of_project, map, node, synthetic};
use crate::RunError;
use crate::job::{Module, ModuleKind};

/// The parameters of the function around a module.
const PARAMETERS: [&str; 5] = ["exports", "require", "module", "__filename", "__dirname"];

/// The specifier by which an ECMAScript module imports a `require` of its own.
pub(super) const REQUIRE: &str = "isolet:require";

/// Returns the name of the module whose default export is the `require` of a module.
pub(super) fn require_module(referrer: &str) -> String {
    format!("{REQUIRE} {referrer}")
}

/// Returns the module that [`require_module`] made a name of.
pub(super) fn referrer_of_require(name: &str) -> Option<&str> {
    name.strip_prefix(REQUIRE)?.strip_prefix(' ')
}

/// Returns `module.exports` of a module. Runs the module if it has not been run; one that is
/// running has the exports so far.
pub(super) fn exports<'s>(scope: &mut PinScope<'s, '_>, module: &Module) -> Option<Local<'s, v8::Value>> {
    let exports = v8::String::new(scope, "exports")?;
    if let Some(object) = map(scope).commonjs.get(&module.name).cloned() {
        let object = Local::new(scope, object);
        return object.get(scope, exports.into());
    }
    let object = v8::Object::new(scope);
    let first = v8::Object::new(scope);
    let require = require_of(scope, &module.name)?;
    let id = v8::String::new(scope, &module.name)?;
    let folder = module.name.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let folder = v8::String::new(scope, folder)?;
    let loaded = v8::Boolean::new(scope, false);
    let children = v8::Array::new(scope, 0);
    for (name, value) in [
        ("id", id.into()),
        ("filename", id.into()),
        ("loaded", loaded.into()),
        ("children", children.into()),
        ("exports", first.into()),
        ("require", require.into()),
    ] {
        let name = v8::String::new(scope, name)?;
        object.create_data_property(scope, name.into(), value)?;
    }
    let global = v8::Global::new(scope, object);
    map(scope).commonjs.insert(module.name.clone(), global);
    let arguments = [first.into(), require.into(), object.into(), id.into(), folder.into()];
    let run = compile(scope, module).and_then(|function| function.call(scope, first.into(), &arguments));
    if run.is_none() {
        // The next `require()` tries again, as in Node.js.
        map(scope).commonjs.remove(&module.name);
        return None;
    }
    let name = v8::String::new(scope, "loaded")?;
    let loaded = v8::Boolean::new(scope, true);
    object.create_data_property(scope, name.into(), loaded.into())?;
    object.get(scope, exports.into())
}

/// Compiles a module as the body of a function. Positions stay as they are.
fn compile<'s>(scope: &mut PinScope<'s, '_>, module: &Module) -> Option<Local<'s, v8::Function>> {
    let text = module.text();
    // A function's body may not begin with a hashbang.
    let hashbang = text.starts_with("#!").then(|| format!("//{}", text.get(2..).unwrap_or_default()));
    let source = v8::String::new(scope, hashbang.as_deref().unwrap_or(&text))?;
    let resource = v8::String::new(scope, &module.name)?;
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, false, None);
    let mut source = v8::script_compiler::Source::new(source, Some(&origin));
    let parameters: Vec<Local<v8::String>> =
        PARAMETERS.iter().filter_map(|name| v8::String::new(scope, name)).collect();
    v8::script_compiler::compile_function(
        scope,
        &mut source,
        &parameters,
        &[],
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )
}

/// Makes the function `require` of a module.
pub(super) fn require_of<'s>(
    scope: &mut PinScope<'s, '_>,
    referrer: &str,
) -> Option<Local<'s, v8::Function>> {
    let name = v8::String::new(scope, referrer)?;
    v8::Function::builder(require).data(name.into()).build(scope)
}

/// `require(specifier)`. Called by JavaScript.
fn require(
    scope: &mut PinScope,
    arguments: v8::FunctionCallbackArguments,
    mut result: v8::ReturnValue<v8::Value>,
) {
    let referrer = arguments.data().to_rust_string_lossy(scope);
    let Ok(specifier) = Local::<v8::String>::try_from(arguments.get(0)) else {
        return throw(scope, "TypeError", "require() needs a text, the name of a module.");
    };
    let specifier = super::dynamic_import::quoted(scope, specifier);
    let found = match map(scope).resolve(&referrer, &specifier, None, true) {
        Resolved::Module(name) => required(scope, &name),
        Resolved::Missing(message) => {
            return throw_missing(scope, &format!("Cannot require {specifier:?}: {message}"));
        }
        Resolved::Unknown => {
            let message = format!(
                "Cannot require {specifier:?} in {referrer}: the name is computed, and only literal names are found \
                 before the Worker starts."
            );
            return throw_missing(scope, &message);
        }
    };
    // Without a value, an exception is pending.
    if let Some(found) = found {
        result.set(found);
    }
}

/// Returns what `require()` of a module gives.
fn required<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Option<Local<'s, v8::Value>> {
    if built_in::is_built_in(name) {
        return built_in::required(scope, name);
    }
    if node::is_module(name) {
        return node::exports(scope, name);
    }
    let kind = map(scope).module(name)?.kind;
    if kind != ModuleKind::EsModule {
        return synthetic::value(scope, name);
    }
    let module = match load_of_project(scope, name) {
        Ok(module) => module,
        Err(error) => {
            throw_error(scope, &error);
            return None;
        }
    };
    // One that is running has the exports so far, and V8 may not be asked to run it again.
    if !matches!(module.get_status(), v8::ModuleStatus::Evaluating) {
        if module.is_graph_async() {
            let message = format!(
                "Cannot require {name:?}: it, or a module that it imports, has a top-level await. Use import() instead."
            );
            throw(scope, "Error", &message);
            return None;
        }
        if let Some(running) = cycle::running(scope, module) {
            throw(scope, "Error", &cycle::message("require", name, &running));
            return None;
        }
        let evaluation = Local::<v8::Promise>::try_from(module.evaluate(scope)?).ok()?;
        if evaluation.state() == v8::PromiseState::Rejected {
            evaluation.mark_as_handled();
            let thrown = evaluation.result(scope);
            scope.throw_exception(thrown);
            return None;
        }
    }
    if let Some(value) = map(scope).values.get(name).cloned() {
        return Some(Local::new(scope, value));
    }
    let namespace = Local::<v8::Object>::try_from(module.get_module_namespace()).ok()?;
    let object = of_namespace(scope, namespace)?;
    let global = v8::Global::new(scope, Local::<v8::Value>::from(object));
    map(scope).values.insert(name.to_owned(), global);
    Some(object.into())
}

/// Returns an object with getters of a module's exports and `__esModule`, which compiled modules
/// look for. Bundlers give the same.
fn of_namespace<'s>(
    scope: &mut PinScope<'s, '_>,
    namespace: Local<'s, v8::Object>,
) -> Option<Local<'s, v8::Object>> {
    let object = v8::Object::new(scope);
    let marker = v8::String::new(scope, "__esModule")?;
    let yes = v8::Boolean::new(scope, true);
    object.define_own_property(scope, marker.into(), yes.into(), v8::PropertyAttribute::DONT_ENUM)?;
    // To ask which names are enumerable would fail for a module that is running.
    let all =
        v8::GetPropertyNamesArgsBuilder::new().property_filter(v8::PropertyFilter::SKIP_SYMBOLS).build();
    let names = namespace.get_own_property_names(scope, all)?;
    let undefined = v8::undefined(scope).into();
    for index in 0..names.length() {
        let name = names.get_index(scope, index)?;
        let Ok(key) = Local::<v8::Name>::try_from(name) else { continue };
        let data = v8::Array::new_with_elements(scope, &[namespace.into(), name]);
        let getter = v8::Function::builder(get_export).data(data.into()).build(scope)?;
        let mut property = v8::PropertyDescriptor::new_from_get_set(getter.into(), undefined);
        property.set_enumerable(true);
        object.define_property(scope, key, &property)?;
    }
    Some(object)
}

/// Returns an export of a namespace. Called by JavaScript.
fn get_export(
    scope: &mut PinScope,
    arguments: v8::FunctionCallbackArguments,
    mut result: v8::ReturnValue<v8::Value>,
) {
    let Ok(data) = Local::<v8::Array>::try_from(arguments.data()) else { return };
    let (Some(namespace), Some(name)) = (data.get_index(scope, 0), data.get_index(scope, 1)) else { return };
    let Ok(namespace) = Local::<v8::Object>::try_from(namespace) else { return };
    if let Some(value) = namespace.get(scope, name) {
        result.set(value);
    }
}

fn throw(scope: &mut PinScope, name: &str, message: &str) {
    let Some(message) = v8::String::new(scope, message) else { return };
    let error = match name {
        "TypeError" => v8::Exception::type_error(scope, message),
        "SyntaxError" => v8::Exception::syntax_error(scope, message),
        _ => v8::Exception::error(scope, message),
    };
    scope.throw_exception(error);
}

/// Throws the error of a module that is not there. Packages that can do without one ask for its
/// code.
fn throw_missing(scope: &mut PinScope, message: &str) {
    let texts = [message, "code", "MODULE_NOT_FOUND"].map(|text| v8::String::new(scope, text));
    let [Some(message), Some(name), Some(code)] = texts else { return };
    let error = v8::Exception::error(scope, message);
    if let Ok(error) = Local::<v8::Object>::try_from(error) {
        error.create_data_property(scope, name.into(), code.into());
    }
    scope.throw_exception(error);
}

/// Throws the error of a module that cannot be compiled or linked.
fn throw_error(scope: &mut PinScope, error: &RunError) {
    throw(scope, "SyntaxError", &error.message);
}
