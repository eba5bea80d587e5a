//! From the entry module to all modules that it imports.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::commonjs::ExportNames;
use crate::define::Definitions;
use crate::error::{ProjectError, ProjectProblem, ProjectWarning, SourceLocation};
use crate::imports::{self, Import, Need, Scan, Syntax};
use crate::link;
use crate::module_kind::{self, Goal, Language, Loader, ModuleKind, Rules};
use crate::modules::{ProjectModule, REQUIRE_MODULE, ResolvedImport};
use crate::project_folder::{ProjectFile, ProjectFolder};
use crate::resolution::{Resolver, Target};
use crate::text_edits::SourceMarks;
use crate::transform;

/// The bytes of one module of code. Cloudflare's limit for a Worker on a paid plan is 10 MB
/// compressed; a module of 4 MiB is a large bundle.
const MAX_CODE_BYTES: u64 = 4 * 1024 * 1024;

/// The bytes of one module of data.
const MAX_DATA_BYTES: u64 = 16 * 1024 * 1024;

/// The bytes of all modules.
const MAX_TOTAL_BYTES: u64 = 32 * 1024 * 1024;

/// The modules of a project.
const MAX_MODULES: usize = 4_000;

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
    /// The files that are modules though none imports them by a literal.
    pub(crate) additional: &'a [ProjectFile],
}

/// Modules and their files, in the order of their first import.
pub(crate) struct CollectedModules {
    /// The name of the entry.
    pub(crate) main: String,
    pub(crate) modules: Vec<ProjectModule>,
    pub(crate) files: Vec<PathBuf>,
}

/// A module before the names of all others are known.
pub(crate) struct Draft {
    pub(crate) module: ProjectModule,
    /// The imports and exports, of code.
    pub(crate) scan: Option<Scan>,
    /// The names of the targets of `scan.imports`, in the same order.
    pub(crate) targets: Vec<Option<String>>,
}

/// Collects the entry module and all modules that it imports.
pub(crate) fn collect(
    options: &GraphOptions,
    entry: &ProjectFile,
    warnings: &mut Vec<ProjectWarning>,
) -> Result<CollectedModules, ProjectError> {
    let mut graph = ModuleGraph {
        options,
        warnings,
        names: HashMap::new(),
        waiting: VecDeque::new(),
        drafts: Vec::new(),
        virtual_modules: HashSet::new(),
        warned: HashSet::new(),
        bytes: 0,
    };
    // The package of the entry decides its module system, as for all others.
    let specifier = format!("./{}", entry.path().file_name().unwrap_or_default().display());
    let in_module_package = matches!(
        options.resolver.resolve(entry.path(), &specifier, false),
        Ok(Target::File { in_module_package: true, .. })
    );
    let main = graph.enqueue(entry, in_module_package, None, None)?;
    for file in options.additional {
        graph.enqueue(file, false, None, None)?;
    }
    let mut files = Vec::new();
    while let Some(waiting) = graph.waiting.pop_front() {
        let draft = graph.read(&waiting)?;
        graph.drafts.push(draft);
        if !files.iter().any(|file| file == waiting.file.path()) {
            files.push(waiting.file.path().to_owned());
        }
    }
    Ok(CollectedModules { main, modules: link::link(graph.drafts), files })
}

/// A file to read, and the way to read it.
struct Waiting {
    file: ProjectFile,
    name: String,
    loader: Loader,
    in_module_package: bool,
}

/// The state of a collection.
struct ModuleGraph<'a> {
    options: &'a GraphOptions<'a>,
    warnings: &'a mut Vec<ProjectWarning>,
    /// A file can be two modules, such as text and JSON.
    names: HashMap<(ProjectFile, Loader), String>,
    waiting: VecDeque<Waiting>,
    drafts: Vec<Draft>,
    virtual_modules: HashSet<String>,
    /// The specifiers of which there was a warning.
    warned: HashSet<String>,
    bytes: u64,
}

impl ModuleGraph<'_> {
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
            let limit = MAX_MODULES as u64;
            return Err(ProjectError::new(
                SourceLocation::file(file.path()),
                ProjectProblem::ProjectTooLarge { limit, unit: "files" },
            ));
        }
        let is_second = self.names.keys().any(|(known, _)| known == file);
        let name = match attribute.filter(|_| is_second) {
            Some(kind) => format!("{plain}?{kind}"),
            None if is_second => format!("{plain}?"),
            None => plain,
        };
        self.names.insert((file.clone(), loader), name.clone());
        self.waiting.push_back(Waiting { file: file.clone(), name: name.clone(), loader, in_module_package });
        Ok(name)
    }

    fn read(&mut self, waiting: &Waiting) -> Result<Draft, ProjectError> {
        let Waiting { file, name, loader, in_module_package } = waiting;
        let folder = self.options.folder;
        let content = match loader {
            Loader::Code(_) | Loader::Json => folder.read(file, MAX_CODE_BYTES)?.into_bytes(),
            Loader::Text => folder.read(file, MAX_DATA_BYTES)?.into_bytes(),
            Loader::Data | Loader::CompiledWasm => folder.read_bytes(file, MAX_DATA_BYTES)?,
        };
        self.bytes += content.len() as u64;
        if self.bytes > MAX_TOTAL_BYTES {
            let problem = ProjectProblem::ProjectTooLarge { limit: MAX_TOTAL_BYTES, unit: "bytes" };
            return Err(ProjectError::new(SourceLocation::file(file.path()), problem));
        }
        let kind = match loader {
            Loader::Code(language) => {
                let text = String::from_utf8(content).unwrap_or_default();
                return self.read_code(file.path(), name, text, *language, *in_module_package);
            }
            Loader::Json => ModuleKind::Json,
            Loader::Text => ModuleKind::Text,
            Loader::Data => ModuleKind::Data,
            Loader::CompiledWasm => ModuleKind::CompiledWasm,
        };
        let exports = if kind == ModuleKind::Json { json_names(file.path(), &content)? } else { Vec::new() };
        Ok(Draft {
            module: ProjectModule { exports, ..module(name, kind, content) },
            scan: None,
            targets: Vec::new(),
        })
    }

    fn read_code(
        &mut self,
        path: &Path,
        name: &str,
        text: String,
        mut language: Language,
        in_module_package: bool,
    ) -> Result<Draft, ProjectError> {
        if in_module_package && language.goal == Goal::Either {
            language.goal = Goal::EsModule;
        }
        let settings = self.options.resolver.compiler_settings(path);
        let was_typescript = language.typescript;
        let (mut text, mut positions) = (text, Vec::new());
        if let Some((edited, marks)) = self.options.definitions.apply(path, &text, language)? {
            text = edited;
            push_positions(&mut positions, marks);
        }
        if let Some((compiled, marks)) = transform::transform(path, &text, language, &settings)? {
            text = compiled;
            push_positions(&mut positions, marks);
            language = Language { typescript: false, jsx: false, ..language };
        }
        let elide = language.typescript && !settings.keep_imports;
        let scan = imports::scan(path, &text, language, imports::Types { elide, drop: was_typescript })?;
        let is_entry = self.drafts.is_empty();
        let kind = match (language.goal, scan.syntax) {
            (Goal::CommonJs, _) => ModuleKind::CommonJs,
            (Goal::EsModule, _) | (_, Syntax::EsModule) => ModuleKind::EsModule,
            (Goal::Either, Syntax::CommonJs) if !is_entry => ModuleKind::CommonJs,
            // Scripts that only have effects. They are not strict.
            (Goal::Either, Syntax::Neither) if !is_entry && !was_typescript => ModuleKind::CommonJs,
            (Goal::Either, _) => ModuleKind::EsModule,
        };
        let location = |offset: usize| original_location(path, &text, offset, &positions);
        let (imports, targets) = self.resolve(path, &scan.imports, &location)?;
        let requires = scan.imports.iter().any(|import| import.need.is_require());
        if kind == ModuleKind::EsModule && requires && !scan.has_own_require {
            // Imports hold for the whole module. At the end, this one moves no position.
            text.push_str(&format!("\nimport require from \"{REQUIRE_MODULE}\";\n"));
        }
        let module = ProjectModule {
            typescript: language.typescript,
            whole_default: language.goal == Goal::EsModule,
            imports,
            positions,
            ..module(name, kind, text.into_bytes())
        };
        Ok(Draft { module, scan: Some(scan), targets })
    }

    /// Returns the targets of imports, and the names of the modules among them in the order of the
    /// imports.
    fn resolve(
        &mut self,
        path: &Path,
        scanned: &[Import],
        location: &dyn Fn(usize) -> SourceLocation,
    ) -> Result<(Vec<ResolvedImport>, Vec<Option<String>>), ProjectError> {
        let (mut imports, mut targets): (Vec<ResolvedImport>, _) = (Vec::new(), Vec::new());
        for import in scanned {
            let require = import.need.is_require();
            let known = imports.iter().find(|known| {
                known.specifier == import.specifier
                    && known.attribute == import.attribute
                    && known.require == require
            });
            if let Some(known) = known {
                targets.push(known.target.clone().ok());
                continue;
            }
            let target = self.target(path, import, location)?;
            targets.push(target.clone().and_then(Result::ok));
            imports.extend(target.map(|target| ResolvedImport {
                specifier: import.specifier.clone(),
                attribute: import.attribute.clone(),
                require,
                target,
            }));
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
            true => Err(ProjectProblem::NoSuchBuiltIn { specifier: specifier.to_owned() }),
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
            Err(problem) => problem,
        };
        let what = match import.need {
            Need::Static => return Err(error(problem)),
            need if need.is_require() => "require()",
            _ => "import()",
        };
        let is_optional = matches!(import.need, Need::Optional { .. });
        if !is_optional && self.warned.insert(specifier.to_owned()) {
            let message = format!("{problem}; {what} will fail here");
            self.warnings.push(ProjectWarning { location: location(import.offset), message });
        }
        Ok(Some(Err(problem.to_string())))
    }

    /// Returns the built-in module that a specifier names.
    fn built_in(&self, specifier: &str) -> Option<String> {
        let node = format!("node:{specifier}");
        let names = [specifier, node.as_str()];
        names.into_iter().find(|name| self.options.built_in.contains(name)).map(str::to_owned)
    }

    /// Adds a module that is not a file.
    fn virtual_module(&mut self, name: &str, kind: ModuleKind, text: &str) -> String {
        if self.virtual_modules.insert(name.to_owned()) {
            let scan = (kind == ModuleKind::EsModule).then(|| Scan {
                syntax: Syntax::EsModule,
                exports: ExportNames { names: vec!["default".to_owned()], stars: Vec::new() },
                ..Scan::default()
            });
            let module = module(name, kind, text.as_bytes().to_vec());
            self.drafts.push(Draft { module, scan, targets: Vec::new() });
        }
        name.to_owned()
    }
}

fn module(name: &str, kind: ModuleKind, content: Vec<u8>) -> ProjectModule {
    ProjectModule {
        name: name.to_owned(),
        kind,
        content,
        typescript: false,
        exports: Vec::new(),
        whole_default: false,
        imports: Vec::new(),
        positions: Vec::new(),
    }
}

fn push_positions(positions: &mut Vec<SourceMarks>, marks: SourceMarks) {
    if !marks.marks.is_empty() {
        positions.insert(0, marks);
    }
}

/// Returns the location in the file of an offset in a rewritten text.
fn original_location(path: &Path, text: &str, offset: usize, positions: &[SourceMarks]) -> SourceLocation {
    let location = SourceLocation::at(path, text, offset);
    let (Some(line), Some(column)) = (location.line, location.column) else { return location };
    let (line, column) =
        positions.iter().fold((line, column), |(line, column), marks| marks.original(line, column));
    SourceLocation { line: Some(line), column: Some(column), ..location }
}

/// Returns `true` for the first part of `node:fs` and `https://…`.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'))
}

/// Checks that a text is JSON, and returns the keys of its object.
fn json_names(path: &Path, text: &[u8]) -> Result<Vec<String>, ProjectError> {
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(object)) => {
            Ok(object.into_iter().map(|(key, _)| key).filter(|key| key != "default").collect())
        }
        Ok(_) => Ok(Vec::new()),
        Err(error) => {
            let location = SourceLocation {
                file: path.to_owned(),
                line: u32::try_from(error.line()).ok(),
                column: u32::try_from(error.column()).ok(),
            };
            let problem = ProjectProblem::Syntax { format: "JSON", message: error.to_string() };
            Err(ProjectError::new(location, problem))
        }
    }
}

/// Finds the files under a folder that rules make modules, for `find_additional_modules`.
pub(crate) fn additional(
    folder: &ProjectFolder,
    base: &Path,
    rules: &Rules,
) -> Result<Vec<ProjectFile>, ProjectError> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.root().join(base)]);
    while let Some(current) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&current) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let is_hidden = name.to_str().is_none_or(|name| name.starts_with('.'));
            if is_hidden || name == "node_modules" {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Ok(Some(file)) = folder.find(&path)
                && rules.loader(&folder.name(&file)?, None).is_some()
            {
                found.push(file);
            }
            if found.len() > MAX_MODULES {
                let problem = ProjectProblem::ProjectTooLarge { limit: MAX_MODULES as u64, unit: "files" };
                return Err(ProjectError::new(SourceLocation::file(&current), problem));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
#[path = "module_graph/tests.rs"]
mod tests;
