//! From a file to a module that has not been linked: content, definitions, JSX, imports.

use std::path::Path;

use crate::define::Definitions;
use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::import_scan;
use crate::imports::{Scan, Syntax, Types};
use crate::module_graph::Waiting;
use crate::module_kind::{Goal, Language, Loader, ModuleKind};
use crate::modules::{ProjectModule, REQUIRE_MODULE, ResolvedImport};
use crate::project_folder::ProjectFolder;
use crate::resolution::Resolver;
use crate::text_edits::SourceMarks;
use crate::transform;

/// The bytes of one module of code. Cloudflare's limit for a Worker on a paid plan is 10 MB
/// compressed; a module of 4 MiB is a large bundle.
pub(crate) const MAX_CODE_BYTES: u64 = 4 * 1024 * 1024;

/// The bytes of one module of data.
const MAX_DATA_BYTES: u64 = 16 * 1024 * 1024;

/// A module before the names of all others are known.
pub(crate) struct Draft {
    pub(crate) module: ProjectModule,
    /// The imports and exports, of code.
    pub(crate) scan: Option<Scan>,
    /// The names of the targets of `scan.imports`, in the same order.
    pub(crate) targets: Vec<Option<String>>,
}

/// The settings with which modules are read.
pub(crate) struct ModuleReader<'a> {
    pub(crate) folder: &'a ProjectFolder,
    pub(crate) resolver: &'a Resolver,
    pub(crate) definitions: &'a Definitions,
}

/// A module that has been read.
pub(crate) enum Source {
    /// A module that is not code.
    Data(ProjectModule),
    Code(Code),
}

/// A module of code, before its imports are resolved.
pub(crate) struct Code {
    text: String,
    language: Language,
    was_typescript: bool,
    positions: Vec<SourceMarks>,
    pub(crate) scan: Scan,
}

impl Source {
    pub(crate) fn content(&self) -> &[u8] {
        match self {
            Self::Data(module) => &module.content,
            Self::Code(code) => code.text.as_bytes(),
        }
    }
}

impl ModuleReader<'_> {
    pub(crate) fn read(&self, waiting: &Waiting) -> Result<Source, ProjectError> {
        let Waiting { file, name, loader, in_module_package } = waiting;
        let content = match loader {
            Loader::Code(_) | Loader::Json => self.folder.read(file, MAX_CODE_BYTES)?.into_bytes(),
            Loader::Text => self.folder.read(file, MAX_DATA_BYTES)?.into_bytes(),
            Loader::Data | Loader::CompiledWasm => self.folder.read_bytes(file, MAX_DATA_BYTES)?,
        };
        let kind = match loader {
            Loader::Code(language) => {
                let text = String::from_utf8(content).unwrap_or_default();
                return self.read_code(file.path(), text, *language, *in_module_package).map(Source::Code);
            }
            Loader::Json => ModuleKind::Json,
            Loader::Text => ModuleKind::Text,
            Loader::Data => ModuleKind::Data,
            Loader::CompiledWasm => ModuleKind::CompiledWasm,
        };
        let exports = if kind == ModuleKind::Json { json_names(file.path(), &content)? } else { Vec::new() };
        Ok(Source::Data(ProjectModule { exports, ..module(name, kind, content) }))
    }

    fn read_code(
        &self,
        path: &Path,
        mut text: String,
        mut language: Language,
        in_module_package: bool,
    ) -> Result<Code, ProjectError> {
        if in_module_package && language.goal == Goal::Either {
            language.goal = Goal::EsModule;
        }
        let settings = self.resolver.compiler_settings(path);
        let was_typescript = language.typescript;
        let mut positions = Vec::new();
        if let Some((edited, marks)) = self.definitions.apply(path, &text, language)? {
            text = edited;
            push_positions(&mut positions, marks);
        }
        if let Some((compiled, marks)) = transform::transform(path, &text, language, &settings)? {
            text = compiled;
            push_positions(&mut positions, marks);
            language = Language { typescript: false, jsx: false, ..language };
        }
        let elide = language.typescript && !settings.keep_imports;
        let scan = import_scan::scan(path, &text, language, Types { elide, drop: was_typescript })?;
        Ok(Code { text, language, was_typescript, positions, scan })
    }
}

impl Code {
    /// Returns the location in the file of an offset in the text, which may have been rewritten.
    pub(crate) fn location(&self, path: &Path, offset: usize) -> SourceLocation {
        let location = SourceLocation::at(path, &self.text, offset);
        let (Some(line), Some(column)) = (location.line, location.column) else { return location };
        let (line, column) =
            self.positions.iter().fold((line, column), |(line, column), marks| marks.original(line, column));
        SourceLocation { line: Some(line), column: Some(column), ..location }
    }

    fn kind(&self, is_entry: bool) -> ModuleKind {
        match (self.language.goal, self.scan.syntax) {
            (Goal::CommonJs, _) => ModuleKind::CommonJs,
            (Goal::EsModule, _) | (_, Syntax::EsModule) => ModuleKind::EsModule,
            (Goal::Either, Syntax::CommonJs) if !is_entry => ModuleKind::CommonJs,
            // Scripts that only have effects. They are not strict.
            (Goal::Either, Syntax::Neither) if !is_entry && !self.was_typescript => ModuleKind::CommonJs,
            (Goal::Either, _) => ModuleKind::EsModule,
        }
    }

    /// Makes the module, with its resolved imports.
    pub(crate) fn into_module(
        mut self,
        name: &str,
        imports: Vec<ResolvedImport>,
        is_entry: bool,
    ) -> (ProjectModule, Scan) {
        let kind = self.kind(is_entry);
        let requires = self.scan.imports.iter().any(|import| import.need.is_require());
        if kind == ModuleKind::EsModule && requires && !self.scan.has_own_require {
            // Imports hold for the whole module. At the end, this one moves no position.
            self.text.push_str(&format!("\nimport require from \"{REQUIRE_MODULE}\";\n"));
        }
        let module = ProjectModule {
            typescript: self.language.typescript,
            whole_default: self.language.goal == Goal::EsModule,
            imports,
            positions: self.positions,
            ..module(name, kind, self.text.into_bytes())
        };
        (module, self.scan)
    }
}

pub(crate) fn module(name: &str, kind: ModuleKind, content: Vec<u8>) -> ProjectModule {
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
