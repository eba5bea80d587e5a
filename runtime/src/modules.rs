//! ES modules: the script's own, those of a project, and the ones that isolet provides.

use std::collections::HashMap;

use v8::{Local, PinScope};

use crate::{ErrorCode, RunError};

/// Modules that isolet provides, with what they export. All export what is on the `isolet` object of the snapshot.
const BUILT_IN: &[(&str, &[&str])] = &[("cloudflare:workers", &["env"]), ("isolet:env", &["env"])];

/// The modules of one isolate. Kept in its slot, where V8's resolve callback finds it.
#[derive(Default)]
pub(crate) struct ModuleMap {
    by_name: HashMap<String, v8::Global<v8::Module>>,
    /// Names by identity hash, to resolve relative specifiers; V8 hands out the referrer as a module only.
    names: Vec<(v8::Global<v8::Module>, String)>,
    /// Sources not compiled yet.
    sources: HashMap<String, String>,
    /// What specifiers mean in each module, where a project says so.
    imports: HashMap<String, HashMap<String, String>>,
}

impl ModuleMap {
    pub(crate) fn new(
        sources: HashMap<String, String>,
        imports: HashMap<String, HashMap<String, String>>,
    ) -> Self {
        Self { sources, imports, ..Self::default() }
    }

    fn resolve(&self, referrer: &str, specifier: &str) -> Option<String> {
        let named = self.imports.get(referrer).and_then(|imports| imports.get(specifier));
        named.cloned().or_else(|| resolve_specifier(referrer, specifier))
    }
}

/// What `specifier` means when `referrer` imports it: a built-in's name or a path within the project.
pub(crate) fn resolve_specifier(referrer: &str, specifier: &str) -> Option<String> {
    if BUILT_IN.iter().any(|(name, _)| *name == specifier) {
        return Some(specifier.to_owned());
    }
    if !(specifier.starts_with("./") || specifier.starts_with("../")) {
        return None;
    }
    let mut parts: Vec<&str> = referrer.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Compiles `text` as the module `name` and everything it imports, then links them.
///
/// # Errors
/// Early syntax errors, and imports of what does not exist, both with their position.
pub(crate) fn load<'s>(
    scope: &mut PinScope<'s, '_>,
    name: &str,
    text: &str,
) -> Result<Local<'s, v8::Module>, RunError> {
    let root = compile(scope, name, text)?;
    let mut unchecked = vec![(name.to_owned(), root)];
    while let Some((referrer, module)) = unchecked.pop() {
        let requests = module.get_module_requests();
        for index in 0..requests.length() {
            let Some(request) = requests.get(scope, index) else { continue };
            let request: Local<v8::ModuleRequest> = request.cast();
            let specifier = request.get_specifier().to_rust_string_lossy(scope);
            let location = module.source_offset_to_location(request.get_source_offset());
            let fault = |message: String| {
                let mut error = RunError::new(ErrorCode::Syntax, "ImportError", message);
                error.line = u32::try_from(location.get_line_number() + 1).ok();
                error.column = u32::try_from(location.get_column_number() + 1).ok();
                error
            };
            let Some(target) = map(scope).resolve(&referrer, &specifier) else {
                return Err(fault(format!("Cannot import {specifier:?}.")).with_hint(
                    "Scripts import only \"cloudflare:workers\"; tools are on env, packages are not available.",
                ));
            };
            if map(scope).by_name.contains_key(&target) {
                continue;
            }
            if let Some((built_in, exports)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == target) {
                provide(scope, built_in, exports);
                continue;
            }
            let Some(source) = map(scope).sources.remove(&target) else {
                return Err(fault(format!("Cannot import {specifier:?}: there is no module {target:?}.")));
            };
            let module = compile(scope, &target, &source)?;
            unchecked.push((target, module));
        }
    }
    v8::tc_scope!(let scope, scope);
    if root.instantiate_module(scope, resolve).is_none() {
        return Err(crate::turns::compile_fault(scope, name));
    }
    Ok(root)
}

fn map<'a>(scope: &'a mut PinScope) -> &'a mut ModuleMap {
    if scope.get_slot::<ModuleMap>().is_none() {
        scope.set_slot(ModuleMap::default());
    }
    scope.get_slot_mut::<ModuleMap>().expect("set above")
}

fn compile<'s>(
    scope: &mut PinScope<'s, '_>,
    name: &str,
    text: &str,
) -> Result<Local<'s, v8::Module>, RunError> {
    let too_long = || RunError::new(ErrorCode::Syntax, "SyntaxError", "The text is too long for V8.");
    let source = v8::String::new(scope, text).ok_or_else(too_long)?;
    let resource = v8::String::new(scope, name).ok_or_else(too_long)?;
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, true, None);
    let mut source = v8::script_compiler::Source::new(source, Some(&origin));
    let compiled = {
        v8::tc_scope!(let scope, scope);
        match v8::script_compiler::compile_module(scope, &mut source) {
            Some(module) => Ok(v8::Global::new(scope, module)),
            None => Err(crate::turns::compile_fault(scope, name)),
        }
    }?;
    let module = Local::new(scope, &compiled);
    let map = map(scope);
    map.by_name.insert(name.to_owned(), compiled.clone());
    map.names.push((compiled, name.to_owned()));
    Ok(module)
}

/// Makes a built-in module whose exports are globals of the same name.
fn provide(scope: &mut PinScope, name: &str, exports: &[&str]) {
    let Some(text) = v8::String::new(scope, name) else { return };
    let names: Vec<Local<v8::String>> =
        exports.iter().filter_map(|name| v8::String::new(scope, name)).collect();
    let module = v8::Module::create_synthetic_module(scope, text, &names, evaluate_built_in);
    let module = v8::Global::new(scope, module);
    let map = map(scope);
    map.by_name.insert(name.to_owned(), module.clone());
    map.names.push((module, name.to_owned()));
}

fn evaluate_built_in<'s>(
    context: Local<'s, v8::Context>,
    module: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let name = {
        let wanted = module.get_identity_hash();
        let map = scope.get_slot::<ModuleMap>()?;
        map.names
            .iter()
            .find(|(known, _)| Local::new(scope, known).get_identity_hash() == wanted)
            .map(|(_, name)| name.clone())?
    };
    let exports = BUILT_IN.iter().find(|(built_in, _)| *built_in == name)?.1;
    let global = context.global(scope);
    for export in exports {
        let key = v8::String::new(scope, export)?;
        let value = global.get(scope, key.into())?;
        module.set_synthetic_module_export(scope, key, value)?;
    }
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope);
    resolver.resolve(scope, undefined.into());
    Some(resolver.get_promise(scope).into())
}

/// V8 asks for what `load` has compiled already.
fn resolve<'s>(
    context: Local<'s, v8::Context>,
    specifier: Local<'s, v8::String>,
    _attributes: Local<'s, v8::FixedArray>,
    referrer: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    let specifier = specifier.to_rust_string_lossy(scope);
    let wanted = referrer.get_identity_hash();
    let map = scope.get_slot::<ModuleMap>()?;
    let name = map
        .names
        .iter()
        .find(|(known, _)| Local::new(scope, known).get_identity_hash() == wanted)
        .map(|(_, name)| name.as_str())?;
    let target = map.resolve(name, &specifier)?;
    let module = map.by_name.get(&target)?;
    Some(Local::new(scope, module))
}

/// `import()` of what is loaded already; anything else is refused. One-shot scripts have nothing to load later.
pub(crate) fn import_dynamically<'s, 'i>(
    scope: &mut PinScope<'s, 'i>,
    _host: Local<'s, v8::Data>,
    referrer: Local<'s, v8::Value>,
    specifier: Local<'s, v8::String>,
    _attributes: Local<'s, v8::FixedArray>,
) -> Option<Local<'s, v8::Promise>> {
    // No name of a module is that long, and a message that quotes more than V8's strings can hold would be none: V8 ends the
    // process where nothing is returned and nothing was thrown.
    const LONGEST: usize = 4096;
    let specifier = match specifier.length() {
        length if length > LONGEST => format!("a name of {length} characters"),
        _ => specifier.to_rust_string_lossy(scope),
    };
    let referrer = Local::<v8::String>::try_from(referrer)
        .map(|name| name.to_rust_string_lossy(scope))
        .unwrap_or_default();
    let resolver = v8::PromiseResolver::new(scope)?;
    let target = map(scope).resolve(&referrer, &specifier);
    if let Some((name, exports)) = BUILT_IN.iter().find(|(name, _)| Some(*name) == target.as_deref())
        && !map(scope).by_name.contains_key(*name)
    {
        provide(scope, name, exports);
    }
    let module = target.and_then(|target| {
        let map = map(scope);
        map.by_name.get(&target).cloned()
    });
    match module.map(|module| Local::new(scope, module)) {
        Some(module) => {
            if module.get_status() == v8::ModuleStatus::Uninstantiated {
                module.instantiate_module(scope, resolve)?;
            }
            // One that imports itself while it runs: V8 ends the process if it is evaluated again.
            let evaluation = match module.get_status() {
                v8::ModuleStatus::Evaluating => None,
                _ => Local::<v8::Promise>::try_from(module.evaluate(scope)?).ok(),
            };
            match evaluation.filter(|evaluation| evaluation.state() == v8::PromiseState::Rejected) {
                Some(evaluation) => {
                    let thrown = evaluation.result(scope);
                    resolver.reject(scope, thrown);
                }
                None => {
                    let namespace = module.get_module_namespace();
                    resolver.resolve(scope, namespace);
                }
            }
        }
        None => {
            let message = format!(
                "Cannot import {specifier:?}. Scripts import only \"cloudflare:workers\"; tools are on env, packages are not available."
            );
            let message = v8::String::new(scope, &message)?;
            let error = v8::Exception::type_error(scope, message);
            resolver.reject(scope, error);
        }
    }
    Some(resolver.get_promise(scope))
}

#[cfg(test)]
mod tests {
    use super::resolve_specifier;

    #[test]
    fn relative_specifiers_stay_inside_the_project() {
        assert_eq!(resolve_specifier("src/index.ts", "./a.ts").as_deref(), Some("src/a.ts"));
        assert_eq!(resolve_specifier("src/deep/x.ts", "../a.ts").as_deref(), Some("src/a.ts"));
        assert_eq!(resolve_specifier("src/index.ts", "../../etc/passwd"), None);
        assert_eq!(resolve_specifier("index.ts", "lodash"), None);
        assert_eq!(resolve_specifier("x", "cloudflare:workers").as_deref(), Some("cloudflare:workers"));
    }
}
