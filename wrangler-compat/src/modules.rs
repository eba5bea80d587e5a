//! From the entry module to all modules it imports.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::path::{Component, Path, PathBuf};

use crate::error::{Place, Problem, ProjectError, Warning};
use crate::folder::{Folder, Inside};
use crate::imports::{self, Import, Need};

/// Cloudflare's limit for a Worker on a paid plan is 10 MB compressed; a module of 4 MiB is a large bundle.
const MAX_MODULE_BYTES: u64 = 4 * 1024 * 1024;
const MAX_TOTAL_BYTES: u64 = 16 * 1024 * 1024;
const MAX_MODULES: usize = 2_000;

/// The only module that is built in.
const BUILT_IN: &str = "cloudflare:workers";

/// One module of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectModule {
    /// Path relative to the project's folder, with `/`: `src/index.ts`.
    pub name: String,
    /// The text of the file, without a byte order mark.
    pub text: String,
    /// What the text is.
    pub kind: ModuleKind,
    /// What each relative specifier in this module means, in order of the text. A specifier may lack the extension
    /// (`./x` for `src/x.ts`), so joining it to the module's name is not enough.
    pub imports: Vec<ResolvedImport>,
}

/// A specifier and the module it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImport {
    /// As written: `./x`.
    pub specifier: String,
    /// The name of one of the project's modules: `src/x.ts`.
    pub module: String,
}

/// What a module's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModuleKind {
    /// `.ts`, `.mts`
    TypeScript,
    /// `.js`, `.mjs`
    JavaScript,
    /// `.json`: the default export is the value.
    Json,
    /// `.txt`, `.html`, `.sql`: the default export is the text.
    Text,
}

impl ProjectModule {
    /// The module as a script for an engine that knows no other kinds: itself for TypeScript and JavaScript, JavaScript
    /// with a default export for JSON and text.
    pub fn as_script(&self) -> Cow<'_, str> {
        // A JSON string is a string literal of JavaScript, U+2028 included (ES2019). A JSON object is not always an
        // object literal of the same value: the key `__proto__` would set the prototype. Hence the parse.
        let literal = || serde_json::Value::from(self.text.as_str());
        match self.kind {
            ModuleKind::TypeScript | ModuleKind::JavaScript => Cow::Borrowed(&self.text),
            ModuleKind::Json => Cow::Owned(format!("export default JSON.parse({});\n", literal())),
            ModuleKind::Text => Cow::Owned(format!("export default {};\n", literal())),
        }
    }
}

impl ModuleKind {
    fn of(path: &Path) -> Result<Self, ProjectError> {
        let extension = path.extension().map(|e| format!(".{}", e.display())).unwrap_or_default();
        let hint = match extension.as_str() {
            ".ts" | ".mts" => return Ok(Self::TypeScript),
            ".js" | ".mjs" => return Ok(Self::JavaScript),
            ".json" => return Ok(Self::Json),
            ".txt" | ".html" | ".sql" => return Ok(Self::Text),
            ".tsx" | ".jsx" => {
                "JSX has to be compiled first: run a bundler and point `main` at what it writes"
            }
            ".cjs" | ".cts" => {
                "CommonJS has to be bundled first: run a bundler and point `main` at what it writes"
            }
            ".wasm" => "WebAssembly modules are not supported",
            _ => "rename it, or make its content a string in a module",
        };
        Err(ProjectError::new(Place::file(path), Problem::UnknownKind { extension, hint }))
    }
}

/// Modules in the order they are first imported, the entry first, and the files they came from.
pub(crate) struct Collected {
    pub(crate) modules: Vec<ProjectModule>,
    pub(crate) files: Vec<PathBuf>,
}

pub(crate) fn collect(
    folder: &Folder,
    main: &str,
    main_place: &Place,
    warnings: &mut Vec<Warning>,
) -> Result<Collected, ProjectError> {
    let at_main = |problem| ProjectError::new(main_place.clone(), problem);
    let outside = || at_main(Problem::OutsideProject { path: main.to_owned() });
    let path = normalise(Path::new(main)).ok_or_else(outside)?;
    let found = folder.find(&path).map_err(|error| at_import(error, main_place, main))?;
    let entry = found.ok_or_else(|| {
        let tried = format!("{main} in the project's folder; if a build writes it, build first");
        at_main(Problem::ModuleNotFound { specifier: main.to_owned(), tried })
    })?;

    let mut graph = Graph {
        folder,
        warnings,
        names: HashMap::new(),
        waiting: VecDeque::new(),
        modules: Vec::new(),
        bytes: 0,
    };
    graph.enqueue(&entry)?;
    let mut files = Vec::new();
    while let Some((file, name)) = graph.waiting.pop_front() {
        let module = graph.read(&file, name)?;
        graph.modules.push(module);
        files.push(file.path().to_owned());
    }
    Ok(Collected { modules: graph.modules, files })
}

struct Graph<'a> {
    folder: &'a Folder,
    warnings: &'a mut Vec<Warning>,
    names: HashMap<Inside, String>,
    waiting: VecDeque<(Inside, String)>,
    modules: Vec<ProjectModule>,
    bytes: u64,
}

impl Graph<'_> {
    /// The name of a file's module, which is read later if it is new.
    fn enqueue(&mut self, file: &Inside) -> Result<String, ProjectError> {
        if let Some(name) = self.names.get(file) {
            return Ok(name.clone());
        }
        if self.names.len() >= MAX_MODULES {
            let limit = MAX_MODULES as u64;
            return Err(ProjectError::new(
                Place::file(file.path()),
                Problem::ProjectTooLarge { limit, unit: "files" },
            ));
        }
        let name = self.folder.name(file)?;
        self.names.insert(file.clone(), name.clone());
        self.waiting.push_back((file.clone(), name.clone()));
        Ok(name)
    }

    fn read(&mut self, file: &Inside, name: String) -> Result<ProjectModule, ProjectError> {
        let path = file.path();
        let kind = ModuleKind::of(path)?;
        let text = self.folder.read(file, MAX_MODULE_BYTES)?;
        self.bytes += text.len() as u64;
        if self.bytes > MAX_TOTAL_BYTES {
            let problem = Problem::ProjectTooLarge { limit: MAX_TOTAL_BYTES, unit: "bytes" };
            return Err(ProjectError::new(Place::file(path), problem));
        }
        let found = match kind {
            ModuleKind::TypeScript => imports::scan(path, &text, true)?,
            ModuleKind::JavaScript => imports::scan(path, &text, false)?,
            ModuleKind::Json => {
                check_json(path, &text)?;
                Vec::new()
            }
            ModuleKind::Text => Vec::new(),
        };
        let mut resolved: Vec<ResolvedImport> = Vec::new();
        for import in found {
            if resolved.iter().any(|known| known.specifier == import.specifier) {
                continue;
            }
            if let Some(module) = self.resolve(&name, path, &text, &import)? {
                resolved.push(ResolvedImport { specifier: import.specifier, module });
            }
        }
        Ok(ProjectModule { name, text, kind, imports: resolved })
    }

    /// The module that an import means; `None` if it is built in or not needed to start.
    fn resolve(
        &mut self,
        importer: &str,
        path: &Path,
        text: &str,
        import: &Import,
    ) -> Result<Option<String>, ProjectError> {
        let specifier = import.specifier.as_str();
        let found = if specifier == BUILT_IN {
            return Ok(None);
        } else if !is_relative(specifier) {
            Err(ProjectError::new(Place::at(path, text, import.offset), bare(specifier)))
        } else {
            let place = || Place::at(path, text, import.offset);
            self.find(importer, specifier, &place)
        };
        match (found, import.need) {
            // The file may be one that cannot be loaded, such as a `.d.ts` or `.tsx`: types need nothing of it.
            (Ok(file), Need::Types) if ModuleKind::of(file.path()).is_err() || is_declaration(&file) => {
                Ok(None)
            }
            (Ok(file), _) => Ok(Some(self.enqueue(&file)?)),
            (Err(error), Need::Static) => Err(error),
            (Err(error), Need::Dynamic) => {
                let message = format!("{}; import() will fail here", error.problem);
                self.warnings.push(Warning { place: error.place, message });
                Ok(None)
            }
            (Err(_), Need::Types) => Ok(None),
        }
    }

    fn find(
        &self,
        importer: &str,
        specifier: &str,
        place: &dyn Fn() -> Place,
    ) -> Result<Inside, ProjectError> {
        let base = Path::new(importer).parent().unwrap_or(Path::new(""));
        let Some(target) = normalise(&base.join(specifier)) else {
            let problem = Problem::OutsideProject { path: specifier.to_owned() };
            return Err(ProjectError::new(place(), problem));
        };
        let candidates = candidates(&target, specifier);
        for candidate in &candidates {
            let found = self.folder.find(candidate).map_err(|error| at_import(error, &place(), specifier))?;
            if let Some(file) = found {
                return Ok(file);
            }
        }
        let tried: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        let problem = Problem::ModuleNotFound { specifier: specifier.to_owned(), tried: tried.join(", ") };
        Err(ProjectError::new(place(), problem))
    }
}

/// An import that leads out of the folder is the importing line's fault, so that is the place to name.
fn at_import(error: ProjectError, place: &Place, specifier: &str) -> ProjectError {
    match error.problem {
        Problem::OutsideProject { .. } => {
            ProjectError::new(place.clone(), Problem::OutsideProject { path: specifier.to_owned() })
        }
        _ => error,
    }
}

fn is_relative(specifier: &str) -> bool {
    matches!(specifier, "." | "..") || specifier.starts_with("./") || specifier.starts_with("../")
}

fn is_declaration(file: &Inside) -> bool {
    let name = file.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".d.ts") || name.ends_with(".d.mts")
}

fn bare(specifier: &str) -> Problem {
    let specifier = specifier.to_owned();
    match specifier.split_once(':') {
        Some(("node" | "cloudflare" | "workerd", _)) => Problem::NoSuchBuiltIn { specifier },
        _ if specifier.starts_with('/') => Problem::OutsideProject { path: specifier },
        _ => Problem::Package { specifier },
    }
}

/// File names that a specifier may mean, as bundlers have it: the file itself, the TypeScript file that compiles to it,
/// the same with an extension, the index of a folder.
fn candidates(target: &Path, specifier: &str) -> Vec<PathBuf> {
    let with = |suffix: &str| {
        let mut name = target.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut candidates = Vec::new();
    let is_folder = specifier.ends_with('/') || specifier.ends_with('.');
    if !is_folder && !target.as_os_str().is_empty() {
        candidates.push(target.to_owned());
        match target.extension().and_then(|extension| extension.to_str()) {
            Some("js") => candidates.push(target.with_extension("ts")),
            Some("mjs") => candidates.push(target.with_extension("mts")),
            _ => {}
        }
        candidates.extend([".ts", ".mts", ".js", ".mjs", ".json"].map(with));
    }
    candidates.extend(
        ["index.ts", "index.mts", "index.js", "index.mjs", "index.json"].map(|name| target.join(name)),
    );
    candidates
}

/// A relative path without `.` and `..`; `None` if it leads above where it starts.
fn normalise(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => {
                if !parts.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}

fn check_json(path: &Path, text: &str) -> Result<(), ProjectError> {
    let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) else { return Ok(()) };
    let place = Place {
        file: path.to_owned(),
        line: u32::try_from(error.line()).ok(),
        column: u32::try_from(error.column()).ok(),
    };
    Err(ProjectError::new(place, Problem::Syntax { format: "JSON", message: error.to_string() }))
}

#[cfg(test)]
mod tests;
