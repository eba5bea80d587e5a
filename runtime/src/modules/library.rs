//! Libraries: modules of packages that one-shot scripts import.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use v8::{Local, PinScope};

use super::project::Project;
use super::{ModuleKey, ModuleMap, load_of_project, map, node, synthetic};
use crate::job::{Module, ModuleKind};
use crate::libraries::listed;
use crate::{ErrorCode, Libraries, Library, RunError, event_loop};

/// The beginning of the names of modules that stand for libraries that are not ECMAScript modules.
/// No file has such a name.
const PREFIX: &str = "library:";

/// The libraries of an isolate.
pub(super) struct ScriptLibraries {
    all: Arc<[Library]>,
    /// The names of their modules, by the specifiers of those that were evaluated.
    evaluated: HashMap<String, String>,
}

impl ModuleMap {
    /// Makes the map of libraries, none of which was evaluated.
    pub(crate) fn of_libraries(libraries: &Libraries) -> Self {
        let all = libraries.libraries.clone();
        Self {
            project: Some(Project::new(&libraries.modules)),
            libraries: Some(ScriptLibraries { all, evaluated: HashMap::new() }),
            ..Self::default()
        }
    }

    /// Returns the module of a library.
    pub(super) fn library(&self, specifier: &str) -> Option<&str> {
        self.libraries.as_ref()?.evaluated.get(specifier).map(String::as_str)
    }

    /// Returns what scripts can import, as the end of a message.
    pub(crate) fn importable(&self) -> String {
        match &self.libraries {
            Some(libraries) => format!(
                "Scripts import only \"cloudflare:workers\" and the libraries {}; tools are on env.",
                listed(&libraries.all)
            ),
            None => "Scripts import only \"cloudflare:workers\"; tools are on env. The operator can name packages \
                     that scripts may import: `--library NAME` of `isolet run` and `isolet serve`, or `[libraries]` in \
                     isolet.toml (docs/scripts.md, \"Libraries\")."
                .to_owned(),
        }
    }

    /// Returns the libraries of scripts.
    pub(crate) fn libraries(&self) -> &[Library] {
        self.libraries.as_ref().map_or(&[], |libraries| &libraries.all)
    }
}

/// Evaluates a library, and lets scripts import it. `describe` makes an error of what its modules
/// throw.
///
/// # Errors
/// Its modules do not compile, throw, or await something that does not come.
pub(crate) fn open_library(
    scope: &mut PinScope,
    library: &Library,
    describe: impl FnOnce(&mut PinScope, Local<v8::Value>) -> Option<RunError>,
) -> Result<(), RunError> {
    v8::scope!(let scope, scope);
    let found = map(scope).module(&library.module);
    let Some(kind) = found.map(|module| module.kind) else {
        let message = format!("There is no module {:?}.", library.module);
        return Err(RunError::new(ErrorCode::Syntax, "ImportError", message));
    };
    let thrown = match kind {
        ModuleKind::EsModule => evaluated(scope, &library.module)?,
        ModuleKind::CompiledWasm => {
            let message = "It is WebAssembly, which scripts do not have.";
            return Err(RunError::new(ErrorCode::Exception, "ImportError", message));
        }
        _ => stand_in(scope, library)?,
    };
    if let Some(thrown) = thrown {
        let failed = || RunError::new(ErrorCode::Exception, "ImportError", "It failed.");
        return Err(describe(scope, thrown).unwrap_or_else(failed));
    }
    let name = match kind {
        ModuleKind::EsModule => library.module.clone(),
        _ => format!("{PREFIX}{}", library.specifier),
    };
    if let Some(libraries) = &mut map(scope).libraries {
        libraries.evaluated.insert(library.specifier.clone(), name);
    }
    Ok(())
}

/// Drops the texts of modules that were evaluated: V8 has what it needs of them.
pub(crate) fn forget_texts(scope: &mut PinScope) {
    v8::scope!(let scope, scope);
    let compiled: Vec<_> =
        map(scope).by_key.iter().map(|(key, module)| (key.name.clone(), module.clone())).collect();
    let modules = map(scope);
    let mut done: HashSet<String> = modules.commonjs.keys().chain(modules.values.keys()).cloned().collect();
    for (name, module) in compiled {
        let module = Local::new(scope, module);
        if module.is_source_text_module() && module.get_status() == v8::ModuleStatus::Evaluated {
            done.insert(name);
        }
    }
    let Some(project) = &mut map(scope).project else { return };
    let emptied = project.modules.iter().map(|module| match done.contains(&module.name) {
        true => Module {
            name: module.name.clone(),
            kind: module.kind,
            content: Vec::new(),
            exports: module.exports.clone(),
            whole_default: module.whole_default,
            imports: module.imports.clone(),
            positions: module.positions.clone(),
        },
        false => module.clone(),
    });
    project.modules = emptied.collect();
}

/// Evaluates an ECMAScript module and those that it imports. Returns what it throws.
fn evaluated<'s>(scope: &mut PinScope<'s, '_>, name: &str) -> Result<Option<Local<'s, v8::Value>>, RunError> {
    let module = load_of_project(scope, name)?;
    let evaluation = {
        v8::tc_scope!(let scope, scope);
        let evaluation = module.evaluate(scope);
        event_loop::microtasks(scope);
        evaluation
    };
    let promise = evaluation.and_then(|value| Local::<v8::Promise>::try_from(value).ok());
    match promise.map(|promise| (promise.state(), promise)) {
        Some((v8::PromiseState::Fulfilled, _)) => Ok(None),
        Some((v8::PromiseState::Rejected, promise)) => {
            promise.mark_as_handled();
            Ok(Some(promise.result(scope)))
        }
        _ => Err(RunError::new(
            ErrorCode::Exception,
            "StartUpError",
            format!("{name}: top-level await of something that is not ready when the library is evaluated."),
        )),
    }
}

/// Evaluates a CommonJS module or data, and makes a module with all its properties as exports.
/// Returns what it throws.
fn stand_in<'s>(
    scope: &mut PinScope<'s, '_>,
    library: &Library,
) -> Result<Option<Local<'s, v8::Value>>, RunError> {
    let name = format!("{PREFIX}{}", library.specifier);
    let value = {
        v8::tc_scope!(let scope, scope);
        let value = synthetic::value(scope, &library.module);
        event_loop::microtasks(scope);
        match value {
            Some(value) => Ok(v8::Global::new(scope, value)),
            None => Err(scope.exception().map(|thrown| v8::Global::new(scope, thrown))),
        }
    };
    let failed = || RunError::new(ErrorCode::Exception, "ImportError", "It was stopped.");
    let value = match value {
        Ok(value) => Local::new(scope, value),
        Err(Some(thrown)) => return Ok(Some(Local::new(scope, thrown))),
        Err(None) => return Err(failed()),
    };
    let names: Vec<String> = match node::properties(scope, value) {
        Some(names) => names.iter().map(|name| name.to_rust_string_lossy(scope)).collect(),
        None => Vec::new(),
    };
    let names = std::iter::once("default").chain(names.iter().map(String::as_str));
    let key = ModuleKey { name, whole_default: false };
    let module = synthetic::create(scope, key, names).ok_or_else(failed)?;
    v8::tc_scope!(let scope, scope);
    let evaluated = module.instantiate_module(scope, super::resolve).and_then(|_| module.evaluate(scope));
    match evaluated {
        Some(_) => Ok(None),
        // A getter of an export throws.
        None => match scope.exception() {
            Some(thrown) => {
                let thrown = v8::Global::new(scope, thrown);
                Ok(Some(Local::new(scope, thrown)))
            }
            None => Err(failed()),
        },
    }
}

/// Returns the name of the module behind one that [`stand_in`] has made.
pub(super) fn behind(map: &ModuleMap, name: &str) -> Option<String> {
    let specifier = name.strip_prefix(PREFIX)?;
    let libraries = map.libraries.as_ref()?;
    let library = libraries.all.iter().find(|library| library.specifier == specifier)?;
    Some(library.module.clone())
}
