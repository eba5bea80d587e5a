//! Modules of JSON, text, bytes, WebAssembly and CommonJS, and those that isolet provides, as
//! imports see them: V8 calls them synthetic.

use v8::{Local, PinScope};

use super::{ModuleKey, built_in, commonjs, library, map, node};
use crate::job::ModuleKind;
use crate::natives;

/// Makes the module of a key with the names that its importers see.
pub(super) fn create<'s, 'n>(
    scope: &mut PinScope<'s, '_>,
    key: ModuleKey,
    names: impl Iterator<Item = &'n str>,
) -> Option<Local<'s, v8::Module>> {
    let text = v8::String::new(scope, &key.name)?;
    let names: Option<Vec<Local<v8::String>>> = names.map(|name| v8::String::new(scope, name)).collect();
    let module = v8::Module::create_synthetic_module(scope, text, &names?, evaluate);
    let global = v8::Global::new(scope, module);
    map(scope).insert(module.get_identity_hash(), global, key);
    Some(module)
}

/// Sets the exports of a module. Called by V8 in the order of evaluation.
fn evaluate<'s>(
    context: Local<'s, v8::Context>,
    module: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let key = map(scope).key_of(module)?.clone();
    if built_in::is_built_in(&key.name) {
        for (name, value) in built_in::exports(scope, &key.name)? {
            set(scope, module, name, value)?;
        }
    } else if let Some(referrer) = commonjs::referrer_of_require(&key.name) {
        let require = commonjs::require_of(scope, referrer)?.into();
        set(scope, module, "default", require)?;
    } else if let Some(of) = library::behind(map(scope), &key.name) {
        set_exports_of_library(scope, module, &of)?;
    } else {
        set_exports_of_project(scope, module, &key)?;
    }
    super::resolved_promise(scope)
}

fn set<'s>(
    scope: &mut PinScope<'s, '_>,
    module: Local<'s, v8::Module>,
    name: &str,
    value: Local<'s, v8::Value>,
) -> Option<bool> {
    let name = v8::String::new(scope, name)?;
    module.set_synthetic_module_export(scope, name, value)
}

/// Sets the exports of a module that stands for one of a library: all properties of its value.
fn set_exports_of_library<'s>(
    scope: &mut PinScope<'s, '_>,
    module: Local<'s, v8::Module>,
    of: &str,
) -> Option<()> {
    let is_commonjs = map(scope).module(of)?.kind == ModuleKind::CommonJs;
    let value = value(scope, of)?;
    let default = if is_commonjs { default_export(scope, value)? } else { value };
    set(scope, module, "default", default)?;
    if let Ok(object) = Local::<v8::Object>::try_from(value) {
        for name in node::properties(scope, value)? {
            let value = object.get(scope, name.into())?;
            module.set_synthetic_module_export(scope, name, value)?;
        }
    }
    Some(())
}

/// Sets the exports of a module of the project.
fn set_exports_of_project<'s>(
    scope: &mut PinScope<'s, '_>,
    module: Local<'s, v8::Module>,
    key: &ModuleKey,
) -> Option<()> {
    let of_project = map(scope).module(&key.name)?;
    let (kind, names) = (of_project.kind, of_project.exports.clone());
    let value = value(scope, &key.name)?;
    let default = match kind {
        ModuleKind::CommonJs if !key.whole_default => default_export(scope, value)?,
        _ => value,
    };
    set(scope, module, "default", default)?;
    // An importer may ask a function for its properties, but a text or number has none of interest.
    if let Ok(object) = Local::<v8::Object>::try_from(value) {
        for name in &names {
            let key = v8::String::new(scope, name)?;
            let value = object.get(scope, key.into())?;
            set(scope, module, name, value)?;
        }
    }
    Some(())
}

/// Returns what `import x from` a CommonJS module gives: `exports.default` of a module that was an
/// ECMAScript module before it was compiled, else the whole.
fn default_export<'s>(
    scope: &mut PinScope<'s, '_>,
    value: Local<'s, v8::Value>,
) -> Option<Local<'s, v8::Value>> {
    let Ok(object) = Local::<v8::Object>::try_from(value) else { return Some(value) };
    let marker = v8::String::new(scope, "__esModule")?;
    if !object.get(scope, marker.into())?.boolean_value(scope) {
        return Some(value);
    }
    let name = v8::String::new(scope, "default")?;
    object.get(scope, name.into())
}

/// Returns the value of a module that is not an ECMAScript module. Evaluates it if it has not been.
pub(super) fn value<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Option<Local<'s, v8::Value>> {
    if let Some(value) = map(scope).values.get(name).cloned() {
        return Some(Local::new(scope, value));
    }
    let modules = map(scope).project.as_ref()?.modules.clone();
    let module = modules.get(*map(scope).project.as_ref()?.index.get(name)?)?;
    let value: Local<v8::Value> = match module.kind {
        // Its object is kept while it runs, for modules that require each other.
        ModuleKind::CommonJs => return commonjs::exports(scope, module),
        ModuleKind::EsModule => return None,
        ModuleKind::Json => {
            let text = v8::String::new(scope, &module.text())?;
            v8::json::parse(scope, text)?
        }
        ModuleKind::Text => v8::String::new(scope, &module.text())?.into(),
        ModuleKind::Data => natives::array_buffer(scope, &module.content),
        ModuleKind::CompiledWasm => v8::WasmModuleObject::compile(scope, &module.content)?.into(),
    };
    let global = v8::Global::new(scope, value);
    map(scope).values.insert(name.to_owned(), global);
    Some(value)
}
