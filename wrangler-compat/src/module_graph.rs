//! From the entry module to all modules that it imports.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use crate::commonjs::ExportNames;
use crate::define::Definitions;
use crate::error::{ProjectError, ProjectErrors, ProjectProblem, SourceLocation};
use crate::imports::{Import, Need, Scan, Syntax};
use crate::link;
use crate::module_kind::{self, Loader, ModuleKind, Rules};
use crate::module_reader::{Draft, ModuleReader, Source, module};
use crate::modules::{ProjectModule, ResolvedImport};
use crate::node_compat::NodeCompat;
use crate::project_folder::{ProjectFile, ProjectFolder};
use crate::resolution::{Resolver, Target};
use crate::transform;
use crate::warnings::Warnings;
use crate::watched_files::WatchedFiles;

/// The bytes of all modules.
const MAX_TOTAL_BYTES: u64 = 32 * 1024 * 1024;

/// The modules of a project.
pub(crate) const MAX_MODULES: usize = 4_000;

/// The imports of a project. Each is looked up in the file system.
const MAX_IMPORTS: usize = 100_000;

/// The errors that are collected. With more of them the rest is not read.
const MAX_ERRORS: usize = 20;

/// The name of the module in place of those that a `package.json` switches off.
const DISABLED_MODULE: &str = "(disabled)";

/// The settings of a collection.
pub(crate) struct GraphOptions<'a> {
    pub(crate) folder: &'a ProjectFolder,
    pub(crate) resolver: &'a Resolver,
    pub(crate) rules: &'a Rules,
    pub(crate) definitions: &'a Definitions,
    /// The names of the modules that isolet has.
    pub(crate) built_in: &'a [&'a str],
    /// The parts of Node.js that the project has.
    pub(crate) node: NodeCompat,
    /// The files that are modules though none imports them by a literal.
    pub(crate) additional: &'a [ProjectFile],
    /// Set for libraries of scripts, which have neither the modules of Workers nor those of
    /// Node.js.
    pub(crate) for_scripts: bool,
}

/// Modules, in the order of their first import.
pub(crate) struct CollectedModules {
    /// The name of the entry.
    pub(crate) main: String,
    pub(crate) modules: Vec<ProjectModule>,
    /// `true` if the entry is code without a default export.
    pub(crate) is_service_worker: bool,
}

/// Collects the entry module and all modules that it imports. Adds their files to `watched`.
pub(crate) fn collect(
    options: &GraphOptions,
    entry: &ProjectFile,
    watched: &WatchedFiles,
    warnings: &mut Warnings,
) -> Result<CollectedModules, ProjectErrors> {
    let mut graph = ModuleGraph::new(options, watched, warnings);
    // The package of the entry decides its module system, as for all others.
    let specifier = format!("./{}", entry.path().file_name().unwrap_or_default().display());
    let in_module_package = match options.resolver.resolve(entry.path(), &specifier, false) {
        Ok(Target::File { in_module_package, .. }) => in_module_package,
        Err(problem @ ProjectProblem::RefusedFile { .. }) => {
            return Err(ProjectError::new(SourceLocation::file(entry.path()), problem).into());
        }
        _ => false,
    };
    let main = graph.enqueue(entry, in_module_package, None, None)?;
    for file in options.additional {
        graph.enqueue(file, false, None, None)?;
    }
    graph.read_all()?;
    // Modules of isolet's own, such as the helper of decorators, may stand before the entry.
    let entry_draft = graph.drafts.iter().find(|draft| draft.module.name == main);
    let exports = entry_draft.and_then(|draft| draft.scan.as_ref()).map(|scan| &scan.exports.names);
    let is_service_worker = exports.is_some_and(|names| !names.iter().any(|name| name == "default"));
    let modules = link::link(graph.drafts)
        .map_err(|problem| ProjectError::new(SourceLocation::file(entry.path()), problem))?;
    Ok(CollectedModules { main, modules, is_service_worker })
}

/// Collects the modules that a file at `importer` would reach by these specifiers. Returns the
/// names of their modules, in the same order, and all modules.
pub(crate) fn collect_libraries(
    options: &GraphOptions,
    importer: &Path,
    specifiers: &[String],
    warnings: &mut Warnings,
) -> Result<(Vec<String>, Vec<ProjectModule>), ProjectErrors> {
    let watched = WatchedFiles::default();
    let mut graph = ModuleGraph::new(options, &watched, warnings);
    let mut names = Vec::new();
    for specifier in specifiers {
        let at_folder = |problem| {
            let folder = importer.parent().unwrap_or(importer);
            ProjectError::new(SourceLocation::file(folder), problem)
        };
        let target = options.resolver.resolve(importer, specifier, false).map_err(at_folder)?;
        let Target::File { file, in_module_package } = target else {
            let message = format!("{specifier:?} is switched off by the field `browser` of its package.json");
            return Err(at_folder(ProjectProblem::Resolution { message }).into());
        };
        names.push(graph.enqueue(&file, in_module_package, Some(specifier), None)?);
    }
    graph.read_all()?;
    let modules = link::link(graph.drafts)
        .map_err(|problem| ProjectError::new(SourceLocation::file(importer), problem))?;
    Ok((names, modules))
}

/// A file to read, and the way to read it.
pub(crate) struct Waiting {
    pub(crate) file: ProjectFile,
    pub(crate) name: String,
    pub(crate) loader: Loader,
    pub(crate) in_module_package: bool,
}

/// The state of a collection.
struct ModuleGraph<'a> {
    options: &'a GraphOptions<'a>,
    watched: &'a WatchedFiles,
    warnings: &'a mut Warnings,
    /// A file can be two modules, such as text and JSON.
    names: HashMap<(ProjectFile, Loader), String>,
    /// The names of modules.
    taken: HashSet<String>,
    waiting: VecDeque<Waiting>,
    drafts: Vec<Draft>,
    /// The errors so far. The walk goes on, so that its author sees all of them.
    errors: Vec<ProjectError>,
    /// The packages of which there is an error.
    missing_packages: HashSet<String>,
    virtual_modules: HashSet<String>,
    /// The specifiers of which there was a warning.
    warned: HashSet<String>,
    bytes: u64,
    imports: usize,
}

impl<'a> ModuleGraph<'a> {
    fn new(options: &'a GraphOptions<'a>, watched: &'a WatchedFiles, warnings: &'a mut Warnings) -> Self {
        Self {
            options,
            watched,
            warnings,
            names: HashMap::new(),
            taken: HashSet::new(),
            waiting: VecDeque::new(),
            drafts: Vec::new(),
            errors: Vec::new(),
            missing_packages: HashSet::new(),
            virtual_modules: HashSet::new(),
            warned: HashSet::new(),
            bytes: 0,
            imports: 0,
        }
    }

    /// Reads the modules that wait, and those that they import.
    fn read_all(&mut self) -> Result<(), ProjectErrors> {
        while let Some(waiting) = self.waiting.pop_front() {
            self.watched.add(waiting.file.path());
            match self.read(&waiting) {
                Ok(draft) => self.drafts.push(draft),
                Err(error) => {
                    let is_last = matches!(error.problem, ProjectProblem::ProjectTooLarge { .. });
                    self.errors.push(error);
                    if is_last {
                        break;
                    }
                }
            }
            if self.errors.len() >= MAX_ERRORS {
                break;
            }
        }
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(ProjectErrors(std::mem::take(&mut self.errors))),
        }
    }

    /// Returns the name of a file's module. A new file is read later.
    fn enqueue(
        &mut self,
        file: &ProjectFile,
        in_module_package: bool,
        specifier: Option<&str>,
        attribute: Option<&str>,
    ) -> Result<String, ProjectError> {
        let plain = self.options.folder.name(file)?;
        let loader = match attribute.and_then(module_kind::by_attribute) {
            Some(loader) => loader,
            None => match self.options.rules.loader(&plain, specifier) {
                Some(loader) => loader,
                None => module_kind::by_extension(file.path())?,
            },
        };
        if let Some(name) = self.names.get(&(file.clone(), loader)) {
            return Ok(name.clone());
        }
        if self.names.len() >= MAX_MODULES {
            return Err(too_large(file.path(), MAX_MODULES as u64, "files"));
        }
        let is_second = self.taken.contains(&plain);
        let mut name = match attribute.filter(|_| is_second) {
            Some(kind) => format!("{plain}?{kind}"),
            None => plain,
        };
        // A file may have the name of a module that is not a file.
        if self.is_reserved(&name) {
            name.insert_str(0, "./");
        }
        while !self.taken.insert(name.clone()) {
            name.push('?');
        }
        self.names.insert((file.clone(), loader), name.clone());
        self.waiting.push_back(Waiting { file: file.clone(), name: name.clone(), loader, in_module_package });
        Ok(name)
    }

    /// Reads a module and finds those that it imports.
    fn read(&mut self, waiting: &Waiting) -> Result<Draft, ProjectError> {
        let source = self.reader().read(waiting)?;
        let path = waiting.file.path();
        self.charge(path, source.content().len())?;
        match source {
            Source::Data(module) => Ok(Draft { module, scan: None, targets: Vec::new() }),
            Source::Code(code) => {
                let is_entry = self.drafts.is_empty() && !self.options.for_scripts;
                let location = |offset| code.location(path, offset);
                let (imports, targets) = self.resolve(path, &code.scan.imports, &location)?;
                let (module, scan) = code.into_module(&waiting.name, imports, is_entry);
                Ok(Draft { module, scan: Some(scan), targets })
            }
        }
    }

    /// Adds an error. A package that is missing is told once.
    fn push_error(&mut self, error: ProjectError) {
        let is_new = match &error.problem {
            ProjectProblem::Package { package, .. } => self.missing_packages.insert(package.clone()),
            _ => true,
        };
        if is_new {
            self.errors.push(error);
        }
    }

    fn reader(&self) -> ModuleReader<'_> {
        let GraphOptions { folder, resolver, definitions, .. } = self.options;
        ModuleReader { folder, resolver, definitions }
    }

    /// Counts the bytes of a module.
    fn charge(&mut self, path: &Path, bytes: usize) -> Result<(), ProjectError> {
        self.bytes += bytes as u64;
        if self.bytes > MAX_TOTAL_BYTES {
            return Err(too_large(path, MAX_TOTAL_BYTES, "bytes"));
        }
        Ok(())
    }

    /// Returns the targets of imports, and the names of the modules among them in the order of the
    /// imports.
    fn resolve(
        &mut self,
        path: &Path,
        scanned: &[Import],
        location: &dyn Fn(usize) -> SourceLocation,
    ) -> Result<(Vec<ResolvedImport>, Vec<Option<String>>), ProjectError> {
        self.imports += scanned.len();
        if self.imports > MAX_IMPORTS {
            return Err(too_large(path, MAX_IMPORTS as u64, "imports"));
        }
        let (mut imports, mut targets): (Vec<ResolvedImport>, _) = (Vec::new(), Vec::new());
        let mut known: HashMap<(&str, Option<&str>, bool), usize> = HashMap::new();
        for import in scanned {
            let require = import.need.is_require();
            let key = (import.specifier.as_str(), import.attribute.as_deref(), require);
            if let Some(resolved) = known.get(&key).and_then(|index| imports.get(*index)) {
                targets.push(resolved.target.clone().ok());
                continue;
            }
            if self.errors.len() >= MAX_ERRORS {
                break;
            }
            let target = match self.target(path, import, location) {
                Err(error) if !matches!(error.problem, ProjectProblem::ProjectTooLarge { .. }) => {
                    self.push_error(error);
                    None
                }
                target => target?,
            };
            targets.push(target.clone().and_then(Result::ok));
            if let Some(target) = target {
                known.insert(key, imports.len());
                let (specifier, attribute) = (import.specifier.clone(), import.attribute.clone());
                imports.push(ResolvedImport { specifier, attribute, require, target });
            }
        }
        Ok((imports, targets))
    }

    /// Returns the target of an import, or `None` if it needs no module.
    fn target(
        &mut self,
        path: &Path,
        import: &Import,
        location: &dyn Fn(usize) -> SourceLocation,
    ) -> Result<Option<Result<String, String>>, ProjectError> {
        let specifier = import.specifier.as_str();
        if import.need == Need::Types {
            return Ok(None);
        }
        if let Some(built_in) = self.built_in(specifier) {
            return Ok(Some(Ok(built_in)));
        }
        if let Some(text) = transform::helper(specifier) {
            return Ok(Some(Ok(self.virtual_module(specifier, ModuleKind::EsModule, text))));
        }
        let error = |problem| ProjectError::new(location(import.offset), problem);
        let has_scheme = matches!(specifier.split_once(':'), Some((scheme, _)) if is_scheme(scheme));
        let resolved = match has_scheme {
            true => Err(self.no_such_built_in(specifier)),
            false => self.options.resolver.resolve(path, specifier, import.need.is_require()),
        };
        let problem = match resolved {
            Ok(Target::Disabled) => {
                return Ok(Some(Ok(self.virtual_module(DISABLED_MODULE, ModuleKind::CommonJs, ""))));
            }
            Ok(Target::File { file, in_module_package }) => {
                let attribute = import.attribute.as_deref();
                match self.enqueue(&file, in_module_package, Some(specifier), attribute) {
                    Ok(name) => return Ok(Some(Ok(name))),
                    Err(error) if import.need == Need::Static => return Err(error),
                    Err(error) => error.problem,
                }
            }
            Err(ProjectProblem::NodeCompat { specifier }) => match specifier.starts_with("node:") {
                true => self.no_such_built_in(&specifier),
                false => self.no_such_built_in(&format!("node:{specifier}")),
            },
            Err(problem) => problem,
        };
        let is_optional = matches!(import.need, Need::Optional { .. });
        if !is_optional {
            self.watched.import_failed();
        }
        let what = match import.need {
            Need::Static => return Err(error(problem)),
            need if need.is_require() => "require()",
            _ => "import()",
        };
        if !is_optional && self.warned.insert(specifier.to_owned()) {
            let message = format!("{problem}; {what} will fail here");
            self.warnings.push(|| location(import.offset), message);
        }
        Ok(Some(Err(problem.to_string())))
    }

    /// Returns the built-in module that a specifier names. A module of Node.js comes before a
    /// package of its name, as in wrangler.
    fn built_in(&self, specifier: &str) -> Option<String> {
        let GraphOptions { built_in, node, .. } = self.options;
        if built_in.contains(&specifier) && (!specifier.starts_with("node:") || node.has(specifier)) {
            return Some(specifier.to_owned());
        }
        let name = format!("node:{specifier}");
        (node.globals && built_in.contains(&name.as_str())).then_some(name)
    }

    /// Returns the problem of a name with a scheme that is not a built-in module.
    fn no_such_built_in(&self, specifier: &str) -> ProjectProblem {
        if self.options.for_scripts {
            let message =
                format!("{specifier:?} is a module of Workers or of Node.js, and scripts have none");
            return ProjectProblem::Resolution { message };
        }
        let specifier = specifier.to_owned();
        match specifier.starts_with("node:") && !self.options.node.has(&specifier) {
            true => ProjectProblem::NodeCompat { specifier },
            false => ProjectProblem::NoSuchBuiltIn { specifier },
        }
    }

    /// Returns `true` for a name that a file may not have.
    fn is_reserved(&self, name: &str) -> bool {
        name == DISABLED_MODULE
            || name.starts_with(transform::HELPERS_PREFIX)
            || name.starts_with("isolet:")
            || self.options.for_scripts && !name.contains('/')
            || self.options.built_in.contains(&name)
    }

    /// Adds a module that is not a file.
    fn virtual_module(&mut self, name: &str, kind: ModuleKind, text: &str) -> String {
        if self.virtual_modules.insert(name.to_owned()) {
            let mut exports = ExportNames::default();
            exports.add("default");
            let scan = Scan { syntax: Syntax::EsModule, exports, ..Scan::default() };
            let scan = (kind == ModuleKind::EsModule).then_some(scan);
            let module = module(name, kind, text.as_bytes().to_vec());
            self.drafts.push(Draft { module, scan, targets: Vec::new() });
        }
        name.to_owned()
    }
}

fn too_large(path: &Path, limit: u64, unit: &'static str) -> ProjectError {
    ProjectError::new(SourceLocation::file(path), ProjectProblem::ProjectTooLarge { limit, unit })
}

/// Returns `true` for the first part of `node:fs` and `https://…`.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'))
}

#[cfg(test)]
#[path = "module_graph/hostile_tests.rs"]
mod hostile_tests;
#[cfg(test)]
#[path = "module_graph/tests.rs"]
mod tests;
