//! The modules of an isolate: a script's own, those of a Worker, and the ones that isolet provides.
//!
//! | module | contents |
//! |---|---|
//! | `built_in` | the modules that isolet provides |
//! | `commonjs` | `require()` and the modules that it loads |
//! | `cycle` | cycles of CommonJS and ECMAScript modules |
//! | `dynamic_import` | `import()` |
//! | `library` | packages that one-shot scripts import |
//! | `node` | the modules of Node.js |
//! | `positions` | positions in files, from those in rewritten modules |
//! | `project` | the modules of a Worker by their names, and their imports |
//! | `synthetic` | modules that are not ECMAScript modules, as imports see them |

mod built_in;
mod commonjs;
mod cycle;
mod dynamic_import;
mod library;
mod node;
mod positions;
mod project;
mod synthetic;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroI32;
use std::sync::Arc;

use v8::{Local, PinScope};

pub(crate) use self::built_in::BuiltInExports;
pub use self::built_in::built_in_modules;
pub(crate) use self::dynamic_import::import_dynamically;
pub(crate) use self::library::{forget_texts, open_library};
pub(crate) use self::node::source as node_source;
pub(crate) use self::positions::{original_position, original_stack};
use self::project::Project;
use crate::job::{Module, ModuleKind, NodeFeatures};
use crate::{ErrorCode, RunError};

/// A module as an importer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ModuleKey {
    name: String,
    /// Set if the default export of a CommonJS module is the whole of `module.exports`.
    whole_default: bool,
}

/// The modules of one isolate, in a slot where V8's callbacks find them.
#[derive(Default)]
pub(crate) struct ModuleMap {
    by_key: HashMap<ModuleKey, v8::Global<v8::Module>>,
    /// The keys of modules by their identity hash, for callbacks that get a module.
    keys: HashMap<NonZeroI32, Vec<(v8::Global<v8::Module>, ModuleKey)>>,
    /// The modules of a Worker, or of the libraries of scripts.
    project: Option<Project>,
    /// The libraries of scripts.
    libraries: Option<library::ScriptLibraries>,
    /// Set if modules of Node.js can be imported by computed names.
    has_node: bool,
    /// The objects `module` of CommonJS modules that run or have run.
    commonjs: HashMap<String, v8::Global<v8::Object>>,
    /// The values of modules that are not code, for `import` and `require()`.
    values: HashMap<String, v8::Global<v8::Value>>,
}

/// The target of a specifier.
enum Resolved {
    Module(String),
    /// The module could not be found when the project was read.
    Missing(String),
    /// The specifier was not known when the project was read, or is not a script's to import.
    Unknown,
}

impl ModuleMap {
    /// Makes the map of a Worker.
    pub(crate) fn of(modules: &Arc<[Module]>, node: NodeFeatures) -> Self {
        Self { project: Some(Project::new(modules)), has_node: node.modules, ..Self::default() }
    }

    /// Returns a module of the Worker.
    fn module(&self, name: &str) -> Option<&Module> {
        let project = self.project.as_ref()?;
        project.modules.get(*project.index.get(name)?)
    }

    fn resolve(&self, referrer: &str, specifier: &str, attribute: Option<&str>, require: bool) -> Resolved {
        let project = self.project.as_ref();
        let named = project.and_then(|project| project.import(referrer, (specifier, require, attribute)));
        match named.map(|import| &import.target) {
            Some(Ok(name)) => Resolved::Module(name.clone()),
            Some(Err(message)) => Resolved::Missing(message.clone()),
            // A script sees the libraries themselves, and nothing of their insides.
            None if self.module(referrer).is_none() => match self.library(specifier) {
                Some(name) => Resolved::Module(name.to_owned()),
                None if built_in::is_for_scripts(specifier) => Resolved::Module(specifier.to_owned()),
                None => Resolved::Unknown,
            },
            None if specifier == commonjs::REQUIRE && self.module(referrer).is_some() => {
                Resolved::Module(commonjs::require_module(referrer))
            }
            None if built_in::is_built_in(specifier) => Resolved::Module(specifier.to_owned()),
            None if self.has_node && node::full_name(specifier).is_some() => {
                Resolved::Module(node::full_name(specifier).unwrap_or_default())
            }
            // A computed path of a module that another import or a rule has made part of the
            // Worker.
            None => match relative(referrer, specifier).filter(|name| self.module(name).is_some()) {
                Some(name) => Resolved::Module(name),
                None => Resolved::Unknown,
            },
        }
    }

    /// Returns the names of the modules of a Worker, as the end of a message.
    fn listed_modules(&self) -> String {
        const MAX_LISTED: usize = 20;
        const MAX_NAME_CHARS: usize = 100;
        let modules = self.project.as_ref().map(|project| &project.modules[..]).unwrap_or_default();
        let shown = modules.iter().take(MAX_LISTED).map(|module| {
            let name: String = module.name.chars().take(MAX_NAME_CHARS).collect();
            format!("{name:?}")
        });
        let mut names = shown.collect::<Vec<_>>().join(", ");
        if modules.len() > MAX_LISTED {
            names += &format!(", … {} more", modules.len() - MAX_LISTED);
        }
        format!("it is not a module of the Worker, which has {names}.")
    }

    /// Returns the key under which an importer finds a module.
    fn key(&self, referrer: &str, name: String) -> ModuleKey {
        let is_commonjs = self.module(&name).is_some_and(|module| module.kind == ModuleKind::CommonJs);
        let whole = || self.module(referrer).is_some_and(|module| module.whole_default);
        ModuleKey { whole_default: is_commonjs && whole(), name }
    }

    fn insert(&mut self, hash: NonZeroI32, module: v8::Global<v8::Module>, key: ModuleKey) {
        self.by_key.insert(key.clone(), module.clone());
        self.keys.entry(hash).or_default().push((module, key));
    }

    fn key_of(&self, module: Local<v8::Module>) -> Option<&ModuleKey> {
        match self.keys.get(&module.get_identity_hash())?.as_slice() {
            [(_, key)] => Some(key),
            several => several.iter().find(|(known, _)| *known == module).map(|(_, key)| key),
        }
    }
}

/// Returns the path that a relative specifier names in a module, if it stays in the project. A
/// plain name is relative too, as in workerd, after all other ways to find it.
fn relative(referrer: &str, specifier: &str) -> Option<String> {
    if specifier.starts_with('/') || specifier.contains(':') {
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

/// Compiles a script that is a module, and links it.
///
/// # Errors
/// Early syntax errors, and imports of modules that do not exist, both with their positions.
pub(crate) fn load<'s>(
    scope: &mut PinScope<'s, '_>,
    name: &str,
    text: &str,
) -> Result<Local<'s, v8::Module>, RunError> {
    let key = ModuleKey { name: name.to_owned(), whole_default: false };
    let root = compile(scope, key.clone(), text)?;
    link(scope, key, root)?;
    Ok(root)
}

/// Compiles a module of the Worker and everything that it imports, then links them. Both are done
/// once.
///
/// # Errors
/// As for [`load`].
pub(crate) fn load_of_project<'s>(
    scope: &mut PinScope<'s, '_>,
    name: &str,
) -> Result<Local<'s, v8::Module>, RunError> {
    load_key(scope, ModuleKey { name: name.to_owned(), whole_default: false })
}

fn load_key<'s>(scope: &mut PinScope<'s, '_>, key: ModuleKey) -> Result<Local<'s, v8::Module>, RunError> {
    let root = match map(scope).by_key.get(&key).cloned() {
        Some(module) => Local::new(scope, module),
        None => create(scope, &key)?.ok_or_else(|| {
            let message = format!("There is no module {:?}.", key.name);
            RunError::new(ErrorCode::Syntax, "ImportError", message)
        })?,
    };
    if root.get_status() == v8::ModuleStatus::Uninstantiated {
        link(scope, key, root)?;
    }
    Ok(root)
}

/// Compiles everything that a module imports, and links it.
fn link<'s>(
    scope: &mut PinScope<'s, '_>,
    key: ModuleKey,
    root: Local<'s, v8::Module>,
) -> Result<(), RunError> {
    let name = key.name.clone();
    let mut seen = HashSet::from([key.clone()]);
    let mut unchecked = vec![(key.name, root)];
    while let Some((referrer, module)) = unchecked.pop() {
        // A module that is not code imports nothing, and may not be asked.
        if !module.is_source_text_module() {
            continue;
        }
        let requests = module.get_module_requests();
        for index in 0..requests.length() {
            let Some(request) = requests.get(scope, index) else { continue };
            let request: Local<v8::ModuleRequest> = request.cast();
            let specifier = request.get_specifier().to_rust_string_lossy(scope);
            let attribute = attribute(scope, request.get_import_attributes(), 3);
            let location = module.source_offset_to_location(request.get_source_offset());
            let error = |map: &ModuleMap, message: String| {
                let line = u32::try_from(location.get_line_number() + 1).unwrap_or(1);
                let column = u32::try_from(location.get_column_number() + 1).unwrap_or(1);
                let (line, column) = map.original(&referrer, line, column);
                let message = match map.module(&referrer) {
                    Some(_) => format!("{referrer}:{line}:{column}: {message}"),
                    None => message,
                };
                let mut error = RunError::new(ErrorCode::Syntax, "ImportError", message);
                (error.line, error.column) = (Some(line), Some(column));
                error
            };
            let map = map(scope);
            let target = match map.resolve(&referrer, &specifier, attribute.as_deref(), false) {
                Resolved::Module(name) => map.key(&referrer, name),
                Resolved::Missing(message) => {
                    return Err(error(map, format!("Cannot import {specifier:?}: {message}")));
                }
                Resolved::Unknown if map.module(&referrer).is_some() => {
                    let modules = map.listed_modules();
                    return Err(error(map, format!("Cannot import {specifier:?}: {modules}")));
                }
                Resolved::Unknown => {
                    let hint = map.importable();
                    return Err(error(map, format!("Cannot import {specifier:?}.")).with_hint(hint));
                }
            };
            if !seen.insert(target.clone()) {
                continue;
            }
            let known = map.by_key.get(&target).cloned();
            let module = match known {
                Some(module) => Some(Local::new(scope, module)),
                None => create(scope, &target)?,
            };
            match module {
                // One that could not be linked before may lack modules that it imports.
                Some(module) if module.get_status() == v8::ModuleStatus::Uninstantiated => {
                    unchecked.push((target.name, module));
                }
                Some(_) => {}
                None => {
                    let message =
                        format!("Cannot import {specifier:?}: there is no module {:?}.", target.name);
                    return Err(error(self::map(scope), message));
                }
            }
        }
    }
    v8::tc_scope!(let scope, scope);
    if root.instantiate_module(scope, resolve).is_none() {
        return Err(compile_error(scope, &name));
    }
    Ok(())
}

/// Makes the module of a key. Returns `None` if there is none.
fn create<'s>(
    scope: &mut PinScope<'s, '_>,
    key: &ModuleKey,
) -> Result<Option<Local<'s, v8::Module>>, RunError> {
    if let Some(names) = built_in::export_names(&key.name) {
        return Ok(synthetic::create(scope, key.clone(), names.iter().copied()));
    }
    if node::is_module(&key.name) {
        return node::provide(scope, key.clone());
    }
    let default = || std::iter::once("default");
    if commonjs::referrer_of_require(&key.name).is_some() {
        return Ok(synthetic::create(scope, key.clone(), default()));
    }
    let Some(project) = &map(scope).project else { return Ok(None) };
    let modules = project.modules.clone();
    let Some(module) = project.index.get(&key.name).and_then(|index| modules.get(*index)) else {
        return Ok(None);
    };
    match module.kind {
        ModuleKind::EsModule => compile(scope, key.clone(), &module.text()).map(Some),
        _ => {
            let names = default().chain(module.exports.iter().map(String::as_str));
            Ok(synthetic::create(scope, key.clone(), names))
        }
    }
}

fn map<'a>(scope: &'a mut PinScope) -> &'a mut ModuleMap {
    if scope.get_slot::<ModuleMap>().is_none() {
        scope.set_slot(ModuleMap::default());
    }
    scope.get_slot_mut::<ModuleMap>().expect("set above")
}

fn compile<'s>(
    scope: &mut PinScope<'s, '_>,
    key: ModuleKey,
    text: &str,
) -> Result<Local<'s, v8::Module>, RunError> {
    let too_long = || RunError::new(ErrorCode::Syntax, "SyntaxError", "The text is too long for V8.");
    let source = v8::String::new(scope, text).ok_or_else(too_long)?;
    let resource = v8::String::new(scope, &key.name).ok_or_else(too_long)?;
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, true, None);
    let mut source = v8::script_compiler::Source::new(source, Some(&origin));
    let compiled = {
        v8::tc_scope!(let scope, scope);
        match v8::script_compiler::compile_module(scope, &mut source) {
            Some(module) => Ok(v8::Global::new(scope, module)),
            None => Err(compile_error(scope, &key.name)),
        }
    }?;
    let module = Local::new(scope, &compiled);
    map(scope).insert(module.get_identity_hash(), compiled, key);
    Ok(module)
}

/// Returns the error of V8's compiler or linker, with its position in the source of the module.
fn compile_error(
    scope: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>,
    name: &str,
) -> RunError {
    // The error may be of another module than the one that is linked.
    let resource = scope.message().and_then(|message| message.get_script_resource_name(scope));
    let resource = resource.map(|resource| resource.to_rust_string_lossy(scope));
    let name = resource.as_deref().filter(|_| name != crate::error::SCRIPT).unwrap_or(name).to_owned();
    let mut error = crate::error::compile_error(scope, &name);
    if let (Some(line), Some(column)) = (error.line, error.column) {
        let (line, column) = map(scope).original(&name, line, column);
        (error.line, error.column) = (Some(line), Some(column));
        if let Some(said) = error.message.strip_prefix(&format!("{name}: ")) {
            error.message = format!("{name}:{line}:{column}: {said}");
        }
    }
    error
}

/// Returns the value of the import attribute `type`. V8 gives attributes as a flat list, in which
/// each takes `width` places.
fn attribute(scope: &mut PinScope, attributes: Local<v8::FixedArray>, width: usize) -> Option<String> {
    let text = |scope: &mut PinScope, index: usize| {
        let value = Local::<v8::Value>::try_from(attributes.get(scope, index)?).ok()?;
        Some(value.to_rust_string_lossy(scope))
    };
    let mut places = (0..attributes.length()).step_by(width);
    let at = places.find(|index| text(scope, *index).as_deref() == Some("type"))?;
    text(scope, at + 1)
}

/// Returns the promise that the evaluation of a synthetic module gives.
fn resolved_promise<'s>(scope: &mut PinScope<'s, '_>) -> Option<Local<'s, v8::Value>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope);
    resolver.resolve(scope, undefined.into());
    Some(resolver.get_promise(scope).into())
}

/// Returns a module that `link` has compiled. Called by V8.
fn resolve<'s>(
    context: Local<'s, v8::Context>,
    specifier: Local<'s, v8::String>,
    attributes: Local<'s, v8::FixedArray>,
    referrer: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Module>> {
    v8::callback_scope!(unsafe scope, context);
    let referrer = map(scope).key_of(referrer)?.name.clone();
    imported(scope, &referrer, specifier, attributes)
}

/// Returns the module that an `import` names, if it has been made.
fn imported<'s>(
    scope: &mut PinScope<'s, '_>,
    referrer: &str,
    specifier: Local<'s, v8::String>,
    attributes: Local<'s, v8::FixedArray>,
) -> Option<Local<'s, v8::Module>> {
    let specifier = specifier.to_rust_string_lossy(scope);
    let attribute = attribute(scope, attributes, 3);
    let map = map(scope);
    let Resolved::Module(name) = map.resolve(referrer, &specifier, attribute.as_deref(), false) else {
        return None;
    };
    let module = map.by_key.get(&map.key(referrer, name)).cloned()?;
    Some(Local::new(scope, module))
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn relative_specifiers_stay_inside_the_project() {
        assert_eq!(relative("src/index.ts", "./a.ts").as_deref(), Some("src/a.ts"));
        assert_eq!(relative("src/deep/x.ts", "../a.ts").as_deref(), Some("src/a.ts"));
        assert_eq!(relative("src/index.ts", "../../etc/passwd"), None);
        assert_eq!(relative("src/index.ts", "a.ts").as_deref(), Some("src/a.ts"));
        for elsewhere in ["/etc/passwd", "node:fs", "file:///etc/passwd"] {
            assert_eq!(relative("index.ts", elsewhere), None);
        }
    }
}
